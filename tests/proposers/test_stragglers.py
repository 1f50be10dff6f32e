"""A request far slower than its fellows is asked again; a server that is slow for all is not."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from asking import book, issue, study
from support import virtual_time
from support.fault_server import FaultServer, completion

from coder.proposers.budget import NO_CAPS, Meter, spent_by
from coder.proposers.chat import rate_limit
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.client import Chat
from coder.proposers.chat.failures import Failure
from coder.proposers.chat.providers import endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.rate_limit import CURRENT
from coder.proposers.chat.reply import Reply
from coder.records import Call, Status, Usage
from coder.study import ModelSettings

FOR_EVER = 1e9
TIMEOUT = ModelSettings().timeout
WORST = Usage(input_tokens=1000, output_tokens=800)
USED = Usage(input_tokens=900, output_tokens=50)


class Refused(Exception):
    """As vendors' clients raise it."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__("not now")
        self.status_code = status
        self.response = SimpleNamespace(headers=headers)


class Asked:
    """What came of asking ``count`` questions with default settings, in virtual time.

    ``server(number, text)`` gives the seconds for the request number so and so, or what it raises;
    the text is as long as ``size`` says of its question.
    """

    def __init__(self, folder, server, count, concurrency, size=lambda n: 1000, **model):
        settings = {"concurrency": concurrency, "timeout": TIMEOUT, "retries": 5} | model
        setting = study(folder, "http://127.0.0.1:9/v1", **settings)
        self.sent: list[str] = []
        self.texts = [f"{n} ".ljust(size(n), "x") for n in range(count)]
        self.chat = Chat(endpoint(setting), setting.settings.model)
        meter = Meter(NO_CAPS, None, "m")
        self.accounts = [meter.account(WORST) for _ in self.texts]
        self.answered = [False] * count

        async def send(question, form, parameters):
            async with CURRENT.get().passing():
                text = question.messages[1][1]
                self.sent.append(text.split()[0])
                seconds = server(len(self.sent) - 1, text)
                if isinstance(seconds, Exception):
                    raise seconds
                await asyncio.sleep(seconds)
            return Reply("yes", "yes", usage=USED)

        async def ask(number):
            question = Question((("system", "Code it."), ("user", self.texts[number])), None)
            for _ in range(2):
                try:
                    await self.chat.ask(question, self.accounts[number], str(number))
                    self.answered[number] = True
                    break
                except Failure:
                    pass

        async def story() -> float:
            self.chat._send = send
            await asyncio.gather(*map(ask, range(count)))
            return asyncio.get_running_loop().time()

        self.seconds = virtual_time.run(story())


@pytest.mark.parametrize("concurrency", [4, 32])
@pytest.mark.parametrize("lost", [5, 60, 199])
def test_a_request_that_the_server_lost_is_asked_again_long_before_the_time_limit(
    tmp_path, lost, concurrency
):
    asked = Asked(tmp_path, lambda n, _: FOR_EVER if n == lost else 1.0, 200, concurrency)
    assert all(asked.answered)
    assert len(asked.sent) == 201 and asked.chat.stragglers == 1
    assert asked.seconds < 200 / concurrency + 20
    # It may have to be paid for: its worst case is in the books beside the answer.
    (account,) = [account for account in asked.accounts if account.given_up]
    assert account.attempts == 2 and account.estimated == WORST


def test_it_is_asked_again_even_where_nothing_is_to_be_retried_and_within_the_caps(tmp_path):
    asked = Asked(tmp_path, lambda n, _: FOR_EVER if n == 9 else 1.0, 80, 8, retries=0)
    assert all(asked.answered) and asked.chat.stragglers == 1


def test_what_is_slow_for_a_reason_of_its_own_is_given_up_once_and_then_waited_for(tmp_path):
    asked = Asked(tmp_path, lambda _, text: 100.0 if text.startswith("50 ") else 1.0, 200, 8)
    assert all(asked.answered) and asked.sent.count("50") == 2


def slow_after(moment):
    return lambda n, _: 60.0 + n % 7 if n >= moment else 1.0


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(lambda n, _: 60.0 - 40 * (n % 5 == 0), id="always slow"),
        pytest.param(lambda n, _: 90.0 if n < 8 else 2.0, id="the first ones load the model"),
        pytest.param(slow_after(100), id="becomes slow"),
        pytest.param(lambda n, text: len(text) / 100, id="long prompts take longer"),
        pytest.param(lambda n, _: random.Random(n).lognormvariate(2, 0.6), id="varies"),
        pytest.param(lambda n, _: 0.1 if n % 50 else 2.9, id="a hiccup"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_a_healthy_server_is_never_asked_twice(tmp_path, server, concurrency):
    sizes = random.Random(1)
    asked = Asked(
        tmp_path, server, 200, concurrency,
        size=lambda _: sizes.choice([500] * 30 + [5000]),
    )  # fmt: skip
    assert all(asked.answered) and len(asked.sent) == 200


def test_with_one_request_at_a_time_there_are_no_fellows(tmp_path):
    asked = Asked(tmp_path, lambda n, _: TIMEOUT - 1 if n == 60 else 1.0, 100, 1)
    assert len(asked.sent) == 100


KINDS = ("429", "429 later", "500", "503", "reset", "cut", "garbled", "empty", "slow", "lost")


class Sick:
    """Each of ten faults befalls so many of the requests; an answer takes a second or so."""

    def __init__(self, seed: int, share: float) -> None:
        self._random, self._share = random.Random(seed), share

    def __call__(self, _number, _text):
        drawn = int(self._random.random() / self._share) if self._share else len(KINDS)
        kind = KINDS[drawn] if drawn < len(KINDS) else ""
        if kind in ("429", "500", "503"):
            return Refused(int(kind))
        if kind == "429 later":
            return Refused(429, **{"retry-after": "2"})
        if kind in ("reset", "cut", "garbled", "empty"):
            # What the second two cost beyond that, a second question, is left out.
            return ConnectionError("it broke off")
        slower = {"slow": 10.0, "lost": FOR_EVER}
        return self._random.uniform(0.5, 1.5) * slower.get(kind, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_ten_faults_at_three_in_a_hundred_each_cost_a_few_times_the_time_and_no_answer(
    tmp_path, seed
):
    random.seed(seed)
    plain = Asked(tmp_path, Sick(seed, 0), 500, 32)
    faulty = Asked(tmp_path, Sick(seed, 0.03), 500, 32)
    assert sum(faulty.answered) >= 490
    assert faulty.seconds < 3 * plain.seconds, (faulty.seconds, plain.seconds)
    assert faulty.chat.fewest_at_a_time > 20


def test_people_are_told_and_the_books_hold_what_was_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(rate_limit, "SOONEST", 0.5)
    server = FaultServer(lambda _b, n: replace(completion(), delay=60 if n == 10 else 0.01))
    calls: list[Call] = []
    proposer = LLMProposer.open(study(tmp_path, server.base_url, timeout=TIMEOUT), book(), [])
    with server.running():
        issues = [issue(n, title=f"Cat {n}") for n in range(60)]
        proposals = list(proposer.propose(issues, calls.extend))
    assert {p.status for p in proposals} == {Status.OK} and len(server.requests) == 61
    assert proposer.remark() == (
        "1 request took far longer than the others and was asked again; both may have to be paid "
        "for."
    )
    assert (spent_by(calls).calls, spent_by(calls).estimated) == (61, 1)
