"""The review as a state machine without a terminal: one item, one answer, one record on disk.

Every front end drives a :class:`ReviewSession`. An answer is appended to the rater's decision
journal, and synced, before the session moves on; so what a front end has shown as answered is on
disk. Everything the session knows is derived from that journal, which makes a restart nothing
special. Blind labels are never written here: the rater has seen the suggestion.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from coder.confidence import calibrated, calibrations
from coder.errors import UsageError
from coder.queues import Entry, Order, Pile, arrange, chance
from coder.records import (
    Action,
    Cardinality,
    Code,
    Decision,
    Example,
    Issue,
    Proposal,
    ScoredCode,
    Status,
)
from coder.store import Run

PACE_FROM, PACE_OVER = 10, 20
"""How many of this session's last decisions the pace is taken from, at least and at most."""


@dataclass(frozen=True)
class Item:
    """What is before the rater: an issue, the proposal for it, and how the queue came to it."""

    issue: Issue
    proposal: Proposal
    chance: float

    @property
    def suggested(self) -> tuple[str, ...]:
        """The proposed codes: empty when no code fits, and when the model gave no answer."""
        return tuple(scored.code for scored in self.proposal.codes)

    @property
    def acceptable(self) -> bool:
        """Whether there is an answer to accept; a failed proposal is never a code."""
        return self.proposal.status.answered


@dataclass(frozen=True)
class Option:
    """A code one digit away; ``number`` counts from 1."""

    number: int
    code: Code
    confidence: float | None
    selected: bool


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


class Suggester(Protocol):
    """Has other suggestions than the run's own: see :class:`coder.learning.Learner`."""

    def for_(self, issue_id: str, ahead: Iterator[str]) -> Proposal | None: ...

    def answered(self, issue_id: str, action: Action | None) -> None: ...

    def answers(self, proposal: Proposal) -> int: ...


class ReviewSession:
    """One rater going through one run.

    ``item`` is what to show now, ``None`` at the end. The answers (``enter``, ``pick``, ``choose``,
    ``reject``, ``skip``, ``flag``) return the record they wrote and move on. Answers that are not
    possible raise ``UsageError`` and change nothing; a full disk raises ``StorageError`` and the
    item stays.

    A skip only postpones: the issue comes back after all others, once in this session and again in
    the next. A flag is an answer ("to be discussed") and takes the issue out of the queue.
    """

    def __init__(
        self,
        run: Run,
        rater: str,
        order: Order = Order.RANDOM,
        clock: Callable[[], float] = time.monotonic,
        suggester: Suggester | None = None,
    ) -> None:
        self.run = run
        self.rater = rater
        self.order = order
        self.codebook = run.codebook
        self.journal = run.decision_journal(rater)
        self.item: Item | None = None
        self.selected: tuple[str, ...] = ()
        """The codes chosen so far, where the codebook allows several."""
        self._calibrated = calibrated(run)
        self._calibrations = calibrations(run)
        self._suggester = suggester
        self._clock = clock
        self._pile = Pile(run)
        self._queue = arrange(self._pile.entries, order, run.manifest.seed)
        self._entries = {entry.issue_id: entry for entry in self._queue}
        self._places = {entry.issue_id: at for at, entry in enumerate(self._queue, start=1)}
        self._written: dict[str, Decision] = {}
        """Every record that stands, memos too, in the order they were made."""
        self._stacks: dict[str, list[Decision]] = {}
        """Each issue's standing answers, the last on top."""
        self._today: set[str] = set()
        self._paces: list[float] = []
        self._since = clock()
        for decision in self.journal:
            self._take_in(decision)
        self._advance()

    # --- what to show ---------------------------------------------------------------------------

    @property
    def several(self) -> bool:
        return self.codebook.cardinality is Cardinality.MULTIPLE

    @property
    def taught(self) -> int:
        """How many of the rater's answers the suggestion was learnt from; 0: it is the run's."""
        if self.item is None or self._suggester is None:
            return 0
        return self._suggester.answers(self.item.proposal)

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

    @property
    def way_out(self) -> str:
        """What to do where there is nothing to accept, as a phrase for people."""
        other = "n when none fits" if self.codebook.allow_none else "skip with s"
        return f"choose a code with /, or {other}"

    @property
    def answerable(self) -> bool:
        """Whether ``enter`` has something to take."""
        return self.item is not None and (self.item.acceptable or bool(self.selected))

    @property
    def last(self) -> Decision | None:
        """The answer or memo that ``undo`` would take back."""
        return next((d for d in reversed(self._written.values()) if self._shown(d)), None)

    @property
    def memos(self) -> tuple[str, ...]:
        """The rater's memos on the issue shown, oldest first."""
        if self.item is None:
            return ()
        return tuple(
            decision.memo
            for decision in self._written.values()
            if decision.action is Action.MEMO and decision.issue_id == self.item.issue.id
        )

    @property
    def progress(self) -> Progress:
        actions = [stack[-1].action for stack in self._standing().values()]
        postponed = actions.count(Action.SKIP)
        recent = self._paces[-PACE_OVER:]
        return Progress(
            done=len(actions) - postponed,
            postponed=postponed,
            total=len(self._queue),
            pace=statistics.median(recent) if len(recent) >= PACE_FROM else None,
        )

    @property
    def tally(self) -> Counter[Action]:
        """How many issues of the run stand answered in each way, over all sessions."""
        return Counter(stack[-1].action for stack in self._standing().values())

    def neighbours(self) -> Iterator[tuple[Example, float]]:
        """The labelled issues the suggestion leans on with their scores, the highest first."""
        if self.item is None:
            return
        examples = {example.issue.id: example for example in self.run.examples}
        for near in sorted(self.item.proposal.retrieved, key=lambda near: -near.score):
            known = examples.get(near.issue_id)
            if known is None and near.issue_id in self._entries:
                issue, _ = self._pile.read(self._entries[near.issue_id])
                known = Example(issue=issue, codes=near.codes)
            if known is None:
                known = Example(issue=Issue(id=near.issue_id), codes=near.codes)
            yield known, near.score

    # --- answers --------------------------------------------------------------------------------

    def enter(self) -> Decision:
        """Accept what is shown: the suggestion, or the selection where several codes may be."""
        item = self._current()
        if self.several and (self.selected or item.suggested):
            return self.choose(self.selected)
        return self.accept()

    def accept(self) -> Decision:
        """Agree with the suggestion, which may be that no code fits."""
        item = self._current()
        if not item.acceptable:
            raise UsageError(
                f"there is nothing to accept: the model's answer is {item.proposal.status.value!r}",
                self.way_out,
            )
        return self._answer(Action.ACCEPT, item.suggested)

    def pick(self, code: str) -> Decision | None:
        """Answer with ``code``, or, where several codes may be, put it in or take it out."""
        if not self.several:
            return self.choose((code,))
        self._current()
        self._require_known(code)
        if code in self.selected:
            self.selected = tuple(other for other in self.selected if other != code)
        else:
            self.selected = (*self.selected, code)
        return None

    def choose(self, codes: Iterable[str]) -> Decision:
        """Answer with ``codes``: a correction, or an acceptance when they are the suggested ones.

        Raises ``UsageError`` for codes the codebook does not have, none, or too many.
        """
        item = self._current()
        wanted = set(codes)
        for code in sorted(wanted):
            self._require_known(code)
        if not wanted:
            raise UsageError("no code is chosen", self.way_out)
        if len(wanted) > 1 and not self.several:
            raise UsageError(
                f"codebook {self.codebook.id!r} allows one code per {self.codebook.unit}",
                "choose one, or set cardinality: multiple in the codebook and make a new run",
            )
        agrees = item.proposal.status is Status.OK and wanted == set(item.suggested)
        ordered = tuple(code.id for code in self.codebook.codes if code.id in wanted)
        return self._answer(Action.ACCEPT if agrees else Action.CORRECT, ordered)

    def reject(self) -> Decision:
        """Answer that no code fits."""
        self._current()
        if not self.codebook.allow_none:
            raise UsageError(
                f"codebook {self.codebook.id!r} does not allow 'none fits'",
                self.way_out,
            )
        return self._answer(Action.REJECT, ())

    def skip(self) -> Decision:
        return self._answer(Action.SKIP, ())

    def flag(self) -> Decision:
        return self._answer(Action.FLAG, ())

    def memo(self, text: str) -> Decision:
        """Add a note to the issue shown, which stays. Raises ``UsageError`` for an empty note."""
        if not text.strip():
            raise UsageError("an empty memo was not kept", "write m and then the note")
        return self._write(self._current(), Action.MEMO, memo=text.strip())

    def undo(self) -> Decision | None:
        """Take back the last record that stands and show its issue again; ``None`` if none is left.

        Reaches back through earlier sessions. The record stays in the file; a new one names it.
        """
        last = self.last
        if last is None:
            return None
        here = self.item is not None and self.item.issue.id == last.issue_id
        item = self._read(self._entries[last.issue_id])
        record = self._write(item, Action.UNDO, undoes=last.id)
        if not (here and last.action is Action.MEMO):
            self._show(item)
        return record

    # --- inside ---------------------------------------------------------------------------------

    def _current(self) -> Item:
        if self.item is None:
            raise UsageError("every issue is reviewed", "undo with u, or quit with q")
        return self.item

    def _require_known(self, code: str) -> None:
        if code not in self.codebook.by_id:
            raise UsageError(
                f"{code!r} is not a code of codebook {self.codebook.id!r}", "find one with /"
            )

    def _shown(self, decision: Decision) -> bool:
        return decision.issue_id in self._entries

    def _standing(self) -> dict[str, list[Decision]]:
        return {issue: stack for issue, stack in self._stacks.items() if issue in self._entries}

    def _answer(self, action: Action, codes: tuple[str, ...]) -> Decision:
        decision = self._write(self._current(), action, codes)
        if action is not Action.SKIP:
            self._paces.append(decision.seconds)
        self._advance()
        return decision

    def _write(
        self,
        item: Item,
        action: Action,
        codes: tuple[str, ...] = (),
        memo: str = "",
        undoes: str = "",
    ) -> Decision:
        decision = Decision(
            id=uuid.uuid4().hex,
            issue_id=item.issue.id,
            proposal_id=item.proposal.id,
            rater=self.rater,
            action=action,
            codes=codes,
            memo=memo,
            undoes=undoes,
            seconds=round(self._clock() - self._since, 2),
            queue=self.order.value,
            chance=item.chance,
            codebook_hash=self.codebook.hash,
        )
        self.journal.append([decision])
        self._today.add(decision.id)
        self._take_in(decision)
        self._since = self._clock()
        return decision

    def _take_in(self, decision: Decision) -> None:
        """Bring the state up to date with one record, read or just written."""
        stack = self._stacks.setdefault(decision.issue_id, [])
        if decision.action is Action.UNDO:
            self._written.pop(decision.undoes, None)
            stack[:] = [earlier for earlier in stack if earlier.id != decision.undoes]
        else:
            self._written[decision.id] = decision
            if decision.action is not Action.MEMO:
                stack.append(decision)
        if self._suggester is not None and decision.action is not Action.MEMO:
            self._suggester.answered(decision.issue_id, stack[-1].action if stack else None)
        if not stack:
            del self._stacks[decision.issue_id]

    def _ahead(self) -> Iterator[str]:
        """The issues that will come up, in order."""
        yield from (e.issue_id for e in self._queue if e.issue_id not in self._stacks)
        yield from (entry.issue_id for entry in self._postponed())

    def _advance(self) -> None:
        entry = next((e for e in self._queue if e.issue_id not in self._stacks), None)
        if entry is None:
            entry = next(self._postponed(), None)
        if entry is None:
            self.item = None
        else:
            self._show(self._read(entry))

    def _postponed(self) -> Iterator[Entry]:
        """Skipped issues in the order of their skips, without those skipped again today."""
        for decision in self._written.values():
            stack = self._stacks.get(decision.issue_id, [])
            again = [d for d in stack if d.action is Action.SKIP]
            if (
                decision.action is Action.SKIP
                and self._shown(decision)
                and stack[-1].id == decision.id
                and not (len(again) > 1 and decision.id in self._today)
            ):
                yield self._entries[decision.issue_id]

    def _read(self, entry: Entry) -> Item:
        issue, proposal = self._pile.read(entry)
        if self._suggester is not None:
            proposal = self._suggester.for_(entry.issue_id, self._ahead()) or proposal
        place = self._places[entry.issue_id]
        return Item(issue, proposal, chance(self.order, place, len(self._queue)))

    def _show(self, item: Item) -> None:
        self.item = item
        self.selected = item.suggested if self.several else ()
        self._since = self._clock()
