"""Blind-first and held-out issues: what is hidden, what is a label, and what can be taken back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.runs import done, make_issue, make_proposal, make_run, seen

from coder.errors import StorageError, UsageError
from coder.records import Action, Change, Decision, Label, Mode, Status
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage import history
from coder.storage.blinding import Shares
from coder.storage.run import Run

BLIND = Shares(blind=1)
HOLDOUT = Shares(holdout=1)


def open_session(run: Run, shares: Shares = BLIND, order: Order = Order.FILE) -> ReviewSession:
    return ReviewSession(Run.open(run.path.parent, run.name), "ann", order, shares=shares)


def labels(run: Run) -> list[Label]:
    return list(run.label_journal("ann"))


def decisions(run: Run) -> list[Decision]:
    return done(run)


def looks(run: Run) -> list[str]:
    """The issues of the lines that say that a suggestion is about to be shown, in their order."""
    return [d.issue_id for d in run.decision_journal("ann") if d.action is Action.SHOW]


def shown(session: ReviewSession) -> str:
    assert session.item is not None
    return session.item.issue.id


# --- blind first --------------------------------------------------------------------------------


def test_nothing_of_the_model_is_in_the_session_before_the_label(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path))
    item = session.item
    assert item is not None
    assert item.hidden
    assert item.proposal is None
    assert (item.suggested, item.evidence, item.acceptable) == ((), (), False)
    assert list(session.view.neighbours()) == []
    assert not session.view.answerable
    for impossible in (session.enter, session.accept):
        with pytest.raises(UsageError):
            impossible()


def test_digits_stand_for_the_codebook_in_its_own_order(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path))
    assert [(o.number, o.code.id, o.opens) for o in session.view.options] == [
        (1, "taste", True),
        (2, "looks", True),
    ]
    session.open("looks")
    assert [o.code.id for o in session.view.options] == ["looks.green", "looks.bruised"]
    assert {o.confidence for o in session.view.options} == {None}
    session.open(None)
    assert len(session.view.options) == 2


def test_the_label_is_on_disk_when_the_suggestion_comes(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    session.memo("quite odd")
    label = session.pick("looks.green")
    assert isinstance(label, Label)
    assert labels(run) == [label]
    assert (label.codes, label.mode, label.blind) == (("looks.green",), Mode.BLIND_FIRST, True)
    assert (label.memo, label.source, label.queue) == ("quite odd", "review", "file")
    assert label.codebook_hash == run.codebook.hash
    assert shown(session) == "i1"
    assert session.item is not None
    assert session.item.revealed
    assert session.item.suggested == ("taste.sour",)
    assert [o.code.id for o in session.view.options] == ["looks.green", "taste.bland"]
    assert session.view.progress.done == 0


@pytest.mark.parametrize(
    ("own", "then", "action", "codes"),
    [
        ("looks.green", "enter", Action.CORRECT, ("looks.green",)),
        ("taste.sour", "enter", Action.ACCEPT, ("taste.sour",)),
        ("looks.green", "accept", Action.ACCEPT, ("taste.sour",)),
        ("looks.green", "taste.bland", Action.CORRECT, ("taste.bland",)),
        ("looks.green", "taste.sour", Action.ACCEPT, ("taste.sour",)),
        ("looks.green", "none", Action.REJECT, ()),
        ("none", "enter", Action.REJECT, ()),
    ],
)
def test_what_comes_after_the_reveal_is_a_decision(
    tmp_path: Path, own: str, then: str, action: Action, codes: tuple[str, ...]
) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    give(session, own)
    give(session, then)
    (decision,) = decisions(run)
    assert (decision.action, decision.codes) == (action, codes)
    assert (decision.mode, decision.seen, decision.shown) == (
        Mode.BLIND_FIRST,
        True,
        ("taste.sour",),
    )
    assert decision.before == (() if own == "none" else (own,))
    assert len(labels(run)) == 1
    assert shown(session) == "i2"
    assert session.item is not None
    assert session.item.hidden


def test_an_abstention_is_agreed_with_by_none_fits(tmp_path: Path) -> None:
    issue = make_issue(1)
    run = make_run(tmp_path, [issue], [make_proposal(issue, status=Status.ABSTAINED, codes=())])
    session = open_session(run)
    session.reject()
    session.enter()
    (decision,) = decisions(run)
    assert (decision.action, decision.shown, decision.before) == (Action.ACCEPT, (), ())


def test_a_failed_proposal_shows_no_codes_and_ones_own_is_kept(tmp_path: Path) -> None:
    issue = make_issue(1)
    failed = make_proposal(issue, status=Status.FAILED, codes=(), runners_up=())
    run = make_run(tmp_path, [issue], [failed])
    session = open_session(run)
    session.pick("looks.green")
    session.enter()
    (decision,) = decisions(run)
    assert (decision.action, decision.shown, decision.seen) == (Action.CORRECT, None, True)


def test_a_session_that_died_after_the_label_goes_on_at_the_reveal(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    session.skip()
    give(session, "looks.green")
    for shares, order in ((BLIND, Order.FILE), (Shares(), Order.RANDOM), (HOLDOUT, Order.FILE)):
        again = open_session(run, shares, order)
        assert shown(again) == "i2"
        assert again.item is not None
        assert again.item.revealed
        assert again.item.own == ("looks.green",)
    again.enter()
    assert len(labels(run)) == 1
    assert decisions(run)[-1].mode is Mode.BLIND_FIRST


def test_a_revealed_label_stays_and_its_decision_can_be_undone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    give(session, "looks.bruised")
    session.enter()
    give(session, "looks.green")
    with pytest.raises(UsageError, match="stays"):
        session.undo()
    assert shown(session) == "i2"
    undo = session.undo()
    assert isinstance(undo, Decision)
    assert shown(session) == "i1"
    assert session.item is not None
    assert session.item.revealed
    with pytest.raises(UsageError, match="stays"):
        session.undo()
    assert session.undo() is None
    session.accept()
    assert shown(session) == "i2", "what waits for its second answer comes first"
    assert [label.codes for label in labels(run)] == [("looks.bruised",), ("looks.green",)]
    assert [d.action.value for d in decisions(run)] == ["correct", "undo", "accept"]


def test_skip_flag_and_memo_before_the_label_saw_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, 4)
    session = open_session(run)
    session.skip()
    session.flag()
    session.memo("hm")
    session.propose(Change.NEW, "a code for worms")
    session.undo()
    give(session, "looks.green")
    session.skip()
    found = decisions(run)
    assert [(d.seen, d.shown, d.mode) for d in found[:5]] == [(False, None, Mode.BLIND_FIRST)] * 5
    assert (found[5].action, found[5].seen, found[5].before) == (
        Action.SKIP,
        True,
        ("looks.green",),
    )
    give(session, "taste.bland")
    session.enter()
    assert shown(session) == "i1"
    assert session.item is not None
    assert session.item.hidden, "a skip before the label leaves the issue blind"


def test_what_was_seen_is_never_blind_again(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run, Shares())
    session.enter()
    session.undo()
    again = open_session(run)
    assert shown(again) == "i1"
    assert again.item is not None
    assert (again.item.mode, again.item.hidden) == (Mode.ASSISTED, False)
    again.enter()
    assert again.item is not None
    assert (shown(again), again.item.hidden) == ("i2", False), "it was there before the undo"
    again.enter()
    assert again.item is not None
    assert (shown(again), again.item.hidden) == ("i3", True)


def test_a_suggestion_is_on_record_as_seen_before_it_is_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run, Shares())
    session.enter()
    *_, look = run.decision_journal("ann")
    assert (look.action, look.issue_id, look.seen) == (Action.SHOW, "i2", True)
    assert (look.shown, look.proposal_id, look.codes) == (("taste.sour",), "p-i2", ())
    assert run.decisions("ann").keys() == {"i1"}, "it answers nothing"
    # The session ends here without a word, as when its process is killed.
    again = open_session(run, BLIND)
    assert again.view.last is not None and again.view.last.issue_id == "i1", (
        "nor can it be taken back"
    )
    assert shown(again) == "i2"
    assert again.item is not None and again.item.mode is Mode.ASSISTED
    assert looks(run) == ["i1", "i2"], "once is enough"
    assert seen(run) == {"i1", "i2"}
    refused = run.add_labels("ann", [imported("i2", "taste.sour"), imported("i3", "taste.sour")])
    assert [*refused.not_blind] == ["i2"]


def test_what_cannot_be_put_on_record_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(make_run(tmp_path), Shares())
    append = session.journal.append

    def full(records: list[Decision]) -> None:
        if any(record.action is Action.SHOW for record in records):
            raise StorageError("no space", "free some")
        append(records)

    monkeypatch.setattr(session.journal, "append", full)
    with pytest.raises(StorageError):
        session.enter()
    assert shown(session) == "i1"


def test_what_was_not_shown_stays_blind(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    assert seen(run) == set()
    assert shown(open_session(run)) == "i1"
    give(session, "looks.green")
    assert looks(run) == [], "the label says already that its suggestion came"
    assert seen(run) == {"i1"}


def test_a_suggestion_beside_an_imported_label_is_on_record_as_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.add_labels("ann", [imported("i1", "looks.green")])
    open_session(run, Shares())
    assert looks(run) == ["i1"]
    refused = run.add_labels("ann", [imported("i1", "taste.sour")])
    assert [*refused.not_blind] == ["i1"]
    assert run.labels("ann")["i1"].codes == ("looks.green",)


def test_several_codes_before_and_after_the_reveal(tmp_path: Path) -> None:
    run = make_run(tmp_path, cardinality="multiple")
    session = open_session(run)
    assert session.view.selected == ()
    session.open("looks")
    assert session.pick("looks.green") is None
    session.pick("looks.bruised")
    assert [(o.code.id, o.selected) for o in session.view.options] == [
        ("taste", False),
        ("looks", False),
        ("looks.green", True),
        ("looks.bruised", True),
    ]
    session.enter()
    assert session.view.selected == ("looks.green", "looks.bruised")
    session.pick("looks.green")
    session.enter()
    session.reject()
    session.enter()
    assert [label.codes for label in labels(run)] == [("looks.green", "looks.bruised"), ()]
    assert [(d.action, d.codes) for d in decisions(run)] == [
        (Action.CORRECT, ("looks.bruised",)),
        (Action.REJECT, ()),
    ]


# --- held out -----------------------------------------------------------------------------------


def test_the_label_alone_answers_a_held_out_issue(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run, HOLDOUT)
    give(session, "looks.green")
    assert shown(session) == "i2"
    assert (session.view.progress.done, session.view.unaided) == (1, 1)
    give(session, "none")
    give(session, "looks")
    assert session.item is None
    assert decisions(run) == []
    assert {label.mode for label in labels(run)} == {Mode.HOLDOUT}
    assert open_session(run, Shares()).item is None, "also when nothing is held out any more"


def test_a_held_out_label_is_taken_back_and_given_again_after_a_restart(tmp_path: Path) -> None:
    run = make_run(tmp_path, 2)
    session = open_session(run, HOLDOUT)
    give(session, "looks.green")
    session.flag()
    session = open_session(run, HOLDOUT)
    assert isinstance(session.undo(), Decision)
    withdrawn = session.undo()
    assert isinstance(withdrawn, Label)
    assert (withdrawn.withdrawn, withdrawn.codes, withdrawn.mode) == (True, (), Mode.HOLDOUT)
    assert shown(session) == "i1"
    assert session.undo() is None
    assert Run.open(tmp_path, run.name).labels("ann") == {}
    give(session, "taste.bland")
    standing = Run.open(tmp_path, run.name).labels("ann")
    assert {i: label.codes for i, label in standing.items()} == {"i1": ("taste.bland",)}
    assert run.label_journal("ann").broken_line() is None


def test_the_order_of_two_files_outlives_a_clock_that_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
    moments = iter(start - timedelta(hours=n) for n in range(100))
    monkeypatch.setattr(history, "now", lambda: next(moments))
    run = make_run(tmp_path, 4)
    session = open_session(run, HOLDOUT)
    give(session, "looks.green")
    session.flag()
    give(session, "taste.bland")
    session.skip()
    session = open_session(run, HOLDOUT)
    undone = [session.undo() for _ in range(4)]
    assert [record.issue_id for record in undone if record] == ["i4", "i3", "i2", "i1"]


# --- labels from elsewhere ----------------------------------------------------------------------


def imported(issue_id: str, code: str) -> Label:
    return Label(issue_id=issue_id, rater="ann", codes=(code,), source="labels.csv")


def test_an_imported_label_goes_straight_to_the_reveal_when_blind(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.add_labels("ann", [imported("i1", "looks.green")])
    session = open_session(run)
    assert session.item is not None
    assert session.item.revealed
    session.enter()
    (decision,) = decisions(run)
    assert (decision.mode, decision.before) == (Mode.BLIND_FIRST, ("looks.green",))
    session.undo()
    assert session.item.revealed
    assert session.undo() is None, "what was imported is not the review's to take back"


def test_an_imported_label_before_an_assisted_review(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.add_labels("ann", [imported("i1", "looks.green")])
    session = open_session(run, Shares())
    session.enter()
    (decision,) = decisions(run)
    assert (decision.mode, decision.before) == (Mode.ASSISTED, ("looks.green",))
    assert (decision.action, decision.codes) == (Action.ACCEPT, ("taste.sour",))


def test_an_imported_label_answers_a_held_out_issue(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.add_labels("ann", [imported("i1", "looks.green")])
    assert shown(open_session(run, HOLDOUT)) == "i2"


def test_no_label_is_imported_over_one_whose_suggestion_was_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    give(session, "looks.green")
    done = run.add_labels("ann", [imported("i1", "taste.sour"), imported("i2", "taste.sour")])
    assert [*done.not_blind] == ["i1"]
    assert [label.issue_id for label in done.added] == ["i2"]


# --- what a decision says of its circumstances --------------------------------------------------


def test_a_decision_tells_what_was_shown_and_by_which_prompt(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    path = run.path / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["model"] |= {"prompt": "propose.v1", "prompt_hash": "0123456789abcdef"}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    session = open_session(run, Shares())
    session.skip()
    session.pick("looks.green")
    session.enter()
    session.reject()
    found = decisions(run)
    assert {d.prompt for d in found} == {"propose.v1 01234567"}
    assert {d.shown for d in found} == {("taste.sour",)}
    assert {d.mode for d in found} == {Mode.ASSISTED}
    assert [d.before for d in found] == [None] * 4
    session.undo()
    assert decisions(run)[-1].before == ()


def test_a_change_of_the_codebook_is_a_memo_about_the_codes_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run, Shares())
    session.propose(Change.SPLIT, " lemons and limes ")
    (decision,) = decisions(run)
    assert (decision.action, decision.change) == (Action.MEMO, Change.SPLIT)
    assert (decision.codes, decision.memo) == (("taste.sour",), "lemons and limes")
    assert shown(session) == "i1"
    with pytest.raises(UsageError):
        session.propose(Change.NEW, " ")
    session.undo()
    assert session.view.memos == ()


def give(session: ReviewSession, how: str) -> Label | Decision:
    match how:
        case "enter":
            return session.enter()
        case "accept":
            return session.accept()
        case "none":
            return session.reject()
        case "skip":
            return session.skip()
        case "flag":
            return session.flag()
        case "memo":
            return session.memo("a note")
        case _:
            return session.choose([how])
