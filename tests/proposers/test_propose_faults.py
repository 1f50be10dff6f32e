"""A thousand issues, a server that fails three times in ten: nothing is lost or paid twice."""

from __future__ import annotations

import json
import random
import threading
import zlib
from collections import Counter
from decimal import Decimal

import pytest
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn, refusal, user_text

from coder.errors import LimitReached
from coder.proposers import run_loop as driver
from coder.proposers.budget import Caps, find_price, spent_by
from coder.records import Issue, Status
from coder.storage.run import Run
from coder.study import Study

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats.}
  - {id: dog, name: Dog, definition: Dogs.}
"""
FENCED = f"```json\n{json.dumps(GOOD)}\n```"
PRICES = '["openai:m"]\ninput = 1\ncached_input = 0.5\noutput = 10\nas_of = 2026-01-31\n'
BILL = Decimal(1000 * 1 + 100 * 10) / 1_000_000
"""In USD, what the server bills for an answer, whether it arrives or not."""
TRUE = {"prompt_tokens": 1000, "completion_tokens": 100}
TIMEOUT = 2.0
CONCURRENCY = 32


def answer(content=GOOD, usage=TRUE, **message) -> Reply:
    return completion(content, usage=usage, **message)


FREE = (refusal(429, retry_after="0"), refusal(500, retry_after="0"), refusal(503, retry_after="0"))
LOST = (Reply(body=answer().body, cut=True), Reply(body="<html>oh</html>"))
LATE = (Reply(body=answer().body, delay=TIMEOUT + 1), Reply(body=answer().body, drip=0.1))
WHOLE = (
    answer("{not JSON"), answer(FENCED), answer({**GOOD, "codes": [{"code": "zebra"}]}),
    answer(""), answer(None, refusal="no"), answer(usage=7), answer(usage=None),
    answer(usage={"prompt_tokens": -1, "completion_tokens": "x"}),
)  # fmt: skip


class Faulty:
    """Thirty in a hundred requests go wrong, by a seed; keeps its own books."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.billed = 0
        self.answered: set[int] = set()
        self.after_success: list[str] = []
        self.sent: Counter[tuple[object, ...]] = Counter()

    def __call__(self, body, number) -> Reply:
        asked = zlib.crc32(repr(body["messages"]).encode())
        with self._lock:
            if asked in self.answered:
                self.after_success.append(user_text(body))
            reply, fault = answer(), self._chance.random()
            if fault < 0.3:
                kind = self._chance.choices((FREE, LOST, WHOLE), (3, 5, 16))[0]
                reply = self._chance.choice(kind)
            if number % 400 < len(LATE):
                reply = LATE[number % 400]
            self.sent[(reply.status, reply.body, reply.cut, reply.delay, reply.drip)] += 1
            self.billed += reply not in FREE
            if reply not in FREE + LOST + LATE:
                self.answered.add(asked)
        return reply


def begin(folder, server, issues, caps=Caps(), **model):  # noqa: B008
    (folder / "pets.yaml").write_text(PETS)
    settings = {"name": "openai:m", "base_url": server.base_url, "retries": 2,
                "concurrency": CONCURRENCY}  # fmt: skip
    study = Study.open(folder, model=settings | model, retrieval={"embedder": "none"})
    return driver.start(study, "r", folder / "pets.yaml", issues, [], caps)


def make(n):
    return [Issue(id=f"i{k}", title=f"Cat {k} meows", body="It will not stop.") for k in range(n)]


def test_whatever_fails_all_end_nothing_is_paid_twice_and_the_cap_holds(tmp_path):
    """The promise as a whole: three in ten requests fail in every way there is, the run is stopped
    by caps and by Ctrl-C and goes on, and nobody's books show more than the cap."""
    script, issues = Faulty(4), make(1000)
    server, reported = FaultServer(script), Counter()
    (tmp_path / "prices.toml").write_text(PRICES)
    price = find_price(tmp_path, "openai:m")

    def session(cap: str, stop_at: int = 0):
        """Propose under a cap on the cost, perhaps with Ctrl-C; what the run has spent then."""
        run, proposer = begin(tmp_path, server, issues, Caps(cost=Decimal(cap)), timeout=TIMEOUT)

        def hear(proposal):
            reported[proposal.issue_id] += 1
            if stop_at and reported.total() == stop_at:
                raise KeyboardInterrupt

        try:
            driver.propose(run, proposer, hear)
        finally:
            spent = spent_by(Run.open(tmp_path / "runs", "r").calls)
            assert script.billed * BILL <= price.of(spent.usage) <= Decimal(cap)
        return spent

    with server.running():
        with pytest.raises(LimitReached):
            session("0.5")
        first = spent_by(Run.open(tmp_path / "runs", "r").calls)
        assert first.calls == len(server.requests)
        # Not one more answer may have fitted in at its worst: all bytes of a prompt, 800 tokens.
        assert price.of(first.usage) > Decimal("0.48")
        with pytest.raises(KeyboardInterrupt):
            session("9", stop_at=400)
        with pytest.raises(LimitReached):
            session("2.5")
        session("9")
    run = Run.open(tmp_path / "runs", "r")
    ended = Counter(p.status for p in run.latest_proposals().values())
    assert set(run.latest_proposals()) == {issue.id for issue in issues}
    # Proposals are written in groups: Ctrl-C may come before the last of one are reported.
    assert set(reported.values()) == {1} and reported.total() > 900
    assert ended[Status.OK] > 900 and ended[Status.REFUSED] > 5 and ended.total() == 1000

    # Paid once: no request that had its answer was made again, by our books; nor by the server's,
    # which do not know that an answer came too late, or was under way at Ctrl-C.
    calls = list(run.calls)
    answered = Counter(call.request["key"] for call in calls if call.raw_response is not None)
    assert set(answered.values()) == {1}
    lost = {c.issue_id for c in calls if c.estimated and (c.attempts > 1 or c.error)}
    titles = {f"Cat {issue_id[1:]} meows" for issue_id in lost}
    assert all(any(title in text for title in titles) for text in script.after_success)
    # Ctrl-C met what was under way, and what waited to be asked again.
    assert sum(call.error == "stopped before an answer came" for call in calls) < 2 * CONCURRENCY

    saved = {call.id for call in calls}
    assert all(set(p.call_ids) <= saved for p in run.proposals)
    assert run.calls.broken_line() is None and run.proposals.broken_line() is None
    # Every fault there is was met, and seven in ten answers were good.
    assert len(script.sent) == len({*map(repr, FREE + LOST + LATE + WHOLE)}) + 1
    assert 0.6 < max(script.sent.values()) / script.sent.total() < 0.75


def test_what_failed_is_asked_once_more_and_counted_once(tmp_path):
    server = FaultServer(in_turn(refusal(500), completion(), refusal(500), completion()))
    with server.running():
        run, proposer = begin(tmp_path, server, make(2), retries=0, concurrency=1)
        reported = []
        counts = driver.propose(run, proposer, lambda p: reported.append((p.issue_id, p.status)))
    assert reported == [("i1", Status.OK), ("i0", Status.FAILED)]
    assert counts == Counter({Status.OK: 1, Status.FAILED: 1})
    assert [p.issue_id for p in run.proposals] == ["i0", "i1", "i0"]
