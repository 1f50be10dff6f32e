"""Which pages of a repository are needed, and in which order they are asked for.

Lists are asked for in the order of the last change and gone on with by its time, not by a page's
number: so nothing slips between two pages when an issue changes meanwhile, and no list is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coder.errors import ModelError
from coder.fetch.api import URL, Api, Unavailable
from coder.fetch.closings import closings
from coder.fetch.pages import Page, Pages
from coder.fetch.rows import Kind, Misshapen, Row, pruned

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
    pull_requests: bool = False
    """Whether theirs are asked for, where each is asked for its own."""
    most: int = 1_000_000
    """Issues and pull requests of one repository."""

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

    def resolve(self) -> str:
        """The name the repository has today; GitHub leads on from an old one. Asked for each time:
        it may have been renamed since a fetch was stopped, and lists lead on from no name.

        Raises ``Unavailable`` where there is no repository.
        """
        path = f"repos/{self._name}"
        data = self._api.get(path).data
        name = data.get("full_name") if isinstance(data, dict) else None
        if not isinstance(name, str) or name.count("/") != 1:
            raise self._no_github()
        last = self._pages.last("repository")
        if last is None or last.cycle != self._cycle or name != self._pages.name:
            row = {"full_name": name, "id": 0}
            self._keep(Page(kind="repository", cycle=self._cycle, asked=path, rows=(row,)))
        self._name = name
        return name

    def fetch(self) -> None:
        """Everything that is not there yet, once the name is resolved."""
        if self._query.search:
            self._search()
        else:
            labels = {"labels": ",".join(self._query.labels)} if self._query.labels else {}
            self._list("issues", "issues", {"state": "all", **labels})
        if self._query.few:
            self._of_each()
            return
        self._list("comments", "issues/comments", {})
        if self._query.events and not self._closings():
            self._events()

    def fetch_issues(self, numbers: Iterable[int]) -> dict[int, str]:
        """These issues alone; returns those that are not to be had, and why."""
        missing: dict[int, str] = {}
        for number in numbers:
            last = self._pages.last("issues", number)
            if last is not None and last.cycle == self._cycle:
                if last.note:
                    missing[number] = last.note
                continue
            path = f"repos/{self._name}/issues/{number}"
            rows: tuple[Row, ...] = ()
            note = ""
            try:
                rows, note = pruned("issues", [self._api.get(path).data])
                # One that was moved to another repository has another number there.
                rows = tuple({**row, "number": number} for row in rows)
                if note:
                    missing[number] = note
            except Unavailable as error:
                note = missing[number] = error.why
            self._keep(
                Page(kind="issues", cycle=self._cycle, asked=path, of=number, rows=rows, note=note)
            )
        self._of_each()
        return missing

    def _list(self, kind: Kind, path: str, params: Mapping[str, str]) -> None:
        """A list in the order of the last change, from where it was left."""
        last = self._pages.last(kind)
        if last is not None and last.cycle == self._cycle and not last.next:
            return
        if kind == "issues" and self._full:
            return
        going_on = last is not None and last.cycle == self._cycle
        since = self._pages.newest(kind) or _time(self._query.since)
        given = {"sort": "updated", "direction": "asc", "per_page": str(PER_PAGE), **params}
        url = self._today(last.next) if going_on and last else self._url(path, given, since)
        first = None if going_on else self._pages.first(kind)
        # That a page has not changed tells nothing of the next one.
        etag = first.etag if first and first.asked == url and not first.next else ""
        last_change = self._pages.newest("issues") if self._full else ""
        while url:
            answer = self._api.get(url, etag=etag)
            etag = ""
            unchanged = answer.data is None
            rows, note = self._pruned(kind, [] if unchanged else answer.data)
            following = answer.next
            newest = max((str(row["updated_at"]) for row in rows), default="")
            if following and newest > since:
                since = newest
                following = self._url(path, given, since)
            self._keep(
                Page(
                    kind=kind, cycle=self._cycle, asked=url, etag=answer.etag, next=following,
                    rows=rows, note=note,
                )
            )  # fmt: skip
            if self._full and (kind == "issues" or newest > last_change):
                return
            url = following

    @property
    def _full(self) -> bool:
        """Whether the repository is cut off; comments that are newer than all its issues that are
        there belong to others."""
        return len(self._pages.numbers) >= self._query.most

    def _today(self, url: str) -> str:
        """The URL of a page by the name the repository has now."""
        start = f"{self._api.where.url}/repos/"
        if not url.startswith(start):
            return url
        _, _, *rest = url.removeprefix(start).split("/", 2)
        return f"{start}{self._name}/{'/'.join(rest)}"

    def _url(self, path: str, params: Mapping[str, str], since: str) -> str:
        from urllib.parse import urlencode

        asked = {**params, "since": since} if since else {**params}
        return f"{self._api.where.url}/repos/{self._name}/{path}?{urlencode(asked)}"

    def _search(self) -> None:
        """What a search finds, from page to page."""
        last = self._pages.last("issues")
        if last is not None and last.cycle == self._cycle:
            if not last.next:
                return
            url, asked = self._today(last.next), None
        else:
            words = [f"repo:{self._name}", "is:issue", self._query.search]
            words += [f'label:"{label}"' for label in self._query.labels]
            url, asked = "search/issues", {"q": " ".join(words), "per_page": str(PER_PAGE)}
        while url:
            answer = self._api.get(url, asked)
            asked = None
            data = answer.data if isinstance(answer.data, dict) else {}
            rows, note = self._pruned("issues", data.get("items"))
            if isinstance(total := data.get("total_count"), int) and total > MOST_FOUND:
                note = f"the search finds {total:,} issues and tells {MOST_FOUND:,}"
            page = Page(
                kind="issues", cycle=self._cycle, asked=url, next=answer.next, rows=rows, note=note
            )
            self._keep(page)
            url = answer.next

    def _of_each(self) -> None:
        """Comments and events of single issues that changed since they were asked for."""
        told = not self._query.events or self._closings()
        for row in self._pages.issues():
            if row["comments"]:
                self._of_one("comments", row)
            if not told and (row["closed_at"] or row["state_reason"] == "reopened"):
                self._of_one("events", row)

    def _of_one(self, kind: Kind, issue: Row) -> None:
        if self._have(kind, issue):
            return
        number = issue["number"]
        last = self._pages.last(kind, number)
        url = self._today(last.next) if last is not None else ""
        params = None if url else {"per_page": str(PER_PAGE)}
        url = url or f"repos/{self._name}/issues/{number}/{kind}"
        while url:
            answer = self._api.get(url, params)
            params = None
            rows, note = self._pruned(kind, answer.data)
            rows = tuple({**row, "number": number} for row in rows)
            page = Page(
                kind=kind, cycle=self._cycle, asked=url, next=answer.next, of=number,
                as_of=issue["updated_at"], rows=rows, note=note,
            )  # fmt: skip
            self._keep(page)
            url = answer.next

    def _closings(self) -> bool:
        """By GraphQL, of the issues that changed since; ``False`` where it does not answer."""
        if not self._api.where.token:
            return False
        wanted = [
            row
            for row in self._pages.issues()
            if row["node_id"]
            and (self._query.pull_requests or not row["pull_request"])
            and not self._have("events", row)
        ]
        try:
            for pages in closings(self._api, wanted, self._cycle):
                self._pages.add(*pages)
                self._on_page("events", sum(len(page.rows) for page in pages))
        except Unavailable:
            return False
        return True

    def _have(self, kind: Kind, issue: Row) -> bool:
        """Whether all pages of this kind are there as of the issue's last change."""
        last = self._pages.last(kind, issue["number"])
        return last is not None and not last.next and last.as_of == issue["updated_at"]

    def _events(self) -> None:
        """Closings and reopenings, the newest first, back to those of the last cycle."""
        last = self._pages.last("events")
        if last is not None and last.cycle == self._cycle and not last.next:
            return
        known = self._pages.latest_event(before=self._cycle)
        url = self._today(last.next) if last is not None and last.cycle == self._cycle else ""
        params = None if url else {"per_page": str(PER_PAGE)}
        url = url or f"repos/{self._name}/issues/events"
        while url:
            try:
                answer = self._api.get(url, params)
            except Unavailable as error:
                if error.status != 422:
                    raise
                note = "of older closings GitHub does not tell who made them"
                self._keep(Page(kind="events", cycle=self._cycle, asked=url, note=note))
                return
            params = None
            rows, note = self._pruned("events", answer.data)
            ids = [row.get("id") for row in answer.data if isinstance(row, dict)]
            reached = any(isinstance(one, int) and one <= known for one in ids)
            following = "" if reached else answer.next
            self._keep(
                Page(
                    kind="events", cycle=self._cycle, asked=url, next=following, rows=rows,
                    note=note,
                )
            )  # fmt: skip
            url = following

    def _pruned(self, kind: Kind, data: Any) -> tuple[tuple[Row, ...], str]:
        try:
            return pruned(kind, data)
        except Misshapen:
            raise self._no_github() from None

    def _no_github(self) -> ModelError:
        return ModelError(f"{self._api.where.url} does not answer as GitHub does", f"look at {URL}")

    def _keep(self, page: Page) -> None:
        self._pages.add(page)
        self._on_page(page.kind, len(page.rows))


def _time(day: str) -> str:
    """A day or a time as GitHub writes it."""
    return f"{day}T00:00:00Z" if len(day) == 10 else day
