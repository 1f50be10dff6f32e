"""What one rater has done in a run, read from both of their files in the order it was done.

A label and a decision stay two things here: only that something was done, and can be taken back, is
kept for both alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Literal

from coder.records import Action, Decision, Label, now
from coder.storage.sampling import Draw, Drawn

REVIEW = "review"
"""The ``source`` of labels given in a review."""

_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Step:
    """Something that stands: an answer, a memo or a label; ``decision`` is empty for a label.

    ``fixed``: it cannot be taken back, because the suggestion was shown after it.
    """

    issue_id: str
    kind: Literal["answer", "memo", "label"]
    decision: str = ""
    fixed: bool = False


def moment_after(latest: datetime | None) -> datetime:
    """Now, or the moment after ``latest`` where a clock was set back: the order of what people did
    is never lost, though a clock that was ahead leaves its date on what follows."""
    moment = now()
    return moment if latest is None else max(moment, latest + _TICK)


class History:
    """The state of one rater's records; brought up to date with each that is written.

    Both files hold their records in the order they were written, and ``at`` says how the two
    interleave: :meth:`next_moment` never gives a moment twice and never one before the last.
    """

    def __init__(self, labels: Iterable[Label], decisions: Iterable[Decision]) -> None:
        self.labels: dict[str, Label] = {}
        """Each issue's label, whoever brought it in."""
        self.answers: dict[str, list[Decision]] = {}
        """Each issue's standing answers, the last on top; issues without any are absent."""
        self.decisions: dict[str, Decision] = {}
        """Every decision that stands, memos too, by id, in the order they were made."""
        self.steps: dict[str, Step] = {}
        """What could be taken back, in the order it was done."""
        self.met: dict[str, Draw] = {}
        """How each issue came before the rater first, in that order."""
        self.seen: set[str] = set()
        """The issues whose suggestion has been shown, also where that was taken back."""
        self._latest: datetime | None = None
        moments: list[list[tuple[datetime, Callable[[], None]]]] = [
            [(label.at, partial(self.add_label, label)) for label in labels],
            [(decision.at, partial(self.add_decision, decision)) for decision in decisions],
        ]
        for _, take_in in heapq.merge(*moments, key=itemgetter(0)):
            take_in()

    def next_moment(self) -> datetime:
        """When the record to be written is made, by a clock that never goes back."""
        return moment_after(self._latest)

    def add_label(self, label: Label) -> None:
        self._pass(label.at)
        if label.source == REVIEW:
            self._meet(label)
        if label.reveals:
            self.seen.add(label.issue_id)
        key = f"label of {label.issue_id}"
        self.steps.pop(key, None)
        if label.withdrawn:
            self.labels.pop(label.issue_id, None)
            return
        self.labels[label.issue_id] = label
        if label.source == REVIEW and label.mode is not None:
            self.steps[key] = Step(label.issue_id, "label", fixed=label.reveals)

    def add_decision(self, decision: Decision) -> None:
        self._pass(decision.at)
        self._meet(decision)
        if decision.seen:
            self.seen.add(decision.issue_id)
        if decision.action is Action.UNDO:
            self._take_back(decision)
            return
        if decision.action in (Action.SHOW, Action.LEAVE):
            return
        self.decisions[decision.id] = decision
        memo = decision.action is Action.MEMO
        kind: Literal["answer", "memo"] = "memo" if memo else "answer"
        self.steps[decision.id] = Step(decision.issue_id, kind, decision.id)
        if not memo:
            self.answers.setdefault(decision.issue_id, []).append(decision)

    def memos(self, issue_id: str) -> tuple[Decision, ...]:
        """The rater's memos on an issue, oldest first."""
        return tuple(
            decision
            for decision in self.decisions.values()
            if decision.action is Action.MEMO and decision.issue_id == issue_id
        )

    def answered(self, issue_id: str) -> tuple[str, ...] | None:
        """The codes the rater's last standing judgement of an issue gave it, if there is one."""
        for decision in reversed(self.answers.get(issue_id, [])):
            if decision.action in (Action.ACCEPT, Action.CORRECT, Action.REJECT):
                return decision.codes
        label = self.labels.get(issue_id)
        return label.codes if label else None

    def _meet(self, record: Drawn) -> None:
        self.met.setdefault(record.issue_id, Draw(record.queue, record.chance, record.weight))

    def _take_back(self, undo: Decision) -> None:
        self.decisions.pop(undo.undoes, None)
        self.steps.pop(undo.undoes, None)
        stack = self.answers.get(undo.issue_id, [])
        stack[:] = [earlier for earlier in stack if earlier.id != undo.undoes]
        if not stack:
            self.answers.pop(undo.issue_id, None)

    def _pass(self, at: datetime) -> None:
        if self._latest is None or at > self._latest:
            self._latest = at
