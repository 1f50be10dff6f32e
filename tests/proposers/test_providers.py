"""Every provider's own protocol: what the log says was sent is what was on the wire."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest
from asking import ask, book, issue, study
from support.fault_server import GOOD, FaultServer, Reply, in_turn
from support.protocols import (
    ANTHROPIC,
    BY_LANGCHAIN,
    BY_OPENAI,
    DEEPSEEK,
    GOOGLE,
    KEY,
    MISTRAL,
    blocked,
    candidate,
    mistral_call,
)

from coder.errors import LimitReached, ModelError, UsageError
from coder.proposers.budget import Caps, spent_by
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.providers import SERVICES
from coder.records import Status, Usage

PROTOCOLS = {**BY_OPENAI, **BY_LANGCHAIN}


@pytest.fixture(params=PROTOCOLS)
def spoken(request, monkeypatch):
    """One provider's protocol, with a key for it in the environment."""
    protocol = PROTOCOLS[request.param]
    monkeypatch.setenv(protocol.variable, KEY)
    return protocol


@pytest.fixture(params=BY_LANGCHAIN)
def own(request, monkeypatch):
    """One that is asked through langchain."""
    protocol = BY_LANGCHAIN[request.param]
    monkeypatch.setenv(protocol.variable, KEY)
    return protocol


def three(folder, server, protocol, **settings):
    """Proposals for three issues, and the calls."""
    issues = [issue(number) for number in range(3)]
    return ask(folder, server, issues, **{"name": protocol.setting, **settings})


def on_the_wire(server, protocol):
    return [protocol.parameters(body) for body in server.requests]


def test_the_parameters_in_the_log_are_those_on_the_wire(spoken, tmp_path):
    server = spoken.server()
    proposals, calls = three(tmp_path, server, spoken)
    assert [p.codes[0].code for p in proposals] == ["cat"] * 3
    wire = on_the_wire(server, spoken)
    assert [call.request["parameters"] for call in calls] == wire
    assert all(sent["temperature"] == 0.0 and 800 in sent.values() for sent in wire)
    assert not any("dropped" in call.request for call in calls)


def test_samples_are_drawn_at_the_temperature_that_the_log_tells(spoken, tmp_path):
    server = spoken.server()
    (_,), calls = ask(tmp_path, server, name=spoken.setting, samples=3)
    wire = on_the_wire(server, spoken)
    assert [call.request["parameters"] for call in calls] == wire
    assert [sent["temperature"] for sent in wire] == [0.7] * 3


WORDS = {
    "temperature": "`temperature` is not supported by this model",
    "format": "this model does not support function calling or response_format",
}


@pytest.mark.parametrize("refused", [("temperature",), ("format",), ("temperature", "format")])
def test_what_a_model_refuses_costs_one_request_and_is_not_sent_again(spoken, refused, tmp_path):
    def script(body, _number):
        there = {"temperature": "temperature" in spoken.parameters(body)}
        there["format"] = spoken.strict in body
        return next((spoken.refused(400, WORDS[one]) for one in refused if there[one]), None)

    server = spoken.server(script)
    proposals, calls = three(tmp_path, server, spoken)
    assert [p.status for p in proposals] == [Status.OK] * 3
    # Two strict formats are tried where openai's client asks, elsewhere one.
    formats = 1 + (spoken in BY_OPENAI.values()) if "format" in refused else 0
    in_vain = ("temperature" in refused) + formats
    assert len(server.requests) == 3 + in_vain
    assert [call.attempts for call in calls] == [1 + in_vain, 1, 1]
    assert [call.request["parameters"] for call in calls] == on_the_wire(server, spoken)[in_vain:]
    dropped = {"temperature": 0.0} if "temperature" in refused else {}
    assert [call.request.get("dropped", {}) for call in calls] == [dropped] * 3


def test_what_is_not_sent_is_said_at_the_end(own, tmp_path):
    server = own.server()
    proposer = LLMProposer.open(
        study(tmp_path, server.base_url, name=own.setting, logprobs=True), book(), []
    )
    calls = []
    with server.running():
        list(proposer.propose([issue()], calls.extend))
    assert "logprobs" not in str(server.requests)
    assert calls[0].request["dropped"] == {"logprobs": True}
    assert proposer.remark() == "Not sent, as the model does not take it: logprobs."


@pytest.mark.parametrize(
    ("protocol", "model"),
    [(ANTHROPIC, "anthropic:claude-sonnet-5-5"), (GOOGLE, "google:gemini-3.6-flash")],
)
def test_what_a_providers_client_leaves_out_or_refuses_is_told(
    protocol, model, tmp_path, monkeypatch
):
    """One client refuses a temperature before it sends anything, the other drops it silently."""
    monkeypatch.setenv(protocol.variable, KEY)
    server = protocol.server()
    proposals, calls = three(tmp_path, server, protocol, name=model)
    assert [p.status for p in proposals] == [Status.OK] * 3
    assert [call.request["parameters"] for call in calls] == on_the_wire(server, protocol)
    assert all("temperature" not in sent for sent in on_the_wire(server, protocol))
    assert [call.request["dropped"] for call in calls] == [{"temperature": 0.0}] * 3
    # What never left is no request.
    assert [call.attempts for call in calls] == [1, 1, 1] and len(server.requests) == 3


@pytest.mark.parametrize(
    ("setting", "wrong", "words"),
    [
        (ANTHROPIC, {"temperature": 1.2}, "model.temperature = 1.2, but anthropic: models"),
        (ANTHROPIC, {"samples": 3, "sample_temperature": 1.2}, "model.sample_temperature = 1.2"),
        (MISTRAL, {"temperature": 1.6}, "take 0 to 1.5"),
        (GOOGLE, {"decode": "score"}, "log-probabilities, which google: models do not tell"),
    ],
)
def test_what_a_provider_cannot_be_asked_for_is_said_beforehand(
    setting, wrong, words, tmp_path, monkeypatch
):
    monkeypatch.setenv(setting.variable, KEY)
    with pytest.raises(UsageError, match=words) as refused:
        LLMProposer.open(study(tmp_path, "", name=setting.setting, **wrong), book(), [])
    assert refused.value.hint.startswith("set model.")


@pytest.mark.parametrize("status", [429, 503])
def test_a_providers_client_does_not_ask_again_by_itself(own, status, tmp_path):
    server = own.server(lambda _b, _n: own.refused(status, "later"))
    (proposal,), (call,) = ask(tmp_path, server, name=own.setting, retries=1)
    assert proposal.status is Status.FAILED and "later" in proposal.error
    assert len(server.requests) == call.attempts == 2
    assert call.usage is None and call.estimated is None


def test_a_providers_client_holds_to_the_time_limit(own, tmp_path):
    slow = own.said("")
    server = own.server(lambda _b, _n: Reply(body=slow.body, delay=2))
    (proposal,), (call,) = ask(tmp_path, server, name=own.setting, retries=0, timeout=0.3)
    assert "model.timeout" in proposal.error and call.attempts == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_cannot_pass_stops_the_run_after_one_request(own, status, tmp_path):
    server = own.server(lambda _b, _n: own.refused(status, "no"))
    with pytest.raises(ModelError, match=rf"\({status}\)"):
        three(tmp_path, server, own)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("protocol", "status", "words", "told"),
    [
        (ANTHROPIC, 400, "Your credit balance is too low to access the API.", "has no credit"),
        (GOOGLE, 400, "API key not valid. Please pass a valid API key.", "the key is refused"),
        (GOOGLE, 429, "Quota exceeded for requests per day, limit: 50", "the quota is used up"),
    ],
)
def test_what_cannot_pass_is_known_by_its_words(
    protocol, status, words, told, tmp_path, monkeypatch
):
    monkeypatch.setenv(protocol.variable, KEY)
    server = protocol.server(lambda _b, _n: protocol.refused(status, words))
    with pytest.raises(ModelError, match=told) as stopped:
        three(tmp_path, server, protocol)
    assert words in stopped.value.message and len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_provider_can_send_texts_on_to_another_address(own, status, tmp_path):
    other = FaultServer(lambda _b, _n: own.said("hello"))
    with other.running():
        server = own.server(lambda _b, _n: Reply(status, "", {"location": other.base_url}))
        with pytest.raises(ModelError, match="points to another address"):
            ask(tmp_path, server, name=own.setting)
    assert other.requests == []


def test_a_cap_holds_for_every_provider(own, tmp_path):
    server, calls = own.server(), []
    setting = study(tmp_path, server.base_url, name=own.setting, concurrency=1)
    proposer = LLMProposer.open(setting, book(), [], Caps(calls=2))
    with server.running(), pytest.raises(LimitReached, match="--max-calls 2 is reached"):
        list(proposer.propose([issue(n) for n in range(5)], calls.extend))
    assert len(server.requests) == 2 == spent_by(calls).calls


def test_a_client_ends_with_its_event_loop(own, tmp_path):
    """A run and the retry pass after it each have a loop of their own."""
    server, calls = own.server(), []
    with server.running():
        for number in range(2):
            setting = study(tmp_path, server.base_url, name=own.setting, retries=0)
            proposer = LLMProposer.open(setting, book(), [])
            (proposal,) = proposer.propose([issue(number)], calls.extend)
            assert proposal.status is Status.OK, proposal.error
    assert [call.attempts for call in calls] == [1, 1]


def test_an_error_that_comes_as_an_answer_is_told_and_not_paid_for(own, tmp_path):
    wrong = Reply(body=own.refused(400, "Words of the server.").body)
    server = own.server(lambda _b, _n: wrong)
    (proposal,), calls = ask(tmp_path, server, name=own.setting, retries=0)
    assert proposal.status is Status.FAILED and "Words of the server." in proposal.error
    assert spent_by(calls).tokens == 0


def test_a_page_that_comes_as_an_answer_stops_the_run(own, tmp_path):
    server = own.server(lambda _b, _n: Reply(body="<html><title>Welcome</title></html>"))
    with pytest.raises(ModelError, match="this is not an API address"):
        ask(tmp_path, server, [issue(n) for n in range(9)], name=own.setting, retries=0)


def test_what_never_left_is_not_paid_for(own, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    calls = []
    proposer = LLMProposer.open(study(tmp_path, address, name=own.setting), book(), [])
    with pytest.raises(ModelError, match="there is no connection"):
        list(proposer.propose([issue()], calls.extend))
    assert spent_by(calls).tokens == 0 == spent_by(calls).calls


def test_a_wait_that_google_asks_for_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv(GOOGLE.variable, KEY)
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.5s"}
    busy = {"error": {"code": 429, "message": "slow", "status": "X", "details": [info]}}
    server = GOOGLE.server(lambda _b, n: None if n else Reply(429, json.dumps(busy)))
    (proposal,), _ = ask(tmp_path, server, name=GOOGLE.setting)
    assert proposal.status is Status.OK
    first, second = server.times
    assert second - first >= 0.5


def test_a_prompt_that_google_blocks_is_refused_and_asked_once(tmp_path, monkeypatch):
    monkeypatch.setenv(GOOGLE.variable, KEY)
    server = GOOGLE.server(lambda _b, _n: blocked("PROHIBITED_CONTENT"))
    (proposal,), (call,) = ask(tmp_path, server, name=GOOGLE.setting)
    assert proposal.status is Status.REFUSED and "PROHIBITED_CONTENT" in proposal.error
    assert len(server.requests) == 1
    assert call.usage == Usage(input_tokens=90, output_tokens=0) and call.estimated is None


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION"])
def test_an_answer_that_googles_filter_stops_is_refused(reason, tmp_path, monkeypatch):
    monkeypatch.setenv(GOOGLE.variable, KEY)
    server = GOOGLE.server(lambda _b, _n: candidate(finish=reason))
    (proposal,), _ = ask(tmp_path, server, name=GOOGLE.setting)
    assert proposal.status is Status.REFUSED and len(server.requests) == 1


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_a_tool_that_google_finds_called_wrongly_is_not_asked_for_again(
    reason, tmp_path, monkeypatch
):
    monkeypatch.setenv(GOOGLE.variable, KEY)
    wrong = candidate(finish=reason)
    server = GOOGLE.server(lambda body, _n: wrong if "tools" in body else None)
    (proposal,), calls = ask(tmp_path, server, name=GOOGLE.setting)
    assert proposal.status is Status.OK and proposal.codes[0].code == "cat"
    assert [call.request["format"] for call in calls] == ["tool", "text"]


def test_a_tool_called_with_broken_json_is_read_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv(MISTRAL.variable, KEY)
    whole = json.dumps(GOOD)
    server = MISTRAL.server(in_turn(mistral_call(whole[:-1]), mistral_call(whole + "\nDone.")))
    (proposal,), calls = ask(tmp_path, server, name=MISTRAL.setting)
    assert proposal.status is Status.OK and len(calls) == 2
    assert whole[:-1] in str(server.requests[1]["messages"])


def test_a_list_that_is_written_as_a_string_is_read(own, tmp_path):
    said = {**GOOD, "runners_up": [{"code": "dog.small", "confidence": 0.1}]}
    spelled = {key: json.dumps(v) if isinstance(v, list) else v for key, v in said.items()}
    server = own.server(lambda _b, _n: own.answered(spelled))
    (proposal,), _ = ask(tmp_path, server, name=own.setting)
    assert [code.code for code in proposal.codes] == ["cat"] and len(server.requests) == 1
    assert [code.code for code in proposal.runners_up] == ["dog.small"]
    assert [found.quote for found in proposal.evidence] == ["A cat meows"]


MOVED_BY = {
    "openai": "OPENAI_BASE_URL",
    "azure": "AZURE_OPENAI_ENDPOINT",
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
    "mistral": "MISTRAL_BASE_URL",
    "groq": "GROQ_API_BASE",
    "deepseek": "DEEPSEEK_API_BASE",
}


def test_a_provider_that_a_variable_moves_is_asked_there_and_the_run_says_so(
    spoken, tmp_path, monkeypatch
):
    server = spoken.server()
    monkeypatch.setenv(MOVED_BY[spoken.setting.partition(":")[0]], server.base_url)
    proposer = LLMProposer.open(study(tmp_path, "", name=spoken.setting), book(), [])
    assert proposer.describe()["base_url"].startswith("http://localhost")
    with server.running():
        (proposal,) = proposer.propose([issue()], lambda _: None)
    assert proposal.status is Status.OK and server.requests


def test_a_proxy_or_a_gateway_for_other_programs_does_not_come_between(
    spoken, tmp_path, monkeypatch
):
    elsewhere = FaultServer(in_turn(Reply(500, "")))
    for variable in ("HTTP_PROXY", "ALL_PROXY", "ANTHROPIC_PROXY", "LANGSMITH_GATEWAY"):
        monkeypatch.setenv(variable, elsewhere.base_url.removesuffix("/v1"))
    server = spoken.server()
    with elsewhere.running():
        (proposal,), _ = ask(tmp_path, server, name=spoken.setting, key=KEY)
    assert proposal.status is Status.OK and elsewhere.requests == []


def test_a_key_that_comes_back_is_not_kept(own, tmp_path):
    server = own.server(lambda _b, _n: own.said(json.dumps({**GOOD, "rationale": f"I got {KEY}"})))
    (proposal,), (call,) = ask(tmp_path, server, name=own.setting)
    assert proposal.rationale == "I got [key]"
    assert KEY not in call.to_json() + proposal.to_json()


def test_a_package_that_does_not_ask_where_it_is_told_to_sends_nothing(tmp_path, monkeypatch):
    """As langchain-deepseek did, which took a ``base_url`` and left it aside."""
    monkeypatch.setenv(DEEPSEEK.variable, KEY)
    misled = replace(SERVICES["deepseek"], argument="name")
    monkeypatch.setitem(SERVICES, "deepseek", misled)
    server = DEEPSEEK.server()
    with pytest.raises(ModelError, match=r"its package asks api\.deepseek\.com instead"):
        ask(tmp_path, server, name=DEEPSEEK.setting)
    assert server.requests == []
