"""The review as a state machine without a terminal: one item, one answer, one record on disk.

Every front end drives a :class:`ReviewSession`, and shows what its view says. An answer is appended
to one of the rater's two journals, and synced, before the session moves on; so what a front end has
shown as answered is on disk. So is that a suggestion is shown, before a front end gets it; whatever
ends the review then, the issue is not blind any more. Everything the session knows is derived from
those journals, which makes a restart nothing special. What is answered before the suggestion was
shown is a blind label, what is answered after it a decision; an item whose suggestion is hidden
does not hold it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from coder.errors import UsageError
from coder.records import Action, Change, Decision, Label, Mode, Proposal
from coder.review.keymap import KEYS
from coder.review.queues import EVERYTHING, Only, Order
from coder.review.state import Item, ReviewState
from coder.review.view import ReviewView
from coder.storage.blinding import Shares
from coder.storage.history import REVIEW, Step
from coder.storage.run import Run
from coder.storage.sampling import Draw


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
        self._state = ReviewState(run, rater, order, only, against, shares)
        self.view = ReviewView(self._state, keys, suggester.answers if suggester else None)
        self.run = run
        self.codebook = run.codebook
        self.journal = self._state.journal
        self.label_journal = self._state.label_journal
        made = run.manifest.model
        self._prompt = f"{made.get('prompt', '')} {made.get('prompt_hash', '')[:8]}".strip()
        self._suggester = suggester
        self._clock = clock
        self._spent = 0.0
        """Seconds spent on the item before its suggestion was shown."""
        self._since = clock()
        for issue_id in self._state.history.answers:
            self._tell(issue_id)
        self._advance()

    @property
    def item(self) -> Item | None:
        return self._state.item

    # --- answers --------------------------------------------------------------------------------

    def enter(self) -> Decision | Label:
        """Take what is shown: the codes marked where several may be; the rater's own code where it
        stands beside the suggestion; else the suggestion."""
        item = self._current()
        if item.revealed and not (self.view.several and self._state.selected):
            return self._keep(item)
        if item.hidden or (self.view.several and (self._state.selected or item.suggested)):
            return self.choose(self._state.selected)
        return self.accept()

    def accept(self) -> Decision:
        """Agree with the suggestion, which may be that no code fits."""
        item = self._current()
        if item.proposal is None:
            raise UsageError("the suggestion is not shown", self.view.way_out)
        if not item.acceptable:
            raise UsageError(
                f"there is nothing to accept: the model's answer is {item.state!r}",
                self.view.way_out,
            )
        return self._answer(Action.ACCEPT, item.suggested)

    def open(self, code: str | None) -> None:
        """Let the digits stand for the subcodes of ``code``, or for the categories."""
        self._state.branch = code

    def pick(self, code: str) -> Decision | Label | None:
        """Answer with ``code``, or, where several codes may be, put it in or take it out."""
        if not self.view.several:
            return self.choose((code,))
        self._current()
        self._require_known(code)
        self._state.branch = None
        if code in self._state.selected:
            self._state.selected = tuple(other for other in self._state.selected if other != code)
        else:
            self._state.selected = (*self._state.selected, code)
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
            raise UsageError("no code is chosen", self.view.way_out)
        if len(wanted) > 1 and not self.view.several:
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
                self.view.way_out,
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
            hint = f"write {self.view.key('memo')} and then the note"
            raise UsageError("an empty memo was not kept", hint)
        return self._write(item, Action.MEMO, memo=text.strip())

    def propose(self, change: Change, text: str) -> Decision:
        """Note what should change in the codebook, about the codes before the rater."""
        item = self._current()
        if not text.strip():
            raise UsageError(
                "a change without a word about it was not kept", "say what should change"
            )
        return self._write(item, Action.MEMO, self.view.about, memo=text.strip(), change=change)

    def undo(self) -> Decision | Label | None:
        """Take back what was done last and show its issue again; ``None`` if nothing is left.

        Reaches back through earlier sessions, over labels and decisions alike. The record stays in
        its file; a new one takes it back. A label whose suggestion was shown after it stays:
        ``UsageError`` says so once, and the next undo goes on to what was before it.
        """
        last = self.view.last
        if last is None:
            return None
        if last.fixed:
            self._state.kept.add(last.issue_id)
            raise UsageError(
                "your own label stays, because its suggestion was shown after it",
                f"{self.view.key('undo')} again for what was before it",
            )
        here = self.item is not None and self.item.issue.id == last.issue_id
        record = self._withdraw(last) if last.kind == "label" else self._take_back(last)
        if not (here and last.kind == "memo"):
            self._show(last.issue_id)
        return record

    # --- inside ---------------------------------------------------------------------------------

    def _current(self) -> Item:
        if self.item is None:
            undo, leave = self.view.key("undo"), self.view.key("quit")
            raise UsageError("every issue is reviewed", f"undo with {undo}, or quit with {leave}")
        return self.item

    def _require_known(self, code: str) -> None:
        if code not in self.codebook.by_id:
            raise UsageError(
                f"{code!r} is not a code of codebook {self.codebook.id!r}",
                f"find one with {self.view.key('find')}",
            )

    def _keep(self, item: Item) -> Decision:
        """Stay with the blind label, the suggestion seen."""
        if self.view.several and item.own:
            raise UsageError("no code is chosen", self.view.way_out)
        return self._judge(item, item.own or ())

    def _judge(self, item: Item, codes: tuple[str, ...]) -> Decision:
        """Answer with ``codes``; the action says how they compare with the suggestion."""
        if item.acceptable and set(codes) == set(item.suggested):
            return self._answer(Action.ACCEPT, codes)
        return self._answer(Action.CORRECT if codes else Action.REJECT, codes)

    def _answer(self, action: Action, codes: tuple[str, ...]) -> Decision:
        decision = self._write(self._current(), action, codes)
        if action is not Action.SKIP:
            self._state.paces.append(decision.seconds + self._spent)
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
            rater=self._state.rater,
            action=action,
            codes=codes,
            memo=memo,
            mode=item.mode,
            seen=not item.hidden,
            shown=item.suggested if item.acceptable else None,
            before=self._state.history.answered(item.issue.id),
            change=change,
            prompt=self._prompt,
            **self._circumstances(item.draw),
        )
        return self._append(decision)

    def _take_back(self, last: Step) -> Decision:
        """Write that a decision no longer stands; it was seen, or not, as that decision was."""
        undone = self._state.history.decisions[last.decision]
        return self._append(
            Decision(
                id=uuid.uuid4().hex,
                issue_id=undone.issue_id,
                proposal_id=undone.proposal_id,
                rater=self._state.rater,
                action=Action.UNDO,
                undoes=undone.id,
                mode=undone.mode,
                seen=undone.seen,
                shown=undone.shown,
                before=self._state.history.answered(undone.issue_id),
                prompt=undone.prompt,
                **self._circumstances(self._state.draw(undone.issue_id)),
            )
        )

    def _append(self, decision: Decision) -> Decision:
        self.journal.append([decision])
        self._state.add_decision(decision)
        if decision.action not in (Action.MEMO, Action.SHOW):
            self._tell(decision.issue_id)
        self._since = self._clock()
        if decision.action not in (Action.UNDO, Action.SHOW):
            self._state.kept.clear()
        return decision

    def _tell(self, issue_id: str) -> None:
        """Tell the suggester how an issue stands."""
        if self._suggester is not None:
            stack = self._state.history.answers.get(issue_id)
            self._suggester.answered(issue_id, stack[-1].action if stack else None)

    def _label(self, item: Item, codes: tuple[str, ...]) -> Label:
        """Write what the rater says before anything is shown, and only then show what comes."""
        memo = "\n".join(memo.memo for memo in self.view.memos if memo.change is None)
        label = self._append_label(item.issue.id, item.draw, codes, memo=memo, mode=item.mode)
        self._state.kept.clear()
        if item.mode is Mode.BLIND_FIRST:
            self._show(item.issue.id)
            self._spent = label.seconds
        else:
            self._state.paces.append(label.seconds)
            self._advance()
        return label

    def _withdraw(self, last: Step) -> Label:
        draw = self._state.draw(last.issue_id)
        mode = self._state.history.labels[last.issue_id].mode
        return self._append_label(last.issue_id, draw, (), withdrawn=True, mode=mode)

    def _append_label(
        self, issue_id: str, draw: Draw, codes: tuple[str, ...], **fields: Any
    ) -> Label:
        label = Label(
            issue_id=issue_id,
            rater=self._state.rater,
            codes=codes,
            source=REVIEW,
            **self._circumstances(draw),
            **fields,
        )
        self.label_journal.append([label])
        self._state.add_label(label)
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
            "at": self._state.history.next_moment(),
        }

    def _advance(self) -> None:
        following = self._state.following()
        if following is None:
            self._state.item = None
        else:
            self._show(following)

    def _show(self, issue_id: str) -> None:
        """Bring an issue before the rater; that its suggestion is shown is on disk before it is."""
        item = self._read(issue_id)
        self._since = self._clock()
        if not item.hidden and item.issue.id not in self._state.history.seen:
            self._write(item, Action.SHOW)
        self._state.item = item
        self._state.branch = None
        self._state.selected = ()
        if self.view.several:
            self._state.selected = (item.own or ()) if item.revealed else item.suggested
        self._spent = 0.0

    def _read(self, issue_id: str) -> Item:
        """The issue, with a suggestion learnt from the rater's answers if there is one."""
        issue, proposal = self._state.read(issue_id)
        learnt = None
        if self._suggester is None:
            pass
        elif self._state.shows(issue_id):
            learnt = self._suggester.suggestion_for(issue_id, self._state.ahead())
        else:
            self._suggester.prepare(issue_id, self._state.ahead())
        return self._state.item_of(issue, proposal, learnt)
