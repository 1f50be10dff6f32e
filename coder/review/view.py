"""Read-only view of a review: what a front end shows of the item, its options and the progress.

Nothing here writes, and nothing of a hidden suggestion is in any answer. What a rater does goes to
:class:`coder.review.session.ReviewSession`.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from coder.ratings.comparable import calibrated, calibrations
from coder.records import (
    Action,
    Cardinality,
    Code,
    Decision,
    Example,
    Issue,
    Mode,
    Proposal,
    ScoredCode,
)
from coder.review.keymap import spelled
from coder.review.state import Item, ReviewState
from coder.storage.history import Step

PACE_FROM, PACE_OVER = 10, 20
"""How many of this session's last decisions the pace is taken from, at least and at most."""


@dataclass(frozen=True)
class Option:
    """A code one digit away; ``number`` counts from 1. ``opens``: it stands for its subcodes."""

    number: int
    code: Code
    confidence: float | None
    selected: bool
    opens: bool = False


@dataclass(frozen=True)
class Progress:
    """How far the rater is; ``pace`` is the median seconds of the last decisions."""

    done: int
    postponed: int
    total: int
    pace: float | None

    @property
    def seconds_left(self) -> float | None:
        return None if self.pace is None else self.pace * (self.total - self.done)


class ReviewView:
    """What there is to show of ``state`` now."""

    def __init__(
        self,
        state: ReviewState,
        keys: Mapping[str, str],
        learnt_from: Callable[[Proposal], int] | None = None,
    ) -> None:
        self._state = state
        self._learnt_from = learnt_from
        """How many of the rater's answers a suggestion was learnt from."""
        self._calibrated = calibrated(state.run)
        self._calibrations = calibrations(state.run)
        self.keys = keys
        """The key of each action, for what is said about them."""
        self.run = state.run
        self.rater = state.rater
        self.codebook = state.run.codebook
        self.queue = state.queue.name
        self.label_file = state.label_journal.path
        self.decision_file = state.journal.path

    # --- the item -------------------------------------------------------------------------------

    @property
    def item(self) -> Item | None:
        """What is before the rater, ``None`` at the end."""
        return self._state.item

    @property
    def branch(self) -> str | None:
        """The category whose subcodes the digits stand for, while a suggestion is hidden."""
        return self._state.branch

    @property
    def selected(self) -> tuple[str, ...]:
        """The codes chosen so far, where the codebook allows several."""
        return self._state.selected

    @property
    def several(self) -> bool:
        """Whether an issue may have several codes."""
        return self.codebook.cardinality is Cardinality.MULTIPLE

    @property
    def taught(self) -> int:
        """How many of the rater's answers the suggestion was learnt from; 0: it is the run's."""
        if self.item is None or self.item.proposal is None or self._learnt_from is None:
            return 0
        return self._learnt_from(self.item.proposal)

    @property
    def calibrated(self) -> bool:
        """Whether the run's calibrations hold for the suggestion shown."""
        return bool(self._calibrations) and not self.taught

    def confidence(self, scored: ScoredCode) -> float | None:
        """What to show for a scored code of the suggestion."""
        return scored.confidence if self.taught else self._calibrated(scored)

    @property
    def options(self) -> tuple[Option, ...]:
        """The codes that digits stand for: runner-ups, or with several codes all that matter."""
        if self.item is None:
            return ()
        proposal = self.item.proposal
        if proposal is None:
            return self._of_codebook()
        scored = {s.code: self.confidence(s) for s in (*proposal.codes, *proposal.runners_up)}
        first = self.item.suggested if self.several else ()
        runners_up = [s.code for s in proposal.runners_up if s.code not in self.item.suggested]
        added = self.selected if self.several else ()
        codes = dict.fromkeys((*first, *runners_up, *added))
        known = (code for code in codes if code in self.codebook.by_id)
        return tuple(
            Option(number, self.codebook.by_id[code], scored.get(code), code in self.selected)
            for number, code in enumerate(known, start=1)
        )

    def _of_codebook(self) -> tuple[Option, ...]:
        """The codebook's own order, a level at a time, which says nothing about the issue."""
        level = self.codebook.children.get(self.branch, ())
        marked = [self.codebook.by_id[code] for code in self.selected]
        codes = [*level, *(code for code in marked if code not in level)]
        return tuple(
            Option(
                number,
                code,
                confidence=None,
                selected=code.id in self.selected,
                opens=code in level and code.id in self.codebook.children,
            )
            for number, code in enumerate(codes, start=1)
        )

    @property
    def way_out(self) -> str:
        """What to do where there is nothing to accept, as a phrase for people."""
        none, skip = self.key("none"), self.key("skip")
        other = f"{none} when none fits" if self.codebook.allow_none else f"skip with {skip}"
        number = "its number or " if self.item is not None and self.item.ranked else ""
        return f"choose a code with {number}{self.key('find')}, or {other}"

    @property
    def answerable(self) -> bool:
        """Whether ``enter`` has something to take."""
        if self.item is None:
            return False
        return self.item.acceptable or self.item.revealed or bool(self.selected)

    @property
    def about(self) -> tuple[str, ...]:
        """The codes that are before the rater: what is marked, else the rater's and the model's."""
        if self.item is None:
            return ()
        return self.selected or tuple(dict.fromkeys((*(self.item.own or ()), *self.item.suggested)))

    @property
    def last(self) -> Step | None:
        """What ``undo`` would take back, or say that it stays."""
        return next(
            (
                step
                for step in reversed(self._state.history.steps.values())
                if self._state.knows(step.issue_id)
                and not (step.fixed and step.issue_id in self._state.kept)
            ),
            None,
        )

    @property
    def seen_elsewhere(self) -> Counter[tuple[str, str]]:
        """How many issues of the queue are not coded blind because the rater saw their suggestion
        in another run or as another of their passes: by that run and name."""
        looks = (
            self._state.looks[issue_id]
            for issue_id in self._state.queued & self._state.looks.keys()
            if issue_id not in self._state.history.labels
            and self._state.shares.mode(self.rater, issue_id) is not Mode.ASSISTED
        )
        here = self.run.name, self.rater
        return Counter(key for look in looks if (key := (look.run, look.rater)) != here)

    @property
    def answered_before(self) -> Decision | None:
        """The rater's answer that stands for the issue shown, and that the next one replaces."""
        answers = self._state.history.answers
        stack = answers.get(self.item.issue.id) if self.item is not None else None
        return stack[-1] if stack else None

    @property
    def memos(self) -> tuple[Decision, ...]:
        """The rater's memos on the issue shown, oldest first."""
        return () if self.item is None else self._state.history.memos(self.item.issue.id)

    def key(self, action: str) -> str:
        """The key of an action as people read it."""
        return spelled(self.keys[action])

    @property
    def progress(self) -> Progress:
        standing = self._state.standing().items()
        actions = [stack[-1].action for issue, stack in standing if not self._state.waits(issue)]
        postponed = actions.count(Action.SKIP)
        recent = self._state.paces[-PACE_OVER:]
        return Progress(
            done=len(actions) - postponed + self.unaided,
            postponed=postponed,
            total=len(self._state.queued),
            pace=statistics.median(recent) if len(recent) >= PACE_FROM else None,
        )

    @property
    def tally(self) -> Counter[Action]:
        """How many issues of the queue stand answered in each way, over all sessions."""
        return Counter(stack[-1].action for stack in self._state.standing().values())

    @property
    def unaided(self) -> int:
        """How many issues of the queue stand answered by a label alone, without a suggestion."""
        alone = (i for i in self._state.history.labels if i not in self._state.history.answers)
        return sum(issue in self._state.queued and not self._state.waits(issue) for issue in alone)

    def neighbours(self) -> Iterator[tuple[Example, float]]:
        """The labelled issues the suggestion leans on with their scores, the highest first."""
        if self.item is None or self.item.proposal is None:
            return
        examples = {example.issue.id: example for example in self.run.examples}
        for near in sorted(self.item.proposal.retrieved, key=lambda near: -near.score):
            known = examples.get(near.issue_id)
            if known is None and self._state.knows(near.issue_id):
                issue, _ = self._state.read(near.issue_id)
                known = Example(issue=issue, codes=near.codes)
            if known is None:
                known = Example(issue=Issue(id=near.issue_id), codes=near.codes)
            yield known, near.score
