"""What GitHub does not give: limits, failures, what is gone, and where the token may go."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from support.github_server import TOKEN, Fault, fetched, no_token, reset_in

from coder.__main__ import run as coder


def test_graphql_limits_are_waited_for_and_without_graphql_rest_is_asked(github, waits, capsys):
    github.many("acme/fruit", 5)
    limited = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    github.faults += [
        Fault("/graphql", 200, {"x-ratelimit-reset": reset_in(90)}, limited),
        Fault("/graphql", 200, {}, {"data": None, "errors": [{"message": "Something broke"}]}),
    ]
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert sum(waits) >= 80
    said = " ".join(capsys.readouterr().err.split())
    assert "the rate limit is used up" in said and "Something broke" in said
    github.graphql = False
    assert coder(["fetch", "acme/fruit", "-o", "rest.jsonl"]) == 0
    assert Path("rest.jsonl").read_bytes() == Path("issues.jsonl").read_bytes()


def test_the_servers_clock_counts_where_this_one_is_wrong(github, waits, monkeypatch):
    github.many("acme/fruit", 5)
    hours = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: hours)
    ahead = {
        "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000090",
        "date": "Tue, 14 Nov 2023 22:13:20 GMT",
    }  # fmt: skip
    github.faults.append(Fault("/issues?", 403, ahead))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert waits == [91.0]


@pytest.mark.parametrize(
    ("fault", "least", "why"),
    [
        (Fault("/issues?", 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset_in(90)}),
         80, "the rate limit is used up"),
        (Fault("/issues?", 429, {"retry-after": "17"}), 17, "GitHub asks to slow down"),
        (Fault("/issues?", 403, {"retry-after": "17"}), 17, "GitHub asks to slow down"),
        (Fault("/issues?", 403, {}, {"message": "You have exceeded a secondary rate limit."}),
         30, "GitHub asks to slow down"),
        (Fault("/issues/comments", 502, times=3), 7, "GitHub answers 502"),
    ],
)  # fmt: skip
def test_what_passes_is_waited_for_and_said(github, waits, capsys, fault, least, why):
    github.many("acme/fruit", 5)
    fault.headers = {
        key: reset_in(90) if key == "x-ratelimit-reset" else value
        for key, value in fault.headers.items()
    }
    github.faults.append(fault)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert len(fetched()) == 5 and sum(waits) >= least
    assert why in " ".join(capsys.readouterr().err.split())


def test_a_server_that_stays_down_ends_it_in_a_line(github, waits, capsys):
    github.many("acme/fruit", 5)
    github.faults.append(Fault("/issues", 503, times=1000))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 5
    said = capsys.readouterr().err
    assert "answers 503" in said and "run the same command again" in said
    assert not Path("issues.jsonl").exists() and sum(waits) < 200


def test_repositories_that_are_not_to_be_had_are_named_and_the_others_come(github, capsys):
    names = [f"acme/r{n}" for n in range(30)]
    for name in names:
        if name != "acme/r13":
            github.add(name, 1)
    github.renamed["acme/old"] = "acme/r3"
    Path("repos.txt").write_text(
        "# the sample\n" + "\n".join([*names[3:], "https://github.com/acme/r0"])
    )
    assert coder(["fetch", "acme/r1", "acme/r2", "--file", "repos.txt", "-o", "issues.jsonl"]) == 0
    said = capsys.readouterr()
    assert len(fetched()) == 29
    assert "Set aside: 1" in said.err and "acme/r13: there is none of this name" in said.err
    assert json.loads(Path("issues.set-aside.jsonl").read_text())["name"] == "acme/r13"
    assert coder(["fetch", "acme/old", "-o", "renamed.jsonl"]) == 0
    one = fetched("renamed.jsonl")[0]
    assert (one.id, one.other_names) == ("acme/r3#1", ("acme/old#1",))
    assert "acme/old is called acme/r3 today" in capsys.readouterr().out
    assert coder(["fetch", "acme/nothing", "-o", "none.jsonl"]) == 3
    assert "no issue is to be had: acme/nothing" in capsys.readouterr().err
    assert not Path("none.jsonl").exists()


def test_events_beyond_what_github_tells_are_left_out_and_said(github, capsys, monkeypatch):
    no_token(monkeypatch)
    github.many("acme/fruit", 450)
    github.deepest_page = 2
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert "of older closings GitHub does not tell who made them" in capsys.readouterr().out
    assert len(fetched()) == 450


def test_the_token_goes_to_its_server_and_nowhere_else(github, tmp_path, monkeypatch, capsys):
    github.add("acme/fruit", 1)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert {headers["authorization"] for _, headers, _ in github.log} == {f"token {TOKEN}"}
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    # A study's .env may be somebody else's: its address gets its own token or none.
    monkeypatch.delenv("GITHUB_API_URL")
    (tmp_path / "study.toml").write_text("")
    (tmp_path / ".env").write_text(f"GITHUB_API_URL={github.url}\n")
    github.log.clear()
    assert coder(["fetch", "acme/fruit", "-o", "other.jsonl"]) == 0
    assert not any("authorization" in headers for _, headers, _ in github.log)
    monkeypatch.setenv("GITHUB_API_URL", "http://example.org")
    assert coder(["fetch", "acme/fruit", "-o", "plain.jsonl"]) == 2
    assert "as anybody can read it" in capsys.readouterr().err


def test_the_token_of_githubs_own_command_is_used(github, monkeypatch):
    github.add("acme/fruit", 1)
    monkeypatch.delenv("GITHUB_TOKEN")
    asked: list[list[str]] = []

    def gh(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "gho_other\n", "")

    monkeypatch.setattr(subprocess, "run", gh)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert asked[0][:3] == ["gh", "auth", "token"]
    assert github.log[0][1]["authorization"] == "token gho_other"


@pytest.mark.parametrize("token", ["gh\u00f6_x", "ghp_a\nb"])
def test_a_token_that_is_none_is_said(github, monkeypatch, capsys, token):
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 2
    said = capsys.readouterr().err
    assert "letters in it that no token has" in said and token not in said
    assert not github.log


@pytest.mark.parametrize("body", [[1], {"a": 1}, {"full_name": None}, "hello", 3])
def test_another_server_than_githubs_is_said(github, capsys, body):
    github.faults.append(Fault("/repos", 200, {}, body))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 5
    assert "does not answer as GitHub does" in capsys.readouterr().err


def test_a_token_that_is_not_taken_is_said(github, capsys):
    github.faults.append(Fault("/repos", 401))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 2
    said = capsys.readouterr().err
    assert "does not take the token" in said and TOKEN not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.jsonl"], "what to fetch is to be told once"),
        (["fruit", "-o", "x.jsonl"], "'fruit' is no repository"),
        (["../..", "-o", "x.jsonl"], "is no repository"),
        (["a/b", "-o", "x.jsonl", "--since", "May"], "write it like 2024-01-31"),
    ],
)
def test_what_cannot_be_asked_is_said(github, capsys, words, said):
    assert coder(["fetch", *words]) == 2
    assert said in capsys.readouterr().err
    assert not github.log


def test_rows_of_another_shape_are_left_out_and_said(github, capsys):
    github.many("acme/fruit", 3)
    github.add("acme/fruit", 4, created_at="yesterday")
    github.add("acme/fruit", 5, title=["a", "list"])
    github.add("acme/fruit", 6)["number"] = "six"
    github.comment("acme/fruit", 2, 900, body={"not": "text"})
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert [one.number for one in fetched()] == [1, 2, 3]
    said = capsys.readouterr().out
    assert "3 issues are not as GitHub writes them, and left out" in said
    assert "1 comments are not as GitHub writes them" in said


@pytest.mark.parametrize("body", [{"message": "Hello"}, "hello", 3])
def test_a_list_that_is_none_ends_it_in_a_line(github, capsys, body):
    github.many("acme/fruit", 3)
    github.faults.append(Fault("/issues/comments", 200, {}, body))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 5
    assert "does not answer as GitHub does" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["https://elsewhere.example/repos/a/b", "/repos/acme/circle"])
def test_what_leads_elsewhere_is_not_followed(github, capsys, where):
    github.many("acme/fruit", 3)
    there = where if where.startswith("https") else f"{github.url}{where}"
    for name in ("circle", "moved"):
        github.faults.append(Fault(f"/repos/acme/{name}", 301, {"location": there}, times=9999))
    names = ["acme/moved", "acme/circle", "acme/fruit"]
    assert coder(["fetch", *names, "-o", "issues.jsonl"]) == 0
    said = capsys.readouterr().err
    assert "Set aside: 2" in said and "leads on to another server, or in a circle" in said
    assert "edirect" not in said and len(fetched()) == 3
