"""What a provider refuses, in its own words: a run stops after one request, or goes on without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from asking import KEY, propose, statuses
from support.fault_server import FaultServer, Reply, completion, refusal, user_text

WORDS = Path(__file__).with_name("refusals.jsonl").read_text(encoding="utf-8")
CASES = [json.loads(line) for line in WORDS.splitlines()]
"""Refusals in the words of their providers, and what they mean for a run."""


def that_mean(meaning):
    cases = [case for case in CASES if case["means"] == meaning]
    assert cases
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["case"])


def answer(case, **headers) -> Reply:
    body = case["body"]
    return Reply(case["status"], body if isinstance(body, str) else json.dumps(body), headers)


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
    assert len(server.requests) == 7 and statuses(folder) == {"ok": 6}


@that_mean("filtered")
def test_an_issue_that_a_filter_stops_is_refused_and_the_others_go_on(case, folder):
    def script(body, _number):
        return answer(case) if "Cat 3" in user_text(body) else completion()

    server = FaultServer(script)
    assert propose(server) == 0
    assert len(server.requests) == 6
    assert statuses(folder) == {"ok": 5, "refused": 1}


def test_words_of_the_issue_that_a_refusal_repeats_are_not_the_servers(folder):
    told = f"cannot read: {'x ' * 300} the model does not exist, invalid api key"
    server = FaultServer(lambda _b, n: completion() if n else refusal(400, told))
    assert propose(server) == 0 and statuses(folder) == {"ok": 6}


def test_another_way_of_asking_is_tried_where_that_may_help(folder):
    """A 404 may be about a parameter: it does not say that there is no such model."""
    words = "No endpoints found that can handle the requested parameters. To learn more, visit:"

    def script(body, _number):
        return refusal(404, words) if "response_format" in body else completion()

    server = FaultServer(script)
    assert propose(server) == 0 and statuses(folder) == {"ok": 6}
    assert len(server.requests) == 6 + 2
