"""Ratings made comparable: of each side and issue the codes, by category or code, or why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from coder.codebook.changes import Stale
from coder.codebook.load import can_hold
from coder.proposers.chat.question import everything
from coder.ratings.model import MODEL, ExclusionReason, Level
from coder.records import (
    NONE_CODE,
    Action,
    Adjudication,
    Calibration,
    Cardinality,
    Codebook,
    Decision,
    Example,
    Label,
    Mode,
    Proposal,
    ScoredCode,
    Status,
)
from coder.revision.migration import Versions
from coder.storage.blinding import Exposure
from coder.storage.history import REVIEW
from coder.storage.intra_rater import person
from coder.storage.run import Run, standing

if TYPE_CHECKING:
    from coder.agreement.arrays import Floats

Codes = tuple[str, ...]


ANSWERS = (Action.ACCEPT, Action.CORRECT, Action.REJECT)
"""What a decision with a code, or with none that fits, is."""


@dataclass(frozen=True)
class Ratings:
    """Who, what they answered, and what they left that cannot be compared.

    An issue in neither mapping is left out for the reason ``absent``.
    """

    name: str
    answers: Mapping[str, Codes]
    left_out: Mapping[str, ExclusionReason]
    absent: ExclusionReason

    @cached_property
    def leaked(self) -> frozenset[str]:
        """The issues whose own label the model may have learnt from."""
        return frozenset(i for i, w in self.left_out.items() if w is ExclusionReason.LEAKED)

    def why_not(self, issue_id: str) -> ExclusionReason | None:
        """Why this side has no answer to compare for the issue; ``None`` when it has one."""
        if issue_id in self.answers:
            return None
        return self.left_out.get(issue_id, self.absent)


@dataclass(frozen=True)
class Decided:
    """How many issues a rater's standing decisions answered, by the mode of the review, and how
    many they only flagged or put off: the one count that status and report show."""

    answers: Mapping[Mode, int]
    flagged: int
    skipped: int


def count_decisions(decisions: Iterable[Decision]) -> Decided:
    """Counts decisions that stand; an answer is a code or that none fits."""
    decisions = list(decisions)
    modes = Counter(d.mode for d in decisions if d.action in ANSWERS)
    actions = Counter(d.action for d in decisions)
    return Decided(
        {mode: modes[mode] for mode in Mode if modes[mode]},
        actions[Action.FLAG],
        actions[Action.SKIP],
    )


@dataclass(frozen=True)
class Rater:
    """Everything one person left in a run, blind labels and decisions strictly apart.

    Labels of issues that are not in the run are in ``labels`` alone.
    """

    name: str
    labels: Mapping[str, Label]
    decisions: Mapping[str, Decision]
    memos: Sequence[Decision]
    """The notes beside decisions that stand, in the order they were made."""
    memos_on: Mapping[str, Sequence[Decision]]
    """The same by issue."""
    blind: Ratings
    decided: Ratings
    """What stands after the suggestion was shown, in whatever mode; :meth:`after` takes one."""
    log: Sequence[Label | Decision]
    """All that the rater wrote: labels, then decisions, each oldest first."""
    label_lines: Mapping[str, int]
    decision_lines: Mapping[str, int]
    """The line of the label, and of the decision, that stands for an issue."""

    def after(self, mode: Mode) -> Ratings:
        """The answers of the decisions made in one mode of review; the others are left out."""
        other = {
            i: ExclusionReason.OTHER_MODE for i, d in self.decisions.items() if d.mode is not mode
        }
        answers = {i: codes for i, codes in self.decided.answers.items() if i not in other}
        return replace(self.decided, answers=answers, left_out={**self.decided.left_out, **other})

    def notes(self, issue_id: str) -> list[Decision]:
        """The memos on an issue, without those that its blind label carries."""
        found = self.memos_on.get(issue_id)
        if not found:
            return []
        label = self.labels.get(issue_id)
        carried = label.memo.split("\n") if label and label.source == REVIEW else []
        return [memo for memo in found if memo.seen or memo.memo not in carried]


def raters(run: Run, proposals: Mapping[str, Proposal]) -> list[Rater]:
    """Everyone with labels or decisions; ``proposals`` holds every proposal by its own id."""
    known = run.exposures()
    return [
        _rater(run, name, proposals, known.get(person(name), Exposure())) for name in run.raters()
    ]


def model_side(run: Run, proposals: Mapping[str, Proposal]) -> Ratings:
    """The model's answers, from one proposal for each issue."""
    learnt = fitted(run)
    versions = Versions(run)
    answers: dict[str, Codes] = {}
    left_out: dict[str, ExclusionReason] = {}
    for issue_id, proposal in proposals.items():
        if not proposal.status.answered:
            left_out[issue_id] = ExclusionReason(proposal.status.value)
            continue
        found = proposed(proposal, versions)
        if isinstance(found, ExclusionReason):
            left_out[issue_id] = found
        elif leaked(proposal, learnt):
            left_out[issue_id] = ExclusionReason.LEAKED
        else:
            answers[issue_id] = found
    return Ratings(MODEL, answers, left_out, ExclusionReason.NOT_PROPOSED)


def leaked(proposal: Proposal, learnt: Iterable[str]) -> bool:
    """Whether the model may have learnt from the issue's own label, judged from the log alone.

    It was shown to the model for itself, or the model is fitted to it (``learnt``) and the proposal
    does not say that it was kept away.
    """
    shown = any(neighbour.issue_id == proposal.issue_id for neighbour in proposal.retrieved)
    return shown or (proposal.issue_id in learnt and proposal.issue_id not in proposal.excluded)


def comparable(codes: Codes, book: Codebook) -> Codes | ExclusionReason:
    """``codes`` as they are compared (no code fits is ``()``), or why they cannot be."""
    if len(codes) == 1 and codes[0] in book.by_id:
        return codes
    distinct = tuple(dict.fromkeys(codes))
    if distinct == (NONE_CODE,):
        return ()
    if any(code not in book.by_id for code in distinct):
        return ExclusionReason.UNKNOWN_CODE
    if book.cardinality is Cardinality.SINGLE and len(distinct) > 1:
        return ExclusionReason.SEVERAL_CODES
    return distinct


def proposed(proposal: Proposal, versions: Versions) -> Codes | ExclusionReason:
    """What the model answered, in the codebook of now, or why that is nothing to compare."""
    carried = versions.carry(tuple(scored.code for scored in proposal.codes))
    if isinstance(carried, Stale):
        return ExclusionReason.STALE
    found = comparable(carried, versions.codebook)
    return ExclusionReason.OFF_CODEBOOK if isinstance(found, ExclusionReason) else found


def own_answer(codes: Codes) -> frozenset[str]:
    """What was answered, however it was written: empty when no code fits."""
    return frozenset(codes) - {NONE_CODE}


def judged(
    record: Label | Decision | Adjudication, codes: Codes, versions: Versions
) -> Codes | ExclusionReason:
    """Like :func:`comparable`, for what a person said with some version of the codebook."""
    carried = versions.carry(codes, record.codebook_hash)
    return (
        ExclusionReason.STALE
        if isinstance(carried, Stale)
        else comparable(carried, versions.codebook)
    )


def _rater(run: Run, stem: str, proposals: Mapping[str, Proposal], exposure: Exposure) -> Rater:
    versions = Versions(run)
    given = list(run.label_journal(stem).numbered())
    last = {label.issue_id: (line, label) for line, label in given}
    labels = {i: label for i, (_, label) in last.items() if not label.withdrawn}
    made = list(run.decision_journal(stem).numbered())
    log = [decision for _, decision in made]
    decisions = {i: decision for i, decision in standing(log).items() if i in run.issues}
    line_of = {decision.id: line for line, decision in made}
    said = {
        issue_id: ExclusionReason.SEEN
        if exposure.not_blind(label)
        else judged(label, label.codes, versions)
        for issue_id, label in labels.items()
        if issue_id in run.issues
    }
    done = {
        issue_id: _decided(decision, proposals.get(decision.proposal_id), versions)
        for issue_id, decision in decisions.items()
    }
    memos = _memos(log)
    memos_on: dict[str, list[Decision]] = {}
    for memo in memos:
        memos_on.setdefault(memo.issue_id, []).append(memo)
    return Rater(
        name=stem,
        labels=labels,
        decisions=decisions,
        memos=memos,
        memos_on=memos_on,
        blind=_side(stem, said, ExclusionReason.NO_LABEL),
        decided=_side(stem, done, ExclusionReason.NO_DECISION),
        log=[*(label for _, label in given), *log],
        label_lines={i: last[i][0] for i in labels},
        decision_lines={i: line_of[decision.id] for i, decision in decisions.items()},
    )


def _decided(
    decision: Decision, shown: Proposal | None, versions: Versions
) -> Codes | ExclusionReason:
    if decision.action is Action.SKIP:
        return ExclusionReason.SKIPPED
    if decision.action is Action.FLAG:
        return ExclusionReason.FLAGGED
    codes = decision.codes
    if decision.action is Action.REJECT:
        codes = ()
    elif decision.action is Action.ACCEPT and not codes:
        # What was accepted is the answer shown; without one there is nothing to take it from.
        if shown is None or not shown.status.answered:
            return ExclusionReason.NOT_PROPOSED
        codes = tuple(scored.code for scored in shown.codes)
    return judged(decision, codes, versions)


def _side(
    name: str, found: Mapping[str, Codes | ExclusionReason], absent: ExclusionReason
) -> Ratings:
    answers = {i: codes for i, codes in found.items() if not isinstance(codes, ExclusionReason)}
    left_out = {i: why for i, why in found.items() if isinstance(why, ExclusionReason)}
    return Ratings(name, answers, left_out, absent)


def _memos(log: Iterable[Decision]) -> list[Decision]:
    """The notes beside decisions; undone ones taken back."""
    notes = {d.id: d for d in log if d.action is Action.MEMO and d.memo}
    for record in log:
        notes.pop(record.undoes, None)
    return list(notes.values())


def status_of(proposal: Proposal | None) -> str:
    """How the model's attempt at an issue ended, also when there was none."""
    return ExclusionReason.NOT_PROPOSED.value if proposal is None else Status(proposal.status).value


class Levels:
    """A codebook's levels, and answers as each of them sees them."""

    def __init__(self, book: Codebook) -> None:
        self._book = book
        self._above = frozenset(code for code in book.children if code is not None)
        self._category = {code.id: book.category(code.id) for code in book.codes}
        nested = any(code.parent is not None for code in book.codes)
        self.all: tuple[Level, ...] = ("category", "code") if nested else ("category",)

    def codes(self, level: Level) -> Codes:
        """Every code of the level, in codebook order."""
        codes = self._book.children[None] if level == "category" else self._book.leaves
        return tuple(code.id for code in codes)

    def at(self, level: Level, answer: Codes) -> Codes:
        """An answer by that level's codes."""
        if level == "code":
            return answer
        if len(answer) == 1:
            return (self._category[answer[0]],)
        return tuple(dict.fromkeys(self._category[code] for code in answer))

    def answers_at(self, level: Level, answers: Mapping[str, Codes]) -> dict[str, Codes]:
        """``answers`` by that level's codes, without those that name a category alone."""
        known = {
            answer: self.at(level, answer)
            for answer in set(answers.values())
            if level == "category" or self._above.isdisjoint(answer)
        }
        return {i: known[answer] for i, answer in answers.items() if answer in known}

    def member(self, level: Level, answers: Iterable[Codes | None]) -> Floats:
        """Which answers hold which code, (answers, codes + 1) of 0 and 1; the last column is "no
        code fits". An answer that is ``None`` holds nothing."""
        import numpy as np

        column = {code: i for i, code in enumerate((*self.codes(level), NONE_CODE))}
        rows = list(answers)
        distinct = {answer: row for row, answer in enumerate(dict.fromkeys(rows))}
        holds = np.zeros((len(distinct), len(column)))
        for answer, row in distinct.items():
            if answer is not None:
                for code in self.at(level, answer) or (NONE_CODE,):
                    if code in column:
                        holds[row, column[code]] = 1
        found: Floats = holds[[distinct[answer] for answer in rows]]
        return found


def same(one: Codes, other: Codes) -> bool:
    """Whether two answers are the same set of codes."""
    return set(one) == set(other)


def taught(run: Run) -> list[Example]:
    """The examples whose label the run's model can use.

    A classifier is fitted to those it can hold, which no category alone is. A chat model can be
    shown them all, but where it chooses among all codes at once none that names a category alone.
    """
    model, book = run.manifest.model, run.first_codebook
    if not _asks(run):
        return [example for example in run.examples if can_hold(book, example.codes)]
    if not model.get("neighbours"):
        return []
    if model.get("strategy", "flat") != "flat":
        return list(run.examples)
    whole = everything(book)
    return [e for e in run.examples if whole.within(e.codes) is not None]


def fitted(run: Run) -> set[str]:
    """The issues whose label reaches the model of every proposal that does not exclude it: a chat
    model learns from nothing but what a request shows."""
    return set() if _asks(run) else {example.issue.id for example in taught(run)}


def _asks(run: Run) -> bool:
    return run.manifest.model.get("kind") == "llm"


Confidence = Callable[[ScoredCode], float | None]


def calibrations(run: Run) -> dict[str, Calibration]:
    """The last calibration of each source that changes something."""
    latest = {made.source: made for made in run.calibrations}
    return {source: made for source, made in latest.items() if made.method != "identity"}


def calibrated(run: Run) -> Confidence:
    """What to show for a scored code of ``run``, by the calibrations it has now."""
    latest = calibrations(run)

    def confidence(scored: ScoredCode) -> float | None:
        made = latest.get(scored.source)
        if made is None or scored.confidence is None:
            return scored.confidence
        from coder.agreement import calibration

        return float(calibration.apply(made.method, made.parameters, scored.confidence))

    return confidence
