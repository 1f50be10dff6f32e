"""A server that reads prompts in part is noticed, and one that counts in its own way is not."""

from __future__ import annotations

import json

import pytest
from asking import propose
from support.fault_server import GOOD, FaultServer, completion

from coder.__main__ import run as coder
from coder.proposers.chat.cut_prompts import CutPrompts
from coder.proposers.chat.question import Question
from coder.proposers.token_count import TokenCounter
from coder.records import Usage
from coder.storage.run import Run

WINDOW = 2050


def save_issues(folder, *sizes):
    """Issues of about so many words each."""
    lines = [
        {"id": f"i{n}", "title": f"Cat {n}", "body": " ".join(f"it meows at {k}" for k in range(s))}
        for n, s in enumerate(sizes)
    ]
    (folder / "issues.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def reports(tokens):
    """Answers as if the prompt had ``tokens(body)`` tokens."""
    return lambda body, _number: completion(
        GOOD, usage={"prompt_tokens": tokens(body), "completion_tokens": 20}
    )


def words_of(body) -> int:
    return sum(len(message["content"].split()) for message in body["messages"])


def marked(folder) -> list[bool]:
    return [call.prompt_cut for call in Run.open(folder / "runs", "r").calls]


def test_a_window_that_is_too_small_is_said_once_and_marked(folder, capsys):
    save_issues(folder, 1500, 1800, 1300)
    assert propose(FaultServer(reports(lambda _: WINDOW))) == 0
    out, err = capsys.readouterr()
    assert err.count("warning:") == 1 and "it counts 2,050" in err
    assert "OLLAMA_CONTEXT_LENGTH" in err and "num_ctx" in err and "at least 16,000" in err
    told = "the server did not read the whole prompt of 3 calls"
    assert told in out and marked(folder) == [True] * 3
    assert coder(["report", "r"]) == 0
    report = folder / "runs" / "r" / "report"
    assert json.loads((report / "report.json").read_text())["usage"]["cut_prompts"] == 3
    assert told in (report / "report.md").read_text().replace("\\", "")
    # Once the window is larger, another run asks anew.
    server = FaultServer(reports(words_of))
    assert propose(server, run="larger") == 0 and len(server.requests) == 3
    capsys.readouterr()
    # It is on record: a session that asks nothing says it as well.
    assert propose(FaultServer(reports(words_of))) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "tokens", [words_of, lambda body: 2 * words_of(body), lambda _: 0, lambda _: None]
)
def test_a_server_that_counts_all_or_nothing_is_believed(tokens, folder, capsys):
    save_issues(folder, 5, 20, 1500, 1800, 1300)
    assert propose(FaultServer(reports(tokens))) == 0
    out, err = capsys.readouterr()
    assert "warning:" not in err and "whole prompt" not in out and not any(marked(folder))


WORDS = TokenCounter("words", False, lambda text: len(text.split()))
HEAD = "rule " * 500


def question(new, head=HEAD, sample=0, turns=()):
    return Question((("system", head), ("user", "issue " * new), *turns), {}, {}, sample)


def judged(*counts, cached=0):
    """What is made of these counts, (tokens of an issue, tokens reported), one after the other."""
    cut = CutPrompts(WORDS)
    return [
        cut.is_cut(question(new), Usage(input_tokens=n, output_tokens=1, cached_tokens=cached), 1)
        for new, n in counts
    ]


def test_a_count_far_below_what_is_new_in_a_prompt_is_a_cut():
    assert judged((4000, 2050)) == [True]
    assert judged((4000, 2900)) == [False]


def test_the_same_count_for_prompts_of_different_length_is_a_cut():
    assert judged((300, 400), (400, 400), (420, 400)) == [False, True, True]
    # Prompts of one length may well have one count.
    assert judged((300, 400), (310, 400)) == [False, False]
    assert judged((300, 400), (380, 500)) == [False, False]


def test_a_server_that_leaves_out_what_it_had_in_its_cache_is_believed():
    assert judged((300, 800), (380, 380), (900, 900), (300, 290)) == [False] * 4
    assert judged((4000, 700), cached=3800) == [False]


def test_a_prompt_that_was_sent_before_is_not_judged():
    cut, few = CutPrompts(WORDS), Usage(input_tokens=3, output_tokens=1)
    assert not cut.is_cut(question(4000, sample=1), few, 1)
    assert not cut.is_cut(question(4000), few, 2)
    assert not cut.is_cut(question(4000, turns=(("assistant", "?"), ("user", "again"))), few, 1)
    assert cut.is_cut(question(4000), few, 1)
