"""The pages already had of a repository: where a stopped fetch goes on, and what a later one asks.

Every page is kept as it came, without what no issue is made of. A fetch that was finished is a
cycle; the next one asks for what changed since the last row of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from coder.fetch.rows import Kind, Row
from coder.records import Record, now
from coder.storage.journal import Journal

_OF_EACH = (
    "number", "updated_at", "closed_at", "state_reason", "comments", "node_id", "pull_request",
)  # fmt: skip


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


class Seen(NamedTuple):
    """A page that is there, without its rows."""

    cycle: int
    asked: str
    etag: str
    next: str
    as_of: str
    note: str


class Pages:
    """The pages of one repository: read once to tell what is there, added to, and read for rows."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path, Page)
        self.name = ""
        """What the repository is called today."""
        self.began = 0
        """The first cycle that has a page, 0 without any."""
        self.numbers: set[int] = set()
        """Of the issues that are there."""
        self.notes: dict[str, None] = {}
        self._last: dict[tuple[str, int], Seen] = {}
        self._first: dict[str, Seen] = {}
        self._newest: dict[str, str] = {}
        self._latest_event: dict[int, int] = {}
        """By cycle."""
        for page in self.journal:
            self._note(page)

    def add(self, *pages: Page) -> None:
        """On disk on return."""
        self.journal.append(pages)
        for page in pages:
            self._note(page)

    def _note(self, page: Page) -> None:
        seen = Seen(page.cycle, page.asked, page.etag, page.next, page.as_of, page.note)
        self._last[page.kind, page.of] = seen
        self.began = self.began or page.cycle
        if page.note and not page.of:
            self.notes[page.note] = None
        if page.kind == "repository":
            self.name = page.rows[0]["full_name"]
            return
        before = self._first.get(page.kind)
        if not page.of and (before is None or before.cycle != page.cycle):
            self._first[page.kind] = seen
        for row in page.rows:
            changed = str(row.get("updated_at") or row.get("created_at") or "")
            self._newest[page.kind] = max(changed, self._newest.get(page.kind, ""))
            if page.kind == "issues":
                self.numbers.add(row["number"])
            elif page.kind == "events" and not page.of:
                latest = self._latest_event.get(page.cycle, 0)
                self._latest_event[page.cycle] = max(latest, int(row["id"]))

    def last(self, kind: Kind, of: int = 0) -> Seen | None:
        return self._last.get((kind, of))

    def first(self, kind: Kind) -> Seen | None:
        """The first page of the latest cycle that asked for this kind."""
        return self._first.get(kind)

    def newest(self, kind: Kind) -> str:
        """When the last of the rows of this kind was changed, as GitHub writes it."""
        return self._newest.get(kind, "")

    def latest_event(self, before: int) -> int:
        """The latest closing or reopening of the cycles before this one; 0 without any."""
        return max((i for cycle, i in self._latest_event.items() if cycle < before), default=0)

    def every(self, kind: Kind) -> Iterator[Row]:
        """The rows as they came: what was changed and asked for again comes again later."""
        for page in self.journal:
            if page.kind == kind:
                yield from page.rows

    def issues(self) -> list[Row]:
        """The latest of each issue, without its texts, by its number."""
        found = {row["number"]: {k: row[k] for k in _OF_EACH} for row in self.every("issues")}
        return [found[number] for number in sorted(found)]
