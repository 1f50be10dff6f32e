"""Certificates in a report: within each true code, on which labels, and in every output."""

import csv
import io
import math
from datetime import timedelta

import pytest
from support.runs import AT, Maker, label

from coder.__main__ import run as coder
from coder.records import Calibration, Example, Label, Mode
from coder.report import build_report
from coder.report.conclusions import certificate, certified_codes
from coder.report.latex import latex
from coder.report.long_csv import tables
from coder.report.markdown import markdown


def rare(maker, issues=400):
    """A run whose model says a with .97 of everything; one issue in 33 is truly b."""
    truth = {f"{n:03}": "b" if n % 33 == 0 else "a" for n in range(issues)}
    run = maker.run(dict.fromkeys(truth, "a"), **{i: {"confidence": 0.97} for i in truth})
    return run, truth


def of(report, code):
    return next(c for c in report.trust.certificates if c.code == code)


def test_a_rare_code_that_is_never_proposed_is_named_as_missed(maker: Maker) -> None:
    run, truth = rare(maker)
    label(run, "ann", truth)
    report = build_report(run, draws=100)
    assert of(report, "").certificate.threshold == 0.0
    assert of(report, "a").certificate.threshold == 0.0
    missed = of(report, "b")
    assert (missed.labels, missed.certificate.errors) == (13, 13)
    assert (missed.certificate.threshold, missed.certificate.needed) == (None, None)
    said = certified_codes(report)
    assert "Missed too often for a certificate, as far as the labels tell: Beta." in said
    assert "a rare code may be missed whole" in certificate(report)
    assert said in markdown(report)
    assert "| Beta | 13 | – | 100% | 13 | 13 | 13 | none is enough |" in markdown(report)
    assert "What may be accepted unseen, by the code an issue truly has" in latex(report)
    rows = {r["code"]: r for r in csv.DictReader(io.StringIO(tables(report)["certificates.csv"]))}
    assert (rows["b"]["errors"], rows["b"]["threshold"], rows["a"]["tests"]) == ("13", "", "24")


def test_labels_drawn_by_doubt_count_by_their_chance(maker: Maker) -> None:
    run, truth = rare(maker)
    weights = {i: 1.0 if n % 2 else 0.05 for n, i in enumerate(sorted(truth)[:200])}
    run.label_journal("ann").append(
        Label(issue_id=i, rater="ann", codes=(truth[i],), at=AT + timedelta(minutes=n),
              mode=Mode.HOLDOUT, queue="uncertain", chance=1 - math.exp(-w), weight=w)
        for n, (i, w) in enumerate(weights.items())
    )  # fmt: skip
    report = build_report(run, draws=100)
    made = of(report, "a").certificate
    assert report.trust.sampling == "uneven"
    assert made.effective < 0.9 * made.n
    said = certificate(report)
    assert "worth" in said and "weighted by their probability of being drawn" in said


def test_labels_among_the_models_examples_are_left_out(maker: Maker) -> None:
    run, truth = rare(maker)
    first = next(iter(run.issues))
    maker.examples = tuple(
        Example(issue=run.issues[i], codes=(truth[i],)) for i in [*run.issues][:20]
    )
    taught = maker.run(dict.fromkeys(truth, "a"), "taught", **{
        i: {"confidence": 0.97, "excluded": (i,)} for i in truth
    })  # fmt: skip
    label(taught, "ann", truth)
    report = build_report(taught, draws=100)
    assert first in taught.issues
    assert report.trust.left_out.taught == 20
    assert of(report, "").labels == 380
    assert "Left out: 20 labels on issues among the model's examples" in certificate(report)


def test_a_calibrated_run_is_certified_on_the_stated_confidence(maker: Maker) -> None:
    run, truth = rare(maker)
    label(run, "ann", truth)
    before = build_report(run, draws=100).trust.certificates
    source = next(iter(run.proposals)).codes[0].source
    run.calibrations.append(
        [Calibration(source=source, rater="ann", labels_hash="x", proposals=400, method="platt",
                     parameters={"slope": (0.1,), "intercept": (-2.0,)})]
    )  # fmt: skip
    assert build_report(run, draws=100).trust.certificates == before


@pytest.mark.parametrize(
    "wrong",
    ["certificate_epsilon = 1.5", "certificate_delta = 0", 'certificate_clustered = "much"'],
)
def test_an_allowed_error_that_is_none_is_one_line(tmp_path, monkeypatch, capsys, wrong) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(f"[report]\n{wrong}\n")
    assert coder(["report", "any"]) != 0
    error = capsys.readouterr().err
    assert wrong.split()[0] in error
    assert "Traceback" not in error
