"""Whatever a server answers, the issue ends with the one status that says what happened."""

from __future__ import annotations

import json

import pytest
from asking import MANY, ask, issue
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn, refusal

from coder.records import Status


def answered(**changes) -> dict:
    return {**GOOD, **changes}


def code(name, confidence=0.8) -> list[dict]:
    return [{"code": name, "confidence": confidence}]


ANSWERS = {
    "good": (completion(), Status.OK, 1, ""),
    "fenced": (completion(f"Sure!\n```json\n{json.dumps(GOOD)}\n```"), Status.OK, 1, ""),
    "in prose": (completion(f"Here {{it}} is: {json.dumps(GOOD)} Bye."), Status.OK, 1, ""),
    "after thinking": (
        completion('<think>{"codes": ["dog.big"]}</think>' + json.dumps(GOOD)), Status.OK, 1, "",
    ),
    "by name": (completion(answered(codes=code("Cat"))), Status.OK, 1, ""),
    "none fits": (completion(answered(codes=code("none"))), Status.ABSTAINED, 1, ""),
    "not JSON": (completion("It is about a cat."), Status.UNPARSED, 2, "no JSON object"),
    "broken JSON": (completion('{"codes": [{"code": "cat",'), Status.UNPARSED, 2, "no JSON"),
    "empty": (completion(""), Status.UNPARSED, 2, "empty"),
    "null": (completion(None), Status.UNPARSED, 2, "empty"),
    "no codes": (completion(answered(codes=[])), Status.UNPARSED, 2, "'codes' is empty"),
    "two codes": (
        completion(answered(codes=code("cat") + code("dog.big"))), Status.UNPARSED, 2, "2 codes",
    ),
    "none and more": (
        completion(answered(codes=code("cat") + code("none"))), Status.UNPARSED, 2, "'none' stands",
    ),
    "unknown code": (completion(answered(codes=code("zebra"))), Status.OFF_CODEBOOK, 2, "zebra"),
    "category": (completion(answered(codes=code("dog"))), Status.OFF_CODEBOOK, 2, "a category"),
    "refusal": (completion(None, refusal="I cannot help."), Status.REFUSED, 1, "cannot help"),
    "filtered answer": (completion("", finish="content_filter"), Status.REFUSED, 1, "filter"),
    "filtered issue": (refusal(400, "content_filter triggered"), Status.REFUSED, 1, "filter"),
    "truncated": (completion('{"codes": [', finish="length"), Status.UNPARSED, 2, "cut off at 800"),
    "whole at the limit": (completion(finish="length"), Status.OK, 1, ""),
    "no usage": (completion(usage=None), Status.OK, 1, ""),
    "usage is a word": (completion(usage="lots"), Status.OK, 1, ""),
    "usage is a list": (completion(usage=[1, 2]), Status.OK, 1, ""),
    "usage is nonsense": (completion(usage={"prompt_tokens": "x"}), Status.OK, 1, ""),
    "server error": (refusal(500, "boom"), Status.FAILED, 1, "500: "),
    "cut off": (Reply(body=completion().body, cut=True), Status.FAILED, 1, "connection failed"),
    "not a completion": (Reply(body="<html>hello</html>"), Status.FAILED, 1, "cannot be read"),
    "no choices": (Reply(body='{"choices": []}'), Status.FAILED, 1, "cannot be read"),
    "null choices": (Reply(body='{"choices": null}'), Status.FAILED, 1, "cannot be read"),
    "issue too long": (refusal(400, "maximum context length is 9"), Status.FAILED, 1, "400"),
    "bad request": (refusal(422, "no"), Status.FAILED, 1, "422"),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_every_answer_ends_in_its_status(case, tmp_path):
    reply, status, calls_wanted, words = ANSWERS[case]
    server = FaultServer(in_turn(reply))
    (proposal,), calls = ask(tmp_path, server, retries=0)
    assert (proposal.status, len(calls)) == (status, calls_wanted), proposal.error
    assert words in proposal.error
    assert proposal.call_ids == tuple(call.id for call in calls)
    if status is Status.OK:
        assert [(c.code, c.confidence) for c in proposal.codes] == [("cat", 0.8)]
    else:
        assert proposal.codes == ()


def test_an_answer_becomes_codes_rationale_and_the_issues_own_words(tmp_path):
    reply = completion(answered(sentences=[3, 99], runners_up=code("Big Dog", 0.1) + code("x")))
    (proposal,), (call,) = ask(tmp_path, FaultServer(in_turn(reply)))
    assert proposal.rationale == GOOD["rationale"]
    # One of the two sentences does not exist: what the model stated is kept, and not believed.
    assert [(c.code, c.stated, c.confidence) for c in proposal.runners_up] == [
        ("dog.big", 0.1, 0.05)
    ]
    found, invented = proposal.evidence
    assert found.verified and found.quote == "Help me!"
    assert issue().text[found.start : found.end] == found.quote
    assert (invented.quote, invented.verified, invented.start) == ("[99]", False, None)
    assert json.loads(call.raw_response) == json.loads(reply.body)
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.cached_tokens) == (
        100, 20, 64,
    )  # fmt: skip


def test_a_bad_answer_is_sent_back_once_with_what_is_wrong(tmp_path):
    bad = answered(codes=code("zebra"))
    server = FaultServer(in_turn(completion(bad), completion()))
    (proposal,), calls = ask(tmp_path, server)
    assert proposal.status is Status.OK and len(calls) == 2
    roles = [message["role"] for message in server.requests[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert server.requests[1]["messages"][2]["content"] == json.dumps(bad)
    assert "'zebra' is not a code" in server.requests[1]["messages"][3]["content"]


def test_several_codes_where_the_codebook_allows_them(tmp_path):
    several = code("dog.small", 0.4) + code("cat", 90) + code("Small Dog", "55%")
    server = FaultServer(in_turn(completion(answered(codes=several))))
    (proposal,), _ = ask(tmp_path, server, codes=MANY)
    assert [(c.code, c.confidence) for c in proposal.codes] == [("cat", 0.9), ("dog.small", 0.55)]


def test_none_is_off_the_codebook_where_it_is_not_allowed(tmp_path):
    server = FaultServer(in_turn(completion(answered(codes=code("none")))))
    (proposal,), _ = ask(tmp_path, server, codes=MANY)
    assert proposal.status is Status.OFF_CODEBOOK


@pytest.mark.parametrize(
    ("stated", "read"), [(True, None), ("sure", None), (-1, None), (101, None), (None, None),
                         (float("nan"), None), (0, 0.0), (1, 1.0), (85, 0.85), ("0.5", 0.5)],
)  # fmt: skip
def test_a_confidence_that_says_nothing_is_none(stated, read, tmp_path):
    server = FaultServer(in_turn(completion(answered(codes=code("cat", stated)))))
    (proposal,), _ = ask(tmp_path, server)
    assert proposal.codes[0].confidence == read
