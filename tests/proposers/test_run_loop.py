"""A run ends with one proposal for every issue, however often it was stopped on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from support.runs import CODEBOOK

from coder.errors import RunError
from coder.proposers import run_loop as driver
from coder.proposers.base import Proposer, SaveCalls
from coder.records import Call, Issue, Manifest, Proposal, Status
from coder.storage.run import Run, data_hash

ISSUES = [Issue(id=f"i{n}", title=f"Issue {n}") for n in range(6)]


class Scripted(Proposer):
    """A proposer that answers as told, saving a call before each answer."""

    def __init__(self, statuses: dict[str, Status] | None = None, stop_at: str = "") -> None:
        self.statuses = statuses or {}
        self.stop_at = stop_at
        self.asked: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"kind": "llm", "name": "scripted"}

    def propose(self, issues: Iterable[Issue], save_calls: SaveCalls) -> Iterator[Proposal]:
        for issue in issues:
            if issue.id == self.stop_at:
                raise KeyboardInterrupt
            self.asked.append(issue.id)
            call = Call(
                id=f"c{issue.id}", issue_id=issue.id, model="m", prompt="p", prompt_hash="h",
                request={},
            )  # fmt: skip
            save_calls([call])
            status = self.statuses.get(issue.id, Status.ABSTAINED)
            yield Proposal(
                id=f"p{issue.id}", issue_id=issue.id, issue_hash=issue.hash, status=status
            )


@pytest.fixture
def run(tmp_path) -> Run:
    manifest = Manifest(
        name="r", codebook_id="fruit", codebook_version="1", codebook_hash="c",
        data_hash=data_hash(ISSUES), issues=len(ISSUES), model={},
    )  # fmt: skip
    text = CODEBOOK.format(cardinality="single", allow_none="true")
    return Run.create_or_resume(tmp_path, manifest, ISSUES, text)


def test_every_issue_gets_one_proposal_and_what_is_reported_is_on_disk(run):
    def on_disk(proposal: Proposal) -> None:
        assert [*run.proposals][-1] == proposal
        assert [*run.calls][-1].issue_id == proposal.issue_id

    counts = driver.propose(run, Scripted(), on_disk)
    assert counts == Counter({Status.ABSTAINED: 6})
    assert list(run.latest_proposals()) == [issue.id for issue in ISSUES]


def test_after_a_stop_only_the_rest_is_asked(run):
    with pytest.raises(KeyboardInterrupt):
        driver.propose(run, Scripted(stop_at="i3"), lambda _: None)
    rest = Scripted()
    driver.propose(run, rest, lambda _: None)
    assert rest.asked == ["i3", "i4", "i5"]
    again = Scripted()
    driver.propose(run, again, lambda _: None)
    assert again.asked == []


def test_only_what_failed_is_asked_again_and_the_failure_stays_on_record(run):
    bad = {"i1": Status.FAILED, "i2": Status.REFUSED, "i3": Status.OFF_CODEBOOK}
    driver.propose(run, Scripted(bad), lambda _: None)
    again = Scripted()
    driver.propose(run, again, lambda _: None)
    assert again.asked == ["i1"]
    assert run.latest_proposals()["i1"].status is Status.ABSTAINED
    assert [p.status for p in run.proposals if p.issue_id == "i1"] == [
        Status.FAILED, Status.FAILED, Status.ABSTAINED,
    ]  # fmt: skip


def test_two_processes_never_propose_in_one_run(run):
    with run.proposing(), pytest.raises(RunError, match="another process"):
        # A lock held by this very process would be granted again, so ask through another handle.
        driver.propose(Run(run.path), Scripted(), lambda _: None)


def test_kill_9_at_any_moment_loses_nothing_and_repeats_nothing(tmp_path):
    """The real command, the real classifier, killed in the middle again and again."""
    rows = [
        {"id": f"i{n}", "title": f"Number {n} is sour", "body": "It tastes of lemons. " * n}
        for n in range(40)
    ]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.toml").write_text('codebook = "fruit"\n')
    (tmp_path / "codebook").mkdir()
    book = CODEBOOK.format(cardinality="single", allow_none="true")
    (tmp_path / "codebook" / "fruit.yaml").write_text(book)
    command = [sys.executable, "-m", "coder", "propose", "issues.jsonl", "--run", "r"]
    proposals = tmp_path / "runs" / "r" / "proposals.jsonl"
    for wanted in (3, 15):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not proposals.exists() or proposals.read_bytes().count(b"\n") < wanted:
            assert process.poll() is None, "ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    run = Run.open(tmp_path / "runs", "r")
    seen = Counter(proposal.issue_id for proposal in run.proposals)
    assert seen == Counter(row["id"] for row in rows)
    assert run.proposals.broken_line() is None
