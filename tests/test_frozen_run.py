"""A run made by version 0.1.0 opens, reports the same and goes on with every later one.

``frozen/run`` holds what people and the classifier left there: examples, proposals, blind labels
by three people (one of them twice), reviews, an assignment, resolved disagreements, a calibration
and a new version of the codebook. It is never made anew: a format that changes must read this one.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from coder import Run, build_report
from coder.cli.main import cli

HERE = Path(__file__).parent / "frozen"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shutil.copytree(HERE / "run", tmp_path / "runs" / "frozen")
    monkeypatch.chdir(tmp_path)
    return Run.open(tmp_path / "runs", "frozen")


def coder(command: str, typed: str = "") -> str:
    found = CliRunner().invoke(cli, command.split(), input=typed, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_its_figures_are_those_of_then(run: Run) -> None:
    then = json.loads((HERE / "figures.json").read_text())
    report = build_report(run, draws=100)
    now = {
        pair.id: [pair.n, pair.cohen_kappa.value, pair.krippendorff_alpha.value]
        for pair in report.pairs
    }
    assert now.keys() == then.keys()
    for name, (n, *values) in then.items():
        assert now[name] == [n, *(v if v is None else pytest.approx(v) for v in values)], name


def test_its_log_is_whole(run: Run) -> None:
    assert "The log is whole: 15 files, 280 lines." in coder("audit log frozen")


@pytest.mark.parametrize(
    "command",
    ["status frozen", "report frozen", "plan frozen", "label export frozen -o x.csv",
     "audit leakage frozen", "codebook suggest frozen"],
)  # fmt: skip
def test_every_verb_reads_it(run: Run, command: str, monkeypatch, snapshot) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = coder(command)
    # Vectors differ in their last digits from one processor to the next.
    if command != "codebook suggest frozen":
        assert re.sub(r"/\S+(?=/runs/)", "", said) == snapshot


def test_the_report_and_its_appendix_say_the_same_word_for_word(run: Run, snapshot) -> None:
    coder("report frozen --appendix")
    folder = run.path / "report"
    for name in ("report.md", "tables.tex", "appendix.md"):
        assert (folder / name).read_text(encoding="utf-8") == snapshot(name=name)


def test_a_review_goes_on_and_nothing_that_was_there_changes(run: Run) -> None:
    before = {file: file.read_bytes() for file in run.path.rglob("*.jsonl")}
    out = coder("review frozen --rater cleo --plain", "1\nq\n")
    assert "14 of 56 reviewed" in out
    assert len(list(run.decision_journal("cleo"))) > 33
    assert all(file.read_bytes().startswith(was) for file, was in before.items())
    assert run.decision_journal("cleo").broken_line() is None


def test_disagreements_go_on_being_resolved(run: Run) -> None:
    assert "resolved" in coder("adjudicate frozen --by eve --plain", "q\n")
