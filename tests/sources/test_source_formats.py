"""The same issues come out of every format, packing and vendor's spelling."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from issue_rows import read_issues

from coder.errors import InputError
from coder.records import Issue
from coder.sources import json_and_csv
from coder.sources.files import opened
from coder.sources.rows import SetAside

BOM = b"\xef\xbb\xbf"
PLAIN = [
    {"title": "first", "body": "a\u2028b\u0085c"},
    {"title": "zweiter, Tag", "body": 'say "x"'},
]
CSV = 'title,body\nfirst,"a\u2028b\u0085c"\n"zweiter, Tag","say ""x"""\n'


def issues(path: Path, mapping: dict[str, str] | None = None) -> list[Issue]:
    found = list(read_issues([path], mapping))
    assert not [item for item in found if isinstance(item, SetAside)]
    return [item for item in found if isinstance(item, Issue)]


def one(tmp_path: Path, row: dict[str, Any], mapping: dict[str, str] | None = None) -> Issue:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (issue,) = issues(path, mapping)
    return issue


def lines(rows: Sequence[dict[str, str]], end: str = "\n") -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)


FORMATS = {
    "a.jsonl": lines(PLAIN),
    "dos.jsonl": lines(PLAIN, "\r\n"),
    "no-last-newline.jsonl": lines(PLAIN).rstrip("\n"),
    "without-suffix": lines(PLAIN),
    "list.json": json.dumps(PLAIN, ensure_ascii=False),
    "indented.json": json.dumps(PLAIN, indent=2),
    "pages.json": "".join(json.dumps([row]) for row in PLAIN),
    "slurped.json": json.dumps([[PLAIN[0]], [PLAIN[1]]]),
    "objects.json": "\n".join(json.dumps(row, indent=2) for row in PLAIN),
    "list.csv": json.dumps(PLAIN),
    "a.csv": CSV,
    "dos.csv": CSV.replace("\n", "\r\n"),
    "table-without-suffix": CSV,
    "excel.csv": CSV.replace("title,body", "Title;Body").replace('first,"', 'first;"').replace(
        '","', '";"'
    ),
    "a.tsv": 'title\tbody\nfirst\ta\u2028b\u0085c\nzweiter, Tag\t"say ""x"""\n',
}  # fmt: skip


@pytest.mark.parametrize("packing", ["plain", "bom", "gzip", "gzip and bom"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_issues(tmp_path: Path, name: str, packing: str) -> None:
    data = FORMATS[name].encode()
    data = BOM + data if "bom" in packing else data
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if "gzip" in packing else data)
    assert [(i.title, i.body) for i in issues(path)] == [(r["title"], r["body"]) for r in PLAIN]


def test_gzip_members_written_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"".join(gzip.compress(lines([row]).encode()) for row in PLAIN))
    assert len(issues(path)) == 2


def test_json_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"title": "a\rb\u2028c\u0085d\x0ce"}\n'.encode())
    assert [issue.title for issue in issues(path)] == ["a\nb\u2028c\u0085d\x0ce"]


def test_a_value_without_end_does_not_take_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_and_csv, "_CHUNK", 500)
    monkeypatch.setattr(json_and_csv, "LARGEST_ROW", 1000)
    path = tmp_path / "a.json"
    path.write_text('[{"title": "a"}, {"title": "' + "x" * 5000 + '"}]')
    first, second = read_issues([path])
    assert isinstance(first, Issue) and isinstance(second, SetAside)
    assert "the rest of the file was not read" in second.detail


def test_line_numbers_are_where_a_row_starts(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(b'title,body\na,"x\r\ny"\n\nb,z\n')
    indented = tmp_path / "b.json"
    indented.write_text(json.dumps(PLAIN, indent=1))
    with opened(table) as source:
        assert [row.line for row in source.rows()] == [2, 5]
    with opened(indented) as source:
        assert [row.line for row in source.rows()] == [2, 6]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"hello world\n", "neither JSON"),
        (b"\xff\xfet\x00", "UTF-16"),
        (b"PK\x03\x04rest", "a zip archive"),
    ],
)
def test_a_file_of_another_kind_is_an_input_error(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError, match=what):
        list(read_issues([path]))


def test_a_missing_file_or_a_folder_is_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="cannot read"):
            list(read_issues([path]))


def test_github_rest(tmp_path: Path) -> None:
    issue = one(
        tmp_path,
        {
            "id": 987654321,
            "node_id": "I_x",
            "url": "https://api.github.com/repos/o/r/issues/7",
            "html_url": "https://github.com/o/r/issues/7",
            "repository_url": "https://api.github.com/repos/o/r",
            "number": 7,
            "title": "t",
            "body": None,
            "user": {"login": "ann", "type": "User"},
            "labels": [{"id": 1, "name": "bug"}, {"name": "help, wanted"}],
            "comments": 3,
            "created_at": "2020-01-02T03:04:05Z",
            "closed_at": None,
            "pull_request": None,
        },
    )
    assert (issue.id, issue.repo, issue.number) == ("o/r#7", "o/r", 7)
    assert issue.url == "https://github.com/o/r/issues/7"
    assert (issue.author, issue.labels, issue.comments) == ("ann", ("bug", "help, wanted"), ())
    assert issue.created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert issue.body == "" and issue.closed_at is None


def test_gh_issue_list_json(tmp_path: Path) -> None:
    issue = one(
        tmp_path,
        {
            "id": "I_kw",
            "number": 7,
            "title": "t",
            "body": "b",
            "url": "https://github.com/o/r/issues/7",
            "author": {"login": "ann", "is_bot": False},
            "labels": [{"id": "L", "name": "bug"}],
            "closed": True,
            "createdAt": "2020-01-02T03:04:05Z",
            "closedAt": "2020-01-03T03:04:05Z",
            "comments": [
                {"author": {"login": "bob"}, "body": "hi", "createdAt": "2020-01-02T04:00:00Z"},
                {"author": {"login": "github-actions"}, "body": "stale"},
                None,
            ],
        },
    )
    assert (issue.id, issue.author) == ("o/r#7", "ann")
    assert issue.closed_at is not None and issue.closed_at.day == 3
    assert [(c.author, c.body, c.bot) for c in issue.comments] == [
        ("bob", "hi", False),
        ("github-actions", "stale", True),
    ]
    assert issue.comments[0].created_at == datetime(2020, 1, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "repo", "issue_id"),
    [
        ({"owner": "o", "repo": "r", "number": 1}, "o/r", "o/r#1"),
        ({"owner": "o", "repo": "x/r", "number": "1"}, "x/r", "x/r#1"),
        ({"repository": {"nameWithOwner": "o/r"}, "number": 1.0}, "o/r", "o/r#1"),
        ({"full_name": "o/r", "num": "#1"}, "o/r", "o/r#1"),
        ({"repo": "https://github.com/o/r", "number": 1}, "o/r", "o/r#1"),
        ({"repo": "o/r", "url": "https://x.org/1", "id": 5}, "o/r", "5"),
        ({"repo": "o/r", "number": 1, "id": "q7"}, "o/r", "q7"),
        ({"repo": "o/r", "number": 1, "id": 987654321}, "o/r", "o/r#1"),
        ({"repo": "o/r", "number": 1, "id": 5, "node_id": "x"}, "o/r", "o/r#1"),
        ({"id": "o/r#7"}, "o/r", "o/r#7"),
        ({"repo": "o/r", "id": 5}, "o/r", "5"),
        ({"id": "I-5", "number": 3}, "", "I-5"),
    ],
)
def test_the_id_rule(tmp_path: Path, row: dict[str, Any], repo: str, issue_id: str) -> None:
    issue = one(tmp_path, {"title": "t", **row})
    assert (issue.repo, issue.id) == (repo, issue_id)


def test_a_row_without_any_id_is_known_by_its_content(tmp_path: Path) -> None:
    row = {"title": "t", "body": "b", "repo": "o/r", "created_at": "2020-01-01"}
    first = one(tmp_path, row).id
    assert first.startswith("repo:") and len(first) == len("repo:") + 12
    assert one(tmp_path, {**row, "labels": ["bug"]}).id == first
    for changed in ({"title": "u"}, {"body": "c"}, {"repo": "o/s"}, {"created_at": "2020-01-02"}):
        assert one(tmp_path, {**row, **changed}).id != first


def test_rows_of_our_own_files_are_taken_as_they_are(tmp_path: Path) -> None:
    own = Issue(id="x", title="t", url="https://github.com/o/r/issues/1", repo="r")
    assert one(tmp_path, own.model_dump(mode="json")) == own


def test_a_mapped_id_beats_all_others(tmp_path: Path) -> None:
    row = {"row": 0, "title": "t", "repo": "o/r", "number": 1}
    assert one(tmp_path, row, {"id": "row"}).id == "0"


def test_mapping_reaches_into_objects_and_joins_columns(tmp_path: Path) -> None:
    row = {
        "summary": "s",
        "a,b": "exact",
        "discussion": {"title": "q", "body": "b\n", "empty": "", "n": 4, "repo_id": "o/r"},
    }
    mapping = {
        "title": "summary",
        "body": "summary,discussion.empty,discussion.title,discussion.body,discussion.n",
        "number": "discussion.n",
        "repo": "discussion.repo_id",
        "author": "a,b",
    }
    issue = one(tmp_path, row, mapping)
    assert issue.body == "s\n\nq\n\nb\n\n\n4"
    assert (issue.title, issue.id, issue.author) == ("s", "o/r#4", "exact")


def test_column_names_are_compared_without_case_and_separators(tmp_path: Path) -> None:
    issue = one(tmp_path, {"Title": "t", "BODY": "b", "Created At": "2020-01-01", "closed-at": ""})
    assert (issue.title, issue.body, issue.closed_at) == ("t", "b", None)
    assert issue.created_at == datetime(2020, 1, 1, tzinfo=UTC)
