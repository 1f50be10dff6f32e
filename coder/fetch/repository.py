"""Which pages of a repository are needed, and in which order they are asked for.

Lists are asked for in the order of the last change and gone on with by its time, not by a page's
number: so nothing slips between two pages when an issue changes meanwhile, and no list is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coder.fetch.api import Answer, Api, Unavailable
from coder.fetch.pages import Kind, Page, Pages, pruned

PER_PAGE = 100
MOST_FOUND = 1000
"""GitHub's search tells no more."""
OnPage = Callable[[Kind, int], None]
"""Called with the kind of a page and how many rows it had."""


@dataclass(frozen=True)
class Query:
    """What is asked for of every repository. ``since`` is a day or a time, of opening."""

    since: str = ""
    labels: tuple[str, ...] = ()
    search: str = ""
    events: bool = True

    @property
    def few(self) -> bool:
        """Whether so few issues are expected that each is asked for its own comments."""
        return bool(self.labels or self.search)


class Repository:
    """One repository in one cycle of a fetch."""

    def __init__(
        self, api: Api, name: str, pages: Pages, cycle: int, query: Query, on_page: OnPage
    ) -> None:
        self._api, self._name, self._pages, self._cycle = api, name, pages, cycle
        self._query, self._on_page = query, on_page

    def fetch(self) -> None:
        """Everything that is not there yet. Raises ``Unavailable`` where there is no repository."""
        self._resolve()
        if self._query.search:
            self._follow("issues", "search/issues", self._search())
        else:
            labels = {"labels": ",".join(self._query.labels)} if self._query.labels else {}
            self._list("issues", "issues", {"state": "all", **labels})
        if self._query.few:
            self._of_each(self._pages.rows("issues").values())
            return
        self._list("comments", "issues/comments", {})
        if self._query.events:
            self._events()

    def fetch_issues(self, numbers: Iterable[int]) -> dict[int, str]:
        """These issues alone; returns those that are not to be had, and why."""
        self._resolve()
        missing: dict[int, str] = {}
        for number in numbers:
            last = self._pages.last("issues", number)
            if last is not None and last.cycle == self._cycle:
                if last.note:
                    missing[number] = last.note
                continue
            path = f"repos/{self._name}/issues/{number}"
            try:
                answer = self._api.get(path)
                rows = tuple(pruned("issues", [answer.data]))
                note = ""
            except Unavailable as error:
                rows, note, missing[number] = (), error.why, error.why
            page = Page(kind="issues", cycle=self._cycle, asked=path, of=number, rows=rows)
            self._keep(page.model_copy(update={"note": note}))
        self._of_each(self._pages.rows("issues").values())
        return missing

    def _resolve(self) -> None:
        """The name the repository has today; GitHub leads on from an old one."""
        last = self._pages.last("repository")
        if last is None or last.cycle != self._cycle:
            answer = self._api.get(f"repos/{self._name}")
            row = {"full_name": answer.data["full_name"], "id": 0}
            asked = f"repos/{self._name}"
            self._keep(Page(kind="repository", cycle=self._cycle, asked=asked, rows=(row,)))
            last = self._pages.last("repository")
        assert last is not None
        self._name = last.rows[0]["full_name"]

    def _list(self, kind: Kind, path: str, params: Mapping[str, str]) -> None:
        """A list in the order of the last change, from where it was left."""
        last = self._pages.last(kind)
        if last is not None and last.cycle == self._cycle and not last.next:
            return
        going_on = last is not None and last.cycle == self._cycle
        since = self._pages.newest(kind) or _time(self._query.since)
        given = {"sort": "updated", "direction": "asc", "per_page": str(PER_PAGE), **params}
        url = last.next if going_on and last is not None else self._url(path, given, since)
        first = None if going_on else self._pages.first(kind)
        etag = first.etag if first is not None and first.asked == url else ""
        while url:
            answer = self._api.get(url, etag=etag)
            etag = ""
            rows = tuple(pruned(kind, answer.data or ()))
            following = answer.next
            newest = max((str(row["updated_at"]) for row in rows), default="")
            if following and newest > since:
                since = newest
                following = self._url(path, given, since)
            self._keep(self._page(kind, url, answer, rows, following, first))
            url = following

    def _url(self, path: str, params: Mapping[str, str], since: str) -> str:
        from urllib.parse import urlencode

        asked = {**params, "since": since} if since else {**params}
        return f"{self._api.where.url}/repos/{self._name}/{path}?{urlencode(asked)}"

    def _page(
        self,
        kind: Kind,
        url: str,
        answer: Answer,
        rows: tuple[dict[str, Any], ...],
        following: str,
        unchanged: Page | None,
    ) -> Page:
        etag = answer.etag
        if answer.data is None and unchanged is not None:
            etag = etag or unchanged.etag
        return Page(kind=kind, cycle=self._cycle, asked=url, etag=etag, next=following, rows=rows)

    def _search(self) -> dict[str, str]:
        words = [f"repo:{self._name}", "is:issue", self._query.search]
        words += [f'label:"{label}"' for label in self._query.labels]
        return {"q": " ".join(words), "per_page": str(PER_PAGE)}

    def _follow(self, kind: Kind, path: str, params: Mapping[str, str], of: int = 0) -> None:
        """A list that is gone on with from page to page."""
        last = self._pages.last(kind, of)
        if last is not None and last.cycle == self._cycle:
            if not last.next:
                return
            url, asked = last.next, None
        else:
            url, asked = path, params
        while url:
            answer = self._api.get(url, asked)
            asked = None
            data, note = answer.data, ""
            if isinstance(data, dict):
                total = int(data.get("total_count", 0))
                if total > MOST_FOUND:
                    note = f"the search finds {total:,} issues and tells {MOST_FOUND:,}"
                data = data.get("items", [])
            rows = tuple({**row, "number": row["number"] or of} for row in pruned(kind, data or ()))
            page = Page(
                kind=kind, cycle=self._cycle, asked=url, next=answer.next, of=of, rows=rows,
                note=note,
            )  # fmt: skip
            self._keep(page)
            url = answer.next

    def _of_each(self, issues: Iterable[Mapping[str, Any]]) -> None:
        """Comments and events of single issues that changed since they were asked for."""
        for row in issues:
            number, changed = int(row["number"]), str(row["updated_at"])
            for kind, wanted in (
                ("comments", bool(row.get("comments"))),
                ("events", self._query.events and bool(row.get("closed_at"))),
            ):
                self._of_one(kind, number, changed, wanted)  # type: ignore[arg-type]

    def _of_one(self, kind: Kind, number: int, changed: str, wanted: bool) -> None:
        last = self._pages.last(kind, number)
        if not wanted or (last is not None and not last.next and last.as_of == changed):
            return
        url = last.next if last is not None and last.next else ""
        path = f"repos/{self._name}/issues/{number}/{kind}"
        params = None if url else {"per_page": str(PER_PAGE)}
        url = url or path
        while url:
            answer = self._api.get(url, params)
            params = None
            rows = tuple({**row, "number": number} for row in pruned(kind, answer.data or ()))
            page = Page(
                kind=kind, cycle=self._cycle, asked=url, next=answer.next, of=number,
                as_of=changed, rows=rows,
            )  # fmt: skip
            self._keep(page)
            url = answer.next

    def _events(self) -> None:
        """Closings and reopenings, the newest first, back to those of the last cycle."""
        last = self._pages.last("events")
        if last is not None and last.cycle == self._cycle and not last.next:
            return
        known = self._known_before()
        url = last.next if last is not None and last.cycle == self._cycle else ""
        params = None if url else {"per_page": str(PER_PAGE)}
        url = url or f"repos/{self._name}/issues/events"
        while url:
            note = ""
            try:
                answer = self._api.get(url, params)
            except Unavailable as error:
                if error.status != 422:
                    raise
                note = "of older closings GitHub does not tell who made them"
                self._keep(Page(kind="events", cycle=self._cycle, asked=url, note=note))
                return
            params = None
            data = answer.data or ()
            reached = any(int(row["id"]) <= known for row in data)
            rows = tuple(pruned("events", data))
            following = "" if reached else answer.next
            self._keep(Page(kind="events", cycle=self._cycle, asked=url, next=following, rows=rows))
            url = following

    def _known_before(self) -> int:
        """The latest event of the cycles before this one; 0 without any."""
        ids = [
            int(row["id"])
            for page in self._pages.journal
            if page.kind == "events" and page.cycle < self._cycle
            for row in page.rows
        ]
        return max(ids, default=0)

    def _keep(self, page: Page) -> None:
        self._pages.add(page)
        self._on_page(page.kind, len(page.rows))


def _time(day: str) -> str:
    """A day or a time as GitHub writes it."""
    return f"{day}T00:00:00Z" if len(day) == 10 else day
