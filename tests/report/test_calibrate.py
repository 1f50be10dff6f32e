"""A run is calibrated by blind labels, and what people are shown follows."""

from __future__ import annotations

import random

import pytest
from click.testing import CliRunner
from support.runs import make_issue, make_proposal, make_run

from coder.audit.log import check_log
from coder.cli.main import cli
from coder.cli.review_words import sure
from coder.ratings.comparable import calibrated
from coder.records import Label, ScoredCode
from coder.report import build_report
from coder.report.wording import confidence as called
from coder.review.queues import Order, ReviewPool
from coder.review.session import ReviewSession
from coder.storage.run import Run


def overconfident_run(folder, issues=120) -> Run:
    """Codes stated with up to 100%, of which every third is right."""
    made = [make_issue(n, repo=f"acme/r{n % 12}") for n in range(issues)]
    proposals = [
        make_proposal(
            issue,
            codes=(ScoredCode(code="taste.sour", confidence=sure, stated=sure),),
            runners_up=(),
            retrieved=(),
        )
        for issue, sure in zip(made, (0.7 + 0.3 * n / issues for n in range(issues)), strict=True)
    ]
    run = make_run(folder / "runs", made, proposals)
    chance = random.Random(1)
    run.add_labels(
        "ann",
        [
            Label(
                issue_id=issue.id,
                rater="ann",
                codes=("taste.sour" if chance.random() < 1 / 3 else "looks.green",),
            )
            for issue in made
        ],
    )
    return run


def coder(folder, *words: str):
    with pytest.MonkeyPatch.context() as patch:
        (folder / "study.toml").write_text("")
        patch.chdir(folder)
        return CliRunner().invoke(cli, words)


def test_a_calibrated_run_shows_calibrated_confidences_everywhere(tmp_path):
    run = overconfident_run(tmp_path)
    before = next(iter(run.proposals))
    done = coder(tmp_path, "calibrate", "trial")
    assert done.exit_code == 0, done.output
    assert "120 proposed codes against the labels of ann" in done.output
    (made,) = run.calibrations
    assert made.method != "identity"
    assert made.brier_after < made.brier_before
    shown = calibrated(run)(before.codes[0])
    assert shown < 0.6 < before.codes[0].confidence
    assert next(iter(run.proposals)) == before

    session = ReviewSession(Run.open(tmp_path / "runs", "trial"), "bob", Order.FILE)
    assert session.view.confidence(before.codes[0]) == shown
    assert sure(session.view, shown).endswith("% sure (calibrated)")
    assert ReviewPool(run).entries[0].confidence == shown
    report = build_report(run, draws=100)
    assert called(report).endswith("(calibrated)")
    assert all(case.codes[0].confidence < 0.6 for case in report.cases)
    assert "calibration.jsonl" in {checked.file for checked in check_log(run)}


def test_a_changed_line_of_the_calibration_is_found(tmp_path):
    run = overconfident_run(tmp_path)
    coder(tmp_path, "calibrate", "trial")
    coder(tmp_path, "calibrate", "trial", "--rater", "ann")
    path = run.calibrations.path
    path.write_text(path.read_text().replace('"rater":"ann"', '"rater":"bob"', 1))
    (checked,) = (c for c in check_log(run) if c.file == "calibration.jsonl")
    assert checked.problems


def test_too_few_labels_change_nothing(tmp_path):
    run = overconfident_run(tmp_path, 12)
    done = coder(tmp_path, "calibrate", "trial")
    assert "It stays as it is: 30 are needed" in done.output
    assert calibrated(run)(ScoredCode(code="x", confidence=0.9, stated=0.9)) == 0.9


def test_a_rater_without_labels_is_named(tmp_path):
    overconfident_run(tmp_path, 3)
    done = coder(tmp_path, "calibrate", "trial", "--rater", "zoe")
    assert done.exit_code != 0
    assert "'zoe' does not have any blind labels" in str(done.exception)
