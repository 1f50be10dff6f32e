"""A provider with a protocol of its own is asked by a tool, and read from what it calls it with."""

from __future__ import annotations

import json

import pytest
from asking import ask
from support.fault_server import GOOD, FaultServer, Reply, in_turn

from coder.records import Status, Usage


def message(*content, stop="tool_use") -> Reply:
    body = {
        "id": "m1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": stop,
        "stop_sequence": None, "content": list(content),
        "usage": {"input_tokens": 90, "output_tokens": 20},
    }  # fmt: skip
    return Reply(body=json.dumps(body))


CALLED = message({"type": "tool_use", "id": "t1", "name": "answer", "input": GOOD})
SAID = message({"type": "text", "text": json.dumps(GOOD)}, stop="end_turn")


def complains(body, _number) -> Reply:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no tools"}}
    return Reply(400, json.dumps(error)) if "tools" in body else SAID


@pytest.mark.parametrize(
    ("script", "form", "asked"),
    [
        (lambda _b, _n: CALLED, "tool", 1),
        (lambda _b, _n: SAID, "tool", 1),
        (complains, "text", 2),
    ],
)
def test_an_answer_comes_by_tool_or_as_text(script, form, asked, tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    server = FaultServer(script)
    server.base_url = server.base_url.removesuffix("/v1")
    (proposal,), (call,) = ask(tmp_path, server, name="anthropic:claude")
    assert proposal.status is Status.OK and proposal.codes[0].code == "cat"
    assert call.request["format"] == form and len(server.requests) == asked
    assert call.usage == Usage(input_tokens=90, output_tokens=20)
    assert server.requests[0]["tool_choice"]["name"] == "answer"


def test_a_call_that_the_limit_of_tokens_cut_off_is_no_answer(tmp_path, monkeypatch):
    """The vendor closes what the model had not: some of its codes may be missing."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    begun = {"sentences": [1], "rationale": "It says so.", "codes": GOOD["codes"]}
    cut = message(
        {"type": "tool_use", "id": "t1", "name": "answer", "input": begun}, stop="max_tokens"
    )
    server = FaultServer(in_turn(cut))
    server.base_url = server.base_url.removesuffix("/v1")
    (proposal,), calls = ask(tmp_path, server, name="anthropic:claude")
    assert (proposal.status, proposal.codes, len(calls)) == (Status.UNPARSED, (), 2)
    assert "cut off at 800" in proposal.error


def test_thoughts_beside_a_call_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    thought = {"type": "thinking", "thinking": '{"code": "dog.big"}', "signature": "s"}
    called = {"type": "tool_use", "id": "t1", "name": "answer", "input": GOOD}
    server = FaultServer(in_turn(message(thought, {"type": "text", "text": "So:"}, called)))
    server.base_url = server.base_url.removesuffix("/v1")
    (proposal,), _ = ask(tmp_path, server, name="anthropic:claude")
    assert [code.code for code in proposal.codes] == ["cat"]


def test_a_body_nested_too_deeply_for_the_vendors_client_is_asked_for_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    body = json.loads(CALLED.body)
    body["content"][0]["input"] = "DEEP"
    deep = json.dumps(body).replace('"DEEP"', "[" * 50_000 + "]" * 50_000)
    server = FaultServer(in_turn(Reply(body=deep)))
    server.base_url = server.base_url.removesuffix("/v1")
    (proposal,), (call,) = ask(tmp_path, server, name="anthropic:claude")
    assert (proposal.status, len(server.requests), call.attempts) == (Status.FAILED, 1, 1)
    assert "nested too deeply" in proposal.error


def test_a_lone_surrogate_in_a_call_can_be_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    bad = {**GOOD, "rationale": "bad \ud83d end"}
    called = message({"type": "tool_use", "id": "t1", "name": "answer", "input": bad})
    server = FaultServer(in_turn(called))
    server.base_url = server.base_url.removesuffix("/v1")
    (proposal,), (call,) = ask(tmp_path, server, name="anthropic:claude")
    assert proposal.rationale == "bad \ufffd end"
    assert proposal.to_json().encode() and call.to_json().encode()
