"""What a provider refuses, in its own words: a run stops after one request, or asks another way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from support.fault_server import FaultServer, Reply, completion, user_text

from coder.__main__ import run as coder
from coder.store import Run

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats., include: [kittens]}
  - {id: dog, name: Dog, definition: Dogs.}
"""
KEY = "sk-verysecretkey123"
ISSUES = 6


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "pets.yaml").write_text(PETS)
    lines = [
        json.dumps({"id": f"i{i}", "title": f"Cat {i}", "body": "It meows."}) for i in range(ISSUES)
    ]
    (tmp_path / "issues.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "none")
    monkeypatch.setenv("CODER_CODEBOOK", "pets.yaml")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def propose(server, key=KEY, *options):
    """The command as users type it: its retries and time limits are those that it comes with."""
    with server.running(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODER_API_KEY", key)
        url = ("--base-url", server.base_url)
        return coder(
            ["propose", "issues.jsonl", "--run", "r", "--model", "openai:m", *url, *options]
        )


WORDS = Path(__file__).with_name("refusals.jsonl").read_text(encoding="utf-8")
CASES = [json.loads(line) for line in WORDS.splitlines()]
"""Refusals in the words of their providers, and what they mean for a run."""


def that_mean(*meanings):
    cases = [case for case in CASES if case["means"] in meanings]
    assert cases
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["case"])


def answer(case, **headers) -> Reply:
    body = case["body"]
    return Reply(case["status"], body if isinstance(body, str) else json.dumps(body), headers)


def statuses(folder) -> dict[str, int]:
    latest = Run.open(folder / "runs", "r").latest_proposals().values()
    return dict(Counter(proposal.status.value for proposal in latest))


@that_mean("stop")
def test_what_every_request_would_meet_stops_the_run_after_one(case, folder, capsys):
    server = FaultServer(lambda _b, _n: answer(case))
    assert propose(server) == 5
    assert len(server.requests) == 1
    said = capsys.readouterr().err
    assert said.count("error:") == 1 and case["says"] in said
    # The server's own words, without its key.
    assert case["quotes"] in said
    assert not any(part in said for part in (KEY, KEY[-4:], "***"))


@that_mean("again")
def test_what_passes_is_asked_again(case, folder):
    again = answer(case, **{"retry-after": "0.01"})
    server = FaultServer(lambda _b, n: completion() if n else again)
    assert propose(server) == 0
    assert len(server.requests) == ISSUES + 1 and statuses(folder) == {"ok": ISSUES}


@that_mean("filtered")
def test_an_issue_that_a_filter_stops_is_refused_and_the_others_go_on(case, folder):
    def script(body, _number):
        return answer(case) if "Cat 3" in user_text(body) else completion()

    server = FaultServer(script)
    assert propose(server) == 0
    assert len(server.requests) == ISSUES
    assert statuses(folder) == {"ok": ISSUES - 1, "refused": 1}
