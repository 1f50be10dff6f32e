"""Wherever in its body a server puts an answer, it is read or named, and never invented."""

from __future__ import annotations

import json

import pytest
from asking import ask
from hypothesis import given
from hypothesis import strategies as st
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn

from coder.proposers.chat.failures import Transient, failure
from coder.proposers.chat.reply import read_raw, read_usage
from coder.records import Call, Status, Usage

TEXT = json.dumps(GOOD)
CUT = TEXT[:-21]
DEEP = "[" * 100_000 + "]" * 100_000


def tool(arguments) -> dict:
    return {"id": "t", "type": "function", "function": {"name": "answer", "arguments": arguments}}


def parts(*content) -> Reply:
    body = json.loads(completion().body)
    body["choices"][0]["message"]["content"] = list(content)
    return Reply(body=json.dumps(body))


ELSEWHERE = {
    "called with a text": completion(None, tool_calls=[tool(TEXT)]),
    "called with an object": completion("", tool_calls=[tool(GOOD)]),
    "called beside prose": completion("I call it.", tool_calls=[tool(TEXT)]),
    "called the old way": completion(None, function_call={"name": "answer", "arguments": TEXT}),
    "in parts": parts({"type": "text", "text": TEXT[:9]}, TEXT[9:]),
    "in parts after reasoning": parts(
        {"type": "thinking", "thinking": [{"type": "text", "text": CUT}]},
        {"type": "reasoning", "text": "{"}, {"type": "text", "text": TEXT}, 7, None,
    ),
    "all of it as reasoning_content": completion(None, reasoning_content=TEXT),
    "all of it as reasoning": completion("", reasoning=TEXT),
    "after the reasoning it is in": completion(None, reasoning_content=f"Hm.</think>{TEXT}"),
    "beside reasoning": completion(TEXT, reasoning_content=f"Perhaps {CUT}"),
}  # fmt: skip
NAMED = {
    "called with half a text": (completion(None, tool_calls=[tool(CUT)]), "no JSON object"),
    "called twice": (
        completion(None, tool_calls=[tool(TEXT), tool('{"code": "dog.big"}')]), "2 answers",
    ),
    "only reasoning": (completion(None, reasoning_content=f"Perhaps {TEXT} or"), "reasoning"),
    "only reasoning, as Ollama": (completion("", thinking=f"Perhaps {TEXT}"), "reasoning"),
    "called with nothing": (completion(None, tool_calls=[tool(None), None, 7]), "empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE)
def test_an_answer_is_read_wherever_it_is(case, tmp_path):
    (proposal,), calls = ask(tmp_path, FaultServer(in_turn(ELSEWHERE[case])))
    assert proposal.status is Status.OK, proposal.error
    assert [(c.code, c.confidence) for c in proposal.codes] == [("cat", 0.8)] and len(calls) == 1


@pytest.mark.parametrize("case", NAMED)
def test_what_is_no_answer_is_named(case, tmp_path):
    reply, words = NAMED[case]
    (proposal,), calls = ask(tmp_path, FaultServer(in_turn(reply)))
    assert (proposal.status, proposal.codes, len(calls)) == (Status.UNPARSED, (), 2)
    assert words in proposal.error


# --- cut off, and sent back ---------------------------------------------------------------------


def test_what_was_cut_off_is_asked_for_once_more_in_fewer_words(tmp_path):
    server = FaultServer(in_turn(completion(CUT, finish="length"), completion()))
    (proposal,), calls = ask(tmp_path, server)
    assert proposal.status is Status.OK and len(calls) == 2
    *_, said, wrong = server.requests[1]["messages"]
    assert said["content"] == CUT and "use fewer words" in wrong["content"]


def test_a_call_that_somebody_closed_at_the_limit_of_tokens_is_cut_off(tmp_path):
    reply = completion(None, finish="length", tool_calls=[tool(GOOD)])
    (proposal,), _ = ask(tmp_path, FaultServer(in_turn(reply)))
    assert proposal.status is Status.UNPARSED and "cut off at 800" in proposal.error


@pytest.mark.parametrize("cut", ["MAX_TOKENS", "max_tokens", "model_length"])
def test_a_limit_is_one_by_whatever_name(cut, tmp_path):
    (proposal,), calls = ask(tmp_path, FaultServer(in_turn(completion(CUT, finish=cut))))
    assert proposal.status is Status.UNPARSED and "cut off at 800" in proposal.error
    assert {call.finish_reason for call in calls} == {"length"}


@pytest.mark.parametrize(
    "reply",
    [
        completion("<think>Perhaps", finish="length"),
        completion("", finish="length"),
        completion(None, finish="length", reasoning_content=f"Perhaps {TEXT}"),
    ],
)
def test_what_had_not_begun_at_the_limit_is_not_asked_for_again(reply, tmp_path):
    (proposal,), calls = ask(tmp_path, FaultServer(in_turn(reply, completion())))
    assert (proposal.status, len(calls)) == (Status.UNPARSED, 1)
    assert "raise model.max_output_tokens" in proposal.error


def test_reasoning_is_not_sent_back(tmp_path):
    server = FaultServer(in_turn(completion("<think>Long.</think>\nHm."), completion()))
    ask(tmp_path, server)
    assert server.requests[1]["messages"][2] == {"role": "assistant", "content": "Hm."}


def test_a_refusal_in_prose_is_not_argued_with(tmp_path):
    reply = completion("I'm sorry, but I can't assist with that.")
    (proposal,), calls = ask(tmp_path, FaultServer(in_turn(reply, completion())))
    assert (proposal.status, proposal.codes, len(calls)) == (Status.REFUSED, (), 1)
    assert "can't assist" in proposal.error


# --- other ways of asking -----------------------------------------------------------------------


def test_a_draft_in_reasoning_lends_the_code_no_likelihood(tmp_path):
    """The tokens tell of both; only those of the answer say how sure the model is."""
    draft = '<think>{"codes": [{"code": "cat", "confidence": 1}]}</think>'
    pieces = [(draft, -5.0), ('{"codes": [{"code": "', 0.0), ("cat", -0.5), ('"}]}', 0.0)]
    reply = completion("".join(text for text, _ in pieces))
    body = json.loads(reply.body)
    body["choices"][0]["logprobs"] = {
        "content": [{"token": text, "logprob": p} for text, p in pieces]
    }
    server = FaultServer(in_turn(Reply(body=json.dumps(body))))
    (proposal,), _ = ask(tmp_path, server, logprobs=True)
    assert proposal.codes[0].likelihood == pytest.approx(0.6065, abs=1e-4)


@pytest.mark.parametrize("odd", [float("nan"), None, "x", {}])
def test_a_likelihood_that_is_no_number_is_none(odd, tmp_path):
    body = json.loads(completion('{"code": "cat"}').body)
    body["choices"][0]["logprobs"] = {
        "content": [{"token": '{"code": "cat"}', "logprob": odd,
                     "top_logprobs": [{"token": "Cat", "logprob": odd}]}]
    }  # fmt: skip
    server = FaultServer(in_turn(Reply(body=json.dumps(body))))
    (written,), _ = ask(tmp_path, server, logprobs=True)
    assert written.status is Status.OK and written.codes[0].likelihood is None
    server = FaultServer(in_turn(Reply(body=json.dumps(body))))
    (scored,), _ = ask(tmp_path, server, decode="score", batch=0)
    assert (scored.status, scored.codes) == (Status.UNPARSED, ())


@pytest.mark.parametrize("way", [{"strategy": "cascade"}, {"strategy": "each"}, {"samples": 3}])
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_half_an_answer_is_no_code_however_it_is_asked_for(way, finish, tmp_path):
    half = TEXT[: TEXT.index("runners_up") + 30]
    (proposal,), _ = ask(tmp_path, FaultServer(in_turn(completion(half, finish))), **way)
    assert (proposal.status, proposal.codes) == (Status.UNPARSED, ())


# --- counts and bodies that make no sense -------------------------------------------------------


@pytest.mark.parametrize("odd", [10**29, -1, True, 12.0, float("nan"), float("inf"), "12", None])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_a_count_of_tokens_that_cannot_be_is_not_believed(name, odd):
    assert read_usage({"prompt_tokens": 9, "completion_tokens": 9, name: odd}) is None


@pytest.mark.parametrize(("cached", "believed"), [(10**29, 9), (12, 9), (4, 4), (-1, 0), (True, 0)])
def test_no_more_is_cached_than_was_sent(cached, believed):
    details = {"cached_tokens": cached}
    used = read_usage(
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": details}
    )
    assert used == Usage(input_tokens=9, output_tokens=2, cached_tokens=believed)


@pytest.mark.parametrize("at", ["around", "beside", "in usage"])
def test_a_body_nested_too_deeply_is_one_failed_call(at, tmp_path):
    body = completion().body
    deep = {"around": DEEP, "beside": body[:-1] + f', "x": {DEEP}}}',
            "in usage": completion(usage="DEEP").body.replace('"DEEP"', DEEP)}[at]  # fmt: skip
    server = FaultServer(in_turn(Reply(body=deep)))
    (proposal,), (call,) = ask(tmp_path, server)
    assert (proposal.status, len(server.requests), call.attempts) == (Status.FAILED, 1, 1)
    assert "nested too deeply" in proposal.error
    assert call.estimated is not None and call.estimated.input_tokens > 0


@pytest.mark.parametrize("error", [RecursionError("deep"), ValueError("deep")])
def test_a_client_that_cannot_read_a_body_for_its_depth_is_not_asked_again(error):
    error.__cause__ = RecursionError("maximum recursion depth exceeded")
    found = failure(error)
    assert found.lost and not isinstance(found, Transient) and "nested too deeply" in str(found)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "message", "content", "tool_calls", "function", "arguments",
                     "additional_kwargs", "response_metadata", "reasoning_content", "usage",
                     "refusal", "finish_reason", "type", "text", "args"]
                ),
                inner,
            )
        ),
    ).map(json.dumps)
)  # fmt: skip
def test_whatever_was_saved_can_be_read_again(raw):
    reply = read_raw(raw)
    assert reply.raw == raw
    for text in (reply.text, reply.finish_reason, reply.refusal):
        text.encode()


def test_an_error_that_quotes_a_lone_surrogate_can_be_saved(tmp_path):
    server = FaultServer(in_turn(Reply(422, '{"error": {"message": "bad \\ud83d word"}}')))
    (proposal,), (call,) = ask(tmp_path, server)
    assert proposal.status is Status.FAILED and isinstance(call, Call)
    assert call.to_json().encode() and proposal.to_json().encode()
