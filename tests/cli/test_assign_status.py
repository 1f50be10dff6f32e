"""``coder assign`` and ``coder status``, and what a review shows who has an assignment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.runs import done, make_issue, make_proposal, make_run
from support.sampling import inclusion

from coder.audit.log import check_log
from coder.cli.main import cli
from coder.errors import CoderError
from coder.records import Action, Change, Decision, Label, ScoredCode
from coder.review.adjudication import AdjudicationSession
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.run import Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return make_run(tmp_path / "runs", 40)


def coder(*words: str) -> Result:
    result = CliRunner().invoke(cli, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def parts(run: Run) -> dict[str, set[str]]:
    return {assignment.rater: set(assignment.issue_ids) for assignment in run.assignments}


def problems(run: Run) -> list[int]:
    """The lines of the assignments that an audit finds wrong."""
    (checked,) = (file for file in check_log(run) if file.file == "assignments.jsonl")
    return [problem.line for problem in checked.problems]


def test_all_issues_are_split_with_the_overlap_asked_for(run: Run) -> None:
    output = coder("assign", "trial", "--raters", "ann,bea, cem", "--overlap", "0.25").output
    found = parts(run)
    shared = set.intersection(*found.values())
    assert len(shared) == 10
    assert set.union(*found.values()) == set(run.issues)
    assert sum(len(part - shared) for part in found.values()) == 30
    assert {len(part) for part in found.values()} == {20}
    assert {assignment.share for assignment in run.assignments} == {0.5}
    assert "40 issues of run trial, 10 for all of them." in output
    assert problems(run) == []


def test_each_rater_gets_so_many(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann,bea", "--overlap", "0.5", "--each", "9")
    ann, bea = parts(run).values()
    # Of 12 issues handed out half are for both: 6 and 3 more for each.
    assert (len(ann), len(bea), len(ann & bea)) == (9, 9, 6)


def test_the_same_again_changes_nothing_and_another_one_takes_its_place(run: Run) -> None:
    words = ("assign", "trial", "--raters", "bea,ann", "--overlap", "0")
    coder(*words)
    before = parts(run)
    ReviewSession(run, "ann").accept()
    assert "nothing was changed" in coder(*words[:3], "ann,bea", *words[4:]).output
    assert len(list(run.assignments)) == 2
    coder("assign", "trial", "--raters", "ann,bea,cem")
    assert len(list(run.assignments)) == 5
    assert parts(run)["ann"] != before["ann"]
    assert len(run.decisions("ann")) == 1


def test_a_part_is_a_fair_draw_that_differs_between_arguments(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann,bea", "--overlap", "0")
    first = parts(run)["ann"]
    coder("assign", "trial", "--raters", "ann,cem", "--overlap", "0")
    assert 4 <= len(first & parts(run)["ann"]) <= 16


def test_a_rater_is_shown_their_part_alone_and_its_share_is_in_the_chance(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann,bea", "--overlap", "0.2", "--each", "12")
    session = ReviewSession(Run.open(run.path.parent, "trial"), "ann")
    seen = set()
    while session.item is not None:
        seen.add(session.item.issue.id)
        session.accept()
    assert seen == parts(run)["ann"]
    written = list(run.decision_journal("ann"))
    assert written[0].queue == "random part=0.3"
    assert written[0].chance == pytest.approx(0.3 / 12)
    assert set(inclusion(written).values()) == {0.3}
    assert ReviewSession(run, "dan").view.progress.total == 40
    with pytest.raises(CoderError, match="'ann'"):
        ReviewSession(run, "Ann")


def test_a_new_part_is_a_new_draw(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann,bea", "--overlap", "0")
    session = ReviewSession(run, "ann")
    for _ in range(5):
        session.accept()
    coder("assign", "trial", "--raters", "ann,cem", "--overlap", "0")
    ReviewSession(Run.open(run.path.parent, "trial"), "ann", Order.RANDOM).accept()
    *_, last_of_first, first_of_second = done(run)
    assert (last_of_first.queue, first_of_second.queue) == ("random part=0.5", "random part=0.5#2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--raters", "ann,ANN"), "named twice"),
        (("--raters", ","), "no rater"),
        (("--raters", "model"), "model"),
        (("--raters", "ann", "--overlap", "1.5"), "no share"),
        (("--raters", "ann,bea", "--each", "39"), "the run has 40"),
        (("--raters", ",".join(f"r{n}" for n in range(41)), "--overlap", "0"), "nothing is left"),
    ],
)
def test_what_cannot_be_split_is_refused(run: Run, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CoderError, match=message):
        coder("assign", "trial", *words)
    assert not list(run.assignments)


def test_an_issue_that_is_not_the_runs_is_found_by_the_audit(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann")
    wrong = next(iter(run.assignments)).model_copy(update={"issue_ids": ("no-such",)})
    run.assignments.append([wrong])
    assert problems(run) == [2]


# --- status -------------------------------------------------------------------------------------


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.split("\n")]


def label(run: Run, rater: str, **codes: str) -> None:
    run.label_journal(rater).append(
        Label(issue_id=issue, rater=rater, codes=(code,), codebook_hash=run.codebook.hash)
        for issue, code in codes.items()
    )


def test_status_of_a_new_run_says_how_to_begin(run: Run) -> None:
    output = coder("status", "trial").output
    assert "40 issues, 0 answered by anyone" in output
    assert "Next: coder review trial --rater YOU" in output


def test_status_counts_what_each_has_done_and_left(run: Run) -> None:
    coder("assign", "trial", "--raters", "ann,bea", "--overlap", "1", "--each", "5")
    session = ReviewSession(Run.open(run.path.parent, "trial"), "ann")
    session.accept()
    session.memo("odd")
    session.reject()
    session.flag()
    session.skip()
    change = Decision(
        id="c", issue_id="i1", proposal_id="p-i1", rater="ann", action=Action.MEMO, memo="split it",
        change=Change.SPLIT,
    )  # fmt: skip
    old = Decision(
        id="o", issue_id="i40", proposal_id="p-i40", rater="cem", action=Action.ACCEPT,
        codes=("taste.sour",), codebook_hash="0" * 64, seconds=120,
    )  # fmt: skip
    outside = next(issue for issue in run.issues if issue not in parts(run)["ann"])
    also = old.model_copy(
        update={"id": "a", "issue_id": outside, "rater": "ann", "seconds": 0,
                "codebook_hash": run.codebook.hash}
    )  # fmt: skip
    run.decision_journal("ann").append([change, also])
    run.decision_journal("cem").append([old])
    label(run, "bea", i1="taste.sour")
    output = coder("status", "trial").output
    found = rows(output)
    # Blind, after it, assisted, flagged, skipped, memos, changes, stale.
    assert ["ann", "0", "0", "3", "1", "1", "1", "1", "0"] in found
    assert ["bea", "1", *["0"] * 7] in found
    assert ["cem", "0", "0", "1", "0", "0", "0", "0", "1"] in found
    # Assigned, done, left, an issue, time left.
    assert ["ann", "5", "3", "2", "0", "s", "0", "s"] in found
    assert ["cem", "all", "1", "39", "2", "min", "78", "min"] in found
    assert "Next: coder review trial --rater cem --stale" in output
    assert all(len(line) <= 80 for line in output.split("\n"))


def test_status_tells_overlap_and_agreement_of_blind_labels(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coder.report.status.FEWEST_SHARED", 1)
    monkeypatch.setattr("coder.report.sentences.FEWEST_SHARED", 1)
    label(run, "ann", i1="taste.sour", i2="taste.bland", i3="looks.green", i4="taste.sour")
    label(run, "bea", i1="taste.sour", i2="taste.bland", i3="taste.sour", i4="taste.sour")
    label(run, "cem", i1="taste.sour")
    output = coder("status", "trial").output
    # Two raters, 3 of 4 equal, by chance (2*3 + 1*1) / 16: kappa (.75 - .4375) / .5625.
    assert ["ann", "and", "bea", "4", "75%", ".56", ".59"] in rows(output)
    assert ["ann", "and", "cem", "1", "100%", "-", "-"] in rows(output)
    assert "ann and cem, kappa: undefined, only one code was used" in output
    assert "4 answered by anyone, 4 by two or more" in output
    assert "Next: coder adjudicate trial --by YOU" in output
    AdjudicationSession(run, "dan").resolve(["looks.green"])
    assert "Next: coder report trial" in coder("status", "trial").output


def test_status_of_a_run_that_was_only_opened_says_how_to_begin(run: Run) -> None:
    run.decision_journal("ann").path.parent.mkdir(exist_ok=True)
    run.decision_journal("ann").path.touch()
    output = coder("status", "trial").output
    assert ["ann", *["0"] * 8] in rows(output)
    assert "Next: coder review trial --rater YOU" in output


def test_status_is_the_same_through_a_pipe_and_at_eighty_columns(tmp_path: Path) -> None:
    issues = [make_issue(n) for n in range(1, 4)]
    sure = (ScoredCode(code="taste.sour", confidence=0.9),)
    run = make_run(tmp_path / "runs", issues, [make_proposal(i, codes=sure) for i in issues])
    long = "a-very-long-name-of-a-person-who-reviews"
    label(run, long, i1="taste.sour", i2="taste.bland")
    label(run, long + "-too", i1="taste.sour", i2="taste.sour")
    done = subprocess.run(
        [sys.executable, "-m", "coder", "status", "trial"], cwd=tmp_path, capture_output=True,
        text=True, check=True, env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    lines = done.stdout.split("\n")
    assert "\x1b" not in done.stdout
    wide = [line for line in lines if len(line) > 80]
    assert not wide, wide
    assert "Too few for a figure" in done.stdout
