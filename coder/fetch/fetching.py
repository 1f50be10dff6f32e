"""Repositories -> one file of issues, and beside it what makes the set one that can be cited."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import Field

from coder.errors import InputError
from coder.fetch.api import Api, Unavailable
from coder.fetch.assemble import assembled
from coder.fetch.pages import Pages
from coder.fetch.repository import Query, Repository
from coder.fetch.rows import Kind
from coder.files.atomic_write import Draft, write_atomically
from coder.records import DataFile, Issue, Record, content_hash, now
from coder.storage.journal import Journal

Tell = Callable[[str, Kind, int], None]
"""Called with a repository, the kind of a page of it, and how many rows it had."""


class SetAsideRepository(Record):
    """A repository or an issue that is not to be had, and why."""

    name: str
    reason: str


class FetchedRepository(Record):
    """What was fetched of a repository, which was asked for by the name ``asked_as``.

    ``issues`` are those in the file; ``pull_requests`` and ``filtered`` ones were fetched and are
    not in it. ``changed_at`` is the last change of one of them that was seen: what came later is
    asked for the next time. ``notes`` say what GitHub did not tell.
    """

    name: str
    asked_as: str
    issues: int
    comments: int
    events: int
    pull_requests: int
    filtered: int
    changed_at: str = ""
    notes: tuple[str, ...] = ()


class Snapshot(Record):
    """A set of issues as it was at GitHub: what was asked, when, and what came of it.

    ``output`` and ``data_hash`` tell whether a file is that set; ``cycle`` counts the times it was
    brought up to date. ``finished_at`` is the day the data end.
    """

    output: DataFile
    data_hash: str
    api: str
    query: dict[str, object]
    cycle: int
    started_at: datetime
    finished_at: datetime
    calls: int
    repositories: tuple[FetchedRepository, ...]
    set_aside: tuple[SetAsideRepository, ...]


class Cycle(Record):
    """A fetch of everything asked for; ``done`` ones are followed by one that asks for changes."""

    number: int
    done: bool
    started_at: datetime = Field(default_factory=now)


@dataclass(frozen=True)
class Wanted:
    """What goes into the file of what was fetched: by state and by the day of opening."""

    query: Query = field(default_factory=Query)
    state: str = "all"
    until: str = ""

    def keeps(self, issue: Issue) -> bool:
        opened = f"{issue.created_at:%Y-%m-%dT%H:%M:%SZ}" if issue.created_at else ""
        if self.state != "all" and (issue.closed_at is None) != (self.state == "open"):
            return False
        if self.query.since and opened < self.query.since:
            return False
        return not self.until or opened[: len(self.until)] <= self.until


def snapshot_file(out: Path) -> Path:
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.snapshot.json")


def fetch(
    api: Api,
    names: Sequence[str],
    wanted: Wanted,
    out: Path,
    tell: Tell,
    clock: Callable[[], datetime] = now,
) -> Snapshot:
    """Fetch what is not there yet of every repository, then write all of it to ``out``.

    What was fetched is kept in a folder beside ``out``: stopped at any moment, the same call goes
    on; once finished, the next one asks for what changed since. Raises ``InputError`` when not one
    repository is to be had.
    """
    kept = _kept_in(out, api, wanted)
    cycles = Journal(kept / "cycles.jsonl", Cycle)
    with cycles.writing("coder fetch"):
        cycle = _begin(cycles, clock())
        had, set_aside = _ask(api, kept, names, wanted.query, cycle, tell)
        if not had:
            raise InputError(
                f"no issue is to be had: {set_aside[0].name}: {set_aside[0].reason}",
                "check the names, and whether the token may read them",
            )
        snapshot = _write(api, had, wanted, out, cycle, set_aside, clock)
        cycles.append([cycle.model_copy(update={"done": True})])
    return snapshot


def _ask(
    api: Api, kept: Path, names: Sequence[str], query: Query, cycle: Cycle, tell: Tell
) -> tuple[dict[str, Pages], list[SetAsideRepository]]:
    """The pages of each repository that is to be had, and the others. One that was fetched before
    and is gone now stays as it was, which is noted."""
    had: dict[str, Pages] = {}
    set_aside: list[SetAsideRepository] = []
    today: dict[str, str] = {}
    for name in names:
        pages = Pages(pages_of(kept, name))
        repository = Repository(api, name, pages, cycle.number, query, partial(tell, name))
        try:
            known = repository.resolve()
            if known.casefold() in today:
                why = f"it is {known}, which is asked for as {today[known.casefold()]} too"
                set_aside.append(SetAsideRepository(name=name, reason=why))
                continue
            repository.fetch()
            today[known.casefold()] = name
        except Unavailable as error:
            if not pages.numbers or pages.began == cycle.number:
                set_aside.append(SetAsideRepository(name=name, reason=error.why))
                continue
            pages.notes[f"it is not to be had any more, and stays as it was: {error.why}"] = None
        had[name] = pages
    return had, set_aside


def _kept_in(out: Path, api: Api, wanted: Wanted) -> Path:
    """The folder of the pages: another query is asked anew, and leaves those of this one alone."""
    # With a token closings are asked for in another way, and are told more fully.
    query = content_hash("query.v1", [api.where.url, _asked(wanted.query), bool(api.where.token)])
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.fetch") / query[:8]


def _asked(query: Query) -> dict[str, object]:
    return {
        "since": query.since,
        "labels": list(query.labels),
        "search": query.search,
        "events": query.events,
    }


def pages_of(kept: Path, name: str) -> Path:
    return kept / f"{name.casefold()}.jsonl"


def _begin(cycles: Journal[Cycle], at: datetime) -> Cycle:
    """The cycle that was stopped, or a new one."""
    last = None
    for last in cycles:  # noqa: B007
        pass
    if last is not None and not last.done:
        return last
    cycle = Cycle(number=1 if last is None else last.number + 1, done=False, started_at=at)
    cycles.append([cycle])
    return cycle


def publish(out: Path, issues: Iterable[Issue]) -> tuple[DataFile, str]:
    """Write ``issues``; what the file is then, and the hash over their texts."""
    digest = hashlib.sha256()
    hashes: list[list[str]] = []
    with Draft(out) as draft:
        draft.write("")
        for issue in issues:
            line = issue.to_json() + "\n"
            digest.update(line.encode("utf-8"))
            draft.write(line)
            hashes.append([issue.id, issue.hash])
        draft.publish()
    file = DataFile(file=out.name, sha256=digest.hexdigest(), issues=len(hashes))
    return file, content_hash("data.v1", hashes)


def _write(
    api: Api,
    had: Mapping[str, Pages],
    wanted: Wanted,
    out: Path,
    cycle: Cycle,
    set_aside: Sequence[SetAsideRepository],
    clock: Callable[[], datetime],
) -> Snapshot:
    found: list[FetchedRepository] = []

    def issues() -> Iterator[Issue]:
        for name, pages in had.items():
            counts = {"issues": 0, "comments": 0, "events": 0, "pull_requests": 0, "filtered": 0}
            yield from _kept(pages, name, wanted, counts)
            notes = tuple(pages.notes)
            if len(pages.numbers) >= wanted.query.most:
                notes += (f"cut off after {len(pages.numbers):,} issues and pull requests",)
            found.append(
                FetchedRepository(
                    name=pages.name, asked_as=name, changed_at=pages.newest("issues"), notes=notes,
                    **counts,
                )
            )  # fmt: skip

    output, data_hash = publish(out, issues())
    snapshot = Snapshot(
        output=output,
        data_hash=data_hash,
        api=api.where.url,
        query={
            **_asked(wanted.query),
            "state": wanted.state,
            "until": wanted.until,
            "pull_requests": wanted.query.pull_requests,
            "most": wanted.query.most,
        },
        cycle=cycle.number,
        started_at=cycle.started_at,
        finished_at=clock(),
        calls=api.calls,
        repositories=tuple(found),
        set_aside=tuple(set_aside),
    )
    write_atomically(snapshot_file(out), snapshot.model_dump_json(indent=2) + "\n")
    return snapshot


def _kept(pages: Pages, name: str, wanted: Wanted, counts: dict[str, int]) -> Iterator[Issue]:
    for issue in assembled(pages, pages.name, name):
        if issue.pull_request and not wanted.query.pull_requests:
            counts["pull_requests"] += 1
        elif not wanted.keeps(issue):
            counts["filtered"] += 1
        else:
            counts["issues"] += 1
            counts["comments"] += len(issue.comments)
            counts["events"] += len(issue.events)
            yield issue
