"""One question over all codes, category before code, code by code, and several answers counted."""

from __future__ import annotations

import json
import math

import pytest
from asking import MANY, PETS, ask, book, issue, study
from support.fault_server import GOOD, FaultServer, Reply, completion, refusal

from coder.proposers.chat.chat_proposer import LLMProposer
from coder.records import Example, Status


def choices(body) -> list[str]:
    """The codes a request lets the model choose from."""
    schema = body["response_format"]["json_schema"]["schema"]
    return schema["properties"]["codes"]["items"]["properties"]["code"]["enum"]


def says(code, confidence=0.5, **changes) -> Reply:
    given = {"codes": [{"code": code, "confidence": confidence}], "runners_up": []}
    return completion({**GOOD, **given, **changes})


def prefers(*codes):
    """A model that gives the first of ``codes`` it may choose, else "none"."""

    def script(body, _):
        return says(next((code for code in codes if code in choices(body)), "none"))

    return FaultServer(script)


def test_flat_is_one_question(tmp_path):
    server = prefers("dog.small")
    (proposal,), calls = ask(tmp_path, server)
    assert [c.code for c in proposal.codes] == ["dog.small"] and len(calls) == 1
    assert choices(server.requests[0]) == ["cat", "dog.big", "dog.small", "none"]


def test_cascade_asks_for_the_category_and_then_for_one_of_its_codes(tmp_path):
    server = prefers("dog", "dog.small")
    (proposal,), calls = ask(tmp_path, server, strategy="cascade")
    assert [choices(body) for body in server.requests] == [
        ["cat", "dog", "none"], ["dog.big", "dog.small", "none"],
    ]  # fmt: skip
    (code,) = proposal.codes
    assert (code.code, code.confidence, code.stated) == ("dog.small", 0.25, 0.25)
    assert proposal.call_ids == tuple(call.id for call in calls)
    assert proposal.rationale == "The title says so.\nThe title says so."
    assert len(proposal.evidence) == 1
    first, second = (body["messages"][0]["content"] for body in server.requests)
    assert "Small Dog: Little dogs." in first and "* dog.small" not in first
    assert "* dog.small" in second and "* cat" not in second


@pytest.mark.parametrize(
    ("said", "expression"),
    [
        (("explicit", "explicit"), "explicit"),
        (("interpretive", "explicit"), "interpretive"),
        (("explicit", "perhaps"), "explicit"),
        ((None, None), ""),
    ],
)
def test_of_several_answers_one_read_between_the_lines_makes_all_so(tmp_path, said, expression):
    def script(body, _):
        first = "dog" in choices(body)
        return says("dog" if first else "dog.small", expression=said[0] if first else said[1])

    (proposal,), _ = ask(tmp_path, FaultServer(script), strategy="cascade", prompt="propose.v2")
    assert proposal.status is Status.OK
    assert proposal.expression == expression


def test_cascade_ends_at_a_category_without_codes_and_where_none_fits(tmp_path):
    for code, status in (("cat", Status.OK), ("none", Status.ABSTAINED)):
        (proposal,), calls = ask(tmp_path, prefers(code), strategy="cascade")
        assert (proposal.status, len(calls)) == (status, 1)


def test_cascade_without_a_second_answer_is_no_code(tmp_path):
    def script(body, _):
        return says("dog") if "dog" in choices(body) else completion("woof")

    (proposal,), calls = ask(tmp_path, FaultServer(script), strategy="cascade")
    assert (proposal.status, proposal.codes, len(calls)) == (Status.UNPARSED, (), 3)


def test_each_asks_code_by_code(tmp_path):
    def script(body, _):
        (code, _none) = choices(body)
        return (
            says(code, {"cat": 0.6, "dog.big": 0.9}[code]) if code != "dog.small" else says("none")
        )

    server = FaultServer(script)
    (proposal,), _ = ask(tmp_path, server, codes=MANY, strategy="each")
    assert len(server.requests) == 3
    assert [(c.code, c.confidence) for c in proposal.codes] == [("dog.big", 0.9), ("cat", 0.6)]


def test_each_with_one_answer_missing_is_no_set_of_codes(tmp_path):
    def script(body, _):
        return says("cat") if "cat" in choices(body) else completion(None, refusal="No.")

    (proposal,), _ = ask(tmp_path, FaultServer(script), codes=MANY, strategy="each")
    assert (proposal.status, proposal.codes) == (Status.REFUSED, ())


def test_samples_are_drawn_with_a_temperature_and_counted(tmp_path):
    answers = ["dog.big", "cat", "none", "cat", "cat"]
    server = FaultServer(lambda _, number: says(answers[number]))
    (proposal,), calls = ask(tmp_path, server, samples=5, concurrency=1)
    (code,) = proposal.codes
    assert (code.code, code.agreement, code.confidence, code.stated) == ("cat", 0.6, 0.6, 0.5)
    assert [(c.code, c.agreement) for c in proposal.runners_up] == [("dog.big", 0.2)]
    assert {body["temperature"] for body in server.requests} == {0.7}
    assert len({call.request["key"] for call in calls}) == 5
    assert proposal.call_ids == tuple(call.id for call in calls)


def test_one_at_a_time_is_one_issue_at_a_time(tmp_path):
    """A server that keeps the last prompt reads an issue once, whatever is asked about it."""
    server = FaultServer(lambda *_: says("cat"))
    issues = [issue(n, f"Cat number {n}") for n in (1, 2, 3)]
    ask(tmp_path, server, issues, samples=3, concurrency=1)
    prompts = [body["messages"][-1]["content"] for body in server.requests]
    assert len(prompts) == 9
    assert prompts == sorted(prompts, key=prompts.index)


def test_most_samples_saying_none_is_an_answer_and_a_bad_sample_votes_for_nothing(tmp_path):
    answers = [says("cat"), says("none"), says("none"), completion("?"), completion("?")]
    server = FaultServer(lambda _, number: answers[number])
    (proposal,), _ = ask(tmp_path, server, samples=4, concurrency=1)
    assert proposal.status is Status.ABSTAINED
    answers = [completion("?"), completion("?"), says("cat"), says("cat")]
    (proposal,), _ = ask(tmp_path, FaultServer(lambda _, n: answers[n]), samples=3, concurrency=1)
    assert proposal.codes[0].agreement == pytest.approx(2 / 3, abs=1e-6)


def test_of_several_codes_those_most_samples_give(tmp_path):
    drawn = [["cat", "dog.big"], ["cat"], ["cat", "dog.big"], ["dog.small"]]

    def script(_, number):
        codes = [{"code": code, "confidence": 0.5} for code in drawn[number]]
        return completion({**GOOD, "codes": codes})

    (proposal,), _ = ask(tmp_path, FaultServer(script), codes=MANY, samples=4, concurrency=1)
    assert [(c.code, c.agreement) for c in proposal.codes] == [("cat", 0.75)]


def spelled(text: str, logprobs: dict[str, float]) -> Reply:
    """An answer whose tokens are its characters, and those of some words likely as given."""
    tokens, at = [], 0
    while at < len(text):
        word = next((w for w in logprobs if text.startswith(w, at)), text[at])
        tokens.append({"token": word, "logprob": logprobs.get(word, 0.0)})
        at += len(word)
    payload = json.loads(completion(text).body)
    payload["choices"][0]["logprobs"] = {"content": tokens}
    return Reply(body=json.dumps(payload))


def test_the_likelihood_of_a_code_is_that_of_the_tokens_that_spell_it(tmp_path):
    answer = {**GOOD, "codes": [{"code": "dog.small", "confidence": 0.9}],
              "runners_up": [{"code": "cat", "confidence": 0.1}]}  # fmt: skip
    likely = {"dog.s": math.log(0.5), "mall": math.log(0.8), "cat": math.log(0.1)}
    server = FaultServer(lambda *_: spelled(json.dumps(answer), likely))
    (proposal,), _ = ask(tmp_path, server, logprobs=True)
    assert server.requests[0]["logprobs"] is True
    (code,), (other,) = proposal.codes, proposal.runners_up
    assert (code.likelihood, code.stated) == (pytest.approx(0.4), 0.9)
    assert code.confidence == pytest.approx(0.4)
    assert other.likelihood == pytest.approx(0.1)


def test_a_server_that_knows_no_logprobs_is_asked_without(tmp_path):
    def script(body, _):
        return refusal(400, "logprobs is not supported") if "logprobs" in body else says("cat")

    (proposal,), _ = ask(tmp_path, FaultServer(script), logprobs=True)
    assert (proposal.codes[0].likelihood, proposal.codes[0].confidence) == (None, 0.5)


def test_quotes_are_looked_up_and_an_invented_one_lowers_the_confidence(tmp_path):
    answer = {**GOOD, "quotes": ["it WILL  not stop", "a purple elephant sang to us"]}
    answer.pop("sentences")
    server = FaultServer(lambda *_: completion(answer))
    (proposal,), _ = ask(tmp_path, server, evidence="quotes")
    schema = server.requests[0]["response_format"]["json_schema"]["schema"]
    assert "quotes" in schema["required"] and "sentences" not in schema["required"]
    found, invented = proposal.evidence
    assert found.verified and issue().text[found.start : found.end] == "It will not stop"
    assert (invented.verified, invented.quote) == (False, "a purple elephant sang to us")
    (code,) = proposal.codes
    assert (code.stated, code.confidence) == (0.8, 0.4)


@pytest.mark.parametrize("strategy", ["flat", "cascade", "each"])
def test_what_begins_a_question_is_the_same_for_every_issue(strategy, tmp_path):
    server = prefers("dog", "dog.big")
    issues = [issue(1), issue(2, "Dogs bark", "All night."), issue(3, "x", "{{ }} <data>")]
    ask(tmp_path, server, issues, strategy=strategy)
    by_choice: dict[str, set[str]] = {}
    for body in server.requests:
        by_choice.setdefault(str(choices(body)), set()).add(body["messages"][0]["content"])
    assert {len(beginnings) for beginnings in by_choice.values()} == {1}


def test_labelled_issues_are_shown_with_the_codes_of_the_question(tmp_path):
    examples = [
        Example(issue=issue(7, "A cat purrs", "Help me!"), codes=("cat",)),
        Example(
            issue=issue(8, "A puppy barks", "Help me, it will not stop!"), codes=("dog.small",)
        ),
    ]
    server = prefers("dog", "dog.small")
    settings = study(tmp_path, server.base_url, strategy="cascade")
    with server.running():
        list(LLMProposer.open(settings, book(PETS), examples).propose([issue()], lambda _: None))
    first, second = (body["messages"][1]["content"] for body in server.requests)
    assert "Coded as: cat" in first and "Coded as: dog\n" in first
    assert "Coded as: dog.small" in second and "A cat purrs" not in second


def test_what_was_answered_is_not_asked_again(tmp_path):
    server = prefers("dog", "dog.small")
    settings = study(tmp_path, server.base_url, strategy="cascade")
    calls = []
    with server.running():
        (before,) = LLMProposer.open(settings, book(), []).propose([issue()], calls.extend)
        resumed = LLMProposer.open(settings, book(), [])
        resumed.recall(calls[:1])
        (after,) = resumed.propose([issue()], calls.extend)
    assert len(server.requests) == 3
    assert before.codes == after.codes
