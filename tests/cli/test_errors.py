"""Each mistake a user can make is one line and a hint on stderr, and a non-zero exit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from coder.__main__ import run
from coder.cli import doctor
from coder.errors import Stopped

BOOK = "id: pets\nname: Pets\ncodes:\n- {id: cat, name: Cat, definition: Cats meow and purr.}\n"
BOOK += "- {id: dog, name: Dog, definition: Dogs bark and fetch sticks.}\n"


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """An empty study with a small codebook and two issues; nothing is taken from outside it."""
    monkeypatch.chdir(tmp_path)
    for key in ("OPENAI_API_KEY", "CODER_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n')
    rows = [{"id": "1", "title": "The cat purrs"}, {"id": "2", "title": "My dog barks at sticks"}]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def fails(capsys, *arguments: str) -> tuple[int, str]:
    """Run a command that must fail as a user's mistake should; its exit code and both lines."""
    code = run(list(arguments))
    printed = capsys.readouterr()
    assert code not in (0, 130)
    assert "Traceback" not in printed.err
    lines = printed.err.strip().split("\n")
    message, hint = lines[-2], lines[-1]
    assert message.startswith("error: ")
    assert hint.startswith("hint: ")
    return code, f"{message}\n{hint}"


PROPOSE = ("propose", "issues.jsonl", "--run", "r")


def test_missing_file(study, capsys):
    assert "nowhere.jsonl" in fails(capsys, "propose", "nowhere.jsonl", "--run", "r")[1]


def test_not_json(study, capsys):
    (study / "issues.jsonl").write_text('{"id": "1"}\nnot json\n')
    assert "issues.jsonl:2" in fails(capsys, *PROPOSE)[1]
    assert not (study / "runs").exists()


def test_codebook_with_a_duplicate_id(study, capsys):
    path = study / "codebook" / "pets.yaml"
    path.write_text(BOOK.replace("id: dog", "id: cat"))
    assert "pets.yaml:5: duplicate id 'cat'" in fails(capsys, *PROPOSE)[1]
    assert run(["codebook", "check"]) == 3
    assert "pets.yaml:5: duplicate id 'cat'" in capsys.readouterr().err


def test_unknown_codebook_lists_those_there_are(study, capsys):
    code, message = fails(capsys, *PROPOSE, "--codebook", "birds")
    assert "'birds'" in message
    assert code == 3


@pytest.mark.parametrize("model", ["gibberish", "nosuchvendor:x", "openai:"])
def test_unknown_model(study, capsys, model):
    message = fails(capsys, *PROPOSE, "--model", model)[1]
    assert repr(model) in message or repr(model.partition(":")[0]) in message
    assert not (study / "runs" / "r").exists()


def test_no_key(study, capsys):
    message = fails(capsys, *PROPOSE, "--model", "openai:gpt-4.1-mini")[1]
    assert "OPENAI_API_KEY" in message
    assert not (study / "runs" / "r").exists()


def test_a_run_made_with_another_codebook_is_left_as_it_is(study, capsys):
    assert run(list(PROPOSE)) == 0
    before = {p: p.read_bytes() for p in (study / "runs" / "r").rglob("*.json*")}
    (study / "codebook" / "pets.yaml").write_text(BOOK.replace("meow", "hiss"))
    capsys.readouterr()
    assert "another codebook" in fails(capsys, *PROPOSE)[1]
    assert before == {p: p.read_bytes() for p in (study / "runs" / "r").rglob("*.json*")}


def test_no_such_run(study, capsys):
    for command in (["report", "x"], ["review", "x", "--rater", "me"]):
        assert "no run called 'x'" in fails(capsys, *command)[1]


def test_a_wrong_setting_is_named(study, capsys):
    (study / "study.toml").write_text("[model]\ntemperature = 9\n")
    assert "model.temperature" in fails(capsys, "doctor")[1]
    (study / "study.toml").write_text("[model\n")
    assert "not valid TOML" in fails(capsys, "doctor")[1]


def test_doctor_prints_paths_whole_and_what_to_do_below(study, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "none")
    (study / "study.toml").unlink()
    run(["doctor"])
    lines = capsys.readouterr().out.split("\n")
    place = next(n for n, line in enumerate(lines) if line.startswith("optional  study: "))
    assert lines[place].endswith(str(study))
    assert lines[place + 1].split() == ["→", "coder", "init", "DIR"]


def test_a_study_is_never_made_over_another(study, capsys):
    before = (study / "study.toml").read_bytes()
    assert "already is a study" in fails(capsys, "init", ".")[1]
    assert (study / "study.toml").read_bytes() == before


def test_labels_that_fit_nothing(study, capsys):
    assert run(list(PROPOSE)) == 0
    (study / "labels.csv").write_text("id,code\n1,bird\n7,cat\n")
    capsys.readouterr()
    code = run(["label", "import", "labels.csv", "--rater", "ann", "--run", "r"])
    err = capsys.readouterr().err
    assert code == 3
    assert "labels.csv:2: unknown code" in err
    assert "labels.csv:3: unknown issue" in err
    assert "no usable label" in err
    assert "its codes those of the run's codebook" in err
    (study / "labels.csv").write_text("id,code\n1,N/A\n")
    assert run(["label", "import", "labels.csv", "--rater", "ann", "--run", "r"]) == 3
    assert "hint: why is said above" in capsys.readouterr().err


def test_an_unwritable_study(study, capsys):
    """A file where the runs folder should be stands in for rights that root would ignore."""
    (study / "runs").write_text("not a folder")
    assert "cannot write" in fails(capsys, *PROPOSE)[1]


def test_a_mistyped_command_is_recognised(capsys):
    assert run(["reveiw"]) == 2
    assert "Did you mean 'review'?" in capsys.readouterr().err


def test_inputs_are_compared_before_the_model_is_made(study, capsys, monkeypatch):
    assert run(list(PROPOSE)) == 0
    monkeypatch.setattr("coder.proposers.run_loop.build_proposer", None)
    (study / "codebook" / "pets.yaml").write_text(BOOK.replace("meow", "hiss"))
    capsys.readouterr()
    assert "(pets 1, " in fails(capsys, *PROPOSE)[1]


def test_a_command_that_exits_early_gives_its_code(monkeypatch, capsys):
    def callback() -> None:
        raise click.exceptions.Exit(3)

    monkeypatch.setattr(doctor.command, "callback", callback)
    assert run(["doctor"]) == 3
    for well in (["--help"], ["--version"], ["report", "--schema"], ["review", "--help"]):
        assert run(well) == 0
        assert capsys.readouterr().out


def test_a_signal_is_told_by_the_code(monkeypatch, capsys):
    def callback() -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(doctor.command, "callback", callback)
    assert run(["doctor"]) == 143
    assert capsys.readouterr().err == "\nstopped; run the same command again to go on\n"


def test_unknown_command_and_option_exit_2():
    for arguments in (["nonsense"], ["propose", "--nonsense"]):
        done = subprocess.run(
            [sys.executable, "-m", "coder", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "Error" in done.stderr


def test_a_reader_that_leaves_early_is_no_error(study):
    done = subprocess.run(
        f"{sys.executable} -m coder codebook show --full ptm-reuse | head -1",
        shell=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""
