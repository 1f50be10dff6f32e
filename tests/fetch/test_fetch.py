"""Fetching issues: whole, stopped at any request, brought up to date."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from support.github_server import fetched, moment, no_token, user

from coder.__main__ import run as coder


def told(path: str = "issues.snapshot.json") -> dict:
    return json.loads(Path(path).read_text())


@pytest.mark.parametrize("token", [True, False])
def test_everything_that_is_known_of_an_issue_comes(github, capsys, monkeypatch, token):
    if not token:
        no_token(monkeypatch)
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
    one, other = fetched()
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
    assert [one.pull_request for one in fetched("all.jsonl")] == [False, True, False]


@pytest.mark.parametrize("token", [True, False])
def test_the_bytes_are_the_same_wherever_it_was_stopped(github, waits, capsys, monkeypatch, token):
    if not token:
        no_token(monkeypatch)
    github.many("acme/fruit", 250)
    github.many("acme/nuts", 30)
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
        no_token(monkeypatch)
    github.many("acme/fruit", 250)
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == 0
    first = len(github.log)
    assert coder(command) == 0
    assert len(github.log) - first <= 4
    github.log.clear()
    assert coder(command) == 0
    assert [status for path, _, status in github.log if "/issues?" in path] == [304]
    before = {one.id: one for one in fetched()}
    github.add("acme/fruit", 251, updated_at=moment(9000))
    github.close("acme/fruit", 2, 9001)
    github.comment("acme/fruit", 5, 9002)
    github.log.clear()
    assert coder(command) == 0
    assert len(github.log) <= 4
    after = {one.id: one for one in fetched()}
    changed = {i for i in after if after[i] != before.get(i)}
    assert changed == {"acme/fruit#251", "acme/fruit#2", "acme/fruit#5"}
    assert after["acme/fruit#2"].events[-1].actor == "cai"
    assert told()["cycle"] == 4


def test_what_changes_while_it_is_read_is_not_missed(github, monkeypatch):
    """An issue that moves to the end of the list moves all others one place forward."""
    github.many("acme/fruit", 250)
    answer = github.answer

    def moving(target: str, headers: dict[str, str], sent: object):
        found = copy.deepcopy(answer(target, headers, sent))
        if "/issues?" in target and len(github.log) == 1:
            for number in range(1, 6):
                github._touch("acme/fruit", number, 8000 + number)
        return found

    monkeypatch.setattr(github, "answer", moving)
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert [one.number for one in fetched()] == list(range(1, 251))


def test_many_changes_in_one_second_are_read_to_the_end(github):
    for number in range(1, 351):
        github.add("acme/fruit", number, updated_at=moment(5))
    assert coder(["fetch", "acme/fruit", "-o", "issues.jsonl"]) == 0
    assert len(fetched()) == 350


def test_what_comes_after_an_unchanged_page_is_not_missed(github):
    for number in range(1, 151):
        github.add("acme/fruit", number, updated_at=moment(500))
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == coder(command) == 0
    github.add("acme/fruit", 151)
    github._touch("acme/fruit", 151, 501)
    assert coder(command) == 0
    assert len(fetched()) == 151


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
    count = len(fetched())
    assert 250 <= count < 350
    assert f"cut off after {count:,} issues and pull requests" in said
    assert told()["query"]["most"] == 250 and told()["repositories"][0]["notes"]
    whole = {one.number: one for one in fetched()}
    assert len(whole[4].comments) == 1 and whole[4].events
    assert coder([*command, "400"]) == 0
    assert len({one.number for one in fetched()}) >= 400


def test_it_goes_on_under_the_name_of_today(github, waits):
    github.many("acme/fruit", 250)
    github.kill_after = 2
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl"]
    assert coder(command) == 5
    github.kill_after = None
    github.repos["acme/veg"] = github.repos.pop("acme/fruit")
    github.renamed["acme/fruit"] = "acme/veg"
    assert coder(command) == 0
    found = fetched()
    assert [one.id for one in found] == [f"acme/veg#{n}" for n in range(1, 251)]
    assert found[3].other_names == ("acme/fruit#4",) and len(found[3].comments) == 1


def test_a_repository_asked_for_by_two_names_comes_once(github, capsys):
    github.many("acme/new", 3)
    github.renamed["acme/old"] = "acme/new"
    assert coder(["fetch", "acme/old", "acme/new", "-o", "issues.jsonl"]) == 0
    assert [one.number for one in fetched()] == [1, 2, 3]
    assert "acme/new: it is acme/new, which is asked for as acme/old" in capsys.readouterr().err


def test_what_is_gone_meanwhile_stays_as_it_was(github, capsys):
    github.many("acme/fruit", 3)
    github.many("acme/nuts", 3)
    command = ["fetch", "acme/fruit", "acme/nuts", "-o", "issues.jsonl"]
    assert coder(command) == 0
    before = Path("issues.jsonl").read_bytes()
    del github.repos["acme/nuts"]
    assert coder(command) == 0
    assert Path("issues.jsonl").read_bytes() == before
    assert "acme/nuts: it is not to be had any more, and stays as it was" in capsys.readouterr().out


def test_filters(github, capsys):
    github.many("acme/fruit", 20)
    github.add("acme/fruit", 30, labels=[{"name": "bug"}], title="Crash of a crate", comments=0)
    github.comment("acme/fruit", 30, 3000)
    github.close("acme/fruit", 30, 3001)

    def numbers(*words: str) -> list[int | None]:
        assert coder(["fetch", "acme/fruit", "-o", "f.jsonl", *words]) == 0
        return [one.number for one in fetched("f.jsonl")]

    assert numbers("--label", "bug") == numbers("--search", "Crash") == [30]
    one = fetched("f.jsonl")[0]
    assert len(one.comments) == 1 and [e.kind for e in one.events] == ["closed"]
    assert numbers("--state", "open") == [n for n in range(1, 21) if n % 3 != 1]
    assert numbers("--since", moment(18)) == [18, 19, 20, 30]
    assert numbers("--until", "2023-11-13") == []
    assert numbers("--no-events", "--state", "closed")[0] == 1
    assert not fetched("f.jsonl")[0].events


def test_a_search_that_finds_more_than_github_tells_says_so(github, capsys):
    for number in range(1, 1102):
        github.add("acme/fruit", number)
    command = ["fetch", "acme/fruit", "-o", "issues.jsonl", "--search", "Issue", "--no-events"]
    assert coder(command) == 0
    assert len(fetched()) == 1000
    assert "the search finds 1,101 issues and tells 1,000" in capsys.readouterr().out
