"""read_labels: codes in any spelling, and every row that is not a label named with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coder.codebook.load import parse, resolver
from coder.errors import InputError
from coder.records import Issue
from coder.sources.github import IssueNames
from coder.sources.importing import import_issues
from coder.sources.labels import LabelReport, read_labels

BOOK, _ = parse(
    """
id: b
name: B
codes:
  - {id: how, name: How to, definition: d, children: [
      {id: how-run, name: Run, definition: d}, {id: how-other, name: Other, definition: d}]}
  - {id: err, name: Error; crash, definition: d, children: [
      {id: err-other, name: Other, definition: d}]}
"""
)
assert BOOK is not None
RESOLVE = resolver(BOOK)
IDS = ("7", "a", "b", "c", "o/r#1")


def read(path: Path, text: str, single: bool = True, **mapping: str) -> LabelReport:
    path.write_text(text, encoding="utf-8")
    return read_labels(
        path, RESOLVE, names(*IDS), rater="ann", single=single, mapping=mapping, codebook_hash="h"
    )


def names(*ids: str) -> IssueNames:
    return IssueNames(Issue(id=issue_id) for issue_id in ids)


def codes(report: LabelReport) -> dict[str, tuple[str, ...]]:
    return {label.issue_id: label.codes for label in report.labels}


def reasons(report: LabelReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.set_aside]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("how-run", ("how-run",)),
        (" HOW-RUN ", ("how-run",)),
        ("run", ("how-run",)),
        ("How to/Run", ("how-run",)),
        ("how to > run", ("how-run",)),
        ("Error; crash", ("err",)),
        ("none", ()),
        ("No code fits", ()),
    ],
)
def test_spellings_of_a_code(path: Path, written: str, expected: tuple[str, ...]) -> None:
    report = read(path, f'id,code\na,"{written}"\n')
    assert codes(report) == {"a": expected}
    label = report.labels[0]
    assert (label.rater, label.codebook_hash, label.source) == ("ann", "h", "labels.csv")


def test_several_codes_in_a_cell_or_in_rows(path: Path) -> None:
    text = "id,code,memo\na,how-run; err,one\nb,how-run,\nb,err,two\nb,how-run,three\n"
    report = read(path, text, single=False)
    assert codes(report) == {"a": ("how-run", "err"), "b": ("how-run", "err")}
    assert [label.memo for label in report.labels] == ["one", "two\nthree"]


def test_a_single_code_said_twice_is_one(path: Path) -> None:
    report = read(path, "id,code\na,how-run\na,Run\n")
    assert codes(report) == {"a": ("how-run",)} and report.set_aside == ()


def test_what_cannot_be_a_label_is_set_aside_with_its_line(path: Path) -> None:
    text = (
        "id,code\na,how-rum\nb,Other\nc,\nx,err\n,err\nb,err;how\na,err\nc,none;err\n"
        "o/rr#1,err\nb,a,b\n"
    )
    report = read(path, text)
    assert codes(report) == {"a": ("err",)}
    assert reasons(report) == [
        (2, "unknown code"),
        (3, "unknown code"),
        (4, "no code"),
        (5, "unknown issue"),
        (6, "no issue id"),
        (7, "several codes, but the codebook takes one"),
        (9, "'no code fits' beside a code"),
        (10, "unknown issue"),
        (11, "wrong number of cells"),
    ]
    details = {row.line: row.detail for row in report.set_aside}
    assert "did you mean 'how-run'" in details[2]
    assert "How to > Other" in details[3] and "Error; crash > Other" in details[3]
    assert "did you mean o/r#1?" in details[10]
    assert report.read == 10


def test_two_rows_that_disagree_leave_no_label(path: Path) -> None:
    report = read(path, "id,code\na,err\nb,err\na,how\n")
    assert codes(report) == {"b": ("err",)}
    assert reasons(report) == [(2, "several codes, but the codebook takes one")]


def test_the_file_of_the_issues_can_be_the_label_file(tmp_path: Path) -> None:
    source, out = tmp_path / "raw.jsonl", tmp_path / "issues.jsonl"
    rows = [
        {"html_url": "https://github.com/o/r/issues/1", "title": "t", "v": "err", "id": 9},
        {"title": "without id", "v": "none"},
        {"title": "", "v": "err"},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_issues([source], out)
    ids = [json.loads(line)["id"] for line in out.read_text().split("\n")[:-1]]
    report = read_labels(
        source, RESOLVE, names(*ids), rater="r", single=True, mapping={"code": "v"}
    )
    assert codes(report) == {ids[0]: ("err",), ids[1]: ()}
    assert reasons(report) == [(3, "no issue id")]


def test_columns_are_mapped_as_in_import(path: Path) -> None:
    text = '{"row": 7, "rating": {"ann": "err"}, "id": "a"}\n'
    path.write_text(text)
    report = read(path, text, id="row", code="rating.ann")
    assert codes(report) == {"7": ("err",)}


def test_a_file_without_codes_is_an_error(path: Path) -> None:
    with pytest.raises(InputError, match="no column 'code'") as caught:
        read(path, "id,verdict\na,err\n")
    assert "--map code=" in caught.value.hint
    with pytest.raises(InputError, match="'verdikt'"):
        read(path, "id,verdict\na,err\n", code="verdikt")


def test_a_label_file_of_another_type_of_value(path: Path) -> None:
    report = read(path, '{"id": "a", "code": {"x": 1}}\n{"id": "b", "code": ["err"]}\n')
    assert codes(report) == {"b": ("err",)} and reasons(report) == [(1, "wrong type")]
