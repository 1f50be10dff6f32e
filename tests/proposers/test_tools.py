"""A provider with a protocol of its own is asked by a tool, and read from what it calls it with."""

from __future__ import annotations

import json

import pytest
from asking import ask
from support.fault_server import GOOD, FaultServer, Reply

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
