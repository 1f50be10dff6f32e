"""A scripted review killed with SIGKILL two hundred times: what it said was kept is on disk, once,
and what it showed is on disk as seen.

Each review is the real command in a process of its own, forked from one that has already imported
it and compiled its expressions, so that most of its short life is spent reviewing.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from support.runs import make_run, seen

from coder.__main__ import run as coder
from coder.records import Action, Mode
from coder.storage.history import History
from coder.storage.run import Run

KILLS = 200
ISSUES = 600
COMMANDS = ("", "", "1", "2", "t", "1 2", "n", "f", "m odd", "c rule say more", "u", "/taste.sour")
SAID = re.compile(
    r"^(?:> )*(?:(?P<decision>accepted|corrected|agreed|kept yours|noted|none fits|flagged|skipped)"
    r"|(?P<label>labelled)|(?P<memo>memo kept|change of the codebook)"
    r"|(?P<undo>(?:answer|memo) taken))"
)
WHERE = re.compile(r"^acme/fruit#(\d+) ")


def test_every_acknowledged_decision_is_there_and_none_twice(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", ISSUES)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["coder.__main__", "coder.cli.review", "coder.cli.review_plain",
                                    "coder.review.learning", "coder.review.session", "coder.study",
                                    "support.warm"])  # fmt: skip
    moments = random.Random(11)
    kept = CachedResponse(run)
    killed = 0
    while killed < KILLS:
        process, commands, output = start(context, tmp_path)
        script = "".join(f"{moments.choice(COMMANDS)}\n" for _ in range(14))
        os.write(commands.fileno(), script.encode())
        heard, wanted = bytearray(), moments.randrange(0, 12)
        for chunk in reading(output):
            heard += chunk
            if heard.count(b"\n> ") >= wanted:
                break
        # A moment of its own: in the middle of a write as likely as between two.
        time.sleep(moments.uniform(0, 0.003))
        process.kill()
        for chunk in reading(output):
            heard += chunk
        process.join()
        assert process.exitcode == -9, heard.decode()
        killed += 1
        commands.close()
        output.close()
        kept.hold_against(heard.decode())
    assert kept.labels > 50
    assert kept.decisions > 200
    assert run.label_journal("ann").broken_line() is None
    assert run.decision_journal("ann").broken_line() is None
    Standing(run).check()


class CachedResponse:
    """What has been on disk after each kill; the next may only add what its review said it kept,
    the one record it was writing, and that the suggestions it showed were shown."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.labels = self.decisions = 0

    def hold_against(self, heard: str) -> None:
        labels = list(self._run.label_journal("ann"))[self.labels :]
        decisions = list(self._run.decision_journal("ann"))[self.decisions :]
        written = sorted(
            [(x.at, "label" if not x.withdrawn else "undo", x.issue_id) for x in labels]
            + [(d.at, kind(d.action), d.issue_id) for d in decisions if d.action is not Action.SHOW]
        )
        said = list(acknowledged(heard))
        assert [(what, issue) for _, what, issue in written][: len(said)] == said
        assert len(written) - len(said) <= 1
        assert drawn(heard) <= seen(self._run)
        self.labels += len(labels)
        self.decisions += len(decisions)


class Standing:
    """What both files together say at the end."""

    def __init__(self, run: Run) -> None:
        self._labels = list(run.label_journal("ann"))
        self._decisions = list(run.decision_journal("ann"))

    def check(self) -> None:
        ids = [d.id for d in self._decisions]
        assert len(set(ids)) == len(ids)
        undone = [d.undoes for d in self._decisions if d.undoes]
        assert len(set(undone)) == len(undone)
        first = [x.issue_id for x in self._labels if x.mode is Mode.BLIND_FIRST]
        assert len(set(first)) == len(first)
        history = History(self._labels, self._decisions)
        for stack in history.answers.values():
            assert [d.action for d in stack[:-1]] == [Action.SKIP] * (len(stack) - 1)
        labelled = {x.issue_id: x.at for x in self._labels if x.mode is Mode.BLIND_FIRST}
        for decision in self._decisions:
            if decision.mode is Mode.BLIND_FIRST and decision.seen:
                assert labelled[decision.issue_id] < decision.at


def kind(action: Action) -> str:
    return {Action.MEMO: "memo", Action.UNDO: "undo"}.get(action, "decision")


def acknowledged(heard: str) -> Iterator[tuple[str, str]]:
    """What the review said it had kept, each with the issue that was shown then.

    An undo tells its issue by showing it.
    """
    issue = ""
    undone = False
    for line in heard.splitlines():
        found, where = SAID.match(line), WHERE.match(line)
        if where:
            issue = f"i{where[1]}"
            if undone:
                yield "undo", issue
            undone = False
        elif found and found.lastgroup == "undo":
            undone = True
        elif found and found.lastgroup:
            yield found.lastgroup, issue


def drawn(heard: str) -> set[str]:
    """The issues whose suggestion was printed."""
    found, issue = set(), ""
    for line in heard.splitlines():
        if where := WHERE.match(line):
            issue = f"i{where[1]}"
        elif line.startswith("suggested: "):
            found.add(issue)
    return found


def start(
    context: multiprocessing.context.ForkServerContext, study: Path
) -> tuple[BaseProcess, Connection, Connection]:
    """A review, where its commands go in and where its words come out."""
    commands, to_review = context.Pipe(duplex=False)
    output, from_review = context.Pipe(duplex=False)
    process = context.Process(target=review, args=(str(study), commands, from_review))
    process.start()
    commands.close()
    from_review.close()
    return process, to_review, output


def review(study: str, commands: Connection, output: Connection) -> None:
    os.chdir(study)
    os.dup2(commands.fileno(), 0)
    os.dup2(output.fileno(), 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    options = ("--order", "file", "--blind-share", "0.4", "--holdout", "0.2", "--plain")
    coder(["review", "trial", "--rater", "ann", *options])


def reading(output: Connection) -> Iterator[bytes]:
    while chunk := os.read(output.fileno(), 65536):
        yield chunk
