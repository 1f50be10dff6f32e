"""Takes what others did in their copy of a run into this one.

Two copies of a journal mostly have one of these relations: they are equal, or one goes on where the
other ends. Then the longer one is the whole. Where both went on, nothing is overwritten: the other
file is kept beside, and only on request (or where the lines are about different things in a file
that several people write) its lines are appended here, chained anew, with the times they were made.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from coder.codebook import load as codebooks
from coder.errors import RunError, UsageError
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.files.resources import require_own
from coder.records import (
    Action,
    Adjudication,
    Assignment,
    Call,
    Decision,
    Label,
    Migration,
    Proposal,
    Record,
    Refit,
    content_hash,
)
from coder.records.refinement import HeldOut, Verdict
from coder.storage.journal import GENESIS, Journal, chained
from coder.storage.names import check_rater
from coder.storage.run import IDENTITY, Run, standing
from coder.text.spelling import file_called, name_of

MIGRATIONS = "migrations.jsonl"


class What(StrEnum):
    """What becomes of one file of the other copy."""

    SAME = "nothing new"
    NEW = "taken"
    LONGER = "longer there: the new lines were taken"
    JOINED = "both went on: the other's lines were appended"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Outcome:
    """One file: how many lines came in, and what a person must know about it."""

    file: str
    what: What
    lines: int = 0
    why: str = ""
    about: tuple[str, ...] = ()
    """In a conflict, or where both went on: what both have lines about, mostly issues."""
    kept: Path | None = None
    """Where the other's file is now, when it is not a part of this one line by line."""
    torn: bool = False
    """The other's last line was cut off, and is left out."""


@dataclass(frozen=True)
class Merged:
    """``not_blind`` are the labels (rater, issue) that were withdrawn: the rater had seen the
    suggestion in the other copy before."""

    outcomes: tuple[Outcome, ...]
    not_blind: tuple[tuple[str, str], ...]

    @property
    def conflicts(self) -> tuple[Outcome, ...]:
        return tuple(o for o in self.outcomes if o.what is What.CONFLICT)


def merge(run: Run, folder: Path, *, take_both: bool = False, dry_run: bool = False) -> Merged:
    """Take everything in ``folder``, a copy of ``run``, into it; ``take_both`` settles conflicts.

    What is read from both copies is checked before anything is written. Each file is written in one
    step, so that whatever ends this early leaves every file whole, and the same call finishes it.
    Raises ``UsageError`` when the folder is no copy of this run, ``RunError`` for a damaged line.
    """
    require_own(folder, folder)
    other = Run(folder)
    _require_same_run(run, other)
    pairs = list(_pairs(run, other))
    with contextlib.ExitStack() as locks:
        for pair in pairs if not dry_run else ():
            if not any(copy.journal.path.exists() for copy in (pair.mine, pair.theirs)):
                continue
            locks.enter_context(pair.mine.journal.writing("coder merge"))
        plans = [_plan(pair, take_both) for pair in pairs]
        not_blind = tuple(_withdraw(plans))
        books = dict(_codebooks(plans, other))
        if not dry_run:
            for file, text in books.items():
                write_atomically(run.path / file, text)
            for plan in plans:
                plan.write()
    return Merged(tuple(plan.outcome for plan in plans), not_blind)


# --- what there is ------------------------------------------------------------------------------


@dataclass
class _Copy:
    """One journal as it is in one of the copies, checked."""

    journal: Journal[Any]
    rater: str

    @cached_property
    def lines(self) -> list[bytes]:
        return self._data.split(b"\n")[:-1]

    @cached_property
    def torn(self) -> bool:
        return bool(self._data) and not self._data.endswith(b"\n")

    @cached_property
    def records(self) -> list[Any]:
        count = len(self.lines)  # what arrives while this runs is for the next time
        broken = self.journal.broken_line()
        if broken is not None:
            raise RunError(
                f"{self.journal.path}:{broken}: does not follow from the line before it",
                "nothing was merged; restore the file from a backup or version control",
            )
        records = list(self.journal)[:count]
        if self.rater and any(getattr(r, "rater", self.rater) != self.rater for r in records):
            raise RunError(
                f"{self.journal.path} holds lines that are not by {self.rater!r}",
                "nothing was merged; each rater's lines belong into the file of that name",
            )
        return records

    @cached_property
    def contents(self) -> set[str]:
        return {record.to_json() for record in self.records}

    @cached_property
    def last_hash(self) -> str:
        return hashlib.sha256(self.lines[-1]).hexdigest() if self.lines else GENESIS

    @cached_property
    def _data(self) -> bytes:
        path = self.journal.path
        return path.read_bytes() if path.exists() else b""


@dataclass
class _Pair:
    """A journal in both copies. ``about`` says what a record is about; the later one counts."""

    file: str
    mine: _Copy
    theirs: _Copy
    about: Callable[[Any], str] | None = None
    """``None`` for what the program or a model wrote: both copies must have the same beginning."""
    clash: str = ""
    """A rater here whose name differs in case only."""

    @property
    def rater(self) -> str:
        return self.mine.rater


def _issue(record: Label | Decision | Proposal | Adjudication) -> str:
    return record.issue_id


_PER_RATER: tuple[tuple[str, type[Record], Callable[[Any], str]], ...] = (
    ("suggestions", Proposal, _issue),
    ("refits", Refit, lambda refit: f"version {refit.version}"),
    # Labels before decisions: a label that is not blind is withdrawn before it can be seen as one.
    ("labels", Label, _issue),
    ("decisions", Decision, _issue),
)


def _pairs(run: Run, other: Run) -> Iterator[_Pair]:
    """Every journal there may be something to take from, in the order they are to be written."""

    def pair(file: str, kind: type[Record], rater: str = "") -> tuple[str, _Copy, _Copy]:
        here, there = (Journal[Any](path(copy, file), kind) for copy in (run, other))
        return file, _Copy(here, rater), _Copy(there, rater)

    def path(copy: Run, file: str) -> Path:
        whole = copy.path / file
        return file_called(whole.parent, whole.name.removesuffix(".jsonl"))

    yield _Pair(*pair(MIGRATIONS, Migration))
    yield _Pair(*pair("calls.jsonl", Call))
    yield _Pair(*pair("proposals.jsonl", Proposal))
    yield _Pair(*pair("suggest/calls.jsonl", Call))
    yield _Pair(*pair("refine/calls.jsonl", Call))
    names = {name.casefold(): name for name in run.raters()}
    files = (file for folder, *_ in _PER_RATER for file in (other.path / folder).glob("*.jsonl"))
    raters = sorted({check_rater(name_of(file)) for file in files})
    for folder, kind, about in _PER_RATER:
        for rater in raters:
            known = names.get(rater.casefold(), rater)
            clash = known if known != rater else ""
            yield _Pair(*pair(f"{folder}/{rater}.jsonl", kind, rater), about, clash)
    yield _Pair(*pair("assignments.jsonl", Assignment), lambda assigned: assigned.rater)
    yield _Pair(*pair("adjudications.jsonl", Adjudication), _issue)
    yield _Pair(*pair("refine/held-out.jsonl", HeldOut), lambda _: "the issues held out")
    yield _Pair(*pair("refine/verdicts.jsonl", Verdict), lambda verdict: verdict.draft)


def _codebooks(plans: Iterable[_Plan], other: Run) -> Iterator[tuple[str, str]]:
    """The codebooks of the versions that are taken: each must be on disk before its record."""
    taken = next(p for p in plans if p.pair.file == MIGRATIONS)
    known = len(taken.pair.mine.records)
    for number, record in enumerate(taken.records[known:], start=known + 1):
        # Not by the name in the record, which another person wrote.
        file = f"codebooks/{number}.yaml"
        if record.file != file or codebooks.load(other.path / file).hash != record.to_hash:
            raise RunError(
                f"{other.path / file} is not what {other.path / MIGRATIONS} says it is",
                "nothing was merged; coder audit log names what is wrong in a run",
            )
        yield file, read_text(other.path / file)


def _require_same_run(run: Run, other: Run) -> None:
    if not (other.path / "manifest.json").is_file():
        raise UsageError(
            f"{other.path} is not the folder of a run", "give the folder that holds manifest.json"
        )
    if other.path.resolve() == run.path.resolve():
        raise UsageError(f"{other.path} is run {run.name!r} itself", "give the other copy")
    here, there = run.manifest, other.manifest
    differing = [
        what for name, what in IDENTITY.items() if getattr(here, name) != getattr(there, name)
    ]
    if differing:
        raise UsageError(
            f"{other.path} is no copy of run {run.name!r}: it was made with another "
            f"{', another '.join(differing)}",
            "only copies of one run can be merged; labels alone come in with coder label import",
        )


# --- what to do ---------------------------------------------------------------------------------


@dataclass
class _Plan:
    """What is to be written of one file: first the other's lines as they are, then ``add``."""

    pair: _Pair
    outcome: Outcome
    whole: bool = False
    add: list[Any] = field(default_factory=list)

    @property
    def records(self) -> list[Any]:
        """What the file will hold."""
        copy = self.pair.theirs if self.whole else self.pair.mine
        return [*copy.records, *self.add]

    def write(self) -> None:
        here, theirs = self.pair.mine.journal, self.pair.theirs
        if self.outcome.kept is not None and not self.outcome.kept.exists():
            write_atomically(self.outcome.kept, _text(theirs.lines))
        if self.whole:
            here.append(())  # sets a line aside that a crash has cut off
            more, _ = chained(theirs.last_hash, self.add)
            write_atomically(here.path, _text(theirs.lines) + more.decode("utf-8"))
        else:
            here.append(self.add)


def _text(lines: Iterable[bytes]) -> str:
    return "".join(line.decode("utf-8") + "\n" for line in lines)


def _plan(pair: _Pair, take_both: bool) -> _Plan:
    mine, theirs, torn = pair.mine, pair.theirs, pair.theirs.torn
    if pair.clash and theirs.lines:
        why = f"there is a rater {pair.clash!r} here; one of the two must be renamed"
        kept = _beside(pair)
        return _Plan(pair, Outcome(pair.file, What.CONFLICT, why=why, kept=kept, torn=torn))
    if theirs.lines == mine.lines[: len(theirs.lines)]:
        return _Plan(pair, Outcome(pair.file, What.SAME, torn=torn))
    mine.records, theirs.records  # noqa: B018  a damaged copy ends the merge before it begins
    if pair.file == MIGRATIONS and (migrations := _further(pair)) is not None:
        what = What.LONGER if migrations else What.SAME
        return _Plan(pair, Outcome(pair.file, what, len(migrations), torn=torn), add=migrations)
    if mine.lines == theirs.lines[: len(mine.lines)]:
        what = What.LONGER if mine.lines else What.NEW
        lines = len(theirs.lines) - len(mine.lines)
        return _Plan(pair, Outcome(pair.file, what, lines, torn=torn), whole=True)
    if pair.about is None:
        raise _another_run(pair)
    return _both_went_on(pair, pair.about, take_both)


def _further(pair: _Pair) -> list[Migration] | None:
    """The versions that only the other copy went on to; ``None`` where both went different ways.

    Two people who go on to one version, each in their copy, have written it at different times.
    """
    ours, others = ([m.to_hash for m in copy.records] for copy in (pair.mine, pair.theirs))
    common = min(len(ours), len(others))
    return pair.theirs.records[common:] if ours[:common] == others[:common] else None


def _another_run(pair: _Pair) -> UsageError:
    here, there = pair.mine.journal.path.parent, pair.theirs.journal.path.parent
    if pair.file == MIGRATIONS:
        return UsageError(
            f"{there} goes on with another version of the codebook than run {here.name!r}",
            "their labels come in with: coder label export there, and coder label import here",
        )
    return UsageError(
        f"{there} is no copy of run {here.name!r}: {pair.file} differs from line "
        f"{_common(pair) + 1} on",
        "only copies of one run can be merged; propose in one of them, then copy",
    )


def _common(pair: _Pair) -> int:
    """How many lines both files begin with."""
    both = zip(pair.mine.lines, pair.theirs.lines, strict=False)
    return sum(1 for _ in takewhile(lambda lines: lines[0] == lines[1], both))


def _both_went_on(pair: _Pair, about: Callable[[Any], str], take_both: bool) -> _Plan:
    mine, theirs = pair.mine, pair.theirs
    same = _common(pair)
    missing = [record for record in theirs.records if record.to_json() not in mine.contents]
    ours = {about(record) for record in mine.records[same:]}
    both = tuple(dict.fromkeys(about(r) for r in theirs.records[same:] if about(r) in ours))
    contested = tuple(dict.fromkeys(about(r) for r in missing if about(r) in ours))
    found = Outcome(
        pair.file,
        What.SAME,
        about=contested,
        kept=_beside(pair) if missing else None,
        torn=theirs.torn,
    )
    if missing and not take_both and (pair.rater or contested):
        why = "both copies have lines that the other lacks"
        return _Plan(pair, replace(found, what=What.CONFLICT, why=why))
    later = _later_decisions if pair.file.startswith("decisions/") else _later_records
    add = [*missing, *later(pair, [*mine.records, *missing], same, both)]
    if add:
        found = replace(found, what=What.JOINED, lines=len(missing))
    return _Plan(pair, found, add=add)


def _beside(pair: _Pair) -> Path:
    """A name that no command takes for a journal's, the same for the same content."""
    path = pair.mine.journal.path
    return path.with_name(f"{path.name}.from-{pair.theirs.last_hash[:8]}")


def _later_records(
    pair: _Pair, merged: list[Any], same: int, both: Iterable[str]
) -> Iterator[Record]:
    """The later one of two records about one thing, again, where the earlier one came last."""
    assert pair.about is not None
    last = {pair.about(record): record for record in merged}
    latest: dict[str, Any] = {}
    for record in (*pair.mine.records[same:], *pair.theirs.records[same:]):
        thing = pair.about(record)
        latest[thing] = max(latest.get(thing, record), record, key=lambda r: (r.at, r.to_json()))
    return (latest[thing] for thing in both if last[thing] != latest[thing])


def _later_decisions(
    pair: _Pair, merged: list[Decision], _: int, both: Iterable[str]
) -> Iterator[Decision]:
    """Undoes of the earlier one of two decisions where it would stand on top of the later one."""
    ours, others = standing(pair.mine.records), standing(pair.theirs.records)
    undone = {decision.undoes for decision in merged}
    for issue_id in both:
        if issue_id not in ours or issue_id not in others:
            continue
        wanted = max(ours[issue_id], others[issue_id], key=lambda d: (d.at, d.id))
        stack = [
            decision
            for decision in merged
            if decision.issue_id == issue_id
            and decision.action.answers
            and decision.id not in undone
        ]
        above = stack[stack.index(wanted) + 1 :] if wanted in stack else []
        for decision in reversed(above):
            yield decision.model_copy(
                update={
                    # The same in both copies, whichever is merged first.
                    "id": content_hash("merge.v1", [decision.id, wanted.id])[:32],
                    "action": Action.UNDO,
                    "codes": (),
                    "memo": "",
                    "undoes": decision.id,
                    "seconds": 0.0,
                    "at": wanted.at,
                }
            )


def _withdraw(plans: Iterable[_Plan]) -> Iterator[tuple[str, str]]:
    """Plan to withdraw labels whose rater had been shown the suggestion in the other copy before:
    they are not blind. Says which."""
    looks = {p.pair.rater: p.pair for p in plans if p.pair.file.startswith("decisions/")}
    for plan in plans:
        if not plan.pair.file.startswith("labels/") or plan.pair.clash:
            continue
        labels, looked = plan.pair, looks[plan.pair.rater]
        seen: dict[str, list[Decision | Label]] = {}
        for decision in (*looked.mine.records, *looked.theirs.records):
            if decision.seen:
                seen.setdefault(decision.issue_id, []).append(decision)
        for label in (*labels.mine.records, *labels.theirs.records):
            if label.reveals:
                seen.setdefault(label.issue_id, []).append(label)
        copies = tuple(
            (said.contents, said.contents | done.contents)
            for said, done in ((labels.mine, looked.mine), (labels.theirs, looked.theirs))
        )
        latest = {label.issue_id: label for label in plan.records}
        for issue_id, label in latest.items():
            before = [look.to_json() for look in seen.get(issue_id, ()) if look.at < label.at]
            apart = any(
                not any(label.to_json() in said and look in known for said, known in copies)
                for look in before
            )
            if apart and not label.withdrawn:
                plan.add.append(
                    label.model_copy(
                        update={
                            "codes": (),
                            "memo": "",
                            "withdrawn": True,
                            "source": "coder merge",
                            "at": label.at + timedelta(milliseconds=1),
                        }
                    )
                )
                yield plan.pair.rater, issue_id
