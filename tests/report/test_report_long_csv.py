"""The tidy CSV tables: complete, numbers as numbers, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest
from support.runs import TREE, Maker, label
from test_report_findings import decided, reviewed, study

from coder.records import Mode
from coder.report import build_report
from coder.report.long_csv import tables
from coder.report.write import write_report


@pytest.fixture
def rich(maker: Maker):
    run, truth, said = study(maker, misses=0.3)
    ids = [*truth]
    draw = random.Random(1)
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 300}) for n, i in enumerate(ids[:90])])
    decided(run, "ann", [(i, said[i]) for i in ids[90:150]], Mode.ASSISTED)
    for rater in ("bea", "cem"):
        label(run, rater, {i: c if draw.random() < 0.8 else "c" for i, c in truth.items()})
    return build_report(run, draws=100)


def rows(report, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tables(report)[name])))


def test_every_table_of_a_rich_run_has_rows(rich) -> None:
    found = tables(rich)
    assert set(found) == {
        "coverage.csv", "agreement.csv", "left_out.csv", "codes.csv", "confusion.csv",
        "prevalence.csv", "confidence.csv", "certificates.csv", "workload.csv", "acceptance.csv",
        "sway.csv", "alt_test.csv", "trend.csv", "expressed.csv",
        "durations.csv",
    }  # fmt: skip
    for name in found:
        table = rows(rich, name)
        # Its model was not asked, and its issues have no dates.
        assert table or name in ("expressed.csv", "durations.csv"), name
        assert all(None not in row and None not in row.values() for row in table), name


def test_figures_are_those_of_the_json(rich) -> None:
    pair = next(p for p in rich.pairs if (p.left, p.right) == ("model", "bea"))
    (kappa,) = [
        row for row in rows(rich, "agreement.csv")
        if (row["figure"], row["left"], row["right"]) == ("cohen_kappa", "model", "bea")
    ]  # fmt: skip
    for key in ("value", "low", "high"):
        assert float(kappa[key]) == getattr(pair.cohen_kappa, key)
    left_out = [r for r in rows(rich, "left_out.csv") if r["right"] == "bea"]
    run = sum(int(r["n"]) for r in left_out if r["left"] == "model")
    assert run == rich.coverage.issues
    corrected = {
        row["code"]: float(row["value"]) for row in rows(rich, "prevalence.csv")
        if row["figure"] == "corrected"
    }  # fmt: skip
    assert corrected == {s.code: s.corrected.value for s in rich.corrected[0].shares}
    assert len(rows(rich, "workload.csv")) == len(rich.trust.workload)


@pytest.mark.usefixtures("few_are_enough")
def test_an_undefined_figure_has_no_value_and_its_reason(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "a"})
    label(run, "ann", {"1": "a", "2": "a"})
    found = build_report(run, draws=100)
    (kappa,) = [r for r in rows(found, "agreement.csv") if r["figure"] == "cohen_kappa"]
    assert kappa["value"] == "" and "only one code" in kappa["note"]


@pytest.mark.usefixtures("few_are_enough")
def test_no_text_is_a_formula_and_a_negative_number_stays_one(maker: Maker) -> None:
    maker.book = TREE.replace("id: call", "id: call")
    run = maker.run(dict.fromkeys(("1", "2", "3", "4"), "call"))
    label(run, "ann", {"1": "speed", "2": "call", "3": "speed", "4": "speed"})
    report = build_report(run, draws=100)
    bad = report.coverage.model_copy(update={"by_status": {"ok": 4}})
    pair = report.pairs[0].model_copy(
        update={
            "right": "=cmd|' /C calc'!A0",
            "cohen_kappa": report.pairs[0].cohen_kappa.model_copy(
                update={"value": -0.25, "note": "@SUM(1)"}
            ),
        }
    )
    report = report.model_copy(update={"coverage": bad, "pairs": (pair,)})
    (kappa,) = [r for r in rows(report, "agreement.csv") if r["figure"] == "cohen_kappa"]
    assert kappa["value"] == "-0.25"
    assert kappa["note"] == "'@SUM(1)"
    assert kappa["right"] == "'=cmd|' /C calc'!A0"


def test_an_empty_run_has_heads_alone(maker: Maker, tmp_path) -> None:
    report = build_report(maker.run({"1": "a"}), draws=100)
    write_report(report, tmp_path)
    names = {file.name for file in (tmp_path / "tables").iterdir()}
    assert names == set(tables(report))
    assert (tmp_path / "tables" / "trend.csv").read_text().count("\n") == 1
    assert json.loads((tmp_path / "report.json").read_text())["trends"] == []
