"""Fetching issues: whole, stopped at any request, brought up to date, and against every refusal."""

from __future__ import annotations

import copy
import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.github_server import Fault, GitHubServer, moment, reset_in, user

from coder.__main__ import run as coder
from coder.records import Issue

TOKEN = "ghp_of-the-tests"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    server = GitHubServer()
    monkeypatch.chdir(tmp_path)
    with server.running():
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.delenv("GH_TOKEN", raising=False)
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def without_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one of GitHub's own command line."""
    monkeypatch.delenv("GITHUB_TOKEN")
    none = subprocess.CompletedProcess([], 1, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: none)


def issues(path: str = "issues.jsonl") -> list[Issue]:
    return [Issue.model_validate_json(line) for line in Path(path).read_text().splitlines()]


def told(path: str = "issues.snapshot.json") -> dict:
    return json.loads(Path(path).read_text())


def many(server: GitHubServer, repo: str, count: int) -> None:
    for number in range(1, count + 1):
        server.add(repo, number)
    for number in range(1, count + 1, 3):
        server.comment(repo, number, 1000 + number)
        server.close(repo, number, 2000 + number)


@pytest.mark.parametrize("token", [True, False])
def test_everything_that_is_known_of_an_issue_comes(github, capsys, monkeypatch, token):
    if not token:
        without_token(monkeypatch)
    github.add(
        "acme/fruit", 7, labels=[{"name": "bug"}, {"name": "crate"}], author_association="OWNER",
        reactions={"+1": 3, "heart": 0, "eyes": 1, "total_count": 4}, body=None,
    )  # fmt: skip
    github.add("acme/fruit", 8, pull_request={"url": "x"})
    github.add("acme/fruit", 9, user=None)
    github.comment("acme/fruit", 7, 10, user=user("stale", "Bot"))
    github.close("acme/fruit", 7, 20, commit_id="c0ffee")
    github.reopen("acme/fruit", 7, 30)
    github.close("acme/fruit", 7, 40, pull=12, by="merge-it", actor=user("merge-it", "Bot"))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    one, other = issues()
    assert (one.id, one.repo, one.number) == ("acme/fruit#7", "acme/fruit", 7)
    assert one.url == "https://github.com/acme/fruit/issues/7"
    assert (one.labels, one.author, one.author_role) == (("bug", "crate"), "ann", "OWNER")
    assert (one.body, one.state_reason) == ("", "completed")
    assert one.reactions == (("+1", 3), ("eyes", 1))
    assert [(c.author, c.bot, c.author_role) for c in one.comments] == [("stale", True, "MEMBER")]
    # REST does not tell of the pull request.
    bot, pull = ("merge-it[bot]", "acme/fruit#12") if token else ("merge-it", "")
    assert [(e.kind, e.actor, e.by, e.bot) for e in one.events] == [
        ("closed", "cai", "c0ffee", False), ("reopened", "ann", "", False),
        ("closed", bot, pull, True),
    ]  # fmt: skip
    assert one.closed_at is not None and one.closed_at.strftime("%Y-%m-%dT%H:%M:%SZ") == moment(40)
    assert other.author == ""
    said = capsys.readouterr().out
    assert "2 issues of 1 repository, 1 comments, 3 closings" in said
    assert "not in it: 1 pull requests" in said
    snapshot = told()
    assert snapshot["output"]["issues"] == 2 and snapshot["query"]["state"] == "all"
    assert coder(["fetch", "acme/fruit", "-o", "all.jsonl", "--pull-requests"]) == 0
    assert [one.pull_request for one in issues("all.jsonl")] == [False, True, False]


@pytest.mark.parametrize("token", [True, False])
def test_the_bytes_are_the_same_wherever_it_was_stopped(github, waits, capsys, monkeypatch, token):
    if not token:
        without_token(monkeypatch)
    many(github, "acme/fruit", 250)
    many(github, "acme/nuts", 30)
    command = ["fetch", "acme/fruit", "acme/nuts"]
    assert coder([*command, "-o", "whole.jsonl"]) == 0
    requests = len(github.log)
    assert requests >= 10
    for stop in range(1, requests):
        github.log.clear()
        github.kill_after = stop
        out = f"stopped-{stop}.jsonl"
        assert coder([*command, "-o", out]) == 5
        assert "run the same command again" in capsys.readouterr().err
        github.kill_after, before = None, len(github.log)
        assert coder([*command, "-o", out]) == 0
        assert Path(out).read_bytes() == Path("whole.jsonl").read_bytes()
        # Nothing that had come was asked for again but what the two are called.
        assert len(github.log) - before <= requests - stop + 2


@pytest.mark.parametrize("token", [True, False])
def test_a_second_fetch_asks_for_what_changed_alone(github, monkeypatch, token):
    if not token:
        without_token(monkeypatch)
    many(github, "acme/fruit", 250)
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == 0
    first = len(github.log)
    assert coder(command) == 0
    assert len(github.log) - first <= 4
    github.log.clear()
    assert coder(command) == 0
    assert [status for path, _, status in github.log if "/issues?" in path] == [304]
    before = {one.id: one for one in issues()}
    github.add("acme/fruit", 251, updated_at=moment(9000))
    github.close("acme/fruit", 2, 9001)
    github.comment("acme/fruit", 5, 9002)
    github.log.clear()
    assert coder(command) == 0
    assert len(github.log) <= 4
    after = {one.id: one for one in issues()}
    changed = {i for i in after if after[i] != before.get(i)}
    assert changed == {"acme/fruit#251", "acme/fruit#2", "acme/fruit#5"}
    assert after["acme/fruit#2"].events[-1].actor == "cai"
    assert told()["cycle"] == 4


def test_what_changes_while_it_is_read_is_not_missed(github, monkeypatch):
    """An issue that moves to the end of the list moves all others one place forward."""
    many(github, "acme/fruit", 250)
    answer = github.answer

    def moving(target: str, headers: dict[str, str], sent: object):
        found = copy.deepcopy(answer(target, headers, sent))
        if "/issues?" in target and len(github.log) == 1:
            for number in range(1, 6):
                github._touch("acme/fruit", number, 8000 + number)
        return found

    monkeypatch.setattr(github, "answer", moving)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert [one.number for one in issues()] == list(range(1, 251))


def test_many_changes_in_one_second_are_read_to_the_end(github):
    for number in range(1, 351):
        github.add("acme/fruit", number, updated_at=moment(5))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert len(issues()) == 350


def test_what_comes_after_an_unchanged_page_is_not_missed(github):
    for number in range(1, 151):
        github.add("acme/fruit", number, updated_at=moment(500))
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == coder(command) == 0
    github.add("acme/fruit", 151)
    github._touch("acme/fruit", 151, 501)
    assert coder(command) == 0
    assert len(issues()) == 151


def test_an_endless_repository_is_cut_off_and_gone_on_with(github, monkeypatch, capsys):
    for number in range(1, 301):
        github.add("acme/fruit", number)
    github.close("acme/fruit", 4, 5)
    github.comment("acme/fruit", 4, 6)
    answer, last = github.answer, {"at": 300}

    def growing(target: str, headers: dict[str, str], sent: object):
        if "/issues?" in target:
            for number in range(last["at"] + 1, last["at"] + 101):
                github.add("acme/fruit", number)
            last["at"] += 100
        return answer(target, headers, sent)

    monkeypatch.setattr(github, "answer", growing)
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl", "--most"]
    assert coder([*command, "250"]) == 0
    said = capsys.readouterr().out
    count = len(issues())
    assert 250 <= count < 350
    assert f"cut off after {count:,} issues and pull requests" in said
    assert told()["query"]["most"] == 250 and told()["repositories"][0]["notes"]
    whole = {one.number: one for one in issues()}
    assert len(whole[4].comments) == 1 and whole[4].events
    assert coder([*command, "400"]) == 0
    assert len({one.number for one in issues()}) >= 400


def test_it_goes_on_under_the_name_of_today(github, waits):
    many(github, "acme/fruit", 250)
    github.kill_after = 2
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == 5
    github.kill_after = None
    github.repos["acme/veg"] = github.repos.pop("acme/fruit")
    github.renamed["acme/fruit"] = "acme/veg"
    assert coder(command) == 0
    found = issues()
    assert [one.id for one in found] == [f"acme/veg#{n}" for n in range(1, 251)]
    assert found[3].other_names == ("acme/fruit#4",) and len(found[3].comments) == 1


def test_a_repository_asked_for_by_two_names_comes_once(github, capsys):
    many(github, "acme/new", 3)
    github.renamed["acme/old"] = "acme/new"
    assert coder(["fetch", "acme/old", "acme/new", "-o", "issues.jsonl"]) == 0
    assert [one.number for one in issues()] == [1, 2, 3]
    assert "acme/new: it is acme/new, which is asked for as acme/old" in capsys.readouterr().err


def test_what_is_gone_meanwhile_stays_as_it_was(github, capsys):
    many(github, "acme/fruit", 3)
    many(github, "acme/nuts", 3)
    command = ["fetch", "acme/fruit", "acme/nuts", "-o", "issues.jsonl"]
    assert coder(command) == 0
    before = Path("issues.jsonl").read_bytes()
    del github.repos["acme/nuts"]
    assert coder(command) == 0
    assert Path("issues.jsonl").read_bytes() == before
    assert "acme/nuts: it is not to be had any more, and stays as it was" in capsys.readouterr().out


def test_graphql_limits_are_waited_for_and_without_graphql_rest_is_asked(github, waits, capsys):
    many(github, "acme/fruit", 5)
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
    many(github, "acme/fruit", 5)
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
    many(github, "acme/fruit", 5)
    fault.headers = {
        key: reset_in(90) if key == "x-ratelimit-reset" else value
        for key, value in fault.headers.items()
    }
    github.faults.append(fault)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert len(issues()) == 5 and sum(waits) >= least
    assert why in " ".join(capsys.readouterr().err.split())


def test_a_server_that_stays_down_ends_it_in_a_line(github, waits, capsys):
    many(github, "acme/fruit", 5)
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
    assert len(issues()) == 29
    assert "Set aside: 1" in said.err and "acme/r13: there is none of this name" in said.err
    assert json.loads(Path("issues.set-aside.jsonl").read_text())["name"] == "acme/r13"
    assert coder(["fetch", "acme/old", "-o", "renamed.jsonl"]) == 0
    one = issues("renamed.jsonl")[0]
    assert (one.id, one.other_names) == ("acme/r3#1", ("acme/old#1",))
    assert "acme/old is called acme/r3 today" in capsys.readouterr().out
    assert coder(["fetch", "acme/nothing", "-o", "none.jsonl"]) == 3
    assert "no issue is to be had: acme/nothing" in capsys.readouterr().err
    assert not Path("none.jsonl").exists()


def test_events_beyond_what_github_tells_are_left_out_and_said(github, capsys, monkeypatch):
    without_token(monkeypatch)
    many(github, "acme/fruit", 450)
    github.deepest_page = 2
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert "of older closings GitHub does not tell who made them" in capsys.readouterr().out
    assert len(issues()) == 450


def test_filters(github, capsys):
    many(github, "acme/fruit", 20)
    github.add("acme/fruit", 30, labels=[{"name": "bug"}], title="Crash of a crate", comments=0)
    github.comment("acme/fruit", 30, 3000)
    github.close("acme/fruit", 30, 3001)

    def numbers(*words: str) -> list[int | None]:
        assert coder(["fetch", "acme/fruit", "-o", "f.jsonl", *words]) == 0
        return [one.number for one in issues("f.jsonl")]

    assert numbers("--label", "bug") == numbers("--search", "Crash") == [30]
    one = issues("f.jsonl")[0]
    assert len(one.comments) == 1 and [e.kind for e in one.events] == ["closed"]
    assert numbers("--state", "open") == [n for n in range(1, 21) if n % 3 != 1]
    assert numbers("--since", moment(18)) == [18, 19, 20, 30]
    assert numbers("--until", "2023-11-13") == []
    assert numbers("--no-events", "--state", "closed")[0] == 1
    assert not issues("f.jsonl")[0].events


def test_a_search_that_finds_more_than_github_tells_says_so(github, capsys):
    for number in range(1, 1102):
        github.add("acme/fruit", number)
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl", "--search", "Issue", "--no-events"]
    assert coder(command) == 0
    assert len(issues()) == 1000
    assert "the search finds 1,101 issues and tells 1,000" in capsys.readouterr().out


def test_listed_issues_come_back_under_their_ids(github, capsys):
    many(github, "acme/fruit", 10)
    github.gone.add(("acme/fruit", 4))
    table = (
        "id,url\nmine-1,https://github.com/acme/fruit/issues/7\nacme/fruit#4,\nacme/fruit#1,\nx,\n"
    )
    Path("list.csv").write_text(table)
    assert coder(["fetch", "--from", "list.csv", "-o", "again.jsonl"]) == 0
    found = issues("again.jsonl")
    assert [(one.id, one.number) for one in found] == [("mine-1", 7), ("acme/fruit#1", 1)]
    assert len(found[0].comments) == 1 and found[0].events
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
    assert issues("moved.jsonl")[0].id == "mine-1"
    with zipfile.ZipFile("study.zip", "w") as file:
        file.writestr("runs/first/issues.csv", "id,repo,number,url,text_hash\nacme/fruit#2,,,,0\n")
    assert coder(["fetch", "--from", "study.zip", "-o", "packed.jsonl"]) == 0
    assert [one.id for one in issues("packed.jsonl")] == ["acme/fruit#2"]


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
