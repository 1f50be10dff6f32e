"""Codes scored by likelihood, from scripted probabilities of first tokens."""

from __future__ import annotations

import pytest
from asking import MANY, PETS, ask, book, issue, study
from support.fault_server import FaultServer, completion, refusal, told

from coder.errors import UsageError
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.proposers.chat.score import RATIONALE
from coder.records import Status


def begun(body) -> str:
    last = body["messages"][-1]
    return last["content"] if last["role"] == "assistant" else ""


def likely(codes) -> dict[str, float]:
    return {code.code: code.likelihood for code in codes}


def test_the_probability_of_a_name_is_that_of_its_tokens(tmp_path):
    server = FaultServer(lambda *_: told(Cat=0.6, Big=0.2, small=0.05, None_=0.1, The=0.05))
    (one,), calls = ask(tmp_path, server, decode="score", batch=0)
    assert one.status is Status.OK
    assert one.rationale == RATIONALE
    assert not one.evidence
    assert [code.code for code in one.codes] == ["cat"]
    assert one.codes[0].confidence == one.codes[0].likelihood == pytest.approx(0.6 / 0.95, abs=1e-6)
    assert likely(one.runners_up) == pytest.approx(
        {"dog.big": 0.2 / 0.95, "dog.small": 0.05 / 0.95}, abs=1e-6
    )
    (request,) = server.requests
    assert (request["max_tokens"], request["logprobs"], request["top_logprobs"]) == (1, True, 20)
    assert "response_format" not in request
    assert one.call_ids == tuple(call.id for call in calls)


ALIKE = PETS.replace("name: Small Dog", "name: Big Old Dog").replace("name: Cat", "name: Big Cat")


def test_names_that_begin_alike_are_told_apart_one_token_further(tmp_path):
    steps = {
        "": told(B=0.1, Big=0.7, None_=0.2),
        "Big": told(_Dog=0.5, _Old=0.4, _C=0.1),
    }
    server = FaultServer(lambda body, _: steps[begun(body)])
    (one,), _ = ask(tmp_path, server, codes=ALIKE, name="llamacpp:m", decode="score", batch=0)
    assert likely(one.codes) == pytest.approx({"dog.big": 0.4}, abs=1e-6)
    assert likely(one.runners_up) == pytest.approx({"dog.small": 0.32, "cat": 0.08}, abs=1e-6)
    assert [begun(body) for body in server.requests] == ["", "Big"]
    assert server.requests[0]["top_logprobs"] == 200


def test_vllm_is_told_to_go_on_with_what_is_begun(tmp_path):
    server = FaultServer(lambda body, _: told(_Cat=1.0) if begun(body) else told(Big=1.0))
    ask(tmp_path, server, codes=ALIKE, name="vllm:m", decode="score", batch=0)
    first, second = server.requests
    assert "continue_final_message" not in first
    assert second["continue_final_message"] is True
    assert second["add_generation_prompt"] is False


def test_a_name_that_another_begins_with_is_over_with_any_other_token(tmp_path):
    codes = PETS.replace("name: Cat", "name: Big")
    steps = {"": told(Big=1.0), "Big": told(_Dog=0.3, END=0.7)}
    server = FaultServer(lambda body, _: steps[begun(body)])
    (one,), _ = ask(tmp_path, server, codes=codes, decode="score", batch=0)
    assert likely(one.codes)["cat"] == pytest.approx(0.7, abs=1e-6)
    assert one.codes[0].code == "cat"


def test_batch_calibration_takes_out_what_the_model_likes_anyway(tmp_path):
    """It nearly always says Cat; where it does so least, a dog is meant."""

    def script(body, _):
        dog = "barks" in body["messages"][1]["content"]
        return told(Cat=0.7, Big=0.3) if dog else told(Cat=0.9, Big=0.1)

    issues = [issue(n, "It meows" if n % 2 else "It barks", f"Issue {n}.") for n in range(6)]
    plain, _ = ask(tmp_path / "a", FaultServer(script), issues, decode="score", batch=0)
    assert {p.codes[0].code for p in plain} == {"cat"}

    calls = []
    server = FaultServer(script)
    made = study(tmp_path, server.base_url, decode="score")
    with server.running():
        proposer = LLMProposer.open(made, book(), [], issues=issues)
        first = {p.issue_id: p for p in proposer.propose(issues, calls.extend)}
        assert len(server.requests) == len(issues)
        answers = {i: p.codes[0].code for i, p in first.items()}
        assert answers == {f"i{n}": "cat" if n % 2 else "dog.big" for n in range(6)}

        # Going on later, with only some of the issues left, comes to the same.
        again = LLMProposer.open(made, book(), [], issues=issues)
        again.recall(calls)
        for one in again.propose(issues[:2], calls.extend):
            assert one.codes == first[one.issue_id].codes
        assert len(server.requests) == len(issues)


def test_a_cascade_scores_the_category_and_then_its_codes(tmp_path):
    def script(body, _):
        whole = "Category" in body["messages"][0]["content"]
        return told(Big=0.2, Small=0.8) if whole else told(Cat=0.3, Dog=0.7)

    server = FaultServer(script)
    (one,), _ = ask(tmp_path, server, decode="score", batch=0, strategy="cascade")
    assert likely(one.codes)["dog.small"] == pytest.approx(0.56, abs=1e-6)
    assert len(server.requests) == len(one.call_ids) == 2


def test_no_code_fits_can_be_likeliest(tmp_path):
    server = FaultServer(lambda *_: told(None_=0.8, Cat=0.2))
    (one,), _ = ask(tmp_path, server, decode="score", batch=0)
    assert one.status is Status.ABSTAINED
    assert not one.codes
    assert next(iter(likely(one.runners_up))) == "cat"


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (completion("Cat"), Status.UNPARSED, "no log-probabilities"),
        (told(The=0.9, A=0.1), Status.UNPARSED, "none of the likely first tokens"),
        (completion(None, "content_filter"), Status.REFUSED, "filter"),
        (refusal(500, "boom"), Status.FAILED, "boom"),
    ],
)
def test_without_probabilities_there_is_no_answer(tmp_path, reply, status, words):
    made, _ = ask(tmp_path, FaultServer(lambda *_: reply), decode="score", retries=0)
    assert [(p.status, p.codes, p.rationale) for p in made] == [(status, (), "")]
    assert words in made[0].error


def test_a_server_that_tells_fewer_tokens_is_asked_for_fewer(tmp_path):
    def script(body, _):
        if body["top_logprobs"] > 20:
            return refusal(400, "top_logprobs must be at most 20")
        return told(Cat=0.6, Big=0.4)

    server = FaultServer(script)
    (one,), _ = ask(tmp_path, server, name="llamacpp:m", decode="score", batch=0)
    assert one.status is Status.OK
    assert [body["top_logprobs"] for body in server.requests] == [200, 20]


@pytest.mark.parametrize(
    ("codes", "settings"), [(MANY, {}), (PETS, {"samples": 3}), (PETS, {"strategy": "each"})]
)
def test_what_cannot_be_scored_is_refused(tmp_path, codes, settings):
    made = study(tmp_path, "http://127.0.0.1:9/v1", decode="score", **settings)
    with pytest.raises(UsageError, match="chooses one code"):
        LLMProposer.open(made, book(codes), [])
