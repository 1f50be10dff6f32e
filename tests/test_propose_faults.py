"""A thousand issues, a server that fails three times in ten: nothing is lost or paid twice."""

from __future__ import annotations

import random
import threading
import zlib
from collections import Counter

import pytest
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn, refusal, user_text

from coder import propose as driver
from coder.errors import LimitReached
from coder.proposers.spending import Caps, spent_by
from coder.records import Issue, Status
from coder.store import Run
from coder.study import Study

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats.}
  - {id: dog, name: Dog, definition: Dogs.}
"""
FENCED = f"```json\n{str(GOOD).replace(chr(39), chr(34))}\n```"
NO_ANSWER = (
    refusal(429, retry_after="0"), refusal(500, retry_after="0"),
    Reply(body=completion().body, cut=True),
)  # fmt: skip
ANSWERS = (
    completion("{not JSON"), completion(FENCED), completion({**GOOD, "codes": [{"code": "zebra"}]}),
    completion(""), completion(None, refusal="no"), completion(usage=7),
)  # fmt: skip


class Faulty:
    """Thirty in a hundred requests go wrong, by a seed; counts what each issue has got."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.whole: Counter[int] = Counter()
        self.after_success: list[str] = []

    def __call__(self, body, _number) -> Reply:
        text = user_text(body)
        asked = zlib.crc32(repr(body["messages"]).encode())
        with self._lock:
            if self.whole[asked]:
                self.after_success.append(text)
            fault = self._chance.random()
            reply = completion()
            if fault < 0.3:
                reply = self._chance.choice(NO_ANSWER + ANSWERS)
            if reply not in NO_ANSWER:
                self.whole[asked] += 1
            delay = self._chance.random() * 0.004
        return Reply(reply.status, reply.body, reply.headers, delay, reply.cut)


def begin(folder, server, issues, caps=Caps(), **model):  # noqa: B008
    (folder / "pets.yaml").write_text(PETS)
    settings = {"name": "openai:m", "base_url": server.base_url, "concurrency": 32, "retries": 2}
    study = Study.open(folder, model=settings | model, retrieval={"embedder": "none"})
    return driver.start(study, "r", folder / "pets.yaml", issues, [], caps)


def make(n):
    return [Issue(id=f"i{k}", title=f"Cat {k} meows", body="It will not stop.") for k in range(n)]


def test_every_issue_ends_with_a_status_and_no_answer_is_asked_for_twice(tmp_path):
    script, issues = Faulty(4), make(1000)
    server = FaultServer(script)
    with server.running():
        with pytest.raises(LimitReached):
            driver.propose(*begin(tmp_path, server, issues, Caps(calls=500)), lambda _: None)
        assert len(server.requests) == 500
        run, proposer = begin(tmp_path, server, issues, Caps(calls=3000))
        reported: list[str] = []
        counts = driver.propose(run, proposer, lambda p: reported.append(p.issue_id))
    run = Run.open(tmp_path / "runs", "r")
    assert set(run.latest_proposals()) == {issue.id for issue in issues}
    assert len(reported) == len(set(reported)) == counts.total()
    assert script.after_success == []
    assert spent_by(run.calls).calls == len(server.requests) <= 3000
    saved = {call.id for call in run.calls}
    assert all(set(p.call_ids) <= saved for p in run.proposals)
    ended = Counter(p.status for p in run.latest_proposals().values())
    assert ended[Status.OK] > 900 and ended[Status.REFUSED] > 5
    assert run.calls.broken_line() is None and run.proposals.broken_line() is None


def test_what_failed_is_asked_once_more_and_counted_once(tmp_path):
    server = FaultServer(in_turn(refusal(500), completion(), refusal(500), completion()))
    with server.running():
        run, proposer = begin(tmp_path, server, make(2), retries=0, concurrency=1)
        reported = []
        counts = driver.propose(run, proposer, lambda p: reported.append((p.issue_id, p.status)))
    assert reported == [("i1", Status.OK), ("i0", Status.FAILED)]
    assert counts == Counter({Status.OK: 1, Status.FAILED: 1})
    assert [p.issue_id for p in run.proposals] == ["i0", "i1", "i0"]
