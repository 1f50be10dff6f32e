"""What a new user meets first: names in any script, runs a shell completes, folders left clean."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.runs import make_run

from coder.__main__ import run as run_command
from coder.cli.main import cli
from coder.codebook.load import load, parse, resolver
from coder.codebook.search import find_codes
from coder.storage.merge import merge
from coder.storage.run import Run

NAMES = ["Zoë", "王小明", "Ольга", "प्रिया", "דנה", "ann.2"]


def coder(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=typed)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "runs", 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_rater_goes_by_a_name_of_any_script(run: Run, name: str) -> None:
    for form in ("NFC", "NFD"):
        spelled = unicodedata.normalize(form, name)
        assert coder("review", "trial", "--rater", spelled, typed="\nq\n").exit_code == 0
    name = unicodedata.normalize("NFC", name)
    assert run.raters() == [name], "one person, however the letters are composed"
    made = run.decisions(name)
    assert len(made) == 2 and {d.rater for d in made.values()} == {name}
    assert name in coder("status", "trial").output


def test_a_rater_whose_file_was_copied_from_a_system_that_takes_letters_apart(
    run: Run, tmp_path: Path
) -> None:
    mine = Run(Path(shutil.copytree(run.path, tmp_path / "mine" / "trial")))
    coder("review", "trial", "--rater", "Zoë", typed="\nq\n")
    for folder in ("decisions", "labels"):
        for file in (run.path / folder).glob("*.jsonl"):
            file.rename(file.with_name(unicodedata.normalize("NFD", file.name)))
    there = list(run.path.rglob("Zo*.jsonl"))
    assert there and not any("Zoë" in file.name for file in there)
    assert len(run.decisions("Zoë")) == 1
    assert coder("audit", "log", "trial").exit_code == 0
    coder("review", "trial", "--rater", "Zoë", typed="\nq\n")
    assert list(run.path.rglob("Zo*.jsonl")) == there
    assert len(run.decisions("Zoë")) == 2
    merge(mine, run.path)
    assert len(mine.decisions("Zoë")) == 2


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".hidden", "a\u202eb", "a b", "a\nb", "", "x" * 82]
)
def test_what_is_no_name_is_refused(run: Run, name: str) -> None:
    before = sorted(run.path.rglob("*"))
    found = coder("review", "trial", "--rater", name, typed="\n")
    assert found.exit_code != 0
    assert sorted(run.path.rglob("*")) == before


def test_codes_are_the_same_however_their_letters_are_composed(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(
        "id: b\nname: B\ncodes:\n"
        "  - {id: c3, name: Ärger, definition: d, children: [{id: c3.x, name: Other,"
        " definition: d}]}\n"
        "  - {id: c4, name: Sonst, definition: d, children: [{id: rest, name: Other,"
        " definition: d}]}\n",
        encoding="utf-8",
    )
    book = load(file)
    apart = unicodedata.normalize("NFD", "Ärger")
    assert apart != "Ärger" and resolver(book)(apart) == "c3"
    assert [code.id for code in find_codes(book, apart)][:1] == ["c3.x"]
    assert resolver(book)("c3 > Other") == resolver(book)(f"{apart} / other") == "c3.x"
    with pytest.raises(Exception, match="not a code") as failed:
        resolver(book)("c3 > Othr")
    assert [code.id for code in find_codes(book, "c3 > Other")] == ["c3.x"]
    assert [code.id for code in find_codes(book, "c4 > Other")] == ["rest"]
    assert "c3.x" in failed.value.hint and "c4" not in failed.value.hint  # type: ignore[attr-defined]


def test_a_name_composed_in_two_ways_is_there_twice() -> None:
    names = (unicodedata.normalize(form, "Ärger") for form in ("NFC", "NFD"))
    codes = (f"  - {{id: c{n}, name: {name}, definition: d}}" for n, name in enumerate(names))
    book, problems = parse("\n".join(["id: b", "name: B", "codes:", *codes]))
    assert book is None and "duplicate name" in problems[0].message


def test_a_shell_completes_the_names_of_runs(run: Run) -> None:
    make_run(run.path.parent, 2, name="other")
    words = {"COMP_WORDS": "coder report tr", "COMP_CWORD": "2", "_CODER_COMPLETE": "bash_complete"}
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-c",
         "from coder.__main__ import main; import sys; sys.argv = ['coder']; main()"],
        env=os.environ | words, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stdout.splitlines() == ["plain,trial"]
    imported = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines()}
    assert not imported & {"pydantic", "numpy", "rich", "textual"}


def test_the_demo_ends_with_a_command_that_works_where_one_stands(tmp_path: Path) -> None:
    import shlex

    code = "from coder.__main__ import main; main()"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "coder"
    program.write_text(f"#!{sys.executable}\n{code}\n")
    program.chmod(0o755)
    lonely = os.environ | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    made = subprocess.run(
        ["bin/coder", "demo"], cwd=tmp_path, env=lonely, capture_output=True, text=True, check=True
    )
    last = made.stdout.splitlines()[-1].rpartition("  ")[2]
    again = subprocess.run(
        [*shlex.split(last), "--plain"],
        cwd=tmp_path, env=lonely, input="q\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "1 of 77" in again.stdout


LOOKS = (
    "doctor", "codebook show", "codebook check", "prompt show", "report --schema", "status x",
    "plan x", "report x", "audit log x", "review x --rater a", "compare a b", "adjudicate x --by a",
    "label export x", "codebook migrate x --dry-run", "calibrate x", "assign x --raters a,b",
)  # fmt: skip


@pytest.mark.parametrize("command", LOOKS)
def test_looking_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    coder(*command.split())
    assert not list(tmp_path.iterdir())


def test_figures_without_their_library_are_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("coder.cli.report.find_spec", lambda _: None)
    assert run_command(["report", "trial", "--figures"]) != 0
    assert "issue-coder[figures]" in capsys.readouterr().err
    assert not (run.path / "report").exists()
