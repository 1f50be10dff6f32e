"""Resolved labels: what they are made of, what is held against them, and that they are no rater."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.runs import MULTIPLE, Maker, codes_of, label

from coder.cli import report as terminal
from coder.codebook.load import resolver
from coder.records import Adjudication
from coder.report import build_report
from coder.report.disagreements import disagreements_csv
from coder.report.export import blind_rows, labels_csv, resolved_rows
from coder.report.html import html
from coder.report.markdown import markdown
from coder.report.model import Report
from coder.sources.github import IssueNames
from coder.sources.labels import read_labels
from coder.storage.run import Run

pytestmark = pytest.mark.usefixtures("few_are_enough")


def report_of(run: Run) -> Report:
    return build_report(run, draws=50)


def adjudicate(run: Run, issue_id: str, answer: str | Sequence[str], **fields: object) -> None:
    judged = {r: run.labels(r)[issue_id].codes for r in run.raters() if issue_id in run.labels(r)}
    record = {"issue_id": issue_id, "by": "cy", "codes": codes_of(answer), "judged": judged}
    run.adjudications.append([Adjudication.model_validate({**record, "blind": True, **fields})])


@pytest.fixture
def run(maker: Maker) -> Run:
    """Agreed: i1 and i2; adjudicated: i3; not resolved: i4; one label: i5; none: i6."""
    found = maker.run({"i1": "a", "i2": "a", "i3": "b", "i4": "a", "i5": "a", "i6": "a"})
    label(found, "ann", {"i1": "a", "i2": "b", "i3": "a", "i4": "a", "i5": "a"})
    label(found, "bea", {"i1": "a", "i2": "b", "i3": "b", "i4": "b"}, memo="=1+1")
    adjudicate(found, "i3", "b", reason="<the log> says so")
    return found


def test_agreed_and_adjudicated_labels_are_the_reference_and_told_apart(run: Run) -> None:
    report = report_of(run)
    assert report.resolved is not None
    assert (report.resolved.agreed, report.resolved.unresolved) == (2, 1)
    assert report.resolved.adjudicated_issue_ids == ("i3",)
    assert report.resolved.by == ("cy",)
    pairs = {pair.id: pair for pair in report.pairs if pair.kind == "resolved"}
    assert set(pairs) == {f"resolved.category.{who}_vs_resolved" for who in ("model", "ann", "bea")}
    model = pairs["resolved.category.model_vs_resolved"]
    assert model.issue_ids == ("i1", "i2", "i3")
    assert model.percent_agreement.value == pytest.approx(2 / 3)
    assert {why.value: n for why, n in model.excluded.items()} == {
        "no_label": 1,
        "one_label": 1,
        "unresolved": 1,
    }
    (judgement,) = [j for c in report.cases for j in c.judgements if j.rater == "resolved"]
    assert (judgement.codes, judgement.memo) == (("b",), "<the log> says so")


def test_no_adjudication_moves_a_blind_figure_or_counts_as_a_rater(run: Run) -> None:
    after = report_of(run)
    run.adjudications.path.unlink()
    before = report_of(run)
    assert before.resolved is None

    def blind(report: Report) -> list[object]:
        pairs: list[object] = [pair for pair in report.pairs if pair.kind != "resolved"]
        return [*pairs, report.together, report.coverage, report.prevalence, report.acceptance]

    assert blind(before) == blind(after)
    assert len(before.pairs) == len(blind(before)) - 4


@pytest.mark.parametrize(
    "fields",
    [
        {"blind": False},
        {"withdrawn": True},
        {"codebook_hash": "another"},
        {"codes": ("gone",)},
        {"judged": {"ann": ("a",), "bea": ("c",)}},
    ],
)
def test_a_resolution_that_does_not_hold_resolves_nothing(
    run: Run, fields: dict[str, object]
) -> None:
    adjudicate(run, "i3", "b", **fields)
    assert report_of(run).resolved is None
    adjudicate(run, "i3", "c")
    assert report_of(run).resolved is not None


def test_every_output_says_which_are_which_and_that_they_are_not_independent(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of(run)
    terminal.show(report)
    for text in (capsys.readouterr().out, markdown(report), html(report)):
        words = " ".join(text.split())
        assert "2 issues on which the raters’ blind labels agree and 1 adjudicated by cy" in words
        assert "1 disagreement not resolved" in words
        assert "no independent judgement" in words
    assert "| model and resolved | code | 3 | 1 |" in markdown(report)
    assert "1 adjudicated</small>" in html(report)
    assert r"\u003cthe log" in html(report)
    assert "<the log> says so" not in html(report)
    (row,) = (
        r
        for r in csv.DictReader(io.StringIO(disagreements_csv(report)))
        if (r["kind"], r["left"]) == ("resolved", "model")
    )
    assert row["issue_id"] == "i2"


def test_an_export_is_read_back_as_it_was(maker: Maker, tmp_path: Path) -> None:
    maker.book = MULTIPLE
    ids = {"@acme/x#1": "a", "i2": ("a", "b"), "-3": ()}
    run = maker.run(dict.fromkeys(ids, "a"))
    label(run, "ann", ids, memo="=cmd|' /C calc'!A0")
    label(run, "bea", {"@acme/x#1": "a", "i2": "b", "-3": ()})
    adjudicate(run, "i2", ("b", "c"), reason="+1")
    path = tmp_path / "labels.csv"

    def again(rows: object) -> dict[str, tuple[tuple[str, ...], str]]:
        path.write_text(labels_csv(rows), encoding="utf-8")  # type: ignore[arg-type]
        cells = [
            c for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))) for c in row
        ]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
        report = read_labels(
            path, resolver(run.codebook), IssueNames(run.issues.values()), rater="x", single=False
        )
        assert not report.set_aside
        return {found.issue_id: (found.codes, found.memo) for found in report.labels}

    mine = {i: (found.codes, found.memo) for i, found in run.labels("ann").items()}
    assert again(blind_rows(run, "ann")) == mine
    resolved = again(resolved_rows(run))
    assert resolved["i2"] == (("b", "c"), "+1")
    assert resolved["@acme/x#1"] == (("a",), "ann: =cmd|' /C calc'!A0")
    assert [row[3] for row in resolved_rows(run)] == ["ann, bea", "adjudicated by cy", "ann, bea"]
