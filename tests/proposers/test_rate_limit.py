"""A server is asked no faster than it says, and an answer is paid for once in a study."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from types import SimpleNamespace

import pytest
from asking import book, issue, study
from hypothesis import given
from hypothesis import strategies as st
from support import virtual_time
from support.fault_server import FaultServer, Reply, completion, in_turn, refusal

from coder.proposers.budget import spent_by
from coder.proposers.chat import rate_limit
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.rate_limit import Rate, Slots
from coder.proposers.chat.response_cache import ResponseCache
from coder.records import Call, Status


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 64))
def test_slots_never_leave_their_bounds_and_all_come_back(refusals, most):
    slots = Slots(most)

    async def requests() -> int:
        for refused in refusals:
            async with slots.slot():
                pass
            if refused:
                slots.refused(None)
            else:
                slots.answered()
            assert 1 <= slots.limit <= most and slots.lowest <= slots.limit
        held = 0

        async def hold() -> None:
            nonlocal held
            async with slots.slot():
                held += 1
                await asyncio.sleep(60)

        waiting = [asyncio.create_task(hold()) for _ in range(most + 1)]
        await asyncio.sleep(2)
        for task in waiting:
            task.cancel()
        return held

    assert virtual_time.run(requests()) == slots.limit


class Server:
    """Takes ``capacity`` requests at a time and refuses the rest at once, and of those it takes a
    share by chance; an answer takes a second, more or less."""

    def __init__(self, capacity=1000, by_chance=0.0, retry_after=None):
        self.capacity, self.by_chance, self.retry_after = capacity, by_chance, retry_after
        self.random = random.Random(7)
        self.busy = 0
        self.refusals: list[float] = []
        self.answers: list[float] = []

    async def answers_one(self) -> bool:
        now = asyncio.get_running_loop().time
        if self.busy >= self.capacity or self.random.random() < self.by_chance:
            await asyncio.sleep(0.01)
            self.refusals.append(now())
            return False
        self.busy += 1
        await asyncio.sleep(self.random.uniform(0.5, 1.5))
        self.busy -= 1
        self.answers.append(now())
        return True


async def ask_for(seconds, slots, server) -> list[int]:
    """Asks as a run does: what is refused waits for itself and goes before the others then. Gives
    how many slots there were at the end of each second."""

    async def ask_on() -> None:
        again = False
        while True:
            async with slots.slot(again):
                answered = await server.answers_one()
            if answered:
                slots.answered()
            else:
                slots.refused(server.retry_after)
                await asyncio.sleep(server.retry_after or server.random.uniform(0, 1))
            again = not answered

    tasks = [asyncio.create_task(ask_on()) for _ in range(4 * slots.limit)]
    seen = []
    for _ in range(seconds):
        await asyncio.sleep(1)
        seen.append(slots.limit)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


@pytest.mark.parametrize("most", [4, 32, 64])
@pytest.mark.parametrize("share", [0.03, 0.06, 0.12])
def test_refusals_by_chance_leave_the_slots_as_they_were(share, most):
    server = Server(by_chance=share)
    seen = virtual_time.run(ask_for(90, Slots(most), server))
    assert len(server.refusals) > 0.7 * share * len(server.answers)
    assert sum(seen) / len(seen) > 0.9 * most - 1
    assert min(seen) > 0.8 * most - 3


@pytest.mark.parametrize("capacity", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("retry_after", [None, 2.0])
def test_a_server_that_takes_so_many_at_a_time_is_asked_for_about_as_many(capacity, retry_after):
    server = Server(capacity, retry_after=retry_after)
    seen = virtual_time.run(ask_for(300, Slots(32), server))
    assert len([at for at in server.refusals if at < 0.5]) <= 32 + 4, "backed off from at once"
    assert all(capacity <= limit <= capacity + 1 for limit in seen[20:]), seen
    # It is kept busy, and of five requests at most two are refused.
    assert len(server.answers) > 0.9 * 300 * capacity
    assert len(server.refusals) < 2 / 3 * len(server.answers)


def test_slots_come_back_within_seconds_once_an_overload_has_ended():
    server = Server(capacity=0)

    async def story() -> list[int]:
        asking = asyncio.create_task(ask_for(60, Slots(32), server))
        await asyncio.sleep(30)
        server.capacity = 1000
        return await asking

    seen = virtual_time.run(story())
    assert set(seen[5:30]) == {1} and seen[39] >= 16 and seen[44] == 32, seen


@pytest.mark.parametrize("most", [1, 4, 32])
def test_retry_after_holds_for_all_when_one_after_the_other_is_refused(most):
    server = Server(capacity=0, retry_after=20.0)
    virtual_time.run(ask_for(60, Slots(most), server))
    # Then somebody tries every twenty seconds.
    assert len([at for at in server.refusals if at < 19]) == most
    assert len(server.refusals) <= most + 2


def test_retry_after_of_a_single_refusal_keeps_nobody_else_waiting():
    slots, server = Slots(4), Server()

    async def story() -> None:
        slots.refused(20.0)
        await ask_for(10, slots, server)

    virtual_time.run(story())
    assert len(server.answers) > 30


def test_a_server_that_refuses_even_one_at_a_time_is_asked_once_a_second():
    server = Server(capacity=0)
    virtual_time.run(ask_for(100, Slots(32), server))
    assert 90 < len([at for at in server.refusals if at > 0.5]) <= 101


@given(
    st.integers(1, 6000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), min_size=1, max_size=80),
)
def test_no_minute_holds_more_than_its_rate_and_one_more(per_minute, wanted):
    rate, now = Rate(per_minute), 0.0
    taken: list[tuple[float, int]] = []
    for pause, amount in wanted:
        now += pause
        now += rate.wait(now)
        rate.take(now, amount)
        taken.append((now, amount))
    for start, _ in taken:
        window = [amount for at, amount in taken if start <= at < start + 59.999]
        assert sum(window) <= per_minute + window[-1]


def test_an_overloaded_server_gets_fewer_requests_at_a_time_and_people_are_told(tmp_path):
    slow = Reply(body=completion().body, delay=0.02)
    server = FaultServer(lambda _b, n: refusal(429, retry_after="0.05") if n < 8 else slow)
    proposer = LLMProposer.open(study(tmp_path, server.base_url, concurrency=8), book(), [])
    assert proposer.remark() == ""
    with server.running():
        issues = [issue(n, title=f"Cat {n}") for n in range(20)]
        proposals = list(proposer.propose(issues, lambda _: None))
    assert {p.status for p in proposals} == {Status.OK} and len(proposals) == 20
    assert "The server was overloaded: as few as " in proposer.remark()


class Clock:
    """Time that passes when somebody sleeps, and only then."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("limit", [{"requests_per_minute": 600}, {"tokens_per_minute": 72_000}])
def test_requests_and_tokens_a_minute_hold(limit, tmp_path, monkeypatch):
    clock, sent = Clock(), []
    monkeypatch.setattr(rate_limit, "time", clock)
    monkeypatch.setattr(
        rate_limit, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": clock.sleep})
    )

    def script(_body, _number):
        sent.append(clock.now)
        return completion()

    server = FaultServer(script)
    settings = study(tmp_path, server.base_url, concurrency=1, **limit)
    proposer = LLMProposer.open(settings, book(), [])
    with server.running():
        list(proposer.propose([issue(n, title=f"Cat {n}") for n in range(6)], lambda _: None))
    # 120 tokens each, as counted by the server; before that, the worst case.
    assert [at - sent[0] for at in sent] == pytest.approx([n / 10 for n in range(6)])


def ask_with(tmp_path, server, answers):
    calls: list[Call] = []
    proposer = LLMProposer.open(
        study(tmp_path, server.base_url, retries=0), book(), [], answers=answers
    )
    proposals = list(proposer.propose([issue(1), issue(2, title="Another cat")], calls.extend))
    return proposals, calls


def test_an_answer_is_paid_for_once_in_a_study_and_the_log_says_so(tmp_path):
    server = FaultServer(in_turn(completion("what?"), completion()))
    path = tmp_path / "cache" / "answers.sqlite"
    with server.running():
        first, paid = ask_with(tmp_path, server, ResponseCache(path))
        asked = len(server.requests)
        second, free = ask_with(tmp_path, server, ResponseCache(path))
        assert len(server.requests) == asked == len(paid) == len(free)
        ask_with(tmp_path, server, None)
        assert len(server.requests) > asked
    assert {(c.cached, c.attempts, c.usage) for c in free} == {(True, 0, None)}
    assert spent_by(free).calls == 0 and not any(c.cached for c in paid)
    codes = [{p.issue_id: p.codes for p in proposals} for proposals in (first, second)]
    assert codes[0] == codes[1]
    saved = {call.id for call in free}
    assert all(p.call_ids and set(p.call_ids) <= saved for p in second)


def test_a_failure_is_not_kept(tmp_path):
    server, path = FaultServer(in_turn(refusal(500))), tmp_path / "answers.sqlite"
    with server.running():
        ask_with(tmp_path, server, ResponseCache(path))
        ask_with(tmp_path, server, ResponseCache(path))
    assert len(server.requests) == 4


def test_damaged_answers_are_asked_for_again_and_kept_again(tmp_path):
    server, path = FaultServer(in_turn(completion())), tmp_path / "answers.sqlite"
    damaged = b"not a database, but long enough to be taken for one" * 50
    with server.running():
        first, _ = ask_with(tmp_path, server, ResponseCache(path))
        path.write_bytes(damaged)
        second, _ = ask_with(tmp_path, server, ResponseCache(path))
        asked = len(server.requests)
        _, free = ask_with(tmp_path, server, ResponseCache(path))
    assert [p.codes for p in first] == [p.codes for p in second]
    assert asked == len(server.requests) and all(call.cached for call in free)
    assert path.with_name("answers.sqlite.damaged").read_bytes() == damaged


def _keep(path, name):
    answers = ResponseCache(path)
    for n in range(200):
        request = {"key": f"{name}{n}"}
        answers.keep([Call(id="c", issue_id="i", model="m", prompt="p", prompt_hash="h",
                           request=request, raw_response=name)])  # fmt: skip


def test_two_processes_keep_their_answers_in_one_file(tmp_path):
    path = tmp_path / "answers.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_keep, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    answers = ResponseCache(path)
    assert all(answers.find(f"{name}{n}").raw_response == name for name in "ab" for n in range(200))
