"""Any history of blind, held-out and assisted answers: what is hidden stays so, nothing is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.runs import make_run, seen
from test_review_blind import BLIND, decisions, give, labels, open_session

from coder.errors import UsageError
from coder.records import Decision, Label, Mode
from coder.storage.blinding import Shares
from coder.storage.run import Run


class AnyHistory(RuleBasedStateMachine):
    """Answers, undos and restarts with changing shares, against what was acknowledged."""

    issues = 5

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.run_ = make_run(Path(self.folder.name), self.issues)
        self.shares = BLIND
        self.acknowledged_labels: list[Label] = []
        self.acknowledged_decisions: list[Decision] = []
        self.seen: set[str] = set()
        """The issues whose suggestion a front end was given to show."""
        self.open()

    def open(self) -> None:
        self.session = open_session(self.run_, self.shares)

    @invariant()
    def what_is_shown_is_on_record(self) -> None:
        item = self.session.item
        if item is None:
            return
        if item.hidden:
            assert item.issue.id not in self.seen, "what was shown is never hidden again"
        else:
            self.seen.add(item.issue.id)
        assert seen(self.run_) == self.seen

    @rule(blind=st.sampled_from([0.0, 0.5, 1.0]), holdout=st.sampled_from([0.0, 0.5]))
    def restart(self, blind: float, holdout: float) -> None:
        self.shares = Shares(blind, holdout, "s")
        self.open()

    @precondition(lambda self: self.session.item is not None)
    @rule(how=st.sampled_from(["looks.green", "taste.sour", "none", "skip", "flag", "memo"]))
    def answer(self, how: str) -> None:
        self.give(how)

    @precondition(lambda self: self.session.view.answerable)
    @rule(how=st.sampled_from(["enter", "accept"]))
    def agree(self, how: str) -> None:
        self.give(how)

    def give(self, how: str) -> None:
        item = self.session.item
        assert item is not None
        blind = item.issue.id not in self.seen
        record = give(self.session, how)
        self.acknowledge(record)
        assert record.issue_id == item.issue.id
        judged = how not in ("skip", "flag", "memo")
        assert isinstance(record, Label) == (item.hidden and judged)
        if isinstance(record, Label):
            assert blind
            assert record.mode is not Mode.ASSISTED
            after = self.session.item
            assert (after is not None and after.issue.id == record.issue_id and after.revealed) == (
                record.mode is Mode.BLIND_FIRST
            )
        elif item.hidden:
            assert (record.seen, record.shown) == (False, None)
        else:
            assert (record.seen, record.shown) == (True, ("taste.sour",))

    @rule()
    def undo(self) -> None:
        before = self.session.view.last
        try:
            record = self.session.undo()
        except UsageError:
            assert before is not None
            assert before.fixed
            return
        assert (record is None) == (before is None)
        if record is not None and before is not None:
            assert record.issue_id == before.issue_id
            self.acknowledge(record)

    def acknowledge(self, record: Label | Decision) -> None:
        if isinstance(record, Label):
            self.acknowledged_labels.append(record)
        else:
            self.acknowledged_decisions.append(record)
        # Whatever dies now: both files hold all that was said, in its order, and nothing else.
        assert labels(self.run_) == self.acknowledged_labels
        assert decisions(self.run_) == self.acknowledged_decisions

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        run = Run.open(self.run_.path.parent, self.run_.name)
        assert run.label_journal("ann").broken_line() is None
        assert run.decision_journal("ann").broken_line() is None
        ids = [d.id for d in self.acknowledged_decisions]
        assert len(set(ids)) == len(ids)
        first = [x.issue_id for x in self.acknowledged_labels if x.mode is Mode.BLIND_FIRST]
        assert len(set(first)) == len(first), "a label is given blind first once"
        answered = set(run.decisions("ann")) | {
            i for i, label in run.labels("ann").items() if label.mode is Mode.HOLDOUT
        }
        done = self.session.view.progress
        assert done.done + done.postponed == len(answered)
        self.folder.cleanup()


AnyHistory.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyHistory = AnyHistory.TestCase
