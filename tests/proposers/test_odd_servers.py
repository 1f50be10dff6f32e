"""Servers that are not what they should be: the run adapts where it can, else says so and stops."""

from __future__ import annotations

import json
import socket

import pytest
from asking import propose, statuses
from support.fault_server import FaultServer, Reply, completion, in_turn, refusal, user_text

from coder.__main__ import run as coder
from coder.proposers.chat.question import Question
from coder.proposers.chat.server_dialect import FORMATS, Dialect
from coder.storage.run import Run

PAGE = Reply(body="<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head></html>")
STREAM = Reply(body='data: {"choices": [{"delta": {"content": "{"}}]}\n\ndata: [DONE]\n\n')
TOO_LARGE = (
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, "
    "Requested {}. The input or output tokens must be reduced in order to run successfully."
)


def calls(folder):
    return list(Run.open(folder / "runs", "r").calls)


@pytest.mark.parametrize(
    ("reply", "words", "asked"),
    [
        (PAGE, "a web page (Welcome to nginx!)", 3),
        (Reply(body="Ollama is running"), "plain text (Ollama is running)", 3),
        (Reply(body='{"status": "fine"}'), "no chat completion", 3),
        (STREAM, "a stream of events", 1),
    ],
)
def test_what_is_no_api_stops_the_run_and_the_hint_says_v1(reply, words, asked, folder, capsys):
    server = FaultServer(in_turn(reply))
    assert propose(server) == 5
    said = capsys.readouterr().err
    assert "this is not an API address: " in said and words in said and "end in /v1?" in said
    assert len(server.requests) == asked


def test_a_web_page_in_between_is_asked_past(folder):
    server = FaultServer(lambda _b, n: PAGE if n in (0, 4) else completion())
    assert propose(server) == 0
    assert statuses(folder) == {"ok": 6} and len(server.requests) == 8


def test_an_answer_that_breaks_off_with_an_error_is_asked_for_again(folder):
    body = json.loads(completion("", finish="error").body)
    body["choices"][0]["error"] = {"code": 502, "message": "Provider disconnected"}
    server = FaultServer(lambda _b, n: completion() if n else Reply(body=json.dumps(body)))
    assert propose(server) == 0
    assert statuses(folder) == {"ok": 6} and len(server.requests) == 7


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    "words",
    [
        "System role not supported",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "Conversation roles must alternate user/assistant/user/assistant/...",
    ],
)
def test_a_refused_system_message_goes_into_the_users(status, words, folder, capsys):
    def script(body, _number):
        roles = [message["role"] for message in body["messages"]]
        return refusal(status, words) if "system" in roles else completion()

    server = FaultServer(script)
    assert propose(server) == 0
    assert statuses(folder) == {"ok": 6} and len(server.requests) == 6 + 1
    (refused, put, *_) = server.requests
    system, user = (message["content"] for message in refused["messages"])
    assert put["messages"] == [{"role": "user", "content": f"{system}\n\n{user}"}]
    assert {call.request["system_in_user"] for call in calls(folder)} == {True}
    assert {call.request["format"] for call in calls(folder)} == {"json_schema"}
    capsys.readouterr()
    assert coder(["prompt", "render", "i0", "--run", "r", "--sent"]) == 0
    shown = capsys.readouterr().out
    assert "[system" not in shown and put["messages"][0]["content"] in shown


def test_a_format_that_a_server_breaks_down_over_is_left(folder):
    def script(body, _number):
        form = body.get("response_format", {}).get("type")
        return refusal(500, "Internal Server Error") if form == "json_schema" else completion()

    server = FaultServer(script)
    assert propose(server) == 0
    assert statuses(folder) == {"ok": 6} and len(server.requests) == 6 + 2
    assert {call.request["format"] for call in calls(folder)} == {"json_object"}


def test_one_breakdown_changes_nothing(folder):
    server = FaultServer(lambda _b, n: completion() if n else refusal(500, "oh"))
    assert propose(server) == 0
    assert {call.request["format"] for call in calls(folder)} == {"json_schema"}


@pytest.mark.parametrize("status", [400, 500])
def test_one_odd_issue_does_not_change_how_the_others_are_asked(status, folder, monkeypatch):
    monkeypatch.setenv("CODER_MODEL__RETRIES", "1")

    def script(body, _number):
        strict = body.get("response_format", {}).get("type") == "json_schema"
        odd = "Cat 2" in user_text(body) and strict
        return refusal(status, "Failed to generate JSON") if odd else completion()

    assert propose(FaultServer(script), "--concurrency", "1") == 0
    forms = {call.issue_id: call.request["format"] for call in calls(folder)}
    assert forms.pop("i2") == "json_object" and set(forms.values()) == {"json_schema"}


def test_an_answer_that_comes_late_in_a_format_that_was_left_is_taken_as_it_is():
    dialect = Dialect(FORMATS[1:])
    question = Question((("system", "Code it."), ("user", "A cat.")), {})
    dialect.worked(question, "json_object", False)
    dialect.worked(question, "json_schema", False)
    assert dialect.formats(question) == ("json_object", "text")


@pytest.mark.parametrize("status", [413, 429])
def test_a_request_that_never_fits_is_not_asked_again(status, folder, capsys):
    def script(body, number):
        fits = "Cat 2" not in user_text(body)
        return completion() if fits else refusal(status, TOO_LARGE.format(31000 + number))

    server = FaultServer(script)
    assert propose(server) == 0
    assert statuses(folder) == {"ok": 5, "failed": 1}
    assert len(server.requests) == 6
    said = capsys.readouterr().out
    assert "1 failed (the server answered" in said and "Request too large for gpt-4o" in said
    assert "lower model.context_tokens" in said


def test_a_limit_that_is_lower_than_any_request_stops_the_run(folder, capsys):
    server = FaultServer(lambda _b, n: refusal(429, TOO_LARGE.format(31000 + n)))
    assert propose(server) == 5
    assert len(server.requests) == 5
    said = capsys.readouterr().err
    assert "5 issues in a row were refused alike" in said and "Requested 3100" in said
    assert "hint: lower model.context_tokens" in said


def test_the_same_refusal_of_several_issues_stops_the_run(folder, capsys):
    server = FaultServer(in_turn(refusal(400, "the moon is in the seventh house")))
    assert propose(server) == 5
    # In each of three formats.
    assert len(server.requests) == 3 * 3
    said = capsys.readouterr().err
    assert "3 issues in a row were refused alike: the server answered 400: the moon is" in said


def test_what_stopped_a_session_does_not_keep_the_next_from_going_further(folder, capsys):
    def script(body, _number):
        odd = any(f"Cat {n}" in user_text(body) for n in range(3))
        return refusal(400, "the moon") if odd else completion()

    assert propose(FaultServer(script), "--concurrency", "1") == 5
    assert propose(FaultServer(script), "--concurrency", "1") == 0
    assert statuses(folder) == {"ok": 3, "failed": 3}
    assert "3 ok, 3 failed (all: the server answered 400: the moon)." in capsys.readouterr().out


def test_a_run_of_which_all_failed_is_no_success(folder, capsys):
    server = FaultServer(in_turn(refusal(400, "the moon")))
    assert propose(server, "--sample", "2") == 5
    assert len(server.requests) == 2 * 3
    out, err = capsys.readouterr()
    assert "2 failed (all: the server answered 400: the moon)." in out
    assert "error: all 2 issues failed" in err and "Next:" not in out


def test_the_commonest_reason_is_told_with_its_count(folder, capsys, monkeypatch):
    monkeypatch.setenv("CODER_MODEL__RETRIES", "0")
    words = {"Cat 1": "busy 7", "Cat 2": "on fire", "Cat 4": "busy 12"}

    def script(body, _number):
        said = next((w for title, w in words.items() if title in user_text(body)), "")
        return refusal(503, said) if said else completion()

    assert propose(FaultServer(script), "--concurrency", "1") == 0
    said = capsys.readouterr().out
    why = "3 failed (2 of them: the server answered 503: busy 7)"
    assert f"3 ok, {why}." in said
    assert coder(["status", "r"]) == 0
    assert f"Without an answer of the model: {why}; coder propose asks" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        "Unrecognized request argument supplied: max_completion_tokens",
        "max_completion_tokens: Extra inputs are not permitted",
        "Unsupported parameter: 'max_completion_tokens' is not supported, use 'max_tokens' instead",
    ],
)
def test_the_limit_on_the_answer_goes_by_the_name_the_server_knows(words, folder, monkeypatch):
    def script(body, _number):
        return refusal(400, words) if "max_completion_tokens" in body else completion()

    server = FaultServer(script)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.base_url.removesuffix("/v1"))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-a-key-of-azure-1")
    assert propose(server, "--send-to", "127.0.0.1", model="azure:m") == 0
    assert [body.get("max_tokens") for body in server.requests] == [None] + [800] * 6


def test_two_names_that_are_both_refused_are_not_tried_for_ever(folder):
    def script(body, _number):
        name = next(key for key in body if key.startswith("max_"))
        return refusal(400, f"Unsupported parameter: '{name}' is not supported")

    server = FaultServer(script)
    assert propose(server) == 5
    assert len(server.requests) <= 3 * 3 + 1


def test_a_key_that_is_a_word_masks_no_words(folder, capsys):
    words = "unknown key: max_completion_tokens_of_the_keyring; your key hunter2-1 is fine"
    server = FaultServer(in_turn(refusal(400, words)))
    propose(server, "--sample", "2", key="key")
    assert words in capsys.readouterr().out
    propose(server := FaultServer(server_script(words)), "--sample", "2", key="hunter2-1")
    assert words.replace("hunter2-1", "[key]") in capsys.readouterr().out


def server_script(words):
    return in_turn(refusal(400, words))


def test_what_was_never_sent_is_not_booked_as_used(folder, capsys, monkeypatch):
    """A server whose queue of connections is full: it neither answers nor refuses."""
    monkeypatch.setenv("CODER_MODEL__TIMEOUT", "1")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for other in waiting:
            other.setblocking(False)
            other.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v1"
        command = ["propose", "issues.jsonl", "--run", "r", "--model", "openai:m"]
        assert coder([*command, "--base-url", url]) == 5
        for other in waiting:
            other.close()
    out, err = capsys.readouterr()
    assert "there is no connection" in err and "Used by this run" not in out
    assert sum(call.attempts for call in calls(folder)) == 0
