"""``coder durations``: what it prints and writes; hostile names; mistakes are one line."""

from __future__ import annotations

import csv
import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from support.runs import FLAT, Maker, issue, label

from coder.__main__ import run as coder

START = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = '"=cmd() [red]\\x1b[31m % & <b> 漢字"'


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coder.cli.terminal.console._width", 80)
    (tmp_path / "study.toml").write_text("[report]\ndraws = 100\n")
    made = [
        issue(
            f"{n:02}", created_at=START, repo=f"o/{'xy'[n % 2]}",
            closed_at=START + timedelta(days=1 + n % 7 + 9 * (n % 3)),
        )
        for n in range(60)
    ]  # fmt: skip
    maker = Maker(tmp_path / "runs", FLAT.replace("Alpha", HOSTILE), made)
    run = maker.run({i.id: "abc"[n % 3] for n, i in enumerate(made)})
    label(run, "ann", {i.id: "abc"[n % 3] for n, i in enumerate(made[:30])})
    return tmp_path


def test_tables_files_and_a_conclusion(study, capsys):
    assert coder(["durations", "demo"]) == 0
    out = capsys.readouterr().out
    assert "blind label 30, model 30" in out
    assert "Days to resolution differ between categories" in out
    assert "The conclusion stands." in " ".join(out.split())
    assert "\x1b" not in out
    assert all(
        sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line.rstrip()) <= 80
        for line in out.split("\n") if not line.startswith("Written")
    )  # fmt: skip
    folder = study / "runs" / "demo" / "report"
    held = json.loads((folder / "durations.json").read_text())
    assert held["resolution"]["tests"][0]["n"] == 60
    rows = list(csv.DictReader((folder / "durations.csv").read_text().split("\n")))
    assert {row["figure"] for row in rows} >= {"median days", "Dunn z", "Kruskal-Wallis"}
    assert not any(cell.startswith("=") for row in rows for cell in row.values())
    tex = (folder / "durations.tex").read_text()
    assert tex.count(r"\begin{table}") == tex.count(r"\end{table}") == 4
    assert r"\%" in tex and "[red]" in tex and "<b>" not in tex.replace("{<}b{>}", "")


def test_the_same_command_gives_the_same_bytes(study, capsys):
    kept = []
    for folder in ("one", "two"):
        assert coder(["durations", "demo", "--by", "repository", "-o", folder]) == 0
        kept.append({p.name: p.read_bytes() for p in (study / folder).iterdir()})
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo", "--by", "nothing"], "there is no run called 'nothing'"),
        (["demo", "--labels", "bob"], "no blind labels by 'bob'"),
        (["demo", "--snapshot", "1990-01-01"], "was opened by 1990-01-01"),
        (["none"], "there is no run called 'none'"),
    ],
)
def test_mistakes_are_one_line(study, capsys, words, said):
    assert coder(["durations", *words]) != 0
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
