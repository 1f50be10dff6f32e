"""A file is there whole or not at all, and a writer that was killed leaves nothing for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.runs import make_run

from coder.__main__ import run
from coder.files.atomic_write import Draft, write_atomically

_KILLED_AT_THE_LAST_MOMENT = textwrap.dedent("""
    import os, signal, sys
    os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
    from coder.__main__ import run
    sys.exit(run(sys.argv[1:]))
""")
COMMANDS = {
    "import": ["import", "rows.csv", "-o", "issues.jsonl"],
    "propose": ["propose", "issues.jsonl", "--run", "first"],
    "report": ["report", "trial"],
    "label export": ["label", "export", "trial", "-o", "labels.csv"],
    "codebook bump": ["codebook", "bump", "pets"],
}
BOOK = "id: pets\nname: Pets\nversion: 1\ncodes:\n- {id: cat, name: Cat, definition: Cats purr.}\n"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(BOOK)
    (tmp_path / "study.toml").write_text('codebook = "pets"\n[retrieval]\nembedder = "none"\n')
    (tmp_path / "rows.csv").write_text("title\na cat\n")
    (tmp_path / "issues.jsonl").write_text('{"id": "1", "title": "a cat"}\n')
    make_run(tmp_path / "runs")
    return tmp_path


def left(study: Path) -> list[str]:
    return [path.name for path in study.rglob("*.part")]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_killed_command_left_is_removed_by_the_next(study: Path, command: str) -> None:
    kill = [sys.executable, "-c", _KILLED_AT_THE_LAST_MOMENT, *COMMANDS[command]]
    for _ in range(2):
        assert subprocess.run(kill, capture_output=True, check=False).returncode == -signal.SIGKILL
        assert len(left(study)) >= 1
    assert run(COMMANDS[command]) == 0
    assert left(study) == []


def test_a_draft_that_is_being_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with Draft(path) as draft:
        draft.write("slow")
        other = "from pathlib import Path; from coder.files.atomic_write import write_atomically; "
        other += f"write_atomically(Path({str(path)!r}), 'quick')"
        subprocess.run([sys.executable, "-c", other], check=True)
        assert path.read_text() == "quick"
        draft.publish()
    assert path.read_text() == "slow"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", [".b.txt.1.part", "a.txt.1.part", ".a.txt.part", ".a.txt.1.parts"])
def test_nothing_else_is_taken_for_a_draft(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    write_atomically(tmp_path / "a.txt", "text")
    assert (tmp_path / name).read_text() == "mine"


def test_a_draft_writes_through_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tmp_path / f".a.txt.{os.getpid()}.part").symlink_to(outside)
    write_atomically(tmp_path / "a.txt", "text")
    assert not outside.exists()
    assert (tmp_path / "a.txt").read_text() == "text"
