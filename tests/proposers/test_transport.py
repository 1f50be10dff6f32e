"""Retries, limits, keys and stops: what happens between here and a server."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import openai
import pytest
from asking import ask, book, issue, study
from support.fault_server import GOOD, FaultServer, Reply, completion, in_turn, refusal, user_text

from coder.__main__ import run
from coder.errors import ModelError
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.client import check_model
from coder.proposers.chat.failures import Failure, failure
from coder.records import Status
from coder.storage.run import Run

KEY = "sk-verysecretkey123"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503])
def test_what_may_pass_is_asked_again(status, tmp_path):
    server = FaultServer(in_turn(refusal(status, retry_after="0.01"), completion()))
    (proposal,), calls = ask(tmp_path, server)
    assert proposal.status is Status.OK
    assert (len(server.requests), len(calls)) == (2, 1)


@pytest.mark.parametrize("date", [False, True])
def test_retry_after_is_honoured(date, tmp_path):
    moment = datetime.now(UTC) + timedelta(seconds=2)
    wait = format_datetime(moment, usegmt=True) if date else "0.7"
    server = FaultServer(in_turn(refusal(429, retry_after=wait), completion()))
    ask(tmp_path, server)
    first, second = server.times
    assert second - first >= (0.1 if date else 0.69)


def test_a_server_cannot_make_us_wait_for_ever():
    error = Exception("later")
    error.response = SimpleNamespace(status_code=429, headers={"retry-after": "86400"})
    assert failure(error).retry_after == 60


@pytest.mark.parametrize(
    ("status", "words"), [(401, "the key is refused"), (402, "credit"), (403, "denied"),
                          (404, "no such model")],
)  # fmt: skip
def test_what_cannot_pass_stops_the_run_at_once(status, words, tmp_path):
    server = FaultServer(in_turn(completion(), refusal(status, f"bad key {KEY}")))
    saved, got = [], []
    setting = study(tmp_path, server.base_url, concurrency=1, key=KEY)
    proposer = LLMProposer.open(setting, book(), [])
    with server.running(), pytest.raises(ModelError, match=words) as stopped:
        for proposal in proposer.propose([issue(n) for n in range(20)], saved.extend):
            got.append(proposal)
    assert [p.status for p in got] == [Status.OK]
    assert len([call for call in saved if not call.error]) == 1
    assert len(server.requests) <= 3
    assert KEY not in stopped.value.message + stopped.value.hint


def test_no_credit_is_not_a_rate_limit(tmp_path):
    server = FaultServer(in_turn(refusal(429, "insufficient_quota: buy more")))
    with pytest.raises(ModelError, match="credit"):
        ask(tmp_path, server)
    assert len(server.requests) == 1


def test_no_server_is_one_line(tmp_path):
    proposer = LLMProposer.open(study(tmp_path, "http://127.0.0.1:9/v1"), book(), [])
    with pytest.raises(ModelError, match="no connection") as stopped:
        list(proposer.propose([issue()], print))
    assert "is a server running there" in stopped.value.hint


@pytest.mark.parametrize("reply", [Reply(delay=30), Reply(body=completion().body, drip=0.05)])
def test_a_slow_answer_ends_at_the_time_limit(reply, tmp_path):
    server = FaultServer(in_turn(reply))
    (proposal,), (call,) = ask(tmp_path, server, timeout=0.5, retries=1)
    assert proposal.status is Status.FAILED
    assert "time limit" in call.error and call.raw_response is None
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_server_cannot_send_texts_on_to_another(status, tmp_path):
    other = FaultServer(in_turn(completion()))
    with other.running():
        server = FaultServer(in_turn(Reply(status, "", {"location": other.base_url + "/x"})))
        with pytest.raises(ModelError, match="points to another address"):
            ask(tmp_path, server)
    assert other.requests == []


@pytest.mark.parametrize(
    "address",
    ["localhost:8080/v1", "ftp://a/v1", "http://", "http:///v1", "http://a b/v1", "http://[::1/v1",
     "http://localhost:80a0/v1", "http://localhost:99999/v1", "http://a\x1b[31m.com/v1"],
)  # fmt: skip
def test_what_is_no_address_is_one_line_with_a_hint(address, tmp_path):
    with pytest.raises(ModelError, match="is not an address") as stopped:
        LLMProposer.open(study(tmp_path, address), book(), [])
    assert "http://localhost:8080/v1" in stopped.value.hint


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    server = FaultServer(in_turn(refusal(500, f"your key {KEY} is nice")))
    (proposal,), (call,) = ask(tmp_path, server, key=KEY, retries=0)
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in call.to_json() + proposal.to_json()


@pytest.mark.parametrize("spelled", [KEY, "".join(f"\\u{ord(c):04x}" for c in KEY)])
def test_a_key_that_comes_back_in_an_answer_is_written_down_nowhere(
    tmp_path, monkeypatch, capsys, spelled
):
    """Kept answers, other runs' too, are of what was read; so is what it is read as."""
    (tmp_path / "study.toml").write_text('codebook = "ptm-screening"\n')
    (tmp_path / "issues.jsonl").write_text('{"id": "i1", "title": "It leaks"}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_API_KEY", KEY)
    said = {**GOOD, "codes": [{"code": "ptm-related", "confidence": 1}], "runners_up": [],
            "rationale": "You sent KEY."}  # fmt: skip
    body = completion(said).body.replace("KEY", spelled.replace("\\", "\\\\"))
    body = body[:-1] + f', "debug": {{"authorization": "Bearer {spelled}"}}}}'
    server = FaultServer(in_turn(Reply(200, body)))
    with server.running():
        assert run(["propose", "issues.jsonl", "--run", "r", "--model", "openai:m",
                    "--base-url", server.base_url]) == 0  # fmt: skip
    assert server.keys == [f"Bearer {KEY}"]
    (proposal,) = Run.open(tmp_path / "runs", "r").proposals
    assert proposal.rationale == "You sent [key]."
    written = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in written)
    for path in written:
        kept = path.read_bytes()
        assert KEY.encode() not in kept and spelled.encode() not in kept, path
    assert KEY not in "".join(capsys.readouterr())


def test_another_services_key_is_not_sent_to_a_local_server(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    server = FaultServer(in_turn(completion()))
    ask(tmp_path, server, name="ollama:llama3")
    assert "sk-of-another-service" not in server.keys[0]


def test_an_address_is_shown_without_what_is_secret_in_it(tmp_path):
    setting = study(tmp_path, "http://127.0.0.1:9/v1?token=hunter3")
    assert "hunter" not in str(LLMProposer.open(setting, book(), []).describe())
    assert "hunter" not in check_model(setting)


def test_an_address_with_a_password_is_refused_before_anything_is_sent(tmp_path):
    setting = study(tmp_path, "http://me:hunter2@127.0.0.1:9/v1")
    with pytest.raises(ModelError, match="user name or password") as stopped:
        LLMProposer.open(setting, book(), [])
    assert "hunter" not in stopped.value.message


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("openai:gpt-4.1-mini", "needs a key", "OPENAI_API_KEY"),
        ("azure:mine", "needs a key", "AZURE_OPENAI_API_KEY"),
        ("cohere:command", "need the package langchain-cohere", "pip install langchain-cohere"),
        ("nobody:x", "no provider is called 'nobody'", "openai:"),
        ("gpt-4", "is not a model", "provider:model"),
    ],
)
def test_what_is_missing_is_one_line_with_a_hint(name, words, hint, tmp_path, monkeypatch):
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ModelError, match=words) as stopped:
        LLMProposer.open(study(tmp_path, "", name=name), book(), [])
    assert hint in stopped.value.hint


def test_openais_protocol_needs_no_package_of_langchains(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("openai:gpt-4.1-mini", "azure:mine"):
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
        assert "not contacted" in check_model(study(tmp_path, "", name=name))


def rejects(*words: str):
    """A server that takes no request whose body holds one of ``words``."""

    def script(body, _number):
        for word in words:
            if word in json.dumps({k: v for k, v in body.items() if k != "messages"}):
                return refusal(400, f"Unsupported value: '{word}' is not supported")
        return completion()

    return script


@pytest.mark.parametrize(
    ("refused", "form"),
    [((), "json_schema"), (("json_schema",), "json_object"), (("response_format",), "text")],
)
def test_the_strictest_format_a_server_takes_is_used_and_remembered(refused, form, tmp_path):
    server = FaultServer(rejects(*refused))
    proposals, calls = ask(tmp_path, server, [issue(n) for n in range(4)], concurrency=1)
    assert {p.status for p in proposals} == {Status.OK}
    assert {call.request["format"] for call in calls} == {form}
    asked_in_vain = ("json_schema", "json_object", "text").index(form)
    assert len(server.requests) == 4 + asked_in_vain


def test_what_one_request_teaches_is_learnt_by_one_request(tmp_path):
    server = FaultServer(rejects("temperature"))
    issues = [issue(n, title=f"Cat {n}") for n in range(9)]
    proposals, _ = ask(tmp_path, server, issues, concurrency=8)
    assert {p.status for p in proposals} == {Status.OK} and len(server.requests) == 10


def test_a_slow_first_answer_does_not_hold_the_others_up(tmp_path):
    others = threading.Event()

    def script(_body, number):
        if number:
            others.set()
        else:
            assert others.wait(30)
        return completion()

    server = FaultServer(script)
    issues = [issue(n, title=f"Cat {n}") for n in range(3)]
    proposals, _ = ask(tmp_path, server, issues, timeout=60)
    assert {p.status for p in proposals} == {Status.OK} and len(server.requests) == 3


def test_a_parameter_that_a_model_does_not_take_is_left_out(tmp_path):
    server = FaultServer(rejects("temperature"))
    proposals, calls = ask(tmp_path, server, [issue(n) for n in range(9)])
    assert {p.status for p in proposals} == {Status.OK}
    assert {c.request["format"] for c in calls} == {"json_schema"}
    assert all("temperature" not in call.request["parameters"] for call in calls)


def test_a_too_long_issue_does_not_change_how_the_others_are_asked(tmp_path):
    def script(body, _number):
        long = "LONG" in user_text(body)
        return refusal(400, "exceeds the available context size") if long else completion()

    issues = [issue(1, title="LONG"), issue(2), issue(3)]
    server = FaultServer(script)
    proposals, calls = ask(tmp_path, server, issues, concurrency=1)
    assert [p.status for p in proposals] == [Status.FAILED, Status.OK, Status.OK]
    assert len(server.requests) == 3
    assert {c.request["format"] for c in calls if not c.error} == {"json_schema"}


def test_no_more_in_flight_than_asked_for_and_no_issue_read_far_ahead(tmp_path):
    server = FaultServer(in_turn(Reply(body=completion().body, delay=0.02)))
    read, ahead = 0, []

    def issues():
        nonlocal read
        for number in range(60):
            read += 1
            yield issue(number)

    proposer = LLMProposer.open(study(tmp_path, server.base_url, concurrency=3), book(), [])
    with server.running():
        for done, _ in enumerate(proposer.propose(issues(), lambda _: None), start=1):
            ahead.append(read - done)
    assert server.most_in_flight == 3
    assert len(ahead) == 60 and max(ahead) <= 6


def test_every_call_is_saved_before_its_proposal_is_made(tmp_path):
    server = FaultServer(in_turn(completion()))
    proposer = LLMProposer.open(study(tmp_path, server.base_url), book(), [])
    saved = []
    with server.running():
        for proposal in proposer.propose([issue(n) for n in range(5)], saved.extend):
            assert set(proposal.call_ids) <= {call.id for call in saved}


def test_stopping_waits_for_nobody_and_keeps_what_was_answered(tmp_path):
    server = FaultServer(lambda _b, n: Reply(body=completion().body, delay=0 if n < 3 else 30))
    proposer = LLMProposer.open(study(tmp_path, server.base_url, timeout=60), book(), [])
    saved = []
    with server.running():
        stream = proposer.propose([issue(n) for n in range(50)], saved.extend)
        next(stream)
        deadline = time.monotonic() + 5
        while len(server.requests) < 7 and time.monotonic() < deadline:
            time.sleep(0.02)
        stream.close()
    assert len([call for call in saved if call.raw_response]) == 3
    assert not [t for t in threading.enumerate() if t.name == "coder-network"]


def test_an_interrupt_while_saving_does_not_lose_the_answer(tmp_path):
    server = FaultServer(in_turn(completion()))
    proposer = LLMProposer.open(study(tmp_path, server.base_url), book(), [])
    saved = []

    def save(calls):
        if not saved:
            saved.append(None)
            raise KeyboardInterrupt
        saved.extend(calls)

    with server.running(), pytest.raises(KeyboardInterrupt):
        list(proposer.propose([issue()], save))
    assert [call.issue_id for call in saved[1:]] == ["i1"]


def test_a_saved_answer_is_not_paid_for_again(tmp_path):
    server = FaultServer(in_turn(completion("what?"), completion()))
    setting = study(tmp_path, server.base_url)
    saved, more = [], []
    with server.running():
        (before,) = LLMProposer.open(setting, book(), []).propose([issue()], saved.extend)
        resumed = LLMProposer.open(setting, book(), [])
        resumed.recall(saved)
        (after,) = resumed.propose([issue()], more.extend)
    assert len(saved) == 2 and more == [] and len(server.requests) == 2
    assert after.model_copy(update={"at": before.at}) == before


def test_a_failure_is_asked_again(tmp_path):
    server = FaultServer(in_turn(refusal(500), completion()))
    setting = study(tmp_path, server.base_url, retries=0)
    saved = []
    with server.running():
        (failed,) = LLMProposer.open(setting, book(), []).propose([issue()], saved.extend)
        resumed = LLMProposer.open(setting, book(), [])
        resumed.recall(saved)
        (proposal,) = resumed.propose([issue()], saved.extend)
    assert (failed.status, proposal.status) == (Status.FAILED, Status.OK)
    assert len({call.id for call in saved}) == 2


def test_every_exception_of_the_client_is_mapped():
    kinds = [
        kind for kind in [getattr(openai, name) for name in openai.__all__]
        if isinstance(kind, type) and issubclass(kind, openai.OpenAIError)
    ]  # fmt: skip
    assert len(kinds) > 10
    for kind in [*kinds, ValueError, KeyError, TimeoutError, ConnectionError]:
        error = kind.__new__(kind)
        Exception.__init__(error, "words")
        mapped = failure(error)
        assert isinstance(mapped, Failure) and str(mapped)
