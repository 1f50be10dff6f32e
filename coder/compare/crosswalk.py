"""Agreement across two codebooks: issues coded under both, held together by a crosswalk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from coder.agreement import agree
from coder.agreement.intervals import LEVEL
from coder.codebook.crosswalk import Crosswalk, Link, Relation
from coder.codebook.translate import Untranslated, translator
from coder.errors import UsageError
from coder.ratings.comparable import Codes, Levels
from coder.ratings.delivered import RunAnswers
from coder.ratings.model import MODEL, RESOLVED, Level
from coder.records import Codebook, Estimate, Record
from coder.report.sentences import why_too_few
from coder.storage.intra_rater import people
from coder.storage.run import Run

_TIGHT = (Relation.SAME, Relation.NARROWER, Relation.BROADER)


class Translated(Record):
    """Answers under one codebook translated into the other, held against those given under it.

    ``set_aside`` counts answers without a translation, by why; ``n`` is what is left."""

    into: str
    level: Level
    n: int
    set_aside: dict[Untranslated, int]
    percent_agreement: Estimate
    cohen_kappa: Estimate


class Across(Record):
    """What one rater, the resolved labels or the model say of the same issues under both.

    ``linked`` is the share of ``n`` issues whose two codes the crosswalk links as the same or one
    as part of the other, ``related`` with those that it only calls related. ``without_code`` more
    issues have no code under one of the two."""

    who: str
    n: int
    without_code: int
    too_few: str
    linked: Estimate
    related: Estimate
    translated: tuple[Translated, ...]


class Together(Record):
    """Two codes that the same issues were given by one answerer, how often, and what links them."""

    who: str
    left: str
    right: str
    issues: int
    relation: Relation | None


class AcrossCodebooks(Record):
    left_run: str
    right_run: str
    left_codebook: str
    right_codebook: str
    shared: int
    confidence: float
    draws: int
    seed: int
    across: tuple[Across, ...]
    together: tuple[Together, ...]


def compare_across(
    one: Run, other: Run, crosswalk: Crosswalk, *, draws: int = 2000, seed: int = 0
) -> AcrossCodebooks:
    """Hold two runs of the same issues together, coded with the crosswalk's two codebooks.

    Raises ``UsageError`` unless the runs are coded with these and share issues.
    """
    books = (one.codebook.id, other.codebook.id)
    if books == (crosswalk.right.codebook, crosswalk.left.codebook):
        crosswalk = crosswalk.reversed()
    elif books != (crosswalk.left.codebook, crosswalk.right.codebook):
        raise UsageError(
            f"the crosswalk is about {crosswalk.left.codebook} and {crosswalk.right.codebook}, and "
            f"runs {one.name!r} and {other.name!r} are coded with {' and '.join(books)}",
            "name a run of each codebook",
        )
    shared = [
        i for i, issue in one.issues.items()
        if i in other.issues and other.issues[i].hash == issue.hash
    ]  # fmt: skip
    if not shared:
        raise UsageError(
            f"runs {one.name!r} and {other.name!r} share no issue with the same text",
            "code the same issues under both codebooks",
        )
    held = _Held(one, other, crosswalk, shared, draws, seed)
    across: list[Across] = []
    together: list[Together] = []
    for who, (ours, theirs) in held.answers().items():
        across.append(held.across(who, ours, theirs))
        together += held.together(who, ours, theirs)
    return AcrossCodebooks(
        left_run=one.name, right_run=other.name, left_codebook=books[0], right_codebook=books[1],
        shared=len(shared), confidence=LEVEL, draws=draws, seed=seed,
        across=tuple(across), together=tuple(together),
    )  # fmt: skip


class _Held:
    def __init__(
        self,
        one: Run,
        other: Run,
        crosswalk: Crosswalk,
        shared: Sequence[str],
        draws: int,
        seed: int,
    ) -> None:
        self.one, self.other, self.crosswalk = one, other, crosswalk
        self.shared, self.draws, self.seed = shared, draws, seed
        self.groups = {i: repo for i in shared if (repo := one.issues[i].repo)} or None
        self.links = {(k.left, k.right): k for k in crosswalk.links if k.left and k.right}

    def answers(self) -> dict[str, tuple[dict[str, Codes], dict[str, Codes]]]:
        """The shared issues' codes by everybody who answered under both: people by their blind
        labels alone, first passes only; the resolved labels; the model."""
        sides = [RunAnswers(run) for run in (self.one, self.other)]
        blind = [{r.name: r.blind.answers for r in side.raters} for side in sides]
        names = [name for name in people(blind[0]) if name in blind[1]]
        found = {name: (blind[0][name], blind[1][name]) for name in names}
        resolved = [side.resolution.side.answers for side in sides]
        found[RESOLVED] = (resolved[0], resolved[1])
        found[MODEL] = (sides[0].model.answers, sides[1].model.answers)
        both: dict[str, tuple[dict[str, Codes], dict[str, Codes]]] = {}
        for who, (ours, theirs) in found.items():
            among = [i for i in self.shared if i in ours and i in theirs]
            if among:
                both[who] = ({i: ours[i] for i in among}, {i: theirs[i] for i in among})
        return both

    def across(self, who: str, ours: Mapping[str, Codes], theirs: Mapping[str, Codes]) -> Across:
        coded = [i for i in ours if ours[i] and theirs[i]]
        relations = {i: self._relation(ours[i], theirs[i]) for i in coded}
        tight = self._share({i: r in _TIGHT for i, r in relations.items()})
        loose = self._share({i: r is not None for i, r in relations.items()})
        left, right = self.one.codebook, self.other.codebook
        return Across(
            who=who,
            n=len(coded),
            without_code=len(ours) - len(coded),
            too_few=why_too_few(len(coded)),
            linked=tight,
            related=loose,
            translated=(
                *self._translated(self.crosswalk, left, right, ours, theirs),
                *self._translated(self.crosswalk.reversed(), right, left, theirs, ours),
            ),
        )

    def together(
        self, who: str, ours: Mapping[str, Codes], theirs: Mapping[str, Codes]
    ) -> Iterator[Together]:
        """The pairs of codes that issues have, the most frequent first."""
        counts = Counter((one, other) for i in ours for one in ours[i] for other in theirs[i])
        for (one, other), issues in counts.most_common():
            relation = self._relation((one,), (other,))
            yield Together(who=who, left=one, right=other, issues=issues, relation=relation)

    def _relation(self, ours: Codes, theirs: Codes) -> Relation | None:
        """What links any of some codes to any of others, the tightest first; a code takes part in
        the links of those above it."""
        found: list[Link] = [
            self.links[one.id, other.id]
            for code in ours
            for one in self.one.codebook.lineage(code)
            for theirs_ in theirs
            for other in self.other.codebook.lineage(theirs_)
            if (one.id, other.id) in self.links
        ]
        return min((k.relation for k in found), key=[*Relation].index, default=None)

    def _translated(
        self,
        crosswalk: Crosswalk,
        left: Codebook,
        right: Codebook,
        ours: Mapping[str, Codes],
        theirs: Mapping[str, Codes],
    ) -> Iterator[Translated]:
        translate, levels = translator(crosswalk, left, right), Levels(right)
        done: dict[str, Codes] = {}
        why: Counter[Untranslated] = Counter()
        for issue_id, codes in ours.items():
            found = translate(codes)
            if isinstance(found, Untranslated):
                why[found] += 1
            else:
                done[issue_id] = found
        for level in levels.all:
            held = agree(
                levels.answers_at(level, done), levels.answers_at(level, theirs),
                codes=levels.codes(level), groups=self.groups, draws=self.draws, seed=self.seed,
            )  # fmt: skip
            yield Translated(
                into=right.id, level=level, n=held.n, set_aside=dict(why),
                percent_agreement=held.percent_agreement, cohen_kappa=held.cohen_kappa,
            )  # fmt: skip

    def _share(self, holds: Mapping[str, bool]) -> Estimate:
        """A share of issues with an interval that draws whole repositories."""
        held = agree(
            dict.fromkeys(holds, ("yes",)), {i: ("yes" if h else "no",) for i, h in holds.items()},
            codes=("yes", "no"), groups=self.groups, draws=self.draws, seed=self.seed,
        )  # fmt: skip
        return held.percent_agreement
