"""What has been saved can always be gone on from, whatever an answer held."""

from __future__ import annotations

import json

import pytest
from asking import PETS, ask, issue
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn

from coder.errors import ModelError
from coder.proposers import run_loop as driver
from coder.proposers.budget import Caps, spent_by
from coder.proposers.chat.naming import name_groups
from coder.proposers.chat.response_cache import FILE, ResponseCache
from coder.records import Call, Status, Usage
from coder.storage.journal import Journal
from coder.storage.run import Run
from coder.study import Study

ISSUES = [issue(1), issue(2, "Another cat")]
BAD = "bad \ud83d end"
MENDED = "bad \ufffd end"
IN_ESCAPES = completion({**GOOD, "rationale": BAD, "runners_up": [{"code": BAD}]})
"""The text of the answer spells it ``\\ud83d``."""
IN_THE_BODY = completion(json.dumps({**GOOD, "rationale": BAD}, ensure_ascii=False))
"""Its body does."""
SURROGATES = {
    "in the answer": IN_ESCAPES,
    "in the body": IN_THE_BODY,
    "as reason to finish": completion({**GOOD, "rationale": BAD}, finish=BAD),
    "in a tool call": completion(
        None, tool_calls=[{"function": {"name": BAD, "arguments": {**GOOD, "rationale": BAD}}}]
    ),
    "as reasoning": completion(None, reasoning_content=json.dumps({**GOOD, "rationale": BAD})),
}


def begin(folder, server, caps=Caps(), **model):  # noqa: B008
    (folder / "pets.yaml").write_text(PETS)
    settings = {"name": "openai:m", "base_url": server.base_url, "retries": 1, **model}
    study = Study.open(folder, model=settings, retrieval={"embedder": "none"})
    return driver.start(study, "r", folder / "pets.yaml", ISSUES, [], caps)


def propose(folder, server, caps=Caps(), **model):  # noqa: B008
    run, proposer = begin(folder, server, caps, **model)
    driver.propose(run, proposer, lambda _: None)
    return list(Run.open(folder / "runs", "r").latest_proposals().values())


@pytest.mark.parametrize("where", SURROGATES)
def test_a_lone_surrogate_is_saved_and_every_later_run_goes_on(where, tmp_path):
    server = FaultServer(in_turn(SURROGATES[where]))
    with server.running():
        for _ in range(3):
            proposals = propose(tmp_path, server)
            assert [p.status for p in proposals] == [Status.OK, Status.OK]
            assert {p.rationale for p in proposals} == {MENDED}
    assert len(server.requests) == 2


@pytest.mark.parametrize("where", SURROGATES)
def test_answers_that_were_saved_and_never_read_are_not_asked_for_again(where, tmp_path):
    """As a run is that ended in the middle: its calls are there, its proposals are not."""
    server = FaultServer(in_turn(SURROGATES[where]))
    with server.running():
        propose(tmp_path, server)
        (tmp_path / "runs" / "r" / "proposals.jsonl").unlink()
        assert [p.rationale for p in propose(tmp_path, server)] == [MENDED, MENDED]
        # Another run of the study takes them from the cache.
        (tmp_path / "runs" / "r").rename(tmp_path / "runs" / "before")
        assert [p.rationale for p in propose(tmp_path, server)] == [MENDED, MENDED]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "bad",
    [completion(f"It is {BAD}"), completion({**GOOD, "codes": [{"code": BAD}]}), completion(BAD)],
)
def test_a_bad_answer_with_a_lone_surrogate_is_sent_back(bad, tmp_path):
    server = FaultServer(in_turn(bad))
    with server.running():
        for _ in range(2):
            proposals = propose(tmp_path, server)
            assert not any(p.status.answered or p.status is Status.FAILED for p in proposals)
    assert len(server.requests) == 4


def test_a_refusal_with_a_lone_surrogate_is_one(tmp_path):
    server = FaultServer(in_turn(completion(None, refusal=BAD)))
    with server.running():
        assert {p.error for p in propose(tmp_path, server)} == {MENDED}


def test_a_name_with_a_lone_surrogate_is_kept(tmp_path):
    server = FaultServer(in_turn(completion({"name": BAD, "definition": BAD})))
    calls = Journal(tmp_path / "calls.jsonl", Call)
    with server.running():
        run, _ = begin(tmp_path, server)
        study = Study.open(tmp_path, model={"name": "openai:m", "base_url": server.base_url})
        for _ in range(2):
            (named,) = name_groups(study, run.codebook, [[issue(1)]], calls)
            assert (named.name, named.definition) == (MENDED, MENDED)
    assert len(server.requests) == 1


def test_a_kept_answer_that_makes_no_sense_is_sent_back(tmp_path):
    server = FaultServer(in_turn(completion()))
    with server.running():
        run, proposer = begin(tmp_path, server)
        driver.propose(run, proposer, lambda _: None)
        keys = [call.request["key"] for call in run.calls]
        (tmp_path / "runs" / "r").rename(tmp_path / "runs" / "before")
        answers = ResponseCache(Study.open(tmp_path).cache / FILE)
        for key, raw in zip(keys, ("[]", "[" * 10_000), strict=True):
            answers._cache.use(
                lambda db, new=(raw, key): db.execute(
                    "UPDATE answers SET raw = ? WHERE key = ?", new
                )
            )
        answers.close()
        server.requests.clear()
        proposals = propose(tmp_path, server)
    # Each was sent back once, and the server then answered well.
    assert [p.status for p in proposals] == [Status.OK, Status.OK]
    assert len(server.requests) == 2


def test_a_count_of_thirty_digits_uses_up_no_cap(tmp_path):
    usage = {"prompt_tokens": 10**29, "completion_tokens": 20}
    server = FaultServer(in_turn(completion(usage=usage)))
    with server.running():
        proposals = propose(tmp_path, server, Caps(tokens=20_000), concurrency=1)
    assert [p.status for p in proposals] == [Status.OK, Status.OK]


def test_a_run_whose_books_hold_such_a_count_goes_on(tmp_path):
    server = FaultServer(in_turn(completion()))
    with server.running():
        run, _ = begin(tmp_path, server)
        mad = Call(
            id="c", issue_id="i1", model="openai:m", prompt="p", prompt_hash="h",
            request={"key": "k"}, usage=Usage(input_tokens=10**29, output_tokens=1), error="gone",
        )  # fmt: skip
        run.calls.append([mad])
        assert spent_by(run.calls).tokens == 0
        proposals = propose(tmp_path, server, Caps(tokens=20_000))
        assert [p.status for p in proposals] == [Status.OK, Status.OK]


def test_a_body_nested_too_deeply_costs_a_request_a_pass_and_is_asked_for_again(tmp_path):
    deep = Reply(body='{"choices": ' + "[" * 50_000 + "]" * 50_000 + "}")
    server = FaultServer(in_turn(deep, deep, deep, deep, completion()))
    with server.running():
        assert {p.status for p in propose(tmp_path, server)} == {Status.FAILED}
        # Two issues, each asked once more at the end.
        assert len(server.requests) == 4
        assert {p.status for p in propose(tmp_path, server)} == {Status.OK}


def test_a_server_whose_every_body_is_nested_too_deeply_is_given_up(tmp_path):
    server = FaultServer(in_turn(Reply(body="[" * 50_000 + "]" * 50_000)))
    issues = [issue(n, f"Cat {n}") for n in range(20)]
    with pytest.raises(ModelError, match="nested too deeply"):
        ask(tmp_path, server, issues, concurrency=1)
    assert len(server.requests) == 5
