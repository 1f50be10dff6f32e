"""What was paid in one run is free in the next, and a crowded server is asked more slowly."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest
from asking import ask, book, issue, study
from hypothesis import given
from hypothesis import strategies as st
from support.fault_server import GOOD, FaultServer, Reply, completion, refusal

from coder.proposers.llm import LLMProposer
from coder.proposers.pace import Pace, Slots
from coder.proposers.spending import spent_by
from coder.records import Status


def run(folder, server, **model):
    """A run of a study whose server is there already."""
    calls = []
    settings = study(folder, server.base_url, **{"cache": True, **model})
    proposals = list(LLMProposer.open(settings, book(), []).propose([issue()], calls.append))
    return proposals, calls


def test_another_run_of_the_study_does_not_pay_again(tmp_path):
    server = FaultServer(lambda *_: completion())
    with server.running():
        (first,), (paid,) = run(tmp_path, server)
        (second,), (call,) = run(tmp_path, server)
    assert len(server.requests) == 1
    assert second.codes == first.codes and second.evidence == first.evidence
    assert (call.cached, call.raw_response) == (paid.id, paid.raw_response)
    assert second.call_ids == (call.id,) and call.id != paid.id
    assert (spent_by([call]).calls, spent_by([call]).tokens) == (0, 0)


@pytest.mark.parametrize(
    ("before", "now"),
    [({"cache": False}, {}), ({}, {"cache": False}), ({}, {"temperature": 0.5}),
     ({}, {"max_output_tokens": 90}), ({}, {"evidence": "quotes"}), ({}, {"strategy": "cascade"})],
)  # fmt: skip
def test_what_changes_the_answer_is_asked_again(before, now, tmp_path):
    server = FaultServer(lambda *_: completion())
    with server.running():
        run(tmp_path, server, **before)
        _, calls = run(tmp_path, server, **now)
    assert len(server.requests) == 2 and not calls[0].cached


def test_samples_are_answers_of_their_own(tmp_path):
    server = FaultServer(lambda *_: completion())
    with server.running():
        run(tmp_path, server, samples=3)
        _, calls = run(tmp_path, server, samples=5)
    assert len(server.requests) == 5
    assert [bool(call.cached) for call in calls] == [True, True, True, False, False]


def test_a_failure_is_not_remembered(tmp_path):
    server = FaultServer(lambda _, number: refusal(500) if number == 0 else completion())
    with server.running():
        (failed,), _ = run(tmp_path, server, retries=0)
        (answered,), (call,) = run(tmp_path, server, retries=0)
    assert (failed.status, answered.status, call.cached) == (Status.FAILED, Status.OK, "")


def test_a_cache_that_is_broken_is_no_cache(tmp_path):
    server = FaultServer(lambda *_: completion())
    with server.running():
        run(tmp_path, server)
        (tmp_path / "runs/.cache/answers.sqlite").write_text("not a database" * 99)
        (proposal,), _ = run(tmp_path, server)
    assert proposal.status is Status.OK and len(server.requests) == 2


@given(st.integers(1, 64), st.lists(st.booleans(), max_size=60))
def test_slots_stay_between_one_and_the_most(most, refusals):
    async def use():
        slots = Slots(most)
        for refused in refusals:
            async with slots.one() as halvings:
                slots.crowded(halvings) if refused else slots.answered()
            assert 1 <= slots.allowed <= most and slots.least <= slots.allowed
        return slots

    slots = asyncio.run(use())
    assert slots.least == most or any(refusals)


def test_requests_under_way_halve_the_number_once():
    async def use():
        slots = Slots(8)
        async with slots.one() as a, slots.one() as b:
            slots.crowded(a)
            slots.crowded(b)
        return slots.allowed

    assert asyncio.run(use()) == 4


def test_a_crowded_server_is_asked_by_fewer_at_once(tmp_path):
    """It bears four at once, and asks to be tried again at once: sixteen would never get through."""
    refused = []

    def script(_, number):
        if server.in_flight > 4:
            refused.append(number)
            return refusal(429, "slow down", retry_after="0")
        return replace(completion(), delay=0.1)

    server = FaultServer(script)
    issues = [issue(n, f"Cat {n}") for n in range(60)]
    proposals, _ = ask(tmp_path, server, issues, concurrency=16, retries=9)
    assert {p.status for p in proposals} == {Status.OK}
    assert len(refused) < 60


def test_so_many_a_minute_are_evenly_spread():
    async def take():
        pace, loop = Pace(6000), asyncio.get_running_loop()
        began = loop.time()
        for _ in range(11):
            await pace.take()
        spent = loop.time() - began
        pace.give_back(1000)
        again = loop.time()
        await pace.take()
        return spent, loop.time() - again

    spent, after = asyncio.run(take())
    assert spent >= 0.1
    assert after < spent


# --- a bad day ----------------------------------------------------------------------------------

FAULTS = (
    refusal(429, "slow down", retry_after="0"), refusal(500, "boom"),
    Reply(body=completion().body, cut=True), completion("{not json"),
    completion("```json\n{}\n```"), completion({**GOOD, "codes": [{"code": "zebra"}]}),
    completion(""), completion(None, refusal="No."), completion(usage="lots"),
)  # fmt: skip


def test_a_thousand_issues_on_a_bad_day(tmp_path):
    chance = random.Random(4)
    good: Counter[str] = Counter()

    def script(body, _):
        if chance.random() < 0.3:
            return chance.choice(FAULTS)
        text = body["messages"][1]["content"]
        good[text if len(body["messages"]) == 2 else text + " repaired"] += 1
        return completion()

    server = FaultServer(script)
    issues = [issue(n, f"Cat number {n} meows") for n in range(1000)]
    proposals, calls = ask(tmp_path, server, issues, concurrency=32, retries=9)
    assert sorted(p.issue_id for p in proposals) == sorted(one.id for one in issues)
    assert {p.status for p in proposals} <= {Status.OK, Status.REFUSED, Status.UNPARSED,
                                             Status.OFF_CODEBOOK}  # fmt: skip
    assert sum(p.status is Status.OK for p in proposals) > 900
    assert max(good.values()) == 1, "an issue was paid for again after it had been answered"
    assert spent_by(calls).calls == len(server.requests)
