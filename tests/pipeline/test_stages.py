"""The study as one file: what is due, what waits, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.runs import label

from coder.__main__ import run as coder
from coder.storage.run import Run

CODEBOOK = """\
id: mood
name: Mood
codes:
  - {id: glad, name: Glad, definition: The writer is happy and thanks for the good work.}
  - {id: cross, name: Cross, definition: The writer is angry about a crash or an error.}
"""
STAGES = """
codebook = "mood"

[retrieval]
embedder = "none"

[stages.import]
command = "import raw.jsonl -o issues.jsonl"
[stages.propose]
command = "propose issues.jsonl --run first"
[stages.by-hand]
wait = { run = "first", raters = 1, labels = 2 }
[stages.report]
command = "coder report first"
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "study.toml").write_text(STAGES)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "mood.yaml").write_text(CODEBOOK)
    rows = [{"id": f"i{n}", "title": f"It crashes, take {n}"} for n in range(4)]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def states(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, str]:
    """What ``coder run --dry-run``, or another command, says of each stage."""
    assert coder([*(command or ("run", "--dry-run"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = {"import", "propose", "by-hand", "report", "calibrate"}
    found = [line.split(maxsplit=2) for line in lines]
    return {w[0]: " ".join(w[1:]).strip() for w in found if w and w[0] in names}


def test_what_is_due_is_run_and_what_waits_for_people_is_said(study, capsys):
    assert states(capsys) == {
        "import": "due never run",
        "propose": "due after import",
        "by-hand": "blocked after propose",
        "report": "blocked after by-hand",
    }
    found = states(capsys, "run")
    assert found["import"] == found["propose"] == "done"
    assert found["by-hand"] == "waits 1 rater with 2 blind labels each; so far none"
    label(Run.open(study / "runs", "first"), "ann", {"i0": "cross"})
    assert coder(["run"]) == 0
    said = capsys.readouterr()
    assert "so far ann 1" in said.out
    assert "Next: coder review first --rater ann" in said.out
    assert "/4 " not in said.err  # nothing was due
    label(Run.open(study / "runs", "first"), "ann", {"i1": "glad"})
    assert set(states(capsys, "run").values()) == {"done"}
    assert (study / "runs" / "first" / "report" / "report.html").is_file()


def all_done(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coder(["run"])
    label(Run.open(study / "runs", "first"), "ann", {"i0": "cross", "i1": "glad"})
    assert set(states(capsys, "run").values()) == {"done"}


def test_what_changed_makes_due_what_hangs_on_it_and_nothing_else(study, capsys):
    all_done(study, capsys)
    label(Run.open(study / "runs", "first"), "bea", {"i0": "cross"})
    found = states(capsys)
    assert found.pop("report") == "due runs/first is not what it was"
    assert set(found.values()) == {"done"}
    assert set(states(capsys, "run").values()) == {"done"}
    (study / "runs" / "first" / "report" / "report.html").unlink()
    assert states(capsys)["report"].startswith("due runs/first/report/report.html is gone")
    (study / "study.toml").write_text(STAGES + "[report]\ndraws = 300\n")
    states(capsys, "run")
    (study / "study.toml").write_text(STAGES + "[report]\ndraws = 400\n")
    assert states(capsys)["report"] == "due study.toml is not what it was"


def test_what_was_changed_by_hand_is_kept(study, capsys):
    all_done(study, capsys)
    issues = study / "issues.jsonl"
    issues.write_text("".join(issues.read_text().splitlines(keepends=True)[:3]))
    found = states(capsys)
    assert found["import"] == "done issues.jsonl was changed since, and is kept"
    assert found["propose"] == "due issues.jsonl is not what it was"
    assert coder(["run"]) != 0  # a run keeps the issues it was made of
    assert "another set of issues" in capsys.readouterr().err
    assert coder(["run", "import", "--again", "import"]) == 0
    assert len(issues.read_text().splitlines()) == 4


def test_a_stage_that_fails_ends_the_run_and_the_same_command_goes_on(study, capsys):
    whole = (study / "raw.jsonl").read_text()
    (study / "raw.jsonl").write_text("")
    assert coder(["run"]) == 3
    capsys.readouterr()
    assert states(capsys)["import"] == "due never run"
    (study / "raw.jsonl").write_text(whole)
    assert states(capsys, "run")["propose"] == "done"


def test_a_file_that_only_people_can_bring_is_waited_for(study, capsys):
    toml = STAGES.replace("[stages.report]", '[stages.calibrate]\ncommand = "label import a.csv '
                          '--rater bea --run first"\n[stages.report]')  # fmt: skip
    (study / "study.toml").write_text(toml.replace("labels = 2", "labels = 1"))
    coder(["run"])
    label(Run.open(study / "runs", "first"), "ann", {"i0": "cross"})
    assert states(capsys, "run")["calibrate"] == "waits there is no a.csv"
    (study / "a.csv").write_text("id,code\ni2,glad\n")
    assert set(states(capsys, "run").values()) == {"done"}
    assert Run.open(study / "runs", "first").labels("bea")["i2"].codes == ("glad",)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("review first", "is not for a stage"),
        ("run", "is not for a stage"),
        ("propose issues.jsonl --run x --send-to example.org", "cannot consent"),
        ("import raw.jsonl -o ../out.jsonl", "leads out of"),
        ("import raw.jsonl --output=/tmp/out.jsonl", "leads out of"),
        ("import raw.jsonl -o/tmp/out.jsonl", "leads out of"),
        ("", "either a command or something to wait for"),
        ("import 'raw", "No closing quotation"),
    ],
)
def test_a_stage_that_cannot_be_run_is_named_before_anything_is(study, capsys, command, said):
    toml = STAGES.replace("coder report first", command.replace('"', '\\"'))
    (study / "study.toml").write_text(toml)
    assert coder(["run"]) != 0
    told = capsys.readouterr().err
    assert said in told and "report" in told and "Traceback" not in told
    assert not (study / "issues.jsonl").exists()


def test_the_whole_study_is_on_one_screen(study, capsys):
    all_done(study, capsys)
    assert coder(["status"]) == 0
    said = capsys.readouterr().out.split()
    at = said.index("first")
    assert said[at:] == ["first", "mood", "1", "embedded", "4", "4", "2", "0"]


def test_without_stages_it_says_where_they_go(study, capsys):
    (study / "study.toml").write_text('codebook = "mood"\n')
    assert coder(["run"]) == 2
    assert "names no stages" in capsys.readouterr().err
    assert coder(["status"]) == 2
    assert "there is no run" in capsys.readouterr().err
