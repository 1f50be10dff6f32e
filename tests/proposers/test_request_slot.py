"""A place at the server is taken while a request is on the wire: not before, and not after."""

from __future__ import annotations

import asyncio
import threading
import time

from asking import book, issue, study
from support.fault_server import FaultServer, Reply, completion

from coder.proposers.budget import NO_CAPS, Meter, spent_by
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.client import Chat
from coder.proposers.chat.providers import endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.rate_limit import RateLimit, RequestSlot, Slots
from coder.records import Usage


class Noticed(tuple):
    """Messages that tell when they are made a request of."""

    made: threading.Event

    def __iter__(self):
        self.made.set()
        return super().__iter__()


def test_requests_are_made_while_every_place_at_the_server_is_taken(tmp_path):
    made, in_time, both = threading.Event(), [], threading.Barrier(2)

    def script(_body, number):
        if number < 2:
            in_time.append(made.wait(10))
            both.wait(10)
        return completion()

    server = FaultServer(script)
    setting = study(tmp_path, server.base_url, concurrency=2, timeout=60)
    plain = (("system", "Code it."), ("user", "A cat."))
    slow = Noticed(plain)
    slow.made = made

    async def story():
        chat, meter = Chat(endpoint(setting), setting.settings.model), Meter(NO_CAPS, None, "m")
        async with chat.connected():
            asked = [Question(messages, None) for messages in (plain, plain, slow)]
            await asyncio.gather(
                *(chat.ask(q, meter.account(Usage()), str(n)) for n, q in enumerate(asked))
            )

    with server.running():
        asyncio.run(story())
    assert in_time == [True, True] and len(server.requests) == 3
    assert server.most_in_flight == 2


def test_what_waits_at_the_gate_when_a_run_is_stopped_has_used_nothing(tmp_path):
    server = FaultServer(lambda _b, n: Reply(body=completion().body, delay=30 if n else 0))
    setting = study(tmp_path, server.base_url, timeout=60, concurrency=4)
    proposer, calls = LLMProposer.open(setting, book(), []), []
    with server.running():
        stream = proposer.propose([issue(n, title=f"Cat {n}") for n in range(40)], calls.extend)
        next(stream)
        deadline = time.monotonic() + 10
        while len(server.requests) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        stream.close()
    assert len(server.requests) == 5 == len(calls) == spent_by(calls).calls
    assert sum(call.estimated is not None for call in calls) == 4


def test_waiting_for_a_place_is_not_waiting_for_the_server():
    pace, account = RateLimit(1, 0, 0), Meter(NO_CAPS, None, "m").account(Usage())
    gate = RequestSlot(pace, account, 0.02, 100, lambda: False, next_first=False)

    async def passing() -> None:
        async with gate.passing():
            pass

    async def story() -> None:
        async with pace.slots.slot():
            waiting = asyncio.create_task(passing())
            await asyncio.sleep(0.1)
            assert account.attempts == 0
        await waiting

    asyncio.run(story())
    assert account.attempts == 1


def test_who_gives_up_leaves_the_turn_to_the_next():
    slots, went = Slots(1), []

    async def one(name: str, again: bool = False) -> None:
        async with slots.slot(again):
            went.append(name)
            await asyncio.sleep(0)

    async def story() -> None:
        async with slots.slot():
            tasks = [asyncio.create_task(one(name)) for name in "abc"]
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(one("again", again=True)))
            await asyncio.sleep(0)
            tasks[0].cancel()
        tasks[3].cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(e, asyncio.CancelledError) for e in ended] == [True, False, False, True]

    asyncio.run(story())
    assert went == ["b", "c"]


def test_a_request_that_was_refused_is_put_otherwise_before_any_other_leaves():
    slots, went = Slots(1), []

    async def refused_once() -> None:
        async with slots.slot():
            await asyncio.sleep(0)
        async with slots.slot(again=True):
            went.append("again")

    async def other() -> None:
        async with slots.slot():
            went.append("other")

    async def story() -> None:
        await asyncio.gather(refused_once(), other())

    asyncio.run(story())
    assert went == ["again", "other"]
