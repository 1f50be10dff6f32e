"""Leakage: whether a model saw an issue's own label, a near-duplicate's or a reserved one.

Judged from the log alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coder.audit.log import require_whole
from coder.codebook.load import can_hold
from coder.proposers.chat.condensed_issue import condense
from coder.proposers.chat.prompt_composer import CONTRAST, as_shown
from coder.ratings.comparable import fitted
from coder.records import Call, Codebook, Example, Issue, Proposal
from coder.retrieval.embedding_cache import KeptVectors
from coder.retrieval.near_duplicates import Duplicates
from coder.retrieval.search import LexicalIndex, searched_text
from coder.review.learning import Answers, Teaching
from coder.review.learning import examples as carried
from coder.revision.migration import book_at
from coder.storage.run import Run
from coder.text.redaction import Redactor, authors, unnumbered

FEW_WORDS = 4
"""Texts no longer than this are looked for as whole lines: any prompt may hold such words."""


@dataclass(frozen=True)
class Leak:
    """An issue and how the label of ``example_id`` may have reached the model that judged it."""

    issue_id: str
    example_id: str
    how: str


@dataclass(frozen=True)
class Leakage:
    """``labelled`` issues have a label among the examples; ``near_duplicates`` are those that an
    example of another id is a near-duplicate of; ``excluded`` had at least one example kept away;
    ``requests`` are the saved requests that were searched; ``suggestions`` were learnt from a
    rater's own answers; ``reserved`` are labels that no issue's
    model may have seen."""

    issues: int
    proposed: int
    examples: int
    reserved: int
    labelled: int
    near_duplicates: int
    excluded: int
    requests: int
    suggestions: int
    leaks: tuple[Leak, ...]
    doubtful: tuple[LookAlike, ...] = ()
    """What a second test finds among the examples that a model did see."""


def check_leakage(run: Run, vectors: KeptVectors | None = None) -> Leakage:
    """Every proposal and every saved request of the run, held against the run's own examples.

    Near-duplicates are looked for anew, and by a second test, for which kept ``vectors`` of the
    texts are used where there are any. Raises ``RunError`` when the log is not whole: it could
    prove nothing.
    """
    require_whole(run)
    examples = {example.issue.id: example for example in run.examples}
    twins = _twins(run.issues.values(), examples)
    away = {issue_id: set(ids) for issue_id, ids in twins.items()}
    must = fitted(run)
    proposed: set[str] = set()
    kept: set[str] = set()
    shown: dict[str, set[str]] = {}
    # The log is whole, so nothing but examples is listed as shown: enough that none is reserved.
    reserved = {label.id: Example(issue=run.issues[label.id], codes=()) for label in run.reserved}
    taught = "it is reserved for evaluation, and yet among the examples"
    leaks = {Leak(i, i, taught): None for i in reserved if i in examples}
    how = run.manifest.model.get("examples") == CONTRAST
    texts = _Texts({i: as_shown(e, None, how).text for i, e in reserved.items()})
    for proposal in run.proposals:
        proposed.add(proposal.issue_id)
        if proposal.excluded:
            kept.add(proposal.issue_id)
            away.setdefault(proposal.issue_id, set()).update(proposal.excluded)
        shown.setdefault(proposal.issue_id, set()).update(n.issue_id for n in proposal.retrieved)
        leaks |= dict.fromkeys(_in_proposal(proposal, twins.get(proposal.issue_id, ()), must))
    suggestions = 0
    for rater in run.raters():
        suggestions += sum(1 for _ in run.suggestion_journal(rater))
        leaks |= dict.fromkeys(_in_suggestions(run, rater, examples))
    requests = 0
    redacted = bool(run.manifest.model.get("redact"))
    for call in run.calls:
        requests += 1
        issue = run.issues[call.issue_id]
        kept_away = [examples[i] for i in sorted(away.get(issue.id, ()))]
        kept_away += [reserved[i] for i in texts.likely_in(_asked(call))]
        others = [examples[i] for i in shown.get(issue.id, set()) - away.get(issue.id, set())]
        leaks |= dict.fromkeys(_in_request(call, issue, kept_away, others, redacted, how))
    seen = {
        issue_id: (shown.get(issue_id, set()) | must) & examples.keys() - away.get(issue_id, set())
        for issue_id in proposed
    }
    return Leakage(
        issues=len(run.issues),
        proposed=len(proposed),
        examples=len(examples),
        reserved=len(reserved),
        labelled=sum(issue_id in examples for issue_id in run.issues),
        near_duplicates=sum(any(i != issue_id for i in ids) for issue_id, ids in twins.items()),
        excluded=len(kept),
        requests=requests,
        suggestions=suggestions,
        leaks=tuple(leaks),
        doubtful=tuple(look_alikes(list(run.issues.values()), examples, seen, vectors)),
    )


def _twins(issues: Iterable[Issue], examples: Mapping[str, Example]) -> dict[str, tuple[str, ...]]:
    """For each issue the examples that are it or a near-duplicate of it; without any, absent."""
    if not examples:
        return {}
    index = Duplicates([example.issue for example in examples.values()])
    found = {issue.id: tuple(twin.id for twin in index.of(issue)) for issue in issues}
    return {issue_id: twins for issue_id, twins in found.items() if twins}


def _in_proposal(proposal: Proposal, twins: Iterable[str], must: set[str]) -> Iterator[Leak]:
    shown = {neighbour.issue_id for neighbour in proposal.retrieved}
    away = {proposal.issue_id, *twins, *proposal.excluded}
    for example_id in sorted(shown & away):
        yield Leak(proposal.issue_id, example_id, "it is listed as shown to the model")
    for example_id in sorted(must.intersection(twins).difference(proposal.excluded, shown)):
        yield Leak(proposal.issue_id, example_id, "it is not listed as kept away from the model")


def _in_suggestions(run: Run, rater: str, examples: Mapping[str, Example]) -> Iterator[Leak]:
    """Of the suggestions a rater was shown that were learnt from their own answers, those that may
    have learnt the answer to their own issue or to a near-duplicate."""
    teaching, fits, learnt = Teaching(run, rater), dict[str, Answers](), dict[str, set[str]]()
    for refit in run.refit_journal(rater):
        said = fits[refit.model] = teaching.of(refit) or {}
        book = book_at(run, refit.codebook_hash) or run.codebook
        learnt[refit.model] = _taught_with(book, carried(run, refit.codebook_hash), said)
    ever = {i for said in fits.values() for i in said if i in run.issues}
    index = Duplicates([*(e.issue for e in examples.values()), *(run.issues[i] for i in ever)])
    for suggestion in run.suggestion_journal(rater):
        must = learnt[suggestion.model]
        near = {twin.id for twin in index.of(run.issues[suggestion.issue_id])}
        yield from _in_proposal(suggestion, sorted(near & must), must)


def _taught_with(codebook: Codebook, examples: Iterable[Example], said: Answers) -> set[str]:
    codes = {example.issue.id: example.codes for example in examples} | said
    return {i for i, given in codes.items() if can_hold(codebook, given)}


def _in_request(
    call: Call,
    issue: Issue,
    away: Sequence[Example],
    shown: Sequence[Example],
    redacted: bool,
    by_sentences: bool,
) -> Iterator[Leak]:
    """The examples in ``away`` whose text the request holds more often than the issue itself and
    the examples it rightly shows do."""
    asked = _asked(call)
    if not asked or not away:
        return
    redactor = Redactor(()) if redacted else None
    masked = redactor.mask(issue.text, authors(issue)) if redactor else None
    condensed = condense(issue, lambda _: 0, 1, masked=masked)
    rightly = [passage.text for passage in condensed.passages]
    rightly += [as_shown(example, redactor, by_sentences).text for example in shown]
    if redacted:
        # Which placeholder a name got depends on what else was shown.
        asked, rightly = unnumbered(asked), [unnumbered(text) for text in rightly]
    for example in away:
        text = as_shown(example, redactor, by_sentences).text
        text = unnumbered(text) if redacted else text
        if text and _count(text, asked) > _count(text, "\n".join(rightly)):
            yield Leak(issue.id, example.issue.id, f"its text is in the request of call {call.id}")


def _asked(call: Call) -> str:
    """The question; what follows it is the model's answer and our complaint about it."""
    users = [m for m in call.request.get("messages", ()) if m.get("role") == "user"]
    return str(users[0].get("content", "")) if users else ""


class _Texts:
    """Finds which of many texts a request may hold, in one pass over the request."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._by_line: dict[str, list[str]] = {}
        self._by_words: dict[tuple[str, ...], list[str]] = {}
        for key, text in texts.items():
            words = text.split()
            if len(words) > FEW_WORDS:
                # Not the first word nor the last: a template may put a mark right beside them.
                self._by_words.setdefault(tuple(words[1:FEW_WORDS]), []).append(key)
            elif words:
                self._by_line.setdefault(text, []).append(key)

    def likely_in(self, asked: str) -> list[str]:
        """The keys of all texts that stand in ``asked``, and perhaps of others; sorted."""
        found: set[str] = set()
        if self._by_words:
            words = asked.split()
            for place in range(len(words)):
                found.update(self._by_words.get(tuple(words[place : place + FEW_WORDS - 1]), ()))
        if self._by_line:
            for line in asked.split("\n"):
                found.update(self._by_line.get(line.strip(), ()))
        return sorted(found)


def _count(text: str, where: str) -> int:
    """How often ``text`` stands in ``where``; a few words, which any prompt holds, as a line."""
    if len(text.split()) > FEW_WORDS:
        return where.count(text)
    return sum(line.strip() == text for line in where.split("\n"))


CHARACTERS = 4_000
"""Compared of each text."""
EDITED = 0.8
"""Least share of characters that two texts have in common, in order (1 - indel distance over both
lengths), at which somebody should look at them."""
ALIKE = 0.95
"""Least cosine at which somebody should."""
POOL, NEAREST = 50, 3
BATCH = 64


@dataclass(frozen=True)
class LookAlike:
    """An issue and a labelled one that was not kept away from its model, and may have been to."""

    issue_id: str
    example_id: str
    how: str


def look_alikes(
    issues: Sequence[Issue],
    examples: Mapping[str, Example],
    seen: Mapping[str, Iterable[str]],
    vectors: KeptVectors | None,
) -> list[LookAlike]:
    """Pairs of an issue and an example among those ``seen`` by its model (issue id -> example ids)
    that are alike by edit similarity or, where ``vectors`` has both, by cosine."""
    some = [issue for issue in issues if seen.get(issue.id)]
    if not some:
        return []
    nobody = Codebook(id="none", name="None", codes=())
    index = LexicalIndex(nobody, list(examples.values()))
    found: list[LookAlike] = []
    for start in range(0, len(some), BATCH):
        batch = some[start : start + BATCH]
        texts = [searched_text(issue) for issue in batch]
        near = index.search(texts, POOL, 0)
        for issue, (ranked, _) in zip(batch, near, strict=True):
            allowed = set(seen[issue.id])
            likely = [i for i, _ in ranked if i in allowed][:NEAREST]
            for example_id in dict.fromkeys([*likely, *sorted(allowed)[:NEAREST]]):
                if how := _alike(issue, examples[example_id].issue, vectors):
                    found.append(LookAlike(issue.id, example_id, how))
    return found


def _alike(issue: Issue, example: Issue, vectors: KeptVectors | None) -> str:
    from rapidfuzz.fuzz import ratio

    one, other = searched_text(issue), searched_text(example)
    shared = ratio(one.whole[:CHARACTERS].strip(), other.whole[:CHARACTERS].strip()) / 100
    if shared >= EDITED:
        return f"{shared:.0%} of their characters are the same"
    cosine = vectors.cosine(one, other) if vectors is not None else None
    if cosine is not None and cosine >= ALIKE:
        return f"the cosine of their vectors is {cosine:.2f}"
    return ""
