"""Exports of other trackers and programs, true to their forms."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from coder.__main__ import run as coder
from coder.records import Issue
from coder.sources.github import IssueNames

API = {
    "url": "https://api.github.com/repos/a/b/issues/1", "id": 900000001, "node_id": "I_1",
    "repository_url": "https://api.github.com/repos/a/b", "number": 1, "title": "T", "body": "B",
    "html_url": "https://github.com/a/b/issues/1", "user": {"login": "ann", "type": "User"},
    "labels": [{"name": "bug"}], "state_reason": "completed", "author_association": "MEMBER",
    "comments": 0, "created_at": "2024-01-01T00:00:00Z", "closed_at": "2024-01-05T00:00:00Z",
    "reactions": {"url": "x", "total_count": 3, "+1": 2, "heart": 1, "eyes": 0},
}  # fmt: skip


def taken(folder: Path, name: str, content: object, *more: str) -> list[Issue]:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return imported(path, *more)


def imported(path: Path, *more: str) -> list[Issue]:
    out = path.parent / "issues.jsonl"
    assert coder(["import", str(path), "-o", str(out), *more]) == 0
    return [Issue.model_validate_json(line) for line in out.read_text().splitlines()]


def test_what_githubs_api_tells_of_an_issue(tmp_path):
    (one,) = taken(tmp_path, "x.json", [API])
    assert (one.id, one.author_role, one.state_reason) == ("a/b#1", "MEMBER", "completed")
    assert one.reactions == (("+1", 2), ("heart", 1))
    assert one.other_names == ("900000001", "I_1")
    # A file of our own keeps all of it, to the byte.
    before = (tmp_path / "issues.jsonl").read_bytes()
    again = tmp_path / "again.jsonl"
    assert coder(["import", str(tmp_path / "issues.jsonl"), "-o", str(again)]) == 0
    assert again.read_bytes() == before


def test_every_name_finds_the_issue(tmp_path):
    names = IssueNames(
        taken(tmp_path, "x.json", [API, {**API, "number": 2, "id": 9, "node_id": ""}])
    )
    for name in ("a/b#1", "900000001", "I_1", "https://github.com/a/b/issues/1?x#y"):
        assert names.find(name) == {"a/b#1"}, name


def test_what_graphql_and_githubs_command_tell(tmp_path):
    node = {
        "number": 4, "title": "T", "body": "B", "url": "https://github.com/a/b/issues/4",
        "authorAssociation": "OWNER", "stateReason": "NOT_PLANNED",
        "reactionGroups": [{"content": "THUMBS_UP", "reactors": {"totalCount": 5}},
                           {"content": "EYES", "users": {"totalCount": 0}}],
        "comments": {"nodes": [{"author": {"login": "bea"}, "body": "c", "createdAt":
                     "2024-01-02T00:00:00Z", "authorAssociation": "NONE"}]},
        "timelineItems": {"nodes": [
            {"__typename": "ClosedEvent", "createdAt": "2024-01-03T00:00:00Z",
             "actor": {"login": "stale", "__typename": "Bot"}, "closer": {"oid": "c0ffee"}},
            {"__typename": "LabeledEvent", "createdAt": "2024-01-03T00:00:00Z"},
            {"__typename": "ReopenedEvent", "createdAt": "2024-01-04T00:00:00Z", "actor": None}]},
    }  # fmt: skip
    (one,) = taken(tmp_path, "x.json", {"data": {"repository": {"issues": {"nodes": [node]}}}})
    assert (one.author_role, one.state_reason, one.reactions) == (
        "OWNER",
        "not_planned",
        (("+1", 5),),
    )
    assert [(e.kind, e.actor, e.bot, e.by) for e in one.events] == [
        ("closed", "stale", True, "c0ffee"), ("reopened", "", False, ""),
    ]  # fmt: skip
    assert one.comments[0].author_role == "NONE"


def test_pull_requests_come_if_they_are_wanted(tmp_path):
    rows = [API, {**API, "number": 2, "pull_request": {"url": "x"}}]
    assert len(taken(tmp_path, "x.json", rows)) == 1
    assert [i.pull_request for i in taken(tmp_path, "x.json", rows, "--pull-requests")] == [
        False,
        True,
    ]


def event(number: int, kind: str, action: str, at: str, **more: object) -> dict:
    issue = {**API, "number": number, "title": f"Title at {at}", "closed_at": None}
    return {
        "id": f"{number}{at}{action}", "type": kind, "actor": {"login": "cai"},
        "repo": {"name": "a/b"}, "created_at": f"2024-01-0{at}T00:00:00Z",
        "payload": {"action": action, "issue": {**issue, **more.pop("issue", {})}, **more},
    }  # fmt: skip


def test_gh_archives_events_become_issues(tmp_path, capsys):
    comment = {
        "id": 5,
        "user": {"login": "bea"},
        "body": "said",
        "created_at": "2024-01-02T00:00:00Z",
    }
    gone = {**comment, "id": 6, "body": "regretted"}
    closed = {"closed_at": "2024-01-03T00:00:00Z"}
    events = [
        event(1, "IssuesEvent", "closed", "3", issue=closed),
        event(1, "IssuesEvent", "opened", "1"),
        event(2, "IssueCommentEvent", "created", "4", comment={**comment, "id": 7}),
        event(1, "IssueCommentEvent", "created", "2", comment=comment),
        event(1, "IssueCommentEvent", "created", "2", comment=gone),
        event(1, "IssueCommentEvent", "deleted", "2", comment=gone),
        {"id": "9", "type": "PushEvent", "repo": {"name": "a/b"}, "payload": {}, "created_at": "x"},
    ]
    text = "".join(json.dumps(one) + "\n" for one in events)
    one, two = taken(tmp_path, "2024-01-01-15.json", text)
    assert (one.id, one.title) == ("a/b#1", "Title at 3")
    assert [c.body for c in one.comments] == ["said"]
    assert [(e.kind, e.actor) for e in one.events] == [("closed", "cai")]
    assert one.closed_at is not None and two.closed_at is None and len(two.comments) == 1
    assert "1 an event that is about no issue" in capsys.readouterr().out


def test_gitlabs_exports(tmp_path):
    row = {"id": 101, "iid": 1, "title": "T", "description": "D", "closed_at": None,
           "created_at": "2024-01-01T00:00:00.000Z", "author": {"username": "ann"},
           "web_url": "https://git.example.org/g/sub/p/-/issues/1"}  # fmt: skip
    (one,) = taken(tmp_path, "x.json", [row])
    assert (one.id, one.repo, one.number, one.other_names) == ("g/sub/p#1", "g/sub/p", 1, ("101",))
    table = (
        "Title,Description,Issue ID,URL,Author,Author Username,Created At (UTC),Closed At (UTC),"
        "Labels\nT,D,7,https://gitlab.com/g/p/-/issues/7,Ann A,ann,2024-01-01 00:00:00,"
        '2024-01-02 00:00:00,"a,b"\n'
    )
    (one,) = taken(tmp_path, "x.csv", table)
    assert (one.id, one.author, one.labels) == ("g/p#7", "ann", ("a", "b"))
    assert one.created_at is not None and one.closed_at is not None


def test_jiras_tables_go_by_their_key(tmp_path):
    table = "Summary,Issue key,Issue id,Description\nT,PROJ-1,10001,D\n"
    (one,) = taken(tmp_path, "x.csv", table)
    assert (one.id, one.other_names) == ("PROJ-1", ("10001",))
    assert IssueNames([one]).find("10001") == {"PROJ-1"}


def test_hugging_faces_discussions(tmp_path):
    said = [
        {"type": "comment", "author": "ann", "created_at": "2024-01-01T00:00:00Z",
         "content": "first"},
        {"type": "comment", "author": {"name": "bea"}, "createdAt": "2024-01-02T00:00:00Z",
         "data": {"latest": {"raw": "reply"}}},
        {"type": "status-change", "author": "bea", "created_at": "2024-01-03T00:00:00Z",
         "new_status": "closed"},
    ]  # fmt: skip
    row = {"repo_id": "org/model", "num": 3, "title": "T", "status": "closed", "author": "ann",
           "created_at": "2024-01-01T00:00:00Z", "events": said}  # fmt: skip
    (one,) = taken(tmp_path, "x.json", [row, {**row, "num": 4, "is_pull_request": True}])
    assert (one.id, one.body) == ("org/model#3", "first")
    assert [(c.author, c.body) for c in one.comments] == [("bea", "reply")]
    assert one.closed_at is not None and one.events[0].kind == "closed"


def sheet(path: Path, *rows: list[object], second: list[list[object]] | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if second:
        other = book.create_sheet("more")
        for row in second:
            other.append(row)
    book.save(path)
    return path


def test_a_spreadsheet_with_two_header_rows_and_two_sheets(tmp_path):
    path = sheet(
        tmp_path / "x.xlsx",
        ["Issues of 2024", None, None, None], ["issue", None, "times", None],
        ["id", "title", "body", "created_at"], ["i1", "=1+1", "B", datetime(2024, 1, 2)],
        [None, None, None, None], ["i2", 5, None, "2024-01-03"],
        second=[["id", "title"], ["i3", "T"]],
    )  # fmt: skip
    found = imported(path)
    assert [(i.id, i.title) for i in found] == [("i1", ""), ("i2", "5"), ("i3", "T")]
    assert [i.created_at and i.created_at.day for i in found] == [2, 3, None]


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {"id": ["i1", "i2"], "title": ["A", "B"], "labels": [["x"], []],
         "created_at": pd.to_datetime(["2024-01-02", None], utc=True)}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "x.parquet")
    one, two = imported(tmp_path / "x.parquet")
    assert (one.title, one.labels, two.created_at) == ("A", ("x",), None)
    assert one.created_at is not None and one.created_at.day == 2


@pytest.mark.parametrize("module", ["openpyxl", "pyarrow"])
def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch, capsys, module):
    sheet(tmp_path / "x.xlsx", ["id", "title"], ["1", "T"])
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(20))
    path = tmp_path / ("x.xlsx" if module == "openpyxl" else "x.parquet")
    monkeypatch.setattr("coder.sources.sheets.find_spec", lambda name: None)
    assert coder(["import", str(path), "-o", str(tmp_path / "o.jsonl")]) == 2
    assert "pip install 'issue-coder[tables]'" in capsys.readouterr().err


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, capsys):
    sheet(tmp_path / "x.xlsx", ["id", "title"], ["1", "T" * 30_000])
    monkeypatch.setattr("coder.files.archives.MOST_BYTES", 1000)
    monkeypatch.setattr("coder.files.archives.require_bounded.__defaults__", (1000,))
    assert coder(["import", str(tmp_path / "x.xlsx"), "-o", str(tmp_path / "o.jsonl")]) == 3
    assert "unpacks to more than 1,000 bytes" in capsys.readouterr().err
