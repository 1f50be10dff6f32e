"""The issues that a list or a replication package names."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from support.github_server import fetched

from coder.__main__ import run as coder


def test_listed_issues_come_back_under_their_ids(github, capsys):
    github.many("acme/fruit", 10)
    github.gone.add(("acme/fruit", 4))
    table = (
        "id,url\nmine-1,https://github.com/acme/fruit/issues/7\nacme/fruit#4,\nacme/fruit#1,\nx,\n"
    )
    Path("list.csv").write_text(table)
    assert coder(["fetch", "--from", "list.csv", "-o", "again.jsonl"]) == 0
    found = fetched("again.jsonl")
    assert [(one.id, one.number) for one in found] == [("mine-1", 7), ("acme/fruit#1", 1)]
    assert len(found[0].comments) == 1 and found[0].events
    snapshot = json.loads(Path("again.snapshot.json").read_text())
    assert snapshot["output"]["issues"] == snapshot["repositories"][0]["issues"] == 2
    assert snapshot["query"] == {"from": "list.csv"}
    assert [one["name"] for one in snapshot["set_aside"]] == ["acme/fruit#4"]
    said = capsys.readouterr()
    assert "2 issues of 3 that list.csv names" in said.out
    assert "acme/fruit#4: it was deleted" in said.err and "x: names no issue" in said.err
    # One that was moved to another repository is still the one that the list means.
    github.repos["acme/crate"] = github.repos.pop("acme/fruit")
    github.renamed["acme/fruit"] = "acme/crate"
    moved = next(row for row in github.repos["acme/crate"].issues if row["number"] == 7)
    moved["number"] = 77
    github.moved["acme/crate", 7] = 77
    assert coder(["fetch", "--from", "list.csv", "-o", "moved.jsonl"]) == 0
    assert fetched("moved.jsonl")[0].id == "mine-1"
    with zipfile.ZipFile("study.zip", "w") as file:
        file.writestr("runs/first/issues.csv", "id,repo,number,url,text_hash\nacme/fruit#2,,,,0\n")
    assert coder(["fetch", "--from", "study.zip", "-o", "packed.jsonl"]) == 0
    assert [one.id for one in fetched("packed.jsonl")] == ["acme/fruit#2"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("semicolons.csv", "id;title\nacme/fruit#1;x\nhello;y\n"),
        ("tabs.tsv", "ID\tURL\nacme/fruit#1\thttps://example.org\nhello\ty\n"),
        ("marked.csv", "\ufeffid,url\nacme/fruit#1,x\nhello,y\n"),
        ("large.csv", f"id,url\nacme/fruit#1,x\n{'a' * 200_000},\n"),
        ("ours.jsonl", '{"id":"acme/fruit#1","title":"t"}\n{"id":"hello","title":"t"}\n'),
        ("api.json", '[{"id":123456789,"html_url":"https://github.com/acme/fruit/issues/1"},{}]'),
        ("plain.txt", "https://github.com/acme/fruit/issues/1\n\nhello\n"),
    ],
)
def test_lists_of_any_kind_are_read(github, capsys, name, text):
    github.many("acme/fruit", 2)
    Path(name).write_text(text, encoding="utf-8")
    assert coder(["fetch", "--from", name, "-o", "again.jsonl"]) == 0
    assert [(one.number, len(one.comments)) for one in fetched("again.jsonl")] == [(1, 1)]
    assert "Set aside: 1" in capsys.readouterr().err


def test_a_package_that_is_damaged_ends_in_a_line(github, capsys):
    with zipfile.ZipFile("bad.zip", "w") as file:
        file.writestr("runs/first/issues.csv", b"id\n\xff\xfe\n")
    Path("none.zip").write_text("hello")
    for name in ("bad.zip", "none.zip"):
        assert coder(["fetch", "--from", name, "-o", "again.jsonl"]) == 3
    said = capsys.readouterr().err
    assert "names no issue" in said and "cannot be unpacked" in said
    assert not github.log


def test_a_text_is_the_same_however_it_came(github):
    """Imported from what `gh` prints, or fetched: else labels and hashes would not fit."""
    body = "One\r\ntwo\rthree\0 \ud800 four \u2028 five"
    row = github.add("acme/fruit", 1, title=" T\r\n", body=body)
    github.comment("acme/fruit", 1, 5, body=body)
    comments = [{"body": body, "author": {"login": "bea"}}]
    gh = {"number": 1, "url": row["html_url"], "title": row["title"], "body": body}
    Path("gh.json").write_text(json.dumps([{**gh, "comments": comments}]))
    assert coder(["import", "gh.json", "-o", "imported.jsonl"]) == 0
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    one, other = fetched("imported.jsonl"), fetched()
    assert [issue.hash for issue in one] == [issue.hash for issue in other]
    assert [issue.text for issue in one] == [issue.text for issue in other]
