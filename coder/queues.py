"""Which issues come before a rater and in what order, read without parsing a run's every issue."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from coder.confidence import Confidence, calibrated
from coder.errors import RunError
from coder.journal import Journal
from coder.records import Issue, Proposal, ScoredCode, Status
from coder.store import Run


class Order(StrEnum):
    """How a queue is sorted. Only ``random`` allows estimates about the issues not reviewed."""

    RANDOM = "random"
    UNCERTAIN = "uncertain"
    FILE = "file"


@dataclass(frozen=True)
class Entry:
    """One issue with a proposal: where both lie in their files (byte offsets), and how sure."""

    issue_id: str
    issue_at: int
    proposal_at: int
    confidence: float
    """The least sure proposed code's, 0 when the model said nothing usable."""


class Pile:
    """Every issue of a run that has a proposal, in the run's order; each is parsed when shown."""

    def __init__(self, run: Run) -> None:
        self._issues = run.path / "issues.jsonl"
        self._proposals = run.proposals.path
        confidence = calibrated(run)
        proposals = {
            str(fields["issue_id"]): (at, _confidence(fields, confidence))
            for at, fields in _scan(self._proposals, Proposal)
        }
        self.entries = tuple(
            Entry(issue, at, *proposals[issue])
            for at, fields in _scan(self._issues, Issue)
            if (issue := str(fields["id"])) in proposals
        )
        if not self.entries:
            hint = "make them with: coder propose"
            raise RunError(f"run {run.name!r} has no proposals yet", hint)

    def read(self, entry: Entry) -> tuple[Issue, Proposal]:
        issue = Issue.model_validate(_fields(self._issues, entry.issue_at))
        return issue, Proposal.model_validate(_fields(self._proposals, entry.proposal_at))


def arrange(entries: Sequence[Entry], order: Order, seed: int) -> tuple[Entry, ...]:
    """``entries`` in the order asked for.

    The random order sorts by a hash of the seed and the id, so it is the same for every rater of a
    run (whose reviewed sets then overlap) and stays as it is when more proposals arrive.
    """
    if order is Order.FILE:
        return tuple(entries)
    shuffled = sorted(entries, key=lambda entry: _draw(seed, entry.issue_id))
    if order is Order.UNCERTAIN:
        shuffled.sort(key=lambda entry: entry.confidence)
    return tuple(shuffled)


def chance(order: Order, position: int, total: int) -> float:
    """The probability that an issue is among the first ``position`` of ``total`` (from 1).

    In random order that is ``position / total`` for every issue, so whoever stops after k answers
    has a simple random sample and its largest chance is k / total. The other orders draw nothing:
    what they show was certain to be shown, and says nothing about the rest.
    """
    return position / total if order is Order.RANDOM else 1.0


def _draw(seed: int, issue_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{issue_id}".encode("utf-8", "surrogatepass")).digest()


def _confidence(fields: dict[str, Any], of: Confidence) -> float:
    if fields["status"] != Status.OK:
        return 0.0
    codes = map(ScoredCode.model_validate, fields["codes"])
    return min((of(code) or 0.0 for code in codes), default=0.0)


def _scan(path: Path, kind: type[Issue] | type[Proposal]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every whole line's offset and fields; ``RunError`` names a damaged line."""
    try:
        at = 0
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield at, from_json(line)
                at += len(line)
    except FileNotFoundError:
        return
    except ValueError:
        for _ in Journal(path, kind):  # reads the same lines again to name the bad one
            pass
        raise


def _fields(path: Path, at: int) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(at)
        fields: dict[str, Any] = from_json(file.readline())
    fields.pop("prev", None)
    return fields
