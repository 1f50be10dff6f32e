"""The flat table: each cell from where its column says, and the same in every form."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from support.runs import TREE, Maker, decide, issue, label

import coder as public
from coder.__main__ import run as coder
from coder.records import Action, Status

OPENED = datetime(2025, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    issues = [
        issue("i0", title="=HYPERLINK(1)", number=7, created_at=OPENED,
              closed_at=OPENED.replace(day=4)),
        issue("i1", title="Two\nlines \x1b[31mred", body="b", created_at=OPENED),
        issue("i2"), issue("i3"), issue("i4"),
    ]  # fmt: skip
    model = {"i0": "call", "i1": "speed", "i2": "set", "i3": Status.ABSTAINED, "i4": Status.UNSURE}
    run = Maker(tmp_path / "runs", book=TREE, issues=issues).run(
        model, i0={"quotes": ("one", "two"), "confidence": 0.75}
    )
    label(run, "ann", {"i0": "set", "i1": "speed"}, memo="sure")
    label(run, "bea", {"i1": "speed"})
    decide(run, "cai", {"i0": Action.ACCEPT, "i2": (Action.CORRECT, "error")})
    return tmp_path


EXPECTED = {
    "id": ["i0", "i1", "i2", "i3", "i4"],
    "number": ["7", "", "", "", ""],
    "created_at": ["2025-01-01T12:00:00+00:00", "2025-01-01T12:00:00+00:00", "", "", ""],
    "days_open": ["3.0", "", "", "", ""],
    "model_code": ["call", "speed", "set", "none", ""],
    "model_category": ["use", "perf", "use", "none", ""],
    "model_confidence": ["0.75", "0.9", "0.9", "", ""],
    "ann_blind": ["set", "speed", "", "", ""],
    "ann_blind_category": ["use", "perf", "", "", ""],
    "ann_decision": ["", "", "", "", ""],
    "bea_blind": ["", "speed", "", "", ""],
    "cai_blind": ["", "", "", "", ""],
    "cai_decision": ["call", "", "error", "", ""],
    "resolved_code": ["", "speed", "", "", ""],
    "final_code": ["set", "speed", "error", "none", ""],
    "final_category": ["use", "perf", "perf", "none", ""],
    "final_source": ["blind label", "resolved", "assisted decision", "model", "nobody"],
    "memo": ["ann: sure", "ann: sure", "", "", ""],
    "evidence": ["one | two", "", "", "", ""],
}


def test_every_cell_is_from_where_its_column_says(study, capsys):
    assert coder(["export", "demo", "-o", "coded.csv"]) == 0
    assert "Final codes: 1 resolved, 1 blind label, 1 assisted decision, 1 model, 1 nobody" in (
        capsys.readouterr().out
    )
    with (study / "coded.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, cells in EXPECTED.items():
        assert [row[name] for row in rows] == cells, name
    assert rows[0]["title"] == "'=HYPERLINK(1)"
    assert "\x1b" not in rows[1]["title"]
    with (study / "coded.dictionary.csv").open(newline="") as file:
        told = {row["column"]: row for row in csv.DictReader(file)}
    assert list(told) == list(rows[0])
    assert told["ann_blind"]["filled"] == "2"
    assert (
        "the first of these that applies: resolved, blind label" in told["final_source"]["meaning"]
    )


def test_every_form_holds_the_same(study):
    frames = {
        ".csv": lambda path: pd.read_csv(path, dtype=str),
        ".xlsx": lambda path: pd.read_excel(path, dtype=str),
        ".parquet": pd.read_parquet,
    }
    for ending, read in frames.items():
        path = study / f"coded{ending}"
        assert coder(["export", "demo", "-o", str(path)]) == 0
        found = read(path)
        for name in ("final_code", "final_source", "ann_blind", "cai_decision"):
            assert found[name].fillna("").tolist() == EXPECTED[name], (ending, name)
    sheet = openpyxl.load_workbook(study / "coded.xlsx").active
    assert (sheet["E2"].value, sheet["E2"].data_type) == ("=HYPERLINK(1)", "s")
    typed = pd.read_parquet(study / "coded.parquet")
    assert typed["title"][0] == "=HYPERLINK(1)"
    assert typed["days_open"][0] == 3.0 and typed["number"][0] == 7
    assert str(typed["created_at"].dtype) == "datetime64[us, UTC]"


def test_a_notebook_gets_the_same_table(study):
    found = public.load("demo", wide=True)
    assert found["final_code"].fillna("").tolist() == EXPECTED["final_code"]
    assert found["final:set"].tolist()[:4] == [1, 0, 0, 0]
    assert found["final:set"].isna().tolist() == [False] * 4 + [True]
    assert public.load(study / "runs" / "demo").equals(public.load("demo"))


def test_a_file_whose_ending_says_nothing_is_refused(study, capsys):
    assert coder(["export", "demo", "-o", "coded"]) == 2
    assert "known are: .csv, .parquet, .xlsx" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(study, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    missing = {"pyarrow", "openpyxl", "pandas"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in missing else find(name, *a)
    )
    for name in ("coded.parquet", "coded.xlsx"):
        assert coder(["export", "demo", "-o", name]) == 2
        assert "pip install 'issue-coder[tables]'" in capsys.readouterr().err
    assert coder(["export", "demo", "-o", "coded.csv"]) == 0
