"""Runs held against each other, two at a time: agreement, who is right, which issues flipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType

from coder.agreement import agree, code_change, kappa_change, mcnemar
from coder.agreement.intervals import LEVEL
from coder.compare.inputs import (
    Labels,
    RunInputs,
    first_passes,
    learnt,
    member,
    pooled,
    shared,
    take,
)
from coder.compare.model import (
    Against,
    CodeCount,
    CodeF1,
    Comparison,
    Flip,
    Models,
    RunPair,
)
from coder.proposers.budget import Price
from coder.ratings.comparable import Codes, Levels, same
from coder.ratings.model import Level
from coder.records import NONE_CODE
from coder.report.coverage import summary
from coder.report.model import Resampling
from coder.report.sentences import why_too_few
from coder.storage.run import Run

NO_PRICES: Mapping[str, Price | None] = MappingProxyType({})


def compare(
    runs: Sequence[Run],
    *,
    prices: Mapping[str, Price | None] = NO_PRICES,
    draws: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Every pair of ``runs`` on the issues both have. ``prices`` are by run. Writes nothing.

    Raises ``UsageError`` for fewer than two runs and for runs with different codes.
    """
    taken = take(runs)
    everywhere = shared(taken)
    pairs = tuple(
        _Pair(left, right, taken, draws, seed).compared() for left, right in combinations(taken, 2)
    )
    return Comparison(
        codebook=summary(runs[0].codebook),
        resampling=Resampling(
            confidence=LEVEL,
            draws=draws,
            seed=seed,
            clusters=len({issue.repo for issue in runs[0].issues.values() if issue.repo}),
        ),
        runs=tuple(member(one, everywhere, prices.get(one.name)) for one in taken),
        pairs=pairs,
    )


class _Pair:
    def __init__(
        self, left: RunInputs, right: RunInputs, every: Sequence[RunInputs], draws: int, seed: int
    ) -> None:
        self.left, self.right = left, right
        self.draws, self.seed = draws, seed
        self.levels = Levels(left.run.codebook)
        self.issues = shared([left, right])
        of = left.run.issues
        self.groups = {i: of[i].repo for i in self.issues if of[i].repo} or None
        inside = set(self.issues)
        self.ours = {i: c for i, c in left.model.answers.items() if i in inside}
        self.theirs = {i: c for i, c in right.model.answers.items() if i in inside}
        names = [n for n in first_passes(every) if n in left.people or n in right.people]
        found = {name: pooled(name, (left, right), self.issues) for name in names}
        self.labels = {name: labels for name, labels in found.items() if labels.from_runs}

    def compared(self) -> RunPair:
        ours, theirs = self.left.run.issues, self.right.run.issues
        both = ours.keys() & theirs.keys()
        return RunPair(
            left=self.left.name,
            right=self.right.name,
            shared=len(self.issues),
            only_left=len(ours) - len(both),
            only_right=len(theirs) - len(both),
            changed=len(both) - len(self.issues),
            models=tuple(self._models(level) for level in self.levels.all),
            against=tuple(
                self._against(name, labels, level)
                for name, labels in self.labels.items()
                for level in self.levels.all
            ),
            flips=tuple(self._flips()),
        )

    def _told(self, level: Level) -> tuple[dict[str, Codes], dict[str, Codes]]:
        return self.levels.answers_at(level, self.ours), self.levels.answers_at(level, self.theirs)

    def _models(self, level: Level) -> Models:
        left, right = self._told(level)
        found = agree(
            left, right, codes=self.levels.codes(level), groups=self.groups,
            draws=self.draws, seed=self.seed,
        )  # fmt: skip
        return Models(
            level=level,
            n=found.n,
            percent_agreement=found.percent_agreement,
            cohen_kappa=found.cohen_kappa,
            krippendorff_alpha=found.krippendorff_alpha,
            codes=tuple(
                CodeCount(code=code.code, left=code.support_left, right=code.support_right)
                for code in found.per_code
            ),
        )

    def _against(self, rater: str, labels: Labels, level: Level) -> Against:
        left, right = self._told(level)
        reference = self.levels.answers_at(level, labels.answers)
        arguments = (left, right, reference)
        codes = self.levels.codes(level)
        share, f1 = code_change(
            *arguments, codes=codes, groups=self.groups, draws=self.draws, seed=self.seed
        )
        kappa = kappa_change(
            *arguments, codes=codes, groups=self.groups, draws=self.draws, seed=self.seed
        )
        among = left.keys() & right.keys() & reference.keys()
        held: dict[str, int] = {}
        for issue_id in among:
            for code in reference[issue_id] or (NONE_CODE,):
                held[code] = held.get(code, 0) + 1
        return Against(
            rater=rater,
            level=level,
            n=len(among),
            too_few=why_too_few(len(among)),
            from_runs=labels.from_runs,
            differing=labels.differing,
            swayed=labels.swayed,
            learnt={one.name: learnt(one, labels.answers) for one in (self.left, self.right)},
            right=share,
            mcnemar=mcnemar(
                {i: same(left[i], reference[i]) for i in among},
                {i: same(right[i], reference[i]) for i in among},
            ),
            kappa=kappa,
            per_code=tuple(
                CodeF1(code=code, labels=held.get(code, 0), f1=f1[code])
                for code in (*codes, NONE_CODE)
                if code in f1
            ),
        )

    def _flips(self) -> Iterator[Flip]:
        """Where a label tells who is right first, then those with any label, then the others."""
        found = []
        for issue_id in self.issues:
            left, right = self.ours.get(issue_id), self.theirs.get(issue_id)
            if left is None or right is None or same(left, right):
                continue
            issue = self.left.run.issues[issue_id]
            labels = {
                name: own.answers[issue_id]
                for name, own in self.labels.items()
                if issue_id in own.answers
            }
            decided = any(same(c, left) or same(c, right) for c in labels.values())
            flip = Flip(
                issue_id=issue_id, repo=issue.repo, url=issue.url, title=issue.title,
                left=left, right=right, labels=labels,
            )  # fmt: skip
            found.append((not decided, not labels, flip))
        yield from (flip for *_, flip in sorted(found, key=lambda entry: entry[:2]))
