"""A preview counts what is still to be asked, and nothing that has its answer already."""

from __future__ import annotations

from asking import MANY, PETS, book, issue, study
from support.fault_server import GOOD, FaultServer, completion, told

from coder.proposers.budget import Caps, spent_by
from coder.proposers.chat.chat_proposer import LLMProposer


def answer(code: str):
    return completion({**GOOD, "codes": [{"code": code}], "runners_up": []})


def in_steps(body, _number):
    return answer("dog" if "dog.big" not in body["messages"][0]["content"] else "dog.big")


def of_each(body, _number):
    return answer("cat" if "* cat" in body["messages"][0]["content"] else "none")


def likely(body, _number):
    return told(Cat=0.2, Dog=0.8) if "* Dog" in body["messages"][0]["content"] else told(Big=1.0)


def preview_and_run(folder, script, codes=PETS, **settings):
    """What was foreseen at first, after two requests, and what all of it took."""
    issues = [issue(n, title=f"Pet {n}") for n in range(4)]
    server, calls = FaultServer(script), []
    made = study(folder, server.base_url, concurrency=1, **settings)

    def proposer(caps):
        found = LLMProposer.open(made, book(codes), [], caps, issues)
        found.recall(list(calls))
        return found

    foreseen = [proposer(Caps()).preview(issues)]
    with server.running():
        stream = proposer(Caps(calls=2)).propose(issues, calls.extend)
        try:
            list(stream)
        except Exception as stopped:
            assert "--max-calls 2" in str(stopped)
        foreseen.append(proposer(Caps()).preview(issues))
        list(proposer(Caps()).propose(issues, calls.extend))
    foreseen.append(proposer(Caps()).preview(issues))
    return [p.calls for p in foreseen], spent_by(calls).calls, foreseen[0]


def test_each_question_that_is_left_counts_once(tmp_path):
    flat = preview_and_run(tmp_path / "a", lambda *_: answer("cat"))
    assert flat[:2] == ([4, 2, 0], 4)
    cascade = preview_and_run(tmp_path / "b", in_steps, strategy="cascade")
    assert cascade[:2] == ([8, 6, 0], 8)
    samples = preview_and_run(tmp_path / "c", lambda *_: answer("cat"), samples=3)
    assert samples[:2] == ([12, 10, 0], 12)
    each = preview_and_run(tmp_path / "d", of_each, MANY, strategy="each")
    assert each[:2] == ([12, 10, 0], 12)


def test_a_score_is_one_token_and_its_batch_is_asked_about_everything(tmp_path):
    calls, taken, preview = preview_and_run(tmp_path / "a", likely, decode="score")
    assert (calls, taken) == ([4, 2, 0], 4)
    assert preview.usage.output_tokens == 4
    # Of two issues in the batch every category is asked, of the other two the likeliest alone.
    codes = PETS.replace("definition: Cats.", "definition: Cats., children: [{id: cat.big, name: "
                         "Big Cat, definition: Lions.}]")  # fmt: skip
    made = preview_and_run(tmp_path / "b", likely, codes, decode="score", batch=2,
                           strategy="cascade")  # fmt: skip
    assert made[:2] == ([10, 8, 0], 10)
