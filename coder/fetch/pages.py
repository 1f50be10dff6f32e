"""The pages already had of a repository: where a stopped fetch goes on, and what a later one asks.

Every page is kept as it came, without what no issue is made of. A fetch that was finished is a
cycle; the next one asks for what changed since the last row of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from coder.records import Record, now
from coder.storage.journal import Journal

Kind = Literal["repository", "issues", "comments", "events"]
Row = dict[str, Any]


class Page(Record):
    """One answer: the ``rows`` of ``kind``, of one issue alone where ``of`` names its number.

    ``asked`` is the URL, ``next`` that of the following page, empty on the last. ``as_of`` is when
    the issue had been changed last, where the page is of one. ``note`` says what is not in it.
    """

    kind: Kind
    cycle: int
    asked: str
    etag: str = ""
    next: str = ""
    of: int = 0
    as_of: str = ""
    rows: tuple[Row, ...] = ()
    note: str = ""
    at: datetime = Field(default_factory=now)


class Pages:
    """The pages of one repository, read once and added to."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path, Page)
        self._last: dict[tuple[str, int], Page] = {}
        self._first: dict[str, Page] = {}
        self._newest: dict[str, str] = {}
        """Of each kind the latest change among the rows of finished cycles and of this one."""
        for page in self.journal:
            self._note(page)

    def add(self, page: Page) -> None:
        """On disk on return."""
        self.journal.append([page])
        self._note(page)

    def _note(self, page: Page) -> None:
        self._last[page.kind, page.of] = page
        before = self._first.get(page.kind)
        if not page.of and (before is None or before.cycle != page.cycle):
            self._first[page.kind] = page
        for row in page.rows:
            changed = str(row.get("updated_at") or row.get("created_at") or "")
            self._newest[page.kind] = max(changed, self._newest.get(page.kind, ""))

    def last(self, kind: Kind, of: int = 0) -> Page | None:
        return self._last.get((kind, of))

    def first(self, kind: Kind) -> Page | None:
        """The first page of the latest cycle that asked for this kind."""
        return self._first.get(kind)

    def newest(self, kind: Kind) -> str:
        """When the last of the rows of this kind was changed, as GitHub writes it."""
        return self._newest.get(kind, "")

    def rows(self, kind: Kind) -> dict[int, Row]:
        """The rows by their id, issues by their number; the latest of each."""
        found: dict[int, Row] = {}
        for page in self.journal:
            if page.kind == kind:
                for row in page.rows:
                    found[row["number" if kind == "issues" else "id"]] = row
        return found

    def notes(self) -> list[str]:
        return list(dict.fromkeys(page.note for page in self.journal if page.note))


def pruned(kind: Kind, rows: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows with what an issue is made of, and nothing else."""
    for row in rows:
        if kind == "issues":
            yield _issue(row)
        elif kind == "comments":
            yield {
                **{key: row.get(key) for key in _OF_COMMENTS},
                "number": _number(row.get("issue_url")),
                "user": _user(row.get("user")),
            }
        elif kind == "events" and row.get("event") in ("closed", "reopened"):
            about = row.get("issue") or {}
            yield {
                **{key: row.get(key) for key in _OF_EVENTS},
                "number": about.get("number"),
                "user": _user(row.get("actor")),
            }


_OF_ISSUES = (
    "number", "title", "body", "html_url", "state", "state_reason", "author_association",
    "created_at", "updated_at", "closed_at", "comments",
)  # fmt: skip
_OF_COMMENTS = ("id", "body", "created_at", "updated_at", "author_association")
_OF_EVENTS = ("id", "event", "created_at", "commit_id")
_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def _issue(row: Mapping[str, Any]) -> Row:
    labels = row.get("labels") or ()
    reactions = row.get("reactions") or {}
    return {
        **{key: row.get(key) for key in _OF_ISSUES},
        "user": _user(row.get("user")),
        "labels": [one.get("name") if isinstance(one, Mapping) else one for one in labels],
        "reactions": {kind: reactions[kind] for kind in _REACTIONS if reactions.get(kind)},
        "pull_request": "pull_request" in row,
    }


def _user(user: Any) -> Row:
    # A deleted account is null.
    return {"login": user.get("login"), "type": user.get("type")} if user else {}


def _number(url: Any) -> int | None:
    end = str(url or "").rpartition("/")[2]
    return int(end) if end.isdigit() else None
