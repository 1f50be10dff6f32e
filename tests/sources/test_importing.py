"""import_issues: what is kept, what is set aside, and what is on disk afterwards."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from issue_rows import read_issues

from coder.errors import InputError, StorageError, UsageError
from coder.records import Comment, Issue
from coder.sources.importing import CONFLICT, ImportReport, import_issues
from coder.sources.issues import load_issues
from coder.sources.rows import parse_map


def write(path: Path, *rows: Any) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "issues.jsonl"


def set_aside(report: ImportReport) -> list[tuple[int, str]]:
    text = Path(report.set_aside_file).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    return [(row["line"], row["reason"]) for row in rows]


def test_good_rows_survive_every_kind_of_bad_row(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.jsonl"
    bad = [
        b'{"title": "torn',
        b"[1, 2]",
        b"7",
        b'{"title": "", "body": null}',
        b'{"title": {"a": 1}}',
        b'{"title": "t", "number": "many"}',
        b'{"title": "t", "comments": {"a": 1}}',
        b'{"title": "t", "labels": 3}',
        b'{"title": "t", "pull_request": {"url": "u"}}',
        b'{"title": "t", "number": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"\0\0\0",
    ]
    source.write_bytes(b'{"title": "good"}\n' + b"\n".join(bad) + b'\n{"title": "last"}\n{"tit')
    report = import_issues([source], out)
    assert [issue.title for issue in load_issues(out)] == ["good", "last"]
    assert set_aside(report) == [
        (2, "not valid JSON"),
        (3, "not a JSON object"),
        (4, "not a JSON object"),
        (5, "neither title nor body"),
        (6, "wrong type"),
        (7, "wrong type"),
        (8, "wrong type"),
        (9, "wrong type"),
        (10, "pull request"),
        (11, "not valid JSON"),
        (12, "not valid JSON"),
        (13, "not valid JSON"),
        (15, "not valid JSON"),
    ]
    assert (report.read, report.kept, report.set_aside) == (15, 2, 13)
    assert report.reasons["wrong type"] == 4
    assert len(report.first_set_aside) == 5
    assert str(report.first_set_aside[0]).startswith(f"{source}:2: not valid JSON (")


def test_what_is_given_up_is_counted(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'{"title": "a", "created_at": "soon", "closed_at": "later"}\n'
        b'{"title": "b \\ud800"}\n{"title": "c \xff"}\n{"title": "d \\u0000"}\n'
    )
    report = import_issues([source], out)
    assert (report.kept, report.bad_dates, report.bad_text) == (4, 2, 3)
    assert report.set_aside_file == ""
    assert [i.title for i in load_issues(out)] == ["a", "b \ufffd", "c \ufffd", "d \ufffd"]


@pytest.mark.parametrize(
    ("data", "titles", "line"),
    [
        (b'[{"title": "a"},\n{"title": "b"}, {"ti', ["a", "b"], 2),
        (b'[{"title": "a"},\n{"title": "b"}\n', ["a", "b"], 3),
        (b'[{"title": "a"},\n{"title": oops}, {"title": "c"}]', ["a"], 2),
    ],
)
def test_a_broken_list_gives_what_came_before(
    tmp_path: Path, out: Path, data: bytes, titles: list[str], line: int
) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(data)
    report = import_issues([source], out)
    assert [issue.title for issue in load_issues(out)] == titles
    assert set_aside(report) == [(line, "not valid JSON")]


def test_broken_tables_give_the_rows_around(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(
        b'title,body\na,"x\n"\none,two,three\nalone\n"open,"quote"\nb,y\n"never closed,x\nc,z\n'
    )
    report = import_issues([source], out)
    assert [issue.title for issue in load_issues(out)] == ["a", "b"]
    assert set_aside(report) == [
        (4, "wrong number of cells"),
        (5, "wrong number of cells"),
        (6, "not valid CSV"),
        (8, "not valid CSV"),
    ]
    assert "the 1 line" in report.first_set_aside[-1].detail


def test_a_huge_cell_is_read(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("title,body\nt," + "x" * 1_000_000 + "\n")
    import_issues([source], out)
    assert len(load_issues(out)[0].body) == 1_000_000


def test_a_damaged_gzip_gives_the_rows_before_the_damage(tmp_path: Path, out: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    rows = b"".join(b'{"title": "%d"}\n' % n for n in range(1000))
    source.write_bytes(gzip.compress(rows)[:-20])
    report = import_issues([source], out)
    assert report.kept > 900
    assert report.reasons == {"the compressed file is damaged from here on": 1}


def test_duplicates_and_conflicts(tmp_path: Path, out: Path) -> None:
    row = {"repo": "o/r", "number": 1, "title": "t", "body": "b"}
    other = write(tmp_path / "b.jsonl", row, {"title": "t", "body": "b"})
    source = write(tmp_path / "a.jsonl", row, {**row, "state": "open"}, {**row, "body": "new"})
    report = import_issues([source, other], out)
    assert next(issue.id for issue in load_issues(out)) == "o/r#1"
    assert (report.read, report.kept, report.duplicates, report.set_aside) == (5, 2, 2, 1)
    assert report.reasons == {CONFLICT: 1}
    assert "--map id=" in report.first_set_aside[0].detail
    assert [(Path(d.file).name, d.line) for d in report.first_duplicates] == [
        ("a.jsonl", 2),
        ("b.jsonl", 1),
    ]
    assert set_aside(report) == [(2, "duplicate"), (3, CONFLICT), (1, "duplicate")]
    assert report.same_text == 1 and len(report.first_same_text) == 1


def test_codes_become_a_label_file(tmp_path: Path, out: Path) -> None:
    source = write(
        tmp_path / "a.jsonl",
        {"id": "1", "title": "a", "kind": "bug"},
        {"id": "2", "title": "b", "kind": None},
        {"id": "3", "title": "c", "kind": ["x, y", "z"]},
        {"id": "1", "title": "a", "kind": "feature"},
    )
    report = import_issues([source], out, {"code": "kind"})
    assert Path(report.labels_file).name == "issues.labels.csv"
    assert Path(report.labels_file).read_text() == 'id,code\n1,bug\n3,"x, y;z"\n'
    assert (report.labelled, report.reasons) == (2, {CONFLICT: 1})


def test_a_column_mapped_to_code_is_not_also_a_project_label(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"title": "a", "label": "bug"})
    import_issues([source], out, {"code": "label"})
    assert load_issues(out)[0].labels == ()


def test_a_misspelt_column_is_an_error_and_writes_nothing(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"title": "a", "d": {"body": "b"}})
    with pytest.raises(InputError, match=r"'d\.bdy'") as caught:
        import_issues([source], out, {"body": "d.bdy"})
    assert "'d.body'" in caught.value.hint
    assert sorted(tmp_path.iterdir()) == [source]


def test_a_column_that_only_some_rows_have_is_fine(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"title": "a"}, {"title": "b", "late": "c"})
    assert import_issues([source], out, {"body": "late"}).kept == 2


def test_map_arguments() -> None:
    assert parse_map(["title=a=b", "body=x.y,z"]) == {"title": "a=b", "body": "x.y,z"}
    for bad in (["title"], ["=x"], ["title="], ["title=a", "title=b"]):
        with pytest.raises(UsageError):
            parse_map(bad)


def test_an_unknown_field_suggests_the_right_one(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UsageError, match="'titel'") as caught:
        import_issues([write(tmp_path / "a.jsonl", {})], out, {"titel": "x"})
    assert "title" in caught.value.hint


def test_an_empty_mapped_id_is_set_aside(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"k": " ", "title": "a"}, {"k": 2, "title": "b"})
    report = import_issues([source], out, {"id": "k"})
    assert (report.kept, report.reasons) == (1, {"no id": 1})


def test_nothing_kept_is_an_error_that_leaves_the_old_file(tmp_path: Path, out: Path) -> None:
    out.write_text("precious")
    with pytest.raises(InputError, match="neither title nor body") as caught:
        import_issues([write(tmp_path / "a.jsonl", {"headline": "a"})], out)
    assert "--map" in caught.value.hint
    assert out.read_text() == "precious"
    assert (tmp_path / "issues.set-aside.jsonl").exists()
    empty = write(tmp_path / "empty.jsonl")
    with pytest.raises(InputError, match="no rows"):
        import_issues([empty], out)


def test_an_old_set_aside_file_does_not_outlive_a_clean_import(tmp_path: Path, out: Path) -> None:
    stale = tmp_path / "issues.set-aside.jsonl"
    stale.write_text("old")
    import_issues([write(tmp_path / "a.jsonl", {"title": "a"})], out)
    assert not stale.exists()


def test_an_input_is_never_overwritten(tmp_path: Path, out: Path) -> None:
    write(out, {"title": "a"})
    before = out.read_bytes()
    with pytest.raises(UsageError, match="overwritten"):
        import_issues([tmp_path / "." / "issues.jsonl"], out)
    assert out.read_bytes() == before


def test_an_interrupt_leaves_no_half_written_file(tmp_path: Path, out: Path) -> None:
    out.write_text("old")
    source = write(tmp_path / "a.jsonl", *({"title": str(n)} for n in range(500)))

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_issues([source], out, {"code": "title"}, interrupt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "issues.jsonl"]
    assert out.read_text() == "old"


def test_an_output_folder_that_does_not_exist_is_a_storage_error(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", {"title": "a"})
    with pytest.raises(StorageError, match="cannot write"):
        import_issues([source], tmp_path / "no" / "issues.jsonl")


def test_progress_ends_at_the_total(tmp_path: Path, out: Path) -> None:
    sources = [
        write(tmp_path / f"{name}.jsonl", *({"title": f"{name}{n}"} for n in range(300)))
        for name in "ab"
    ]
    seen: list[tuple[int, int]] = []
    import_issues(sources, out, None, lambda done, total: seen.append((done, total)))
    size = sum(path.stat().st_size for path in sources)
    assert seen[-1] == (size, size)
    assert seen == sorted(seen) and len(seen) > 4


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, out: Path, kind: str) -> None:
    def rows(n: int) -> Iterator[str]:
        for number in range(n):
            body = f"{number} " + "lorem ipsum " * 800
            if kind == "csv":
                yield f'{number},title,"{body}"\n'
            else:
                comma = "," if kind == "json" and number else ""
                yield comma + json.dumps({"id": str(number), "title": "t", "body": body}) + "\n"

    source = tmp_path / f"big.{kind}"
    start, end = {"csv": ("id,title,body\n", ""), "json": ("[", "]"), "jsonl": ("", "")}[kind]
    with source.open("w", encoding="utf-8") as file:
        file.write(start)
        file.writelines(rows(2100))
        file.write(end)
    assert source.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        report = import_issues([source], out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.kept == 2100
    assert peak < 4_000_000


# --- our own files ------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))
zones = st.builds(lambda m: timezone(timedelta(minutes=m)), st.integers(-14 * 60, 14 * 60))
moments = st.none() | st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)
ids = texts.map(str.strip).filter(bool)
own_issues = st.builds(
    Issue,
    id=ids,
    repo=texts,
    number=st.none() | st.integers(-(2**70), 2**70),
    url=texts,
    title=texts,
    body=texts.map(lambda text: f"{text}."),
    comments=st.lists(
        st.builds(Comment, author=texts, body=texts, created_at=moments, bot=st.booleans())
    ).map(tuple),
    labels=st.lists(texts).map(tuple),
    author=texts,
    created_at=moments,
    closed_at=moments,
)


@settings(deadline=None)
@given(st.lists(own_issues, min_size=1, max_size=3, unique_by=lambda issue: issue.id))
def test_our_own_file_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, issues: list[Issue]
) -> None:
    folder = tmp_path_factory.mktemp("own")
    source, out = folder / "a.jsonl", folder / "b.jsonl"
    source.write_text("".join(i.to_json() + "\n" for i in issues), encoding="utf-8", newline="\n")
    report = import_issues([source], out)
    assert (report.kept, report.bad_dates, report.bad_text) == (len(issues), 0, 0)
    assert load_issues(out) == issues
    assert list(read_issues([out])) == issues


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "Cc", "Cs", "Zl", "Zp"])))
def test_importing_twice_changes_nothing_more(
    tmp_path_factory: pytest.TempPathFactory, body: str
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    raw = folder / "a.jsonl"
    raw.write_text(json.dumps({"title": "t", "body": body}) + "\n")
    import_issues([raw], folder / "b.jsonl")
    import_issues([folder / "b.jsonl"], folder / "c.jsonl")
    assert (folder / "b.jsonl").read_bytes() == (folder / "c.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ('{"title": "no id"}\n', "2: not an issue: id"),
        ('{"id": "b", "extra": 1}\n', "2: not an issue: extra"),
        ("\n", "2: not an issue"),
        ('{"id": "a"}\n', "2: the id 'a' is there twice"),
        ('{"id": "b"}', "2: the last line is cut off"),
    ],
)
def test_load_issues_is_strict(out: Path, second: str, problem: str) -> None:
    out.write_text('{"id": "a"}\n' + second)
    with pytest.raises(InputError, match=problem) as caught:
        load_issues(out)
    assert "coder import" in caught.value.hint


def test_load_issues_without_a_file(out: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_issues(out)
