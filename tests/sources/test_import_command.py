"""coder import, as typed: what it prints, and that text from files cannot steer the terminal."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coder.cli.import_ import command
from coder.errors import UsageError


def run(*args: object) -> str:
    result = CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_summary_accounts_for_every_row(tmp_path: Path) -> None:
    rows = [
        {"title": "a", "created_at": "soon", "v": "x"},
        {"title": "a", "created_at": "soon", "v": "x"},
        {"title": "b\u0000"},
        {"title": {"evil [red]\x1b[2J": 1}},
        {"title": "a", "repo": "[bold]r\x1b[2J"},
    ]
    source, out = tmp_path / "in.jsonl", tmp_path / "issues.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{[red]\x1b\n")
    shown = run(source, "-o", out, "--map", "code=v")
    assert f"{out}: 3 issues" in shown
    assert f"{tmp_path / 'issues.labels.csv'}: 1 label, for coder label import" in shown
    assert "6 rows read: 3 kept, 1 duplicate, 2 set aside" in shown
    assert f"{source}:4: wrong type (title is an object, not text)" in shown
    assert f"{source}:2: duplicate" in shown
    assert str(tmp_path / "issues.set-aside.jsonl") in shown
    assert "1 date not understood" in shown
    assert "1 issue with characters that are not text" in shown
    assert "1 issue with the text of an earlier one" in shown
    assert "\x1b" not in shown


def test_the_record_beside_the_issues_tells_which_files_they_are_from(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "made" / "issues.jsonl"
    out.parent.mkdir()
    source.write_text('{"title": "a"}\n{"title": "a"}\n{}\n')
    run(source, "-o", out)
    record = json.loads((out.parent / "issues.import.json").read_text())
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (source, out)]
    assert record["inputs"] == [{"file": "../in.jsonl", "sha256": hashes[0], "issues": None}]
    assert record["output"] == {"file": "issues.jsonl", "sha256": hashes[1], "issues": 1}
    assert (record["read"], record["duplicates"], record["set_aside"]) == (3, 1, 1)


def test_a_file_far_off_is_named_without_its_folders(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "a" / "b" / "c" / "d" / "issues.jsonl"
    out.parent.mkdir(parents=True)
    source.write_text('{"title": "a"}\n')
    run(source, "-o", out)
    assert '"inputs":[{"file":"in.jsonl"' in out.with_name("issues.import.json").read_text()


def test_names_from_files_are_shown_to_the_letter(tmp_path: Path) -> None:
    source, out = tmp_path / "[red]in\x1b.jsonl", tmp_path / "o.jsonl"
    source.write_text('{"title": "a"}\n{"title": ""}\n')
    shown = run(source, "-o", out)
    assert "[red]in·.jsonl:2: neither title nor body" in shown


def test_a_wrong_map_is_a_usage_error(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"title": "a"}\n')
    with pytest.raises(UsageError, match="FIELD=COLUMN"):
        run(source, "-o", tmp_path / "o.jsonl", "--map", "title")


def test_the_command_file_imports_nothing_heavy() -> None:
    code = (
        "import sys, coder.cli.import_; "
        "print([m for m in ('rich', 'pydantic', 'coder.sources') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
