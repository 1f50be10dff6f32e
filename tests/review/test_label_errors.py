"""A rater's own answers that lie far from their others: found, shown again, never made blind."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.runs import make_issue, make_run

from coder.cli.main import cli
from coder.errors import UsageError
from coder.records import Action, Decision, Label, Mode
from coder.review.label_errors import FEWEST, likely_slips
from coder.review.queues import Only, Order, Queue, ReviewPool
from coder.storage.run import Run

WORDS = {
    "taste.sour": "acid lemons vinegar mouth puckers sharp tart bite tongue sour",
    "looks.green": "unripe hard early picked green weeks stem pale waxy firm",
    "looks.bruised": "brown spots dents thrown transport soft marks lorry dropped crushed",
}


def said(code: str, n: int) -> str:
    """A text about the code's subject, no near-duplicate of another one."""
    words = WORDS[code].split()
    return " ".join(f"{words[(n * k + k * k) % 10]} {words[(n + 3 * k) % 10]}" for k in range(1, 6))


CODES = [code for _ in range(10) for code in WORDS]
SLIP = 7


def answered(runs: Path, slip: int = SLIP, how_many: int = len(CODES)) -> Run:
    """Thirty crates answered by ann as their words say, but ``slip`` as bruised."""
    issues = [make_issue(n, said(code, n), comments=()) for n, code in enumerate(CODES)]
    run = make_run(runs, issues)
    for issue, code in list(zip(issues, CODES, strict=True))[:how_many]:
        given = "looks.bruised" if issue.number == slip else code
        run.decision_journal("ann").append([decision(run, issue.id, given)])
    return run


def decision(run: Run, issue_id: str, code: str) -> Decision:
    return Decision(
        id=f"d-{issue_id}", issue_id=issue_id, proposal_id=f"p-{issue_id}", rater="ann",
        action=Action.CORRECT, codes=(code,), codebook_hash=run.codebook.hash,
    )  # fmt: skip


def test_the_answer_unlike_its_codes_others_is_found(tmp_path: Path) -> None:
    assert CODES[SLIP] == "looks.green"
    assert likely_slips(answered(tmp_path), "ann", None) == (f"i{SLIP}",)


def test_a_blind_label_counts_like_a_decision_and_only_ones_own(tmp_path: Path) -> None:
    run = answered(tmp_path, slip=-1)
    other = Label(
        issue_id="i0", rater="bea", codes=("looks.green",), codebook_hash=run.codebook.hash
    )
    run.label_journal("bea").append([other])
    with pytest.raises(UsageError, match="none of the 30 answers of ann"):
        likely_slips(run, "ann", None)
    late = make_issue(99, said("taste.sour", 31), comments=())
    more = make_run(tmp_path / "more", [*run.issues.values(), late])
    for d in run.decisions("ann").values():
        more.decision_journal("ann").append([d])
    wrong = other.model_copy(update={"issue_id": "i99", "rater": "ann"})
    more.label_journal("ann").append([wrong])
    assert likely_slips(more, "ann", None) == ("i99",)
    more.label_journal("ann").append([wrong.model_copy(update={"mode": Mode.HOLDOUT})])
    with pytest.raises(UsageError, match="none of the 31 answers"):
        likely_slips(more, "ann", None)


def test_few_answers_say_nothing(tmp_path: Path) -> None:
    run = answered(tmp_path, how_many=FEWEST - 1)
    with pytest.raises(UsageError, match=f"answered {FEWEST - 1} issues"):
        likely_slips(run, "ann", None)


def test_they_come_again_the_farthest_first_and_draw_nothing(tmp_path: Path) -> None:
    run = answered(tmp_path)
    only = Only(slips=("i9", "i2", "gone"))
    queue = Queue(run, "ann", ReviewPool(run), {}, Order.FILE, only, None)
    assert [entry.issue_id for entry in queue.entries] == ["i9", "i2"]
    assert queue.again and not queue.reveals_answers
    assert (queue.name, queue.draw("i2").chance) == ("file slips", 1.0)
    with pytest.raises(UsageError, match="issues that nobody chose"):
        Queue(run, "ann", ReviewPool(run), {}, Order.RANDOM, only, None)


def test_a_slip_is_put_right_in_the_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = answered(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "none")
    command = ["review", "trial", "--rater", "ann", "--plain", "--slips"]
    out = CliRunner().invoke(cli, command, input="/looks.green\n", catch_exceptions=False).output
    assert "your answer so far: Looks > Bruised" in out
    assert "=== 1 of 1 (0 done)" in out
    after = run.decisions("ann")
    assert after[f"i{SLIP}"].codes == ("looks.green",)
    assert {d.id for i, d in after.items() if i != f"i{SLIP}"} == {
        f"d-i{n}" for n in range(30) if n != SLIP
    }
    again = CliRunner().invoke(cli, command)
    assert again.exit_code != 0
    assert "none of the 30 answers of ann" in str(again.exception)
