"""Prompts made ready in a process of their own are those that would be made here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asking import PETS, book, issue, study
from support.fault_server import FaultServer, completion, in_turn

from coder.errors import ModelError
from coder.proposers.chat.chat_proposer import READING_AHEAD, LLMProposer
from coder.proposers.chat.prompt_composer import Composer
from coder.proposers.chat.read_ahead import BATCH, LEAST, AtOnce, HeldUp, ReadAhead, Setup
from coder.proposers.chat.strategies import open_strategy
from coder.records import Example, Issue
from coder.storage.run import Run

MANY = LEAST + 7


def animals(count: int) -> list[Issue]:
    def told(n: int) -> str:
        return " ".join(f"word{(n * k) % 97}" for k in range(3 + n % 40))

    return [
        issue(n, f"Animal {n} makes noise", f"{told(n)}\n\n    code_{n}()\n") for n in range(count)
    ]


EXAMPLES = [Example(issue=one, codes=("cat",), memo=f"memo {one.id}") for one in animals(30)[::3]]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    asks = study(tmp_path, "http://127.0.0.1:9/v1")
    return Setup(asks, book(PETS), EXAMPLES, True)


@pytest.mark.parametrize("strategy", ["flat", "cascade", "each"])
def test_what_the_process_prepares_is_what_would_be_prepared_here(strategy, tmp_path):
    asks = study(tmp_path, "http://127.0.0.1:9/v1", strategy=strategy)
    setup = Setup(asks, book(PETS), EXAMPLES, True)
    composer = Composer.open(asks, book(PETS), EXAMPLES)
    here = open_strategy(asks.settings.model, book(PETS), composer, True)
    issues = animals(2 * BATCH + 3)
    woken: list[int] = []
    with ReadAhead(setup, issues, 8, lambda: woken.append(1), lambda i, made: made) as ahead:
        found = []
        while not ahead.has_ended:
            ahead.wait()
            while (taken := ahead.take()) is not None:
                found.append(taken)
    assert [one for one, _ in found] == issues
    for (one, made), (expected,) in zip(found, ([*here.prepare([i])] for i in issues), strict=True):
        assert made == expected
        assert made.composed[0].issue == one and made.composed[0].shown
    assert woken


def test_a_run_of_many_issues_is_the_run_of_few(tmp_path, monkeypatch):
    """The same answers to the same prompts, whether they were prepared here or there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text('[retrieval]\nembedder = "none"\n')
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "ptm-reuse.yaml").write_text(PETS)
    Path("i.jsonl").write_text("".join(one.to_json() + "\n" for one in animals(MANY)))
    Path("few.jsonl").write_text("".join(one.to_json() + "\n" for one in animals(40)))
    Path("l.csv").write_text("id,code\n" + "".join(f"{e.issue.id},cat\n" for e in EXAMPLES))
    for run, source in (("many", "i.jsonl"), ("few", "few.jsonl")):
        options = ("--labels", "l.csv", "--no-cache", "--concurrency", "8")
        server = FaultServer(in_turn(completion()))
        with server.running():
            from coder.__main__ import run as coder

            arguments = ["propose", source, "--run", run, "--model", "openai:m"]
            address = ["--base-url", server.base_url]
            assert coder([*arguments, *address, *options]) == 0
    many, few = (Run.open(Path("runs"), run) for run in ("many", "few"))
    asked = {
        call.issue_id: [m.get("content") for m in call.request["messages"]] for call in many.calls
    }
    assert len(asked) == MANY
    for call in few.calls:
        assert [m.get("content") for m in call.request["messages"]] == asked[call.issue_id]
    proposals = many.latest_proposals()
    for found in few.latest_proposals().values():
        same = proposals[found.issue_id]
        assert (found.codes, found.evidence, found.retrieved, found.excluded) == (
            same.codes, same.evidence, same.retrieved, same.excluded,
        )  # fmt: skip


def test_what_goes_wrong_in_the_process_is_one_line_here(tmp_path):
    asks = study(tmp_path, "http://127.0.0.1:9/v1", prompt="no.such")
    setup = Setup(asks, book(PETS), [], True)
    with ReadAhead(setup, animals(3), 8, lambda: None, lambda i, made: made) as ahead:
        with pytest.raises(Exception, match=r"no\.such") as raised:
            ahead.wait()
        assert type(raised.value).__name__ == "InputError" and raised.value.hint


def test_a_process_that_was_ended_is_one_line_that_says_what_to_do(setup):
    with ReadAhead(setup, animals(3), 8, lambda: None, lambda i, made: made) as ahead:
        os.kill(ahead._workers[0].process.pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="has ended") as raised:
            ahead.wait()
    assert "same command" in raised.value.hint


PARENT = """
import sys, time
from pathlib import Path
sys.path[:0] = [{here!r}, {tests!r}]
import test_read_ahead as t
from coder.proposers.chat.read_ahead import ReadAhead, Setup
asks = t.study(Path({folder!r}), "http://127.0.0.1:9/v1")
made = Setup(asks, t.book(t.PETS), t.EXAMPLES, True)
with ReadAhead(made, t.animals(5000), 8, lambda: None, lambda i, found: found) as ahead:
    ahead.wait()
    print(ahead._workers[0].process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_the_process_ends_with_one_that_was_killed(tmp_path):
    here = Path(__file__).parent
    code = PARENT.format(here=str(here), tests=str(here.parent), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(200):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the process goes on alone")


def test_a_study_that_holds_modules_runs_none_of_them(setup, tmp_path, monkeypatch):
    """Python looks in the current folder first, unless it is told not to."""
    for name in ("pickle", "random", "jinja2"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    with ReadAhead(setup, animals(3), 8, lambda: None, lambda i, made: made) as ahead:
        ahead.wait()
        assert ahead.take() is not None
    assert not Path("ran").exists()


def test_at_once_gives_what_there_is():
    source = AtOnce(iter("ab"))
    assert (source.has_ended, source.take(), source.take()) == (False, "a", "b")
    assert source.has_ended and source.take() is None
    assert AtOnce(iter("")).has_ended


def test_only_long_waiting_is_said(monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr("coder.proposers.chat.read_ahead.monotonic", lambda: now[0])
    held_up = HeldUp()
    for is_idle, seconds, is_long in ((True, 9, False), (True, 2, True), (False, 30, False)):
        with held_up.counting(is_idle):
            now[0] += seconds
        assert held_up.is_long is is_long
    proposer = LLMProposer.open(study(tmp_path, "http://127.0.0.1:9/v1"), book(PETS), [])
    assert proposer.held_up_by() == ""
    with proposer._held_up.counting(True):
        now[0] += 60
    assert proposer.held_up_by() == READING_AHEAD


NOTHING_TO_LOOK_UP = """
import sys
from coder.__main__ import run
assert run(sys.argv[1:]) == 0
print([name for name in ("chromadb", "onnxruntime", "sklearn") if name in sys.modules])
"""


def test_where_nothing_is_looked_up_nothing_is_loaded_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODER_MODEL__PROMPT", "propose.v2")
    Path("i.jsonl").write_text("".join(one.to_json() + "\n" for one in animals(3)))
    server = FaultServer(in_turn(completion({**json.loads(ANSWER), "sentences": [1]})))
    with server.running():
        arguments = ["propose", "i.jsonl", "--run", "r", "--model", "openai:m", "--base-url"]
        done = subprocess.run(
            [sys.executable, "-c", NOTHING_TO_LOOK_UP, *arguments, server.base_url],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


ANSWER = (
    '{"rationale": "It says so.", "codes": [{"code": "model-usage.api-calls", "confidence": 0.9}],'
    ' "runners_up": []}'
)
