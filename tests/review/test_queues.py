"""Which issues a queue shows, in what order, and what a decision says of its queue."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runs import done, make_issue, make_proposal, make_run

from coder.errors import UsageError
from coder.records import Action, Decision, Label, ScoredCode, Status
from coder.review.queues import Only, Order, Queue, ReviewPool, novelty_file
from coder.review.session import ReviewSession
from coder.storage.run import Run


def session_of(run: Run, rater: str = "ann", **options: object) -> ReviewSession:
    return ReviewSession(Run.open(run.path.parent, run.name), rater, **options)  # type: ignore[arg-type]


def shown(session: ReviewSession) -> list[str]:
    """Every issue from here to the end, each accepted or, with nothing to accept, rejected."""
    found = []
    while session.item is not None:
        found.append(session.item.issue.id)
        if session.item.acceptable:
            session.accept()
        else:
            session.reject()
    return found


def decide(run: Run, rater: str, issue: int, *codes: str, **fields: object) -> None:
    fields = {"action": Action.CORRECT, "codebook_hash": run.codebook.hash, **fields}
    decision = Decision(
        id=f"{rater}-{issue}", issue_id=f"i{issue}", proposal_id=f"p-i{issue}", rater=rater,
        codes=codes, **fields,
    )  # fmt: skip
    run.decision_journal(rater).append([decision])


def mixed(tmp_path: Path) -> Run:
    """i1, i2 Sour; i3 Bland; i4 Green; i5 none fits; i6 failed. i1 to i3 are of acme/fruit."""
    issues = [make_issue(n, repo="acme/fruit" if n < 4 else "b/c") for n in range(1, 7)]
    codes = ["taste.sour", "taste.sour", "taste.bland", "looks.green"]
    proposals = [
        make_proposal(issue, codes=(ScoredCode(code=code, confidence=0.5),))
        for issue, code in zip(issues, codes, strict=False)
    ]
    proposals += [make_proposal(issues[4], status=Status.ABSTAINED, codes=())]
    proposals += [make_proposal(issues[5], status=Status.FAILED, codes=())]
    return make_run(tmp_path, issues, proposals)


def test_random_order_is_the_same_for_all_and_stable_when_proposals_arrive(tmp_path: Path) -> None:
    issues = [make_issue(n) for n in range(1, 41)]
    run = make_run(tmp_path, issues, [make_proposal(issue) for issue in issues[:20]])
    few = shown(session_of(run))
    run.proposals.append(make_proposal(issue) for issue in issues[20:])
    many = shown(session_of(run, "bea"))
    assert [issue for issue in many if issue in few] == few
    assert few != [f"i{n}" for n in range(1, 21)]
    assert many[:20] != few


def test_chance_is_the_share_of_the_random_queue_seen_so_far(tmp_path: Path) -> None:
    run = make_run(tmp_path, 4)
    shown(session_of(run))
    assert [d.chance for d in done(run)] == [0.25, 0.5, 0.75, 1.0]
    assert {(d.queue, d.weight) for d in done(run)} == {("random", 1.0)}


@pytest.mark.parametrize(
    ("only", "issues", "name"),
    [
        (Only(code="taste.sour"), {"i1", "i2"}, "random code=taste.sour"),
        (Only(code="taste"), {"i1", "i2", "i3"}, "random code=taste"),
        (Only(code="none"), {"i5"}, "random code=none"),
        (Only(repo="b/c"), {"i4", "i5", "i6"}, "random repo=b/c"),
        (Only(code="taste.bland", repo="acme/fruit"), {"i3"},
         "random code=taste.bland repo=acme/fruit"),
    ],
)  # fmt: skip
def test_a_queue_is_limited_to_a_code_or_a_repository_and_says_so(
    tmp_path: Path, only: Only, issues: set[str], name: str
) -> None:
    run = mixed(tmp_path)
    session = session_of(run, only=only)
    assert session.view.progress.total == len(issues)
    assert set(shown(session)) == issues
    assert {d.queue for d in done(run)} == {name}
    assert max(d.chance for d in done(run)) == 1.0


@pytest.mark.parametrize(
    "only", [Only(repo="no/such"), Only(code="looks.bruised"), Only(stale=True)]
)
def test_a_queue_without_issues_is_a_mistake_and_says_which(tmp_path: Path, only: Only) -> None:
    with pytest.raises(UsageError, match="no issue"):
        session_of(mixed(tmp_path), only=only)


def test_by_code_brings_each_category_about_as_often(tmp_path: Path) -> None:
    """Ten Green among thirty Sour: as many of either among the first."""
    issues = [make_issue(n) for n in range(1, 41)]
    proposals = [
        make_proposal(i, codes=(ScoredCode(code="looks.green" if n < 10 else "taste.sour"),))
        for n, i in enumerate(issues)
    ]
    green = 0
    for seed in range(60):
        run = make_run(tmp_path / str(seed), issues, proposals)
        run.manifest = run.manifest.model_copy(update={"seed": seed})
        queue = Queue(run, "ann", ReviewPool(run), {}, Order.BY_CODE, Only(), None)
        green += sum(int(e.issue_id[1:]) <= 10 for e in queue.entries[:6])
    # 180 of 360 but for what is used up; by a shuffle it were 90.
    assert 140 < green < 200
    assert queue.draw("i1").weight == 1.0
    assert queue.draw("i40").weight == pytest.approx(1 / 3)


def test_by_code_says_how_it_drew_and_counts_no_answer_as_a_code(tmp_path: Path) -> None:
    run = mixed(tmp_path)
    session = session_of(run, order=Order.BY_CODE)
    shown(session)
    weights = {d.issue_id: d.weight for d in done(run)}
    # Three of taste; one each of looks, of none and of no answer.
    assert {d.queue for d in done(run)} == {"by-code"}
    assert [weights[f"i{n}"] for n in range(1, 7)] == [pytest.approx(1 / 3)] * 3 + [1.0] * 3


def test_what_was_met_in_another_queue_is_not_drawn_again(tmp_path: Path) -> None:
    run = make_run(tmp_path, 6)
    first = session_of(run, order=Order.FILE)
    first.accept()
    first.accept()
    session = session_of(run)
    assert (session.view.progress.done, session.view.progress.total) == (2, 6)
    shown(session)
    # The third one, too, has come before them already.
    assert {d.issue_id for d in done(run) if d.queue == "file"} == {"i1", "i2", "i3"}
    drawn = [d.chance for d in done(run) if d.queue == "random"]
    assert drawn == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


def test_an_issue_answered_anew_stays_with_the_queue_that_brought_it(tmp_path: Path) -> None:
    run = make_run(tmp_path, 6)
    session_of(run).accept()
    session = session_of(run, order=Order.FILE)
    session.undo()
    assert session.item is not None
    session.reject()
    first, undo, again = done(run)
    assert first.issue_id == undo.issue_id == again.issue_id
    assert (again.queue, again.chance) == (first.queue, first.chance)


def test_doubtful_issues_come_early_by_clocks_that_keep_running(tmp_path: Path) -> None:
    """Over many seeds an issue of weight 1 comes before one of weight .05 in 20 of 21 cases."""
    issues = [make_issue(1), make_issue(2)]
    proposals = [
        make_proposal(issues[0], codes=(ScoredCode(code="taste.sour", confidence=0.99),)),
        make_proposal(issues[1], status=Status.FAILED, codes=()),
    ]
    doubtful = 0
    for seed in range(210):
        run = make_run(tmp_path / str(seed), issues, proposals)
        run.manifest = run.manifest.model_copy(update={"seed": seed})
        item = ReviewSession(run, "ann", Order.UNCERTAIN).item
        assert item is not None
        doubtful += item.issue.id == "i2"
        assert item.draw.weight == (1.0 if item.issue.id == "i2" else 0.05)
    assert 190 <= doubtful < 210


def test_flagged_issues_come_again_until_they_are_answered(tmp_path: Path) -> None:
    run = mixed(tmp_path)
    decide(run, "ann", 1, action=Action.FLAG)
    decide(run, "ann", 2, "taste.sour")
    decide(run, "bea", 2, action=Action.FLAG)
    decide(run, "bea", 3, action=Action.FLAG)
    assert shown(session_of(run, "cem", order=Order.FILE, only=Only(flagged="anyone"))) == [
        "i1", "i2", "i3",
    ]  # fmt: skip
    mine = session_of(run, order=Order.FILE, only=Only(flagged="me"))
    assert (mine.view.progress.done, mine.view.progress.total) == (0, 1)
    mine.accept()
    assert (mine.item, mine.view.progress.done) == (None, 1)
    mine.undo()
    assert mine.item is not None
    assert run.decisions("ann")["i1"].action is Action.FLAG
    assert shown(mine) == ["i1"]
    with pytest.raises(UsageError):
        session_of(run, only=Only(flagged="me"))
    everyones = session_of(run, order=Order.FILE, only=Only(flagged="anyone"))
    assert shown(everyones) == ["i2", "i3"]
    assert done(run)[-1].queue == "file flagged=anyone"
    with pytest.raises(UsageError):
        session_of(run, only=Only(flagged="anyone"))


def test_stale_answers_come_again_and_a_skip_leaves_them_standing(tmp_path: Path) -> None:
    run = mixed(tmp_path)
    decide(run, "ann", 1, "taste.sour", codebook_hash="0" * 64)
    decide(run, "ann", 2, "taste.sour")
    old = {"rater": "ann", "codes": ("taste.sour",), "codebook_hash": "0" * 64}
    run.label_journal("ann").append([Label(issue_id="i3", **old)])  # type: ignore[arg-type]
    session = session_of(run, order=Order.FILE, only=Only(stale=True))
    assert session.item is not None
    assert session.item.issue.id == "i1"
    session.skip()
    assert run.decisions("ann")["i1"].action is Action.CORRECT
    assert shown(session) == ["i3", "i1"]
    assert {(d.queue, d.chance) for d in done(run)[2:] if d.issue_id == "i3"} == {
        ("file stale", 1.0)
    }
    with pytest.raises(UsageError):
        session_of(run, only=Only(stale=True))


def test_what_the_other_raters_disagree_on_comes_first_by_category_before_code(
    tmp_path: Path,
) -> None:
    run = mixed(tmp_path)
    with pytest.raises(UsageError, match="no two other raters"):
        session_of(run, order=Order.DISAGREEMENT)
    for issue, bea, cem in ((2, "taste.sour", "taste.bland"), (4, "looks.green", "taste.sour"),
                            (1, "taste.sour", "taste.sour")):  # fmt: skip
        decide(run, "bea", issue, bea)
        decide(run, "cem", issue, cem)
    # Who disagrees with themselves is not two raters, nor is one's own first pass another's.
    decide(run, "bea.2", 1, "looks.green")
    decide(run, "ann.2", 1, "looks.green")
    session = session_of(run, order=Order.DISAGREEMENT)
    assert shown(session)[:2] == ["i4", "i2"]
    assert {(d.queue, d.chance) for d in done(run)} == {("disagreement", 1.0)}
    # A blind label is what a rater says, whatever they accepted afterwards.
    run.label_journal("cem").append([Label(issue_id="i4", rater="cem", codes=("looks.green",))])
    assert shown(session_of(run, "dan", order=Order.DISAGREEMENT))[0] == "i2"


def test_what_two_runs_disagree_on_comes_first(tmp_path: Path) -> None:
    run = mixed(tmp_path)
    issues = [make_issue(n) for n in range(3, 6)]
    codes = ["looks.bruised", "looks.bruised"]
    proposals = [
        make_proposal(issue, codes=(ScoredCode(code=code, confidence=0.5),))
        for issue, code in zip(issues, codes, strict=False)
    ] + [make_proposal(issues[2], status=Status.FAILED, codes=())]
    other = make_run(tmp_path, issues, proposals, name="other")
    session = session_of(run, order=Order.DISAGREEMENT, against=other)
    assert shown(session)[:2] == ["i3", "i4"]
    assert done(run)[0].queue == "disagreement against=other"
    strange = make_run(tmp_path, [make_issue(50)], name="strange")
    with pytest.raises(UsageError, match="no proposals for the same issue"):
        session_of(run, "bea", order=Order.DISAGREEMENT, against=strange)
    with pytest.raises(UsageError, match="against"):
        session_of(run, "bea", against=other)


def test_novel_shows_what_is_least_like_the_issues_answered(tmp_path: Path) -> None:
    rare = {8: "login token expired session", 15: "docker image build fails"}
    issues = []
    for n in range(1, 23):
        topic = rare.get(n, "memory leak crash heap")
        issues.append(make_issue(n, f"{topic} number{n}", title=topic, comments=()))
    run = make_run(tmp_path / "runs", issues)
    session = session_of(run, order=Order.NOVEL)
    first = shown(session)[:3]
    assert {"i8", "i15"} < set(first)
    assert {(d.queue, d.chance) for d in done(run)} == {("novel", 1.0)}
    assert novelty_file(run).exists()
    again = session_of(run, "bea", order=Order.NOVEL)
    assert shown(again)[:3] == first
    novelty_file(run).write_bytes(b"no array")
    assert shown(session_of(run, "cem", order=Order.NOVEL))[:3] == first


def test_novel_takes_issues_without_a_word(tmp_path: Path) -> None:
    run = make_run(tmp_path, [make_issue(n, "...", title="!", comments=()) for n in (1, 2)])
    assert len(shown(session_of(run, order=Order.NOVEL))) == 2
