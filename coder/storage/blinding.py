"""Blinding: who is shown the suggestion for which issue, and when a person first saw one.

Who is shown it is a draw that needs no state: a random holdout of (rater, issue) pairs, chosen by
a salted hash, tells how far suggestions sway people. Who was shown it (exposure) is read from what
reviews wrote down, in any run of the study: a label given after that is no independent judgement,
in whichever run it is given and under the name of whichever pass.
"""

from __future__ import annotations

import filecmp
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

from coder.records import Decision, Issue, Label, Manifest, Mode
from coder.storage.intra_rater import person
from coder.storage.journal import Journal


@dataclass(frozen=True)
class Shares:
    """The shares of (rater, issue) pairs that are coded before or without the suggestion.

    Each pair has two fixed uniform numbers. It is held out when the first is below ``holdout``,
    else coded blind first when the second is below ``blind``; so a share that is raised keeps all
    it had drawn, and holding out says nothing about what is blind among the rest.
    """

    blind: float = 0.0
    holdout: float = 0.0
    salt: str = ""

    def mode(self, rater: str, issue_id: str) -> Mode:
        if not (self.blind or self.holdout):
            return Mode.ASSISTED
        first, second = _uniform(self.salt, rater, issue_id)
        if first < self.holdout:
            return Mode.HOLDOUT
        return Mode.BLIND_FIRST if second < self.blind else Mode.ASSISTED


def salt(made: Manifest) -> str:
    """What makes the draw of a run differ from that of every other."""
    return f"{made.created_at.isoformat()}\0{made.seed}\0{made.data_hash}"


def _uniform(*parts: str) -> tuple[float, float]:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:16], "big") / 2**64)


IssuesOf = Callable[[], Mapping[str, Issue]]
"""Reads a run's issues; called only where another run's have to be held against them."""


@dataclass(frozen=True)
class Look:
    """The first time a person had a suggestion for an issue on the screen."""

    at: datetime
    run: str
    rater: str
    """The name under which they saw it: that of one of their passes."""


@dataclass(frozen=True)
class Exposure:
    """What one person saw and labelled in the whole study, by the ids of one run's issues."""

    looks: dict[str, Look] = field(default_factory=dict)
    labelled: dict[tuple[str, frozenset[str]], datetime] = field(default_factory=dict)
    """When they first gave an issue these codes."""

    def not_blind(self, label: Label) -> Look | None:
        """The look that came before ``label``; ``None`` when it is blind."""
        look = self.looks.get(label.issue_id)
        return look if look and label.at > look.at else None

    def blind_since(self, label: Label) -> datetime | None:
        """When the person had given the same codes before they saw a suggestion; ``None`` if they
        had not. Tells a label brought over from another run from one that was made up since."""
        at = self.labelled.get((label.issue_id, frozenset(label.codes)))
        look = self.looks.get(label.issue_id)
        return at if at and (look is None or at <= look.at) else None

    def _add(self, issue_id: str, record: Label | Decision, run: str) -> None:
        if shows_suggestion(record):
            look = Look(record.at, run, record.rater)
            known = self.looks.get(issue_id, look)
            self.looks[issue_id] = min(known, look, key=lambda one: one.at)
        if isinstance(record, Label) and not record.withdrawn:
            given = issue_id, frozenset(record.codes)
            self.labelled[given] = min(record.at, self.labelled.get(given, record.at))


def exposures(here: Path, issues_of: IssuesOf, rater: str = "") -> dict[str, Exposure]:
    """What each person saw of the issues of the run in the folder ``here``, by
    :func:`coder.storage.intra_rater.person`; of ``rater`` alone, if one is named.

    Every run beside ``here`` counts. ``issues_of`` reads the issues of ``here``. Raises
    ``RunError`` where a rater's file cannot be read: what it would tell cannot be guessed.
    """
    wanted = person(rater) if rater else None
    found: dict[str, Exposure] = {}
    beside = {manifest.parent for manifest in here.parent.glob("*/manifest.json")}
    for run in sorted({here, *beside}):
        records = [r for r in _records(run) if wanted is None or person(r.rater) == wanted]
        if not records:
            continue
        names = None if run == here else _same_issues(run, here, issues_of)
        for record in records:
            theirs = found.setdefault(person(record.rater), Exposure())
            ids = (record.issue_id,) if names is None else names.get(record.issue_id, ())
            for issue_id in ids:
                theirs._add(issue_id, record, run.name)
    return found


def shows_suggestion(record: Label | Decision) -> bool:
    """Whether who left ``record`` has seen the suggestion by then. What was taken back counts too;
    after a label that is given blind first the suggestion comes at once."""
    return record.seen if isinstance(record, Decision) else record.reveals


def _records(run: Path) -> Iterator[Label | Decision]:
    """All that raters left in one run."""
    for file in sorted(run.glob("decisions/*.jsonl")):
        yield from Journal(file, Decision)
    for file in sorted(run.glob("labels/*.jsonl")):
        yield from Journal(file, Label)


def _same_issues(there: Path, here: Path, issues_of: IssuesOf) -> Mapping[str, list[str]] | None:
    """What ``here`` calls each issue of ``there``; ``None`` when the two are the same set.

    An issue is the same by its id, unless it is another repository's, or by its text.
    """
    file = there / "issues.jsonl"
    if not file.is_file() or filecmp.cmp(file, here / file.name, shallow=False):
        return None
    mine = issues_of()
    by_text: dict[str, list[str]] = {}
    for issue in mine.values():
        by_text.setdefault(issue.hash, []).append(issue.id)
    found: dict[str, list[str]] = {}
    for other in Journal(file, Issue):
        own = mine.get(other.id)
        same = own is not None and not (own.repo and other.repo and own.repo != other.repo)
        alike = by_text.get(other.hash, []) if other.text.strip() else []
        found[other.id] = list(dict.fromkeys(chain([other.id] if same else [], alike)))
    return found
