"""Queues, blind labels and codebook versions together: what is hidden, drawn and asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runs import CODEBOOK, done, make_issue, make_proposal, make_run
from support.sampling import inclusion

from coder.errors import UsageError
from coder.records import Action, Decision, Label, Mode, ScoredCode
from coder.review.queues import Only, Order
from coder.review.session import ReviewSession
from coder.revision.migration import migrate, plan
from coder.storage.blinding import Shares
from coder.storage.run import Run

BOOK = CODEBOOK.format(cardinality="single", allow_none="true").replace(
    "name: Fruit complaints", 'name: Fruit complaints\nversion: "2"'
)
REDEFINED = BOOK.replace("No flavour at all.", "Less flavour than water.")
SOUR_REDEFINED = BOOK.replace("Acid beyond what", "More acid than")
RENAMED = BOOK.replace("id: taste.sour,", "id: taste.acid, replaces: [taste.sour],")


def open_session(run: Run, shares: Shares = Shares(), **options: object) -> ReviewSession:  # noqa: B008
    fresh = Run.open(run.path.parent, run.name)
    return ReviewSession(fresh, "ann", shares=shares, **options)  # type: ignore[arg-type]


def go_on(run: Run, text: str) -> Run:
    path = run.path.parent / "later.yaml"
    path.write_text(text)
    return migrate(run, path, plan(run, path)[0])


def doubtful(tmp_path: Path, n: int = 6) -> Run:
    issues = [make_issue(i) for i in range(1, n + 1)]
    proposals = [
        make_proposal(issue, codes=(ScoredCode(code="taste.sour", confidence=at / (n + 1)),))
        for at, issue in enumerate(issues, start=1)
    ]
    return make_run(tmp_path, issues, proposals)


def shown(session: ReviewSession) -> str:
    assert session.item is not None
    return session.item.issue.id


@pytest.mark.parametrize("order", [Order.RANDOM, Order.UNCERTAIN])
def test_a_blind_label_says_how_its_issue_was_drawn(tmp_path: Path, order: Order) -> None:
    run = doubtful(tmp_path, 20)
    shares = Shares(blind=0.5, holdout=0.3)
    session = open_session(run, shares, order=order)
    while session.item is not None:
        session.choose(("taste.bland",))
    plain = doubtful(tmp_path / "plain", 20)
    assisted = open_session(plain, order=order)
    while assisted.item is not None:
        assisted.accept()
    labels, decisions = list(run.label_journal("ann")), list(run.decision_journal("ann"))
    assert {label.mode for label in labels} == {Mode.BLIND_FIRST, Mode.HOLDOUT}
    drawn = {d.issue_id: (d.queue, d.chance, d.weight) for d in plain.decision_journal("ann")}
    for record in (*labels, *decisions):
        assert (record.queue, record.chance, record.weight) == drawn[record.issue_id]
    assert (len({label.weight for label in labels}) > 1) is (order is Order.UNCERTAIN)
    everything: list[Label | Decision] = sorted([*labels, *decisions], key=lambda r: r.at)
    assert inclusion(everything) == dict.fromkeys(drawn, 1.0)


def test_issues_labelled_blind_were_met_by_their_queue(tmp_path: Path) -> None:
    run = doubtful(tmp_path)
    session = open_session(run, Shares(holdout=1), order=Order.FILE)
    session.choose(("taste.bland",))
    session.choose(("taste.bland",))
    later = open_session(run, order=Order.RANDOM)
    while later.item is not None:
        later.accept()
    decisions = done(run)
    assert [d.queue for d in decisions] == ["random"] * 4
    assert [d.chance for d in decisions] == [1 / 4, 2 / 4, 3 / 4, 1.0]


@pytest.mark.parametrize("shares", [Shares(blind=1), Shares(holdout=0.1)])
def test_a_queue_that_tells_the_models_answer_hides_nothing(tmp_path: Path, shares: Shares) -> None:
    run, other = doubtful(tmp_path), doubtful(tmp_path / "other")
    for options in (
        {"only": Only(code="taste.sour")},
        {"order": Order.DISAGREEMENT, "against": other},
    ):
        with pytest.raises(UsageError, match="no label given in it would be blind"):
            open_session(run, shares, **options)
        item = open_session(run, **options).item
        assert item is not None
        assert item.mode is Mode.ASSISTED
    assert not (run.path / "labels").exists()


def test_a_held_out_label_of_another_codebook_is_given_again_unseen(tmp_path: Path) -> None:
    run = doubtful(tmp_path, 3)
    session = open_session(run, Shares(holdout=1), order=Order.FILE)
    session.choose(("taste.bland",))
    session.choose(("taste.sour",))
    later = go_on(run, REDEFINED)
    assert shown(open_session(later, Shares(holdout=1), order=Order.FILE)) == "i3"
    again = open_session(later, Shares(holdout=1), only=Only(stale=True))
    assert (shown(again), again.view.progress.total, again.view.progress.done) == ("i1", 1, 0)
    assert again.item is not None
    assert again.item.hidden
    assert isinstance(again.choose(("taste.sour",)), Label)
    assert (again.item, again.view.progress.done) == (None, 1)
    again.undo()
    assert (shown(again), again.view.progress.done) == ("i1", 0)
    again.choose(("taste.sour",))
    with pytest.raises(UsageError, match="no issue of run"):
        open_session(later, only=Only(stale=True))


def test_a_stale_label_held_out_is_not_blind_in_a_queue_that_tells(tmp_path: Path) -> None:
    run = doubtful(tmp_path, 2)
    open_session(run, Shares(holdout=1), order=Order.FILE).choose(("taste.bland",))
    later = go_on(run, REDEFINED)
    session = open_session(later, only=Only(stale=True, code="taste.sour"))
    assert session.item is not None
    assert not session.item.hidden
    assert isinstance(session.accept(), Decision)


def test_a_blind_first_label_whose_code_is_gone_was_shown_its_suggestion(tmp_path: Path) -> None:
    run = doubtful(tmp_path, 2)
    session = open_session(run, Shares(blind=1), order=Order.FILE)
    session.choose(("taste.bland",))
    again = open_session(go_on(run, REDEFINED), Shares(blind=1), order=Order.FILE)
    assert again.item is not None
    assert shown(again) == "i1"
    assert (again.item.mode, again.item.own) == (Mode.ASSISTED, None)
    decision = again.accept()
    assert (decision.mode, decision.seen) == (Mode.ASSISTED, True)


def test_ones_own_label_and_the_suggestion_are_shown_under_the_new_ids(tmp_path: Path) -> None:
    run = doubtful(tmp_path, 2)
    open_session(run, Shares(blind=1), order=Order.FILE).choose(("taste.sour",))
    again = open_session(go_on(run, RENAMED), order=Order.FILE)
    assert again.item is not None
    assert (again.item.own, again.item.suggested) == (("taste.acid",), ("taste.acid",))
    assert again.enter().codes == ("taste.acid",)


def test_why_a_suggestion_is_stale_is_hidden_with_it(tmp_path: Path) -> None:
    session = open_session(go_on(doubtful(tmp_path, 1), SOUR_REDEFINED), Shares(blind=1))
    assert session.item is not None
    assert (session.item.stale, session.item.state) == (None, "hidden")
    session.choose(("taste.bland",))
    assert (session.item.stale is None, session.item.state) == (False, "stale")


def test_a_queue_by_code_asks_for_the_codebook_of_now(tmp_path: Path) -> None:
    run = go_on(doubtful(tmp_path, 3), RENAMED)
    session = open_session(run, only=Only(code="taste.acid"))
    assert session.view.progress.total == 3
    assert session.accept().queue == "random codebook=2 code=taste.acid"
    assert inclusion(run.decision_journal("ann"))


def test_a_stale_suggestion_is_as_uncertain_as_none(tmp_path: Path) -> None:
    run = go_on(doubtful(tmp_path), SOUR_REDEFINED)
    session = open_session(run, order=Order.UNCERTAIN)
    while session.item is not None:
        session.reject()
    assert {d.weight for d in run.decision_journal("ann")} == {1.0}
    assert {d.queue for d in run.decision_journal("ann")} == {"uncertain codebook=2"}


def test_a_flag_is_answered_by_a_label_without_suggestion(tmp_path: Path) -> None:
    run = doubtful(tmp_path, 2)
    session = open_session(run, Shares(holdout=1), order=Order.FILE)
    session.flag()
    again = open_session(run, Shares(holdout=1), only=Only(flagged="me"))
    assert shown(again) == "i1"
    again.choose(("taste.sour",))
    assert again.item is None
    assert run.decisions("ann")["i1"].action is Action.FLAG
    with pytest.raises(UsageError, match="no issue of run"):
        open_session(run, only=Only(flagged="me"))
