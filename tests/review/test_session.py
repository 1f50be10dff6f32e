"""The review's state machine: what each answer writes, and what any history leaves standing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runs import done, make_issue, make_proposal, make_run

from coder.codebook.search import find_codes
from coder.errors import RunError, UsageError
from coder.records import Action, Status
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.run import Run


def shown(session: ReviewSession) -> str:
    assert session.item is not None
    return session.item.issue.id


def open_session(run: Run, **options: object) -> ReviewSession:
    options.setdefault("order", Order.FILE)
    return ReviewSession(Run.open(run.path.parent, run.name), "ann", **options)  # type: ignore[arg-type]


def test_accept_writes_the_suggestion_before_the_next_item(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    assert shown(session) == "i1"
    decision = session.enter()
    assert shown(session) == "i2"
    assert done(run) == [decision]
    assert (decision.action, decision.codes) == (Action.ACCEPT, ("taste.sour",))
    assert (decision.issue_id, decision.proposal_id) == ("i1", "p-i1")
    assert decision.codebook_hash == run.codebook.hash


def test_digit_corrects_and_the_suggested_code_by_any_way_is_an_acceptance(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path))
    assert [o.code.id for o in session.view.options] == ["looks.green", "taste.bland"]
    first = session.pick("looks.green")
    second = session.choose(["taste.sour"])
    third = session.choose(["looks"])
    assert first is not None
    assert [d.action for d in (first, second, third)] == [
        Action.CORRECT,
        Action.ACCEPT,
        Action.CORRECT,
    ]
    assert third.codes == ("looks",)
    assert session.item is None


@pytest.mark.parametrize("codes", [[], ["no.such"], ["taste.sour", "taste.bland"]])
def test_impossible_codes_change_nothing(tmp_path: Path, codes: list[str]) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    with pytest.raises(UsageError):
        session.choose(codes)
    assert shown(session) == "i1"
    assert done(run) == []


@pytest.mark.parametrize(
    "status", [Status.UNPARSED, Status.OFF_CODEBOOK, Status.REFUSED, Status.FAILED]
)
def test_a_failed_proposal_cannot_be_accepted_but_corrected(tmp_path: Path, status: Status) -> None:
    issue = make_issue(1)
    failed = make_proposal(issue, status=status, codes=(), runners_up=(), evidence=())
    session = open_session(make_run(tmp_path, [issue], [failed]))
    with pytest.raises(UsageError, match=status.value):
        session.enter()
    decision = session.choose(["taste.bland"])
    assert (decision.action, decision.codes) == (Action.CORRECT, ("taste.bland",))


def test_accepting_an_abstention_agrees_that_no_code_fits(tmp_path: Path) -> None:
    issue = make_issue(1)
    abstained = make_proposal(issue, status=Status.ABSTAINED, codes=())
    decision = open_session(make_run(tmp_path, [issue], [abstained])).enter()
    assert (decision.action, decision.codes) == (Action.ACCEPT, ())


def test_none_fits_is_refused_where_the_codebook_forbids_it(tmp_path: Path) -> None:
    assert open_session(make_run(tmp_path, name="yes")).reject().action is Action.REJECT
    session = open_session(make_run(tmp_path, name="no", allow_none=False))
    with pytest.raises(UsageError, match="does not allow"):
        session.reject()


def test_several_codes_are_marked_and_taken_together(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path, cardinality="multiple"))
    assert session.view.selected == ("taste.sour",)
    assert session.pick("looks.bruised") is None
    assert [o.code.id for o in session.view.options if o.selected] == [
        "taste.sour",
        "looks.bruised",
    ]
    decision = session.enter()
    assert (decision.action, decision.codes) == (Action.CORRECT, ("taste.sour", "looks.bruised"))
    session.pick("looks.green")
    session.pick("looks.green")
    assert session.enter().action is Action.ACCEPT
    session.pick("taste.sour")
    with pytest.raises(UsageError, match="no code is chosen"):
        session.enter()


def test_skipped_issues_come_last_once_a_session(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    session.skip()
    assert shown(session) == "i2"
    session.enter()
    session.enter()
    assert shown(session) == "i1"
    session.skip()
    assert session.item is None
    assert (session.view.progress.done, session.view.progress.postponed) == (2, 1)
    again = open_session(run)
    assert shown(again) == "i1"
    again.enter()
    assert again.item is None


def test_flag_takes_the_issue_out_of_the_queue(tmp_path: Path) -> None:
    run = make_run(tmp_path, 1)
    open_session(run).flag()
    assert open_session(run).item is None
    assert run.decisions("ann")["i1"].action is Action.FLAG


def test_undo_reaches_into_earlier_sessions_and_erases_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    session.enter()
    session.memo("odd one")
    session.enter()
    session = open_session(run)
    undone = [session.undo() for _ in range(3)]
    assert shown(session) == "i1"
    assert session.view.memos == ()
    assert session.undo() is None
    assert run.decisions("ann") == {}
    lines = done(run)
    assert [line.action.value for line in lines] == ["accept", "memo", "accept", *["undo"] * 3]
    assert [u.undoes for u in undone if u] == [lines[2].id, lines[1].id, lines[0].id]


def test_memo_stays_on_its_issue_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    session = open_session(run)
    session.memo(" look again ")
    assert shown(session) == "i1"
    assert [memo.memo for memo in open_session(run).view.memos] == ["look again"]
    with pytest.raises(UsageError):
        session.memo("  ")


def test_undoing_a_memo_keeps_what_was_marked(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path, cardinality="multiple"))
    session.pick("looks.green")
    session.memo("hm")
    session.undo()
    assert session.view.selected == ("taste.sour", "looks.green")


def test_seconds_are_those_since_the_issue_was_shown(tmp_path: Path) -> None:
    now = 10.0
    run = make_run(tmp_path)
    session = open_session(run, clock=lambda: now)
    now = 17.5
    assert session.enter().seconds == 7.5
    now = 20.0
    assert session.enter().seconds == 2.5
    assert {d.seconds for d in run.decision_journal("ann") if d.action is Action.SHOW} == {0.0}


def test_the_pace_is_told_from_ten_decisions_on(tmp_path: Path) -> None:
    session = open_session(make_run(tmp_path, 12))
    for _ in range(9):
        session.enter()
    assert session.view.progress.seconds_left is None
    session.enter()
    assert session.view.progress.seconds_left is not None


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sour", ["taste.sour"]),
        ("bruis", ["looks.bruised"]),
        ("gren", ["looks.green"]),
        ("sour tas", ["taste.sour"]),
        ("brown", ["looks.bruised"]),
        ("brow", []),
        ("looks", ["looks.green", "looks.bruised", "looks"]),
        ("too", ["taste.sour", "taste.bland"]),
        ("sour brown", []),
        ("zzqx", []),
        ("", ["taste.sour", "taste.bland", "looks.green", "looks.bruised", "taste", "looks"]),
    ],
)
def test_search_by_names_and_whole_words_of_definitions_categories_last(
    tmp_path: Path, typed: str, found: list[str]
) -> None:
    codes = find_codes(make_run(tmp_path).codebook, typed)
    assert [code.id for code in codes] == found


def test_only_the_last_proposal_of_an_issue_is_shown(tmp_path: Path) -> None:
    issue = make_issue(1)
    first = make_proposal(issue, status=Status.FAILED, codes=())
    run = make_run(tmp_path, [issue], [first, make_proposal(issue, id="second")])
    session = open_session(run)
    assert session.item is not None
    assert session.item.proposal.id == "second"
    assert session.view.progress.total == 1


def test_neighbours_come_with_the_text_the_run_kept(tmp_path: Path) -> None:
    ((example, score),) = open_session(make_run(tmp_path)).view.neighbours()
    assert (example.issue.title, example.codes, score) == (
        "Apples of crate 99",
        ("taste.sour",),
        0.81,
    )


def test_a_run_without_proposals_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no proposals yet"):
        open_session(make_run(tmp_path, 2, proposals=[]))


def test_a_damaged_proposal_is_named_by_its_line(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with run.proposals.path.open("ab") as file:
        file.write(b'{"issue_id": \n')
    with pytest.raises(RunError, match=r"proposals\.jsonl:4"):
        open_session(run)


STEPS = st.lists(
    st.sampled_from(["accept", "correct", "none", "skip", "flag", "memo", "undo", "restart"]),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_history_across_restarts_equals_a_list_with_a_pop(steps: list[str]) -> None:
    """The model: a list of (issue, action); an answer pushes, an undo pops."""
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder), 5)
        session = open_session(run, order=Order.RANDOM)
        model: list[tuple[str, str]] = []
        for step in steps:
            if step == "restart":
                session = open_session(run, order=Order.RANDOM)
            elif step == "undo":
                undone = session.undo()
                assert (undone is None) == (not model)
                if model:
                    issue, _ = model.pop()
                    assert shown(session) == issue
            elif session.item is None:
                assert {issue for issue, action in model if action != "memo"} == {
                    f"i{n}" for n in range(1, 6)
                }
            else:
                model.append((shown(session), step))
                give(session, step)
            expected = answers_in(model)
            if session.item is not None:
                assert expected.get(shown(session), "skip") == "skip"
            assert session.view.progress.done == sum(a != "skip" for a in expected.values())
        names = {"none": "reject"}
        standing = Run.open(Path(folder), run.name).decisions("ann")
        assert {issue: d.action.value for issue, d in standing.items()} == {
            issue: names.get(action, action) for issue, action in answers_in(model).items()
        }
        written = list(run.decision_journal("ann"))
        assert len({d.id for d in written}) == len(written)
        assert run.decision_journal("ann").broken_line() is None


def give(session: ReviewSession, step: str) -> None:
    match step:
        case "accept":
            session.enter()
        case "correct":
            session.choose(["looks"])
        case "none":
            session.reject()
        case "skip":
            session.skip()
        case "flag":
            session.flag()
        case "memo":
            session.memo("a note")


def answers_in(model: list[tuple[str, str]]) -> dict[str, str]:
    return {issue: action for issue, action in model if action != "memo"}
