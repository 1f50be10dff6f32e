"""The review as a state machine without a terminal: one item, one answer, one record on disk.

Every front end drives a :class:`ReviewSession`. An answer is appended to one of the rater's two
journals, and synced, before the session moves on; so what a front end has shown as answered is on
disk. So is that a suggestion is shown, before a front end gets it; whatever ends the review then,
the issue is not blind any more. Everything the session knows is derived from those journals, which
makes a restart nothing special. What is answered before the suggestion was shown is a blind label,
what is answered after it a decision; an item whose suggestion is hidden does not hold it.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from coder.codebook.changes import Stale
from coder.errors import UsageError
from coder.ratings.confidence import calibrated, calibrations
from coder.records import (
    Action,
    Cardinality,
    Change,
    Code,
    Decision,
    Evidence,
    Example,
    Issue,
    Label,
    Mode,
    Proposal,
    ScoredCode,
)
from coder.review.keymap import KEYS, spelled
from coder.review.queues import EVERYTHING, Entry, Only, Order, Queue, ReviewPool
from coder.revision.migration import Versions
from coder.storage.blinding import Shares
from coder.storage.exposure import Exposure
from coder.storage.history import REVIEW, History, Step
from coder.storage.intra_rater import person
from coder.storage.run import Run
from coder.storage.sampling import Draw

PACE_FROM, PACE_OVER = 10, 20
"""How many of this session's last decisions the pace is taken from, at least and at most."""


@dataclass(frozen=True)
class Item:
    """What is before the rater: an issue, the proposal for it, and how the queue came to it.

    ``proposal`` is ``None`` while it is hidden, so that no front end can show what it must not. Its
    codes are those of the codebook of now; where they are ``stale`` there are none.
    """

    issue: Issue
    proposal: Proposal | None
    proposal_id: str
    draw: Draw
    mode: Mode = Mode.ASSISTED
    own: tuple[str, ...] | None = None
    """The rater's blind label in the codebook of now, once there is one."""
    stale: Stale | None = None
    """Why the suggestion has no codes in the codebook of now; hidden as long as it is."""

    @property
    def suggested(self) -> tuple[str, ...]:
        """The proposed codes: empty when no code fits, when the model gave no answer, and when
        nothing may be shown."""
        return tuple(scored.code for scored in self.proposal.codes) if self.proposal else ()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.proposal.evidence if self.proposal else ()

    @property
    def hidden(self) -> bool:
        """Whether the rater must answer first."""
        return self.proposal is None

    @property
    def revealed(self) -> bool:
        """Whether the suggestion stands beside an answer the rater gave without it."""
        return self.mode is Mode.BLIND_FIRST and self.own is not None

    @property
    def acceptable(self) -> bool:
        """Whether there is an answer to accept; a failed proposal is never a code."""
        return self.proposal is not None and self.proposal.status.answered and self.stale is None

    @property
    def state(self) -> str:
        """How the model's attempt stands: ``hidden``, ``stale``, or the status it ended in."""
        if self.proposal is None:
            return "hidden"
        return "stale" if self.stale else self.proposal.status.value


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


class Suggester(Protocol):
    """Has other suggestions than the run's own: see :class:`coder.review.learning.Learner`."""

    def suggestion_for(self, issue_id: str, ahead: Iterator[str]) -> Proposal | None: ...

    def prepare(self, issue_id: str, ahead: Iterator[str]) -> None: ...

    def labelled(self, issue_id: str, stands: bool) -> None: ...

    def answered(self, issue_id: str, action: Action | None) -> None: ...

    def answers(self, proposal: Proposal) -> int: ...


class ReviewSession:
    """One rater going through one run.

    ``item`` is what to show now, ``None`` at the end. The answers (``enter``, ``pick``, ``choose``,
    ``reject``, ``skip``, ``flag``) return the record they wrote and move on; a blind label of a
    blind-first issue moves on to the same issue with its suggestion. Answers that are not possible
    raise ``UsageError`` and change nothing; a full disk raises ``StorageError``, the item stays,
    and another session goes on from what reached the disk.

    A skip only postpones: the issue comes back after all others, once in this session and again in
    the next. A flag is an answer ("to be discussed") and takes the issue out of the queue.

    An issue belongs to the queue that put it before the rater first, also when they answer it anew
    after an undo or in another queue.
    """

    def __init__(
        self,
        run: Run,
        rater: str,
        order: Order = Order.RANDOM,
        only: Only = EVERYTHING,
        against: Run | None = None,
        clock: Callable[[], float] = time.monotonic,
        shares: Shares = Shares(),  # noqa: B008  (frozen)
        keys: Mapping[str, str] = KEYS,
        suggester: Suggester | None = None,
    ) -> None:
        self.run = run
        self.rater = rater
        self.codebook = run.codebook
        self.journal = run.decision_journal(rater)
        self.label_journal = run.label_journal(rater)
        made = run.manifest.model
        self._prompt = f"{made.get('prompt', '')} {made.get('prompt_hash', '')[:8]}".strip()
        self.keys = keys
        """The key of each action, for what is said about them."""
        self.item: Item | None = None
        self.branch: str | None = None
        """The category whose subcodes the digits stand for, while a suggestion is hidden."""
        self.selected: tuple[str, ...] = ()
        """The codes chosen so far, where the codebook allows several."""
        self._calibrated = calibrated(run)
        self._calibrations = calibrations(run)
        self._suggester = suggester
        self._clock = clock
        self._pile = ReviewPool(run)
        self._versions = Versions(run)
        self._entries = {entry.issue_id: entry for entry in self._pile.entries}
        self._shares = shares
        self._today: set[str] = set()
        self._labelled: set[str] = set()
        """Issues labelled in this session."""
        self._kept: set[str] = set()
        """Issues whose label an undo has just been told to stay."""
        self._paces: list[float] = []
        self._spent = 0.0
        """Seconds spent on the item before its suggestion was shown."""
        self._since = clock()
        self._history = History(self.label_journal, self.journal)
        self._looks = run.exposures(rater).get(person(rater), Exposure()).looks
        """What the rater had seen when the session began, in any run and as any of their passes."""
        for issue_id in self._history.answers:
            self._tell(issue_id)
        self.queue = Queue(run, rater, self._pile, self._history.met, order, only, against)
        self._queued = {entry.issue_id for entry in self.queue.entries}
        if self.queue.reveals_answers and (shares.blind or shares.holdout):
            raise UsageError(
                f"the queue {self.queue.name!r} tells of the model's answers, "
                "so no label given in it would be blind",
                "review in another order, or hide nothing: --blind-share 0 --holdout 0",
            )
        self._advance()

    # --- what to show ---------------------------------------------------------------------------

    @property
    def several(self) -> bool:
        return self.codebook.cardinality is Cardinality.MULTIPLE

    @property
    def taught(self) -> int:
        """How many of the rater's answers the suggestion was learnt from; 0: it is the run's."""
        if self.item is None or self.item.proposal is None or self._suggester is None:
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
        return f"choose a code with {self.key('find')}, or {other}"

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
                for step in reversed(self._history.steps.values())
                if step.issue_id in self._entries
                and not (step.fixed and step.issue_id in self._kept)
            ),
            None,
        )

    @property
    def seen_elsewhere(self) -> Counter[tuple[str, str]]:
        """How many issues of the queue are not coded blind because the rater saw their suggestion
        in another run or as another of their passes: by that run and name."""
        looks = (
            self._looks[issue_id]
            for issue_id in self._queued & self._looks.keys()
            if issue_id not in self._history.labels
            and self._shares.mode(self.rater, issue_id) is not Mode.ASSISTED
        )
        here = self.run.name, self.rater
        return Counter(key for look in looks if (key := (look.run, look.rater)) != here)

    @property
    def answered_before(self) -> Decision | None:
        """The rater's answer that stands for the issue shown, and that the next one replaces."""
        stack = self._history.answers.get(self.item.issue.id) if self.item is not None else None
        return stack[-1] if stack else None

    @property
    def memos(self) -> tuple[Decision, ...]:
        """The rater's memos on the issue shown, oldest first."""
        return () if self.item is None else self._history.memos(self.item.issue.id)

    def key(self, action: str) -> str:
        """The key of an action as people read it."""
        return spelled(self.keys[action])

    @property
    def progress(self) -> Progress:
        standing = self._standing().items()
        actions = [stack[-1].action for issue, stack in standing if not self._waits(issue)]
        postponed = actions.count(Action.SKIP)
        recent = self._paces[-PACE_OVER:]
        return Progress(
            done=len(actions) - postponed + self.unaided,
            postponed=postponed,
            total=len(self._queued),
            pace=statistics.median(recent) if len(recent) >= PACE_FROM else None,
        )

    @property
    def tally(self) -> Counter[Action]:
        """How many issues of the queue stand answered in each way, over all sessions."""
        return Counter(stack[-1].action for stack in self._standing().values())

    @property
    def unaided(self) -> int:
        """How many issues of the queue stand answered by a label alone, without a suggestion."""
        alone = (i for i in self._history.labels if i not in self._history.answers)
        return sum(issue in self._queued and not self._waits(issue) for issue in alone)

    def neighbours(self) -> Iterator[tuple[Example, float]]:
        """The labelled issues the suggestion leans on with their scores, the highest first."""
        if self.item is None or self.item.proposal is None:
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

    def enter(self) -> Decision | Label:
        """Take what is shown: the codes marked where several may be; the rater's own code where it
        stands beside the suggestion; else the suggestion."""
        item = self._current()
        if item.revealed and not (self.several and self.selected):
            return self._keep(item)
        if item.hidden or (self.several and (self.selected or item.suggested)):
            return self.choose(self.selected)
        return self.accept()

    def accept(self) -> Decision:
        """Agree with the suggestion, which may be that no code fits."""
        item = self._current()
        if item.proposal is None:
            raise UsageError("the suggestion is not shown", self.way_out)
        if not item.acceptable:
            raise UsageError(
                f"there is nothing to accept: the model's answer is {item.state!r}", self.way_out
            )
        return self._answer(Action.ACCEPT, item.suggested)

    def open(self, code: str | None) -> None:
        """Let the digits stand for the subcodes of ``code``, or for the categories."""
        self.branch = code

    def pick(self, code: str) -> Decision | Label | None:
        """Answer with ``code``, or, where several codes may be, put it in or take it out."""
        if not self.several:
            return self.choose((code,))
        self._current()
        self._require_known(code)
        self.branch = None
        if code in self.selected:
            self.selected = tuple(other for other in self.selected if other != code)
        else:
            self.selected = (*self.selected, code)
        return None

    def choose(self, codes: Iterable[str]) -> Decision | Label:
        """Answer with ``codes``: a label while the suggestion is hidden, else a correction, or an
        acceptance when they are the suggested ones.

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
        ordered = tuple(code.id for code in self.codebook.codes if code.id in wanted)
        return self._label(item, ordered) if item.hidden else self._judge(item, ordered)

    def reject(self) -> Decision | Label:
        """Answer that no code fits."""
        item = self._current()
        if not self.codebook.allow_none:
            raise UsageError(
                f"codebook {self.codebook.id!r} does not allow 'none fits'",
                self.way_out,
            )
        if item.hidden:
            return self._label(item, ())
        return self._judge(item, ()) if item.revealed else self._answer(Action.REJECT, ())

    def skip(self) -> Decision:
        return self._answer(Action.SKIP, ())

    def flag(self) -> Decision:
        return self._answer(Action.FLAG, ())

    def memo(self, text: str) -> Decision:
        """Add a note to the issue shown, which stays. Raises ``UsageError`` for an empty note."""
        item = self._current()
        if not text.strip():
            hint = f"write {self.key('memo')} and then the note"
            raise UsageError("an empty memo was not kept", hint)
        return self._write(item, Action.MEMO, memo=text.strip())

    def propose(self, change: Change, text: str) -> Decision:
        """Note what should change in the codebook, about the codes before the rater."""
        item = self._current()
        if not text.strip():
            raise UsageError(
                "a change without a word about it was not kept", "say what should change"
            )
        return self._write(item, Action.MEMO, self.about, memo=text.strip(), change=change)

    def undo(self) -> Decision | Label | None:
        """Take back what was done last and show its issue again; ``None`` if nothing is left.

        Reaches back through earlier sessions, over labels and decisions alike. The record stays in
        its file; a new one takes it back. A label whose suggestion was shown after it stays:
        ``UsageError`` says so once, and the next undo goes on to what was before it.
        """
        last = self.last
        if last is None:
            return None
        if last.fixed:
            self._kept.add(last.issue_id)
            raise UsageError(
                "your own label stays, because its suggestion was shown after it",
                f"{self.key('undo')} again for what was before it",
            )
        here = self.item is not None and self.item.issue.id == last.issue_id
        record = self._withdraw(last) if last.kind == "label" else self._take_back(last)
        if not (here and last.kind == "memo"):
            self._show(self._read(self._entries[last.issue_id]))
        return record

    # --- inside ---------------------------------------------------------------------------------

    def _current(self) -> Item:
        if self.item is None:
            undo, leave = self.key("undo"), self.key("quit")
            raise UsageError("every issue is reviewed", f"undo with {undo}, or quit with {leave}")
        return self.item

    def _require_known(self, code: str) -> None:
        if code not in self.codebook.by_id:
            raise UsageError(
                f"{code!r} is not a code of codebook {self.codebook.id!r}",
                f"find one with {self.key('find')}",
            )

    def _standing(self) -> dict[str, list[Decision]]:
        answers = self._history.answers
        return {issue: stack for issue, stack in answers.items() if issue in self._queued}

    def _waits(self, issue_id: str) -> bool:
        """Whether the queue still has to show the issue: it has no answer (a skip is one, and so is
        a label that no suggestion follows), or is to be answered again and was not today."""
        stack = self._history.answers.get(issue_id)
        unaided = issue_id in self._history.labels and self._mode(issue_id) is Mode.HOLDOUT
        if not self.queue.again:
            return not (stack or unaided)
        answered = stack is not None and stack[-1].id in self._today
        return not (answered or (unaided and issue_id in self._labelled))

    def _keep(self, item: Item) -> Decision:
        """Stay with the blind label, the suggestion seen."""
        if self.several and item.own:
            raise UsageError("no code is chosen", self.way_out)
        return self._judge(item, item.own or ())

    def _judge(self, item: Item, codes: tuple[str, ...]) -> Decision:
        """Answer with ``codes``; the action says how they compare with the suggestion."""
        if item.acceptable and set(codes) == set(item.suggested):
            return self._answer(Action.ACCEPT, codes)
        return self._answer(Action.CORRECT if codes else Action.REJECT, codes)

    def _answer(self, action: Action, codes: tuple[str, ...]) -> Decision:
        decision = self._write(self._current(), action, codes)
        if action is not Action.SKIP:
            self._paces.append(decision.seconds + self._spent)
        self._advance()
        return decision

    def _write(
        self,
        item: Item,
        action: Action,
        codes: tuple[str, ...] = (),
        memo: str = "",
        change: Change | None = None,
    ) -> Decision:
        decision = Decision(
            id=uuid.uuid4().hex,
            issue_id=item.issue.id,
            proposal_id=item.proposal_id,
            rater=self.rater,
            action=action,
            codes=codes,
            memo=memo,
            mode=item.mode,
            seen=not item.hidden,
            shown=item.suggested if item.acceptable else None,
            before=self._history.answered(item.issue.id),
            change=change,
            prompt=self._prompt,
            **self._circumstances(item.draw),
        )
        return self._append(decision)

    def _take_back(self, last: Step) -> Decision:
        """Write that a decision no longer stands; it was seen, or not, as that decision was."""
        undone = self._history.decisions[last.decision]
        return self._append(
            Decision(
                id=uuid.uuid4().hex,
                issue_id=undone.issue_id,
                proposal_id=undone.proposal_id,
                rater=self.rater,
                action=Action.UNDO,
                undoes=undone.id,
                mode=undone.mode,
                seen=undone.seen,
                shown=undone.shown,
                before=self._history.answered(undone.issue_id),
                prompt=undone.prompt,
                **self._circumstances(self._draw(self._entries[undone.issue_id])),
            )
        )

    def _append(self, decision: Decision) -> Decision:
        self.journal.append([decision])
        self._today.add(decision.id)
        self._history.add_decision(decision)
        if decision.action not in (Action.MEMO, Action.SHOW):
            self._tell(decision.issue_id)
        self._since = self._clock()
        if decision.action not in (Action.UNDO, Action.SHOW):
            self._kept.clear()
        return decision

    def _tell(self, issue_id: str) -> None:
        """Tell the suggester how an issue stands."""
        if self._suggester is not None:
            stack = self._history.answers.get(issue_id)
            self._suggester.answered(issue_id, stack[-1].action if stack else None)

    def _label(self, item: Item, codes: tuple[str, ...]) -> Label:
        """Write what the rater says before anything is shown, and only then show what comes."""
        memo = "\n".join(memo.memo for memo in self.memos if memo.change is None)
        label = self._append_label(item.issue.id, item.draw, codes, memo=memo, mode=item.mode)
        self._kept.clear()
        if item.mode is Mode.BLIND_FIRST:
            self._show(self._read(self._entries[item.issue.id]))
            self._spent = label.seconds
        else:
            self._paces.append(label.seconds)
            self._advance()
        return label

    def _withdraw(self, last: Step) -> Label:
        draw = self._draw(self._entries[last.issue_id])
        mode = self._history.labels[last.issue_id].mode
        return self._append_label(last.issue_id, draw, (), withdrawn=True, mode=mode)

    def _append_label(
        self, issue_id: str, draw: Draw, codes: tuple[str, ...], **fields: Any
    ) -> Label:
        label = Label(
            issue_id=issue_id,
            rater=self.rater,
            codes=codes,
            source=REVIEW,
            **self._circumstances(draw),
            **fields,
        )
        self.label_journal.append([label])
        self._history.add_label(label)
        self._labelled.add(label.issue_id)
        if self._suggester is not None:
            self._suggester.labelled(label.issue_id, not label.withdrawn)
        self._since = self._clock()
        return label

    def _circumstances(self, draw: Draw) -> dict[str, Any]:
        """When and how the issue came before the rater: the same for labels and decisions."""
        return {
            "seconds": round(self._clock() - self._since, 2),
            "queue": draw.queue,
            "chance": draw.chance,
            "weight": draw.weight,
            "codebook_hash": self.codebook.hash,
            "at": self._history.next_moment(),
        }

    def _ahead(self) -> Iterator[str]:
        """The issues that will come up and may have their suggestion shown, mostly in order."""
        waiting = (e.issue_id for e in self.queue.entries if self._waits(e.issue_id))
        postponed = (entry.issue_id for entry in self._postponed())
        for issue_id in (*(e.issue_id for e in self._pending()), *waiting, *postponed):
            if self._mode(issue_id) is not Mode.HOLDOUT:
                yield issue_id

    def _advance(self) -> None:
        entry = next(self._pending(), None)
        if entry is None:
            entry = self.queue.following(self._waits)
        if entry is None:
            entry = next(self._postponed(), None)
        if entry is None:
            self.item = None
        else:
            self._show(self._read(entry))

    def _pending(self) -> Iterator[Entry]:
        """Issues that were labelled blind first and wait for the answer after the suggestion."""
        for issue_id, label in self._history.labels.items():
            waits = label.mode is Mode.BLIND_FIRST and issue_id not in self._history.answers
            if waits and issue_id in self._queued:
                yield self._entries[issue_id]

    def _postponed(self) -> Iterator[Entry]:
        """Skipped issues in the order of their skips, without those skipped again today."""
        for decision in self._history.decisions.values():
            stack = self._history.answers.get(decision.issue_id, [])
            again = [d for d in stack if d.action is Action.SKIP]
            if (
                decision.action is Action.SKIP
                and decision.issue_id in self._queued
                and stack[-1].id == decision.id
                and not (len(again) > 1 and decision.id in self._today)
            ):
                yield self._entries[decision.issue_id]

    def _mode(self, issue_id: str) -> Mode:
        """How the issue is coded: as its label was, else as it is drawn; what was seen is seen."""
        label = self._history.labels.get(issue_id)
        stands = self._own(issue_id) is not None
        if self.queue.reveals_answers and not stands:
            return Mode.ASSISTED
        if label is not None and label.mode is not None:
            revealed = label.mode is Mode.BLIND_FIRST and not stands
            return Mode.ASSISTED if revealed else label.mode
        drawn = self._shares.mode(self.rater, issue_id)
        seen = issue_id in self._history.seen or issue_id in self._looks
        if seen and not (stands and drawn is Mode.BLIND_FIRST):
            return Mode.ASSISTED
        return drawn

    def _own(self, issue_id: str) -> tuple[str, ...] | None:
        """The rater's label in the codebook of now, ``None`` if there is none or it is stale."""
        label = self._history.labels.get(issue_id)
        if label is None:
            return None
        carried = self._versions.carry(label.codes, label.codebook_hash)
        return None if isinstance(carried, Stale) else carried

    def _read(self, entry: Entry) -> Item:
        issue, proposal = self._pile.read(entry)
        own = self._own(entry.issue_id)
        mode = self._mode(entry.issue_id)
        show = mode is Mode.ASSISTED or (mode is Mode.BLIND_FIRST and own is not None)
        learnt = self._learnt(entry.issue_id, show)
        proposal, stale = (learnt, None) if learnt else self._versions.shown(proposal)
        return Item(
            issue,
            proposal if show else None,
            proposal.id,
            self._draw(entry),
            mode,
            own,
            stale if show else None,
        )

    def _draw(self, entry: Entry) -> Draw:
        return self._history.met.get(entry.issue_id) or self.queue.draw(entry.issue_id)

    def _learnt(self, issue_id: str, show: bool) -> Proposal | None:
        """A suggestion learnt from the rater's answers, if there is one and it may be shown."""
        if self._suggester is None:
            return None
        if show:
            return self._suggester.suggestion_for(issue_id, self._ahead())
        self._suggester.prepare(issue_id, self._ahead())
        return None

    def _show(self, item: Item) -> None:
        """Bring ``item`` before the rater; that its suggestion is shown is on disk before it is."""
        self._since = self._clock()
        if not item.hidden and item.issue.id not in self._history.seen:
            self._write(item, Action.SHOW)
        self.item = item
        self.branch = None
        self.selected = ()
        if self.several:
            self.selected = (item.own or ()) if item.revealed else item.suggested
        self._spent = 0.0
