"""Pages -> issues by their numbers, with comments and closings in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coder.fetch.pages import Pages, Row
from coder.records import Comment, Event, Issue
from coder.sources.github import is_bot


def assembled(pages: Pages, name: str, asked_as: str) -> Iterator[Issue]:
    """Every issue that was fetched of the repository ``name``; pull requests are marked as such.

    ``asked_as`` is what it was called when it was asked for; where that is another name, each issue
    is known by both.
    """
    comments = _by_number(pages.rows("comments").values())
    events = _by_number(pages.rows("events").values())
    for number, row in sorted(pages.rows("issues").items()):
        renamed = name.casefold() != asked_as.casefold()
        yield Issue(
            id=f"{name}#{number}",
            repo=name,
            number=number,
            url=row.get("html_url") or "",
            title=row.get("title") or "",
            body=row.get("body") or "",
            comments=tuple(map(_comment, comments.get(number, ()))),
            labels=tuple(label for label in row.get("labels", ()) if label),
            author=_login(row),
            created_at=row.get("created_at"),
            closed_at=row.get("closed_at"),
            author_role=row.get("author_association") or "",
            state_reason=row.get("state_reason") or "",
            reactions=tuple((row.get("reactions") or {}).items()),
            events=tuple(map(_event, events.get(number, ()))),
            pull_request=bool(row.get("pull_request")),
            other_names=(f"{asked_as}#{number}",) if renamed else (),
        )


def _by_number(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["created_at"], row["id"])):
        if row["number"] is not None:
            found.setdefault(row["number"], []).append(row)
    return found


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
        by=row.get("commit_id") or "",
    )
