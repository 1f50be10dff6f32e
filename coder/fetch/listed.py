"""The issues that a list names, fetched again: of a replication package, or of any table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coder.errors import InputError
from coder.escaping import from_csv_cell
from coder.fetch.api import Api, Unavailable
from coder.fetch.assemble import assembled
from coder.fetch.fetching import (
    Cycle,
    FetchedRepository,
    SetAsideRepository,
    Snapshot,
    Tell,
    pages_of,
    publish,
    snapshot_file,
)
from coder.fetch.pages import Pages
from coder.fetch.repository import Query, Repository
from coder.files.archives import members
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.records import Issue, now
from coder.sources.files import opened
from coder.sources.github import issue_from_url, place_in_id
from coder.sources.json_and_csv import read_table
from coder.sources.rows import Row, SetAside
from coder.storage.journal import Journal

_IDS = "issues.csv"
"""In a package, one for each run."""


@dataclass(frozen=True)
class Listed:
    """An issue by the id it goes by in the study, and where it is."""

    id: str
    repo: str
    number: int


def read_list(path: Path) -> tuple[list[Listed], list[SetAsideRepository]]:
    """The issues named in ``path``, each once, and the rows that name none.

    ``path`` is a CSV with a column ``id`` or ``url``, a text with one name a line, or a replication
    package. ``InputError`` where it names no issue.
    """
    found: dict[str, Listed] = {}
    bad: list[SetAsideRepository] = []
    for row in _rows(path):
        url = row.get("html_url") or row.get("url") or ""
        given = row.get("id") or url
        place = place_in_id(given) or issue_from_url(url or given)
        if place is None and row.get("repo") and (row.get("number") or "").isdigit():
            place = row["repo"], int(row["number"])
        if place is None:
            bad.append(SetAsideRepository(name=given[:200], reason="names no issue at GitHub"))
        else:
            found.setdefault(given, Listed(given, *place))
    if not found:
        raise InputError(
            f"{path} names no issue", "a column id or url is asked for: owner/repo#number, or a URL"
        )
    return list(found.values()), bad


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The cells of each row, by the names of their columns in lower case."""
    if path.suffix == ".zip":
        for text in _in_package(path):
            yield from map(_cells, read_table(io.StringIO(text, newline=""), path.name, ","))
        return
    with opened(path) as source:
        table = bool(source.kind())
        if table:
            yield from map(_cells, source.rows())
    if not table:
        yield from ({"id": line.strip()} for line in read_text(path).splitlines() if line.strip())


def _cells(row: Row | SetAside) -> dict[str, str]:
    if isinstance(row, SetAside):
        return {"id": f"{row.file}:{row.line}: {row.reason}"}
    return {
        str(name).strip().lower(): from_csv_cell(str(cell))
        for name, cell in row.values.items()
        if isinstance(cell, str | int)
    }


def _in_package(path: Path) -> Iterator[str]:
    for name, blocks in members(path):
        if name.rpartition("/")[2] == _IDS:
            yield b"".join(blocks).decode("utf-8", "replace")


def fetch_listed(
    api: Api, listed: Sequence[Listed], source: Path, out: Path, tell: Tell
) -> tuple[int, list[SetAsideRepository]]:
    """Fetch the issues that ``source`` lists into ``out``, in their order and under their ids;
    returns how many, and those that are not to be had. Stopped at any moment, the same call goes
    on."""
    kept = out.with_name(f"{out.name.removesuffix('.jsonl')}.fetch") / "listed"
    began = now()
    found: dict[tuple[str, int], Issue] = {}
    missing: list[SetAsideRepository] = []
    with Journal(kept / "cycles.jsonl", Cycle).writing("coder fetch"):
        for repo in dict.fromkeys(one.repo for one in listed):
            numbers = [one.number for one in listed if one.repo == repo]
            pages = Pages(pages_of(kept, repo))
            query = Query(pull_requests=True)
            repository = Repository(api, repo, pages, 1, query, partial(tell, repo))
            try:
                repository.resolve()
                gone = repository.fetch_issues(numbers)
            except Unavailable as error:
                gone = dict.fromkeys(numbers, error.why)
            missing += [
                SetAsideRepository(name=f"{repo}#{n}", reason=why) for n, why in gone.items()
            ]
            for issue in assembled(pages, pages.name or repo, repo):
                assert issue.number is not None
                found[repo, issue.number] = issue
        here = [
            (one, found[one.repo, one.number]) for one in listed if (one.repo, one.number) in found
        ]
        output, data_hash = publish(
            out, (issue.model_copy(update={"id": one.id}) for one, issue in here)
        )
        snapshot = Snapshot(
            output=output, data_hash=data_hash, api=api.where.url, query={"from": source.name},
            cycle=1, started_at=began, finished_at=now(), calls=api.calls,
            repositories=tuple(_told(here)), set_aside=tuple(missing),
        )  # fmt: skip
        write_atomically(snapshot_file(out), snapshot.model_dump_json(indent=2) + "\n")
    return len(here), missing


def _told(here: Sequence[tuple[Listed, Issue]]) -> Iterator[FetchedRepository]:
    """What came of each repository."""
    for repo in dict.fromkeys(one.repo for one, _ in here):
        issues = [issue for one, issue in here if one.repo == repo]
        yield FetchedRepository(
            name=issues[0].repo, asked_as=repo, issues=len(issues), pull_requests=0, filtered=0,
            comments=sum(len(issue.comments) for issue in issues),
            events=sum(len(issue.events) for issue in issues),
        )  # fmt: skip
