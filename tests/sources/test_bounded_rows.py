"""A row without end costs itself, not the memory or the disk; the rows around it are kept."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from coder.__main__ import run
from coder.errors import InputError
from coder.sources import importing, json_and_csv, labels
from coder.sources.github import IssueNames
from coder.sources.importing import import_issues
from coder.sources.labels import read_labels

MEMORY = 400 << 20
LONG = 700 << 20

_UNDER_A_LIMIT = textwrap.dedent("""
    import resource, sys
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    from coder.__main__ import run
    sys.exit(run(sys.argv[2:]))
""")


def packed(path: Path, before: bytes, after: bytes) -> None:
    """A file of less than a megabyte that unpacks to one line of ``LONG`` bytes."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(before)
        for _ in range(LONG >> 20):
            file.write(b"a" * (1 << 20))
        file.write(after)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.jsonl.gz", b'{"title":"x"}\n{"title":"', b'"}\n{"title":"y"}\n'),
        ("a.csv.gz", b"id,title\n1,x\n2,", b"\n3,y\n"),
    ],
)
def test_a_small_file_that_unpacks_to_one_huge_line(
    tmp_path: Path, name: str, before: bytes, after: bytes
) -> None:
    packed(tmp_path / name, before, after)
    command = ["import", str(tmp_path / name), "-o", str(tmp_path / "out.jsonl")]
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_A_LIMIT, str(MEMORY), *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 rows read: 2 kept, 0 duplicate, 1 set aside" in done.stdout
    line = before.count(b"\n") + 1
    assert f"{name}:{line}: too long (more than 16,777,216 characters)" in done.stdout


@pytest.fixture
def short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_and_csv, "LARGEST_ROW", 200)


CASES = {
    "a.jsonl": '{"id": "1", "title": "x"}\n{"id": "2", "title": "%s"}\n{"id": "3", "title": "y"}\n',
    "a.csv": "id,title\n1,x\n2,%s\n3,y\n",
    "quoted.csv": 'id,title\n1,x\n2,"%s"\n3,y\n',
    "crlf.csv": "id,title\r\n1,x\r\n2,%s\r\n3,y\r\n",
    "a.tsv": "id\ttitle\n1\tx\n2\t%s\n3\ty\n",
}


@pytest.mark.usefixtures("short_rows")
@pytest.mark.parametrize("name", CASES)
def test_the_rows_around_a_row_that_is_too_long_are_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((CASES[name] % ("a" * 100_000)).encode())
    report = import_issues([path], tmp_path / "out.jsonl")
    assert (report.kept, report.reasons) == (2, {"too long": 1})
    assert report.first_set_aside[0].line == CASES[name].split("%s")[0].count("\n") + 1
    kept = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert kept == ["1", "3"]


@pytest.mark.usefixtures("short_rows")
def test_a_row_of_many_short_lines_is_too_long_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,x\n2," + '"a\n",' * 1000 + "\n3,y\n")
    report = import_issues([path], tmp_path / "out.jsonl")
    assert report.reasons["too long"] == 1
    assert report.kept >= 1


@pytest.mark.usefixtures("short_rows")
def test_a_header_without_end_is_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title," + "a" * 1000 + "\n1,x,y\n")
    assert run(["import", str(path), "-o", str(tmp_path / "out.jsonl")]) == 3
    assert "a.csv:1: the header cannot be read: more than 200 characters" in capsys.readouterr().err


def test_a_file_of_rows_that_are_no_issues_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_IN_VAIN", 50)
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "a"}\n' + "{}\n" * 51)
    with pytest.raises(InputError, match=r"more than 50 rows of .* in a row are no issues"):
        import_issues([path], tmp_path / "out.jsonl")
    assert {file.name for file in tmp_path.iterdir()} == {"a.jsonl"}
    path.write_text(('{"title": "a"}\n' + "{}\n" * 40) * 3)
    assert import_issues([path], tmp_path / "out.jsonl").set_aside == 120


def test_a_file_of_rows_that_are_no_labels_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_MOST_SET_ASIDE", 50)
    path = tmp_path / "a.csv"
    path.write_text("id,code\n1,x\n" + "2,\n" * 60)
    with pytest.raises(InputError, match=r"more than 50 rows .* are no labels"):
        read_labels(path, str, IssueNames([]), rater="ann", single=True)
