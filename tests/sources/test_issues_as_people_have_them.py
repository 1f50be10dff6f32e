"""Issue files as APIs, exports and spreadsheets write them, through ``coder import``."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import shlex
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coder.cli.main import cli
from coder.errors import CoderError
from coder.records import Issue
from coder.sources.issues import load_issues

REST = {
    "url": "https://api.github.com/repos/o/r/issues/1",
    "html_url": "https://github.com/o/r/issues/1",
    "id": 1001, "number": 1, "title": "T1", "body": "b", "user": {"login": "u", "type": "User"},
    "labels": [{"id": 1, "name": "bug"}], "created_at": "2024-01-01T00:00:00Z", "comments": 0,
}  # fmt: skip
JIRA = {
    "id": "1", "key": "AB-1",
    "fields": {
        "summary": "Crash", "created": "2024-01-01T10:00:00.000+0000", "labels": ["backend"],
        "description": {"type": "doc", "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "It "},
                                              {"type": "text", "text": "dies"}]}]},
        "comment": {"comments": [{"body": "x", "author": {"displayName": "u"},
                                  "created": "2024-01-01T10:00:00.000+0000"}]},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def coder_import(name: str, content: str | bytes, *options: str) -> Result:
    data = content if isinstance(content, bytes) else content.encode()
    Path(name).write_bytes(data)
    result = CliRunner().invoke(cli, ["import", name, "-o", "out.jsonl", *options])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def imported(name: str, content: str | bytes, *options: str) -> list[Issue]:
    coder_import(name, content, *options)
    return load_issues(Path("out.jsonl"))


def refused(name: str, content: str | bytes, *options: str) -> str:
    with pytest.raises(CoderError) as caught:
        coder_import(name, content, *options)
    return f"{caught.value.message}; {caught.value.hint}"


def another(number: int) -> dict[str, object]:
    return {
        **REST, "number": number, "id": 1000 + number, "title": f"T{number}",
        "url": f"https://api.github.com/repos/o/r/issues/{number}",
        "html_url": f"https://github.com/o/r/issues/{number}",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(REST) + json.dumps(another(2)),
        json.dumps({"total_count": 2, "items": [REST, another(2)]}),
        json.dumps({"items": [REST, another(2)]}, indent=1),
        json.dumps({"data": {"repository": {"issues": {"nodes": [REST, another(2)]}}}}),
        json.dumps({"data": {"search": {"edges": [{"node": REST}, {"node": another(2)}]}}}),
        json.dumps({"action": "opened", "issue": REST}) + "\n"
        + json.dumps({"type": "IssuesEvent", "repo": {"name": "o/r"},
                      "payload": {"action": "closed", "issue": another(2)}}),
        "// exported by hand\n# twice\n" + json.dumps([REST, another(2)]),
    ],
    ids=["glued", "search", "indented", "nodes", "edges", "events", "comment"],
)  # fmt: skip
def test_issues_are_taken_out_of_what_is_wrapped_around_them(text: str) -> None:
    assert [issue.id for issue in imported("issues.json", text)] == ["o/r#1", "o/r#2"]


def test_an_object_keyed_by_id() -> None:
    text = json.dumps({f"o/r#{n}": {"title": f"T{n}", "body": "b"} for n in (1, 2)})
    found = imported("issues.json", text)
    assert [(i.id, i.repo, i.number) for i in found] == [("o/r#1", "o/r", 1), ("o/r#2", "o/r", 2)]


def test_an_export_of_jira_as_json_and_as_a_table() -> None:
    (issue,) = imported("jira.json", json.dumps({"total": 1, "issues": [JIRA]}))
    assert (issue.id, issue.title, issue.body) == ("AB-1", "Crash", "It dies")
    assert (issue.labels, issue.comments[0].author) == (("backend",), "u")
    (issue,) = imported(
        "jira.csv",
        "Issue key,Summary,Description,Labels,Labels,Comment,Comment\n"
        "AB-1,Crash,It dies,backend,urgent,01/Jan/24 10:00 AM;u1;first,02/Jan/24;u2;second; more\n",
    )
    assert (issue.id, issue.labels) == ("AB-1", ("backend", "urgent"))
    assert [(c.author, c.body) for c in issue.comments] == [("u1", "first"), ("u2", "second; more")]


def test_cells_that_spell_lists_and_objects() -> None:
    (issue,) = imported(
        "normalized.csv",
        "id,html_url,number,title,body,user.login,labels,pull_request.url\n"
        "1,https://github.com/o/r/issues/1,1,T1,b1,u,"
        "\"[{'id': 1, 'name': 'bug'}, {'id': 2, 'name': 'help, wanted'}]\",\n"
        "2,https://github.com/o/r/pull/2,2,PR 2,b2,u,[],https://api.github.com/repos/o/r/pulls/2\n",
    )
    assert (issue.id, issue.author, issue.labels) == ("o/r#1", "u", ("bug", "help, wanted"))


@pytest.mark.parametrize(
    "sign",
    [
        {"pull_request": {"url": "x"}}, {"pull_request.url": "x"}, {"__typename": "PullRequest"},
        {"html_url": "https://github.com/o/r/pull/2"},
        {"url": "https://api.github.com/repos/o/r/pulls/2"},
    ],
)  # fmt: skip
def test_a_pull_request_is_told_by_any_sign(sign: dict[str, object]) -> None:
    result = coder_import("a.jsonl", json.dumps(REST) + "\n" + json.dumps({**another(2), **sign}))
    assert "1 pull request" in result.output
    assert [issue.id for issue in load_issues(Path("out.jsonl"))] == ["o/r#1"]


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ({**REST, "comments": 3}, 3),
        ({**REST, "comments": {"totalCount": 3}}, 3),
        ({**REST, "comments": "2"}, 2),
        ({**REST, "comments": [{"body": "x"}], "comments_count": 4}, 3),
        ({**REST, "comments": [{"body": "x"}], "comments_count": 1}, 0),
    ],
)
def test_comments_that_are_only_counted_are_said_to_be_missing(
    row: dict[str, object], missing: int
) -> None:
    output = coder_import("a.jsonl", json.dumps(row)).output
    assert (f"{missing} comment" in output and "missing" in output) == bool(missing)


def test_where_the_ids_came_from_is_said() -> None:
    assert "ids from column 'id'" in coder_import("a.csv", "id,title\nq1,T\n").output
    assert "ids from owner/repo#number" in coder_import("a.jsonl", json.dumps(REST)).output
    output = coder_import("a.csv", "id,url,title\nq1,,T\n,https://x.org/1,U\n").output
    assert "ids from column 'id' (1); the URL (1)" in output


def test_a_table_below_a_title_and_below_its_separator() -> None:
    text = "Issue export;;\nGenerated 2024-01-01;;\nid;title;body\n1;T;b\n"
    assert [issue.id for issue in imported("a.csv", text)] == ["1"]
    text = "sep=;\nid;title;body\n1;T1;b1\n2;T2;b2\n"
    assert [issue.title for issue in imported("b.csv", text)] == ["T1", "T2"]


def test_columns_of_one_name_matter_only_where_they_are_used() -> None:
    assert [i.title for i in imported("a.csv", "title,x,x\nT,1,2\n")] == ["T"]
    assert "title is several columns of one name" in refused("b.csv", "title,title\nT,U\n")


def test_another_encoding_is_named_and_read_when_it_is_given() -> None:
    cp1252 = "id;title;body\n1;Café à crash;Il s’arrête à l’étape\n".encode("cp1252")
    assert "probably Windows-1252" in refused("a.csv", cp1252)
    assert "--encoding cp1252" in refused("a.csv", cp1252)
    (issue,) = imported("a.csv", cp1252, "--encoding", "cp1252")
    assert issue.text == "Café à crash\n\nIl s’arrête à l’étape"
    utf16 = "id,title,body\n1,T,b\n".encode("utf-16-le")
    assert "UTF-16 without a byte-order mark" in refused("b.csv", utf16)
    assert [i.id for i in imported("b.csv", utf16, "--encoding", "utf-16-le")] == ["1"]
    assert "no encoding 'nope'" in refused("a.csv", cp1252, "--encoding", "nope")


def test_dates_are_understood_or_said_and_never_guessed() -> None:
    result = coder_import(
        "dates.csv",
        "id,title,body,created_at\n1,T,b,01/Jan/24 10:00 AM\n2,T,c,2024-01-01 10:00:00 UTC\n"
        '3,T,d,"Jan 1, 2024"\n4,T,e,45292.5\n5,T,f,2024-01-01T10:00:00.000+0000\n'
        "6,T,g,1/2/2024 10:00\n",
    )
    assert "2 dates not understood, left empty: 45292.5, 1/2/2024 10:00" in result.output
    found = load_issues(Path("out.jsonl"))
    days = [issue.created_at and issue.created_at.date().isoformat() for issue in found]
    assert days == ["2024-01-01", "2024-01-01", "2024-01-01", None, "2024-01-01", None]


def test_what_is_no_data_is_refused_in_its_own_words() -> None:
    page = "<!DOCTYPE html>\n<html><body>rate limited</body></html>\n"
    assert "a.csv is an HTML page" in refused("a.csv", page)
    told = refused("a.json", '{"message": "Not Found", "documentation_url": "https://x.org"}')
    assert "a server's message: Not Found" in told
    told = refused("b.json", json.dumps({"export": {"tickets": [{"id": 1}]}}))
    assert "lists inside it: export.tickets" in told


def test_a_folder_of_files_is_imported_whole(folder: Path) -> None:
    (folder / "pages").mkdir()
    for n in (1, 2):
        (folder / "pages" / f"{n}.json").write_text(json.dumps([another(n)]))
    (folder / "pages" / "notes.txt").write_text("not rows")
    CliRunner().invoke(cli, ["import", "pages", "-o", "out.jsonl"], catch_exceptions=False)
    assert [issue.id for issue in load_issues(Path("out.jsonl"))] == ["o/r#1", "o/r#2"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a b.csv", "id,title\n1,T\n", "a CSV"),
        ("a.txt", "id\ttitle\n1\tT\n", "a TSV"),
        ("a.json", json.dumps([REST], indent=1), "JSON that coder did not write"),
        ("a.jsonl", json.dumps(REST) + "\n", "JSON that coder did not write"),
        ("a.csv.gz", gzip.compress(b"id,title\n1,T\n", mtime=0), "a CSV"),
    ],
)
def test_what_is_not_imported_is_named_with_the_command_that_works(
    name: str, content: str | bytes, what: str
) -> None:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CoderError) as caught:
        load_issues(Path(name))
    assert caught.value.message == f"{name} is {what}: coder import it first"
    coder, *words = shlex.split(caught.value.hint)
    before = {file: file.read_bytes() for file in Path().iterdir()}
    CliRunner().invoke(cli, words, catch_exceptions=False)
    assert coder == "coder" and len(load_issues(Path(words[-1]))) == 1
    assert {file: file.read_bytes() for file in before} == before, "nothing is overwritten"


def test_a_folder_given_to_propose_is_named_with_the_command_for_it(folder: Path) -> None:
    (folder / "pages").mkdir()
    with pytest.raises(CoderError) as caught:
        load_issues(Path("pages"))
    assert caught.value.message == "pages is a folder: coder import it first"
    assert caught.value.hint == "coder import pages -o pages.jsonl"


@pytest.mark.parametrize("line", ['{"author":"a","body":"b"', '{"author":"","bo'])
def test_an_imported_file_that_was_cut_off_is_still_ours(line: str) -> None:
    Path("a.jsonl").write_text(line)
    with pytest.raises(CoderError, match="the last line is cut off"):
        load_issues(Path("a.jsonl"))


def _packed(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return made.getvalue()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("issues.json"))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (_packed("[Content_Types].xml", "xl/workbook.xml"), "a spreadsheet"),
        (b"PAR1" + bytes(50), "Parquet"),
    ],
)
def test_what_looks_like_a_table_of_another_program_and_is_none(content: bytes, what: str) -> None:
    assert f"a.bin cannot be read as {what}: " in refused("a.bin", content)
    with pytest.raises(
        CoderError, match=r"a.bin is an? (Excel|Parquet) file: coder import it first"
    ):
        load_issues(Path("a.bin"))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (_packed("issues.json"), "a zip archive"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "an Excel file of old"),
        (b"SQLite format 3\0" + bytes(50), "an SQLite database"),
        (_tar(), "a tar archive"),
        (gzip.compress(_tar(), mtime=0), "a tar archive"),
        (bz2.compress(b"{}"), "packed with bzip2"),
        (lzma.compress(b"{}"), "packed with xz"),
        (bytes.fromhex("28b52ffd") + b"xyz", "packed with zstd"),
        (pickle.dumps({"title": "T"}, protocol=4), "a pickle of Python's"),
    ],
)
def test_containers_are_named_by_every_door(content: bytes, what: str) -> None:
    for name in ("a.bin", "a.jsonl", "a.csv"):
        assert f"{name} is {what}; " in refused(name, content)
        with pytest.raises(CoderError, match=f"{name} is {what}"):
            load_issues(Path(name))
