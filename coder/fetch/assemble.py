"""Pages -> issues by their numbers, with comments and closings in the order of time."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

from coder.errors import StorageError
from coder.fetch.pages import Pages
from coder.fetch.rows import Kind, Row, issue_of
from coder.records import Issue

_KINDS: tuple[Kind, ...] = ("issues", "comments", "events")


def assembled(pages: Pages, name: str, asked_as: str) -> Iterator[Issue]:
    """Every issue that was fetched of the repository ``name``; pull requests are marked as such.

    ``asked_as`` is what it was called when it was asked for; where that is another name, each issue
    is known by both.
    """
    for _, (found, comments, events) in _by_number(pages):
        if found:  # else: comments on an issue that was not asked for
            yield issue_of(found[0], name, asked_as, comments, events)


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
