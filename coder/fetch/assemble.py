"""Pages -> issues by their numbers, with comments and closings in the order of time."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from coder.errors import StorageError
from coder.fetch.pages import Kind, Pages, Row
from coder.records import Comment, Event, Issue
from coder.sources.github import is_bot

_KINDS: tuple[Kind, ...] = ("issues", "comments", "events")


def assembled(pages: Pages, name: str, asked_as: str) -> Iterator[Issue]:
    """Every issue that was fetched of the repository ``name``; pull requests are marked as such.

    ``asked_as`` is what it was called when it was asked for; where that is another name, each issue
    is known by both.
    """
    renamed = name.casefold() != asked_as.casefold()
    for number, (found, comments, events) in _by_number(pages):
        if not found:
            continue  # a comment on an issue that was not asked for
        row = found[0]
        yield Issue(
            id=f"{name}#{number}",
            repo=name,
            number=number,
            url=row.get("html_url") or "",
            title=row.get("title") or "",
            body=row.get("body") or "",
            comments=tuple(map(_comment, comments)),
            labels=tuple(label for label in row.get("labels", ()) if label),
            author=_login(row),
            created_at=row.get("created_at"),
            closed_at=row.get("closed_at"),
            author_role=row.get("author_association") or "",
            state_reason=row.get("state_reason") or "",
            reactions=tuple((row.get("reactions") or {}).items()),
            events=tuple(map(_event, events)),
            pull_request=bool(row.get("pull_request")),
            other_names=(f"{asked_as}#{number}",) if renamed else (),
        )


def _by_number(pages: Pages) -> Iterator[tuple[int, Sequence[list[Row]]]]:
    """The latest rows of each kind by the issue they belong to; however many, on disk meanwhile."""
    try:
        # A file without a name: SQLite deletes it, killed or not.
        with contextlib.closing(sqlite3.connect("")) as db:
            db.execute(
                "CREATE TABLE rows (kind, id, number, at, row, PRIMARY KEY (kind, id)) "
                "WITHOUT ROWID"
            )
            for kind, name in enumerate(_KINDS):
                db.executemany(
                    "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
                    (
                        (kind, row["id" if kind else "number"], row["number"], row["created_at"],
                         json.dumps(row))
                        for row in pages.every(name)
                        if row["number"] is not None
                    ),
                )  # fmt: skip
            rows = db.execute("SELECT number, kind, row FROM rows ORDER BY number, kind, at, id")
            for number, some in groupby(rows, key=lambda found: found[0]):
                by_kind: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
                for _, kind, row in some:
                    by_kind[kind].append(json.loads(row))
                yield number, by_kind
    except sqlite3.Error as error:
        raise StorageError(
            f"the issues cannot be put together: {error}",
            "free some space and run the same command again; what was fetched is on disk",
        ) from error


def _login(row: Mapping[str, Any]) -> str:
    return (row.get("user") or {}).get("login") or ""


def _comment(row: Row) -> Comment:
    return Comment(
        author=_login(row),
        body=row.get("body") or "",
        created_at=row["created_at"],
        bot=is_bot(_login(row), row.get("user") or {}),
        author_role=row.get("author_association") or "",
    )


def _event(row: Row) -> Event:
    return Event(
        kind=row["event"],
        at=row["created_at"],
        actor=_login(row),
        bot=is_bot(_login(row), row.get("user") or {}),
        by=row.get("by") or "",
    )
