"""Where one rater's review of a run stands: derived from their journals and from the queue.

What is answered, how each issue is coded and what comes next. It is brought up to date by
:class:`coder.review.session.ReviewSession`, and read by :class:`coder.review.view.ReviewView`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coder.codebook.changes import Stale
from coder.errors import UsageError
from coder.records import Action, Decision, Evidence, Issue, Label, Mode, Proposal, Status
from coder.review.queues import Only, Order, Queue, ReviewPool
from coder.revision.migration import Versions
from coder.storage.blinding import Exposure, Shares
from coder.storage.history import History
from coder.storage.intra_rater import person
from coder.storage.run import Run
from coder.storage.sampling import Draw


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
    def ranked(self) -> bool:
        """Whether the model is not sure: it ranks codes and stands by none."""
        unsure = self.proposal is not None and self.proposal.status is Status.UNSURE
        return unsure and self.stale is None

    @property
    def state(self) -> str:
        """How the model's attempt stands: ``hidden``, ``stale``, or the status it ended in."""
        if self.proposal is None:
            return "hidden"
        return "stale" if self.stale else self.proposal.status.value


class ReviewState:
    """What the journals of one rater say, and what is before them."""

    def __init__(
        self, run: Run, rater: str, order: Order, only: Only, against: Run | None, shares: Shares
    ) -> None:
        self.run = run
        self.rater = rater
        self.shares = shares
        self.item: Item | None = None
        self.branch: str | None = None
        """The category whose subcodes the digits stand for, while a suggestion is hidden."""
        self.selected: tuple[str, ...] = ()
        """The codes chosen so far, where the codebook allows several."""
        self.paces: list[float] = []
        """Seconds that each answer of this session took."""
        self.kept: set[str] = set()
        """Issues whose label an undo has just been told to stay."""
        self._decided_now: set[str] = set()
        """Decisions of this session."""
        self._labelled_now: set[str] = set()
        """Issues labelled in this session."""
        self._pool = ReviewPool(run)
        self._versions = Versions(run)
        self._entries = {entry.issue_id: entry for entry in self._pool.entries}
        self.journal = run.decision_journal(rater)
        self.label_journal = run.label_journal(rater)
        self.history = History(self.label_journal, self.journal)
        self.looks = run.exposures(rater).get(person(rater), Exposure()).looks
        """What the rater had seen when the session began, in any run and as any of their passes."""
        self.queue = Queue(run, rater, self._pool, self.history.met, order, only, against)
        self.queued = {entry.issue_id for entry in self.queue.entries}
        if self.queue.reveals_answers and (shares.blind or shares.holdout):
            raise UsageError(
                f"the queue {self.queue.name!r} tells of the model's answers, "
                "so no label given in it would be blind",
                "review in another order, or hide nothing: --blind-share 0 --holdout 0",
            )

    # --- what was written -----------------------------------------------------------------------

    def add_decision(self, decision: Decision) -> None:
        self._decided_now.add(decision.id)
        self.history.add_decision(decision)

    def add_label(self, label: Label) -> None:
        self.history.add_label(label)
        self._labelled_now.add(label.issue_id)

    # --- one issue ------------------------------------------------------------------------------

    def knows(self, issue_id: str) -> bool:
        """Whether the run has the issue, with a proposal for it."""
        return issue_id in self._entries

    def read(self, issue_id: str) -> tuple[Issue, Proposal]:
        """An issue of the run, and the run's own proposal for it."""
        return self._pool.read(self._entries[issue_id])

    def item_of(self, issue: Issue, proposal: Proposal, learnt: Proposal | None) -> Item:
        """What to bring before the rater; ``learnt`` is shown in place of the run's proposal."""
        show = self.shows(issue.id)
        shown, stale = (learnt, None) if learnt else self._versions.shown(proposal)
        return Item(
            issue,
            shown if show else None,
            shown.id,
            self.draw(issue.id),
            self.mode(issue.id),
            self.own(issue.id),
            stale if show else None,
        )

    def standing(self) -> dict[str, list[Decision]]:
        answers = self.history.answers
        return {issue: stack for issue, stack in answers.items() if issue in self.queued}

    def shows(self, issue_id: str) -> bool:
        """Whether the issue's suggestion may be shown now."""
        mode = self.mode(issue_id)
        own = mode is Mode.BLIND_FIRST and self.own(issue_id) is not None
        return mode is Mode.ASSISTED or own

    def mode(self, issue_id: str) -> Mode:
        """How the issue is coded: as its label was, else as it is drawn; what was seen is seen."""
        label = self.history.labels.get(issue_id)
        stands = self.own(issue_id) is not None
        if self.queue.reveals_answers and not stands:
            return Mode.ASSISTED
        if label is not None and label.mode is not None:
            revealed = label.mode is Mode.BLIND_FIRST and not stands
            return Mode.ASSISTED if revealed else label.mode
        drawn = self.shares.mode(self.rater, issue_id)
        seen = issue_id in self.history.seen or issue_id in self.looks
        if seen and not (stands and drawn is Mode.BLIND_FIRST):
            return Mode.ASSISTED
        return drawn

    def own(self, issue_id: str) -> tuple[str, ...] | None:
        """The rater's label in the codebook of now, ``None`` if there is none or it is stale."""
        label = self.history.labels.get(issue_id)
        if label is None:
            return None
        carried = self._versions.carry(label.codes, label.codebook_hash)
        return None if isinstance(carried, Stale) else carried

    def draw(self, issue_id: str) -> Draw:
        return self.history.met.get(issue_id) or self.queue.draw(issue_id)

    def waits(self, issue_id: str) -> bool:
        """Whether the queue still has to show the issue: it has no answer (a skip is one, and so is
        a label that no suggestion follows), or is to be answered again and was not today."""
        stack = self.history.answers.get(issue_id)
        unaided = issue_id in self.history.labels and self.mode(issue_id) is Mode.HOLDOUT
        if not self.queue.again:
            return not (stack or unaided)
        answered = stack is not None and stack[-1].id in self._decided_now
        return not (answered or (unaided and issue_id in self._labelled_now))

    # --- what comes next ------------------------------------------------------------------------

    def following(self) -> str | None:
        """The issue to show next; ``None`` where nothing is left."""
        found = next(self._pending(), None)
        if found is None and (entry := self.queue.following(self.waits)):
            found = entry.issue_id
        return next(self._postponed(), None) if found is None else found

    def ahead(self) -> Iterator[str]:
        """The issues that will come up and may have their suggestion shown, mostly in order."""
        waiting = (e.issue_id for e in self.queue.entries if self.waits(e.issue_id))
        for issue_id in (*self._pending(), *waiting, *self._postponed()):
            if self.mode(issue_id) is not Mode.HOLDOUT:
                yield issue_id

    def _pending(self) -> Iterator[str]:
        """Issues that were labelled blind first and wait for the answer after the suggestion."""
        for issue_id, label in self.history.labels.items():
            waits = label.mode is Mode.BLIND_FIRST and issue_id not in self.history.answers
            if waits and issue_id in self.queued:
                yield issue_id

    def _postponed(self) -> Iterator[str]:
        """Skipped issues in the order of their skips, without those skipped again today."""
        for decision in self.history.decisions.values():
            stack = self.history.answers.get(decision.issue_id, [])
            again = [d for d in stack if d.action is Action.SKIP]
            if (
                decision.action is Action.SKIP
                and decision.issue_id in self.queued
                and stack[-1].id == decision.id
                and not (len(again) > 1 and decision.id in self._decided_now)
            ):
                yield decision.issue_id
