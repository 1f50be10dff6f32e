"""What GitHub answers -> rows that hold what an issue is made of, and these -> issues.

Texts become what ``coder import`` makes of them, so that an issue has one hash either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from coder.records import Comment, Event, Issue
from coder.sources.github import is_bot
from coder.sources.rows import Values, WrongType

Kind = Literal["repository", "issues", "comments", "events"]
Row = dict[str, Any]

_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


class Misshapen(Exception):
    """An answer that is none of GitHub's."""


def pruned(kind: Kind, data: Any) -> tuple[tuple[Row, ...], str]:
    """The rows with what an issue is made of and nothing else, and a note of those that are of
    another shape, which are left out. Raises ``Misshapen`` where there is no list of rows."""
    if not isinstance(data, list):
        raise Misshapen
    rows: list[Row] = []
    odd = 0
    for raw in data:
        try:
            if kind == "issues":
                row = _issue(raw)
                issue_of(row, "o/r", "o/r", (), ())
            elif kind == "comments":
                row = _comment(raw)
                comment_of(row)
            elif raw["event"] not in ("closed", "reopened"):
                continue
            else:
                row = _event(raw)
                event_of(row)
            rows.append(row)
        except (AttributeError, KeyError, TypeError, ValueError, WrongType):
            odd += 1
    return tuple(rows), f"{odd:,} {kind} are not as GitHub writes them, and left out" if odd else ""


def _issue(raw: Mapping[str, Any]) -> Row:
    text = Values(spelled_out=False).text
    reactions = raw.get("reactions") or {}
    return {
        "number": _whole(raw["number"]),
        **{key: text(raw.get(key), key) for key in ("title", "body", "html_url", "node_id")},
        **{key: text(raw.get(key), key) for key in ("state_reason", "author_association")},
        **{key: _time(raw[key]) for key in ("created_at", "updated_at")},
        "closed_at": _time(raw["closed_at"]) if raw.get("closed_at") else None,
        "comments": bool(raw.get("comments")),
        "user": _user(raw.get("user")),
        "labels": [
            text(one.get("name") if isinstance(one, Mapping) else one, "label")
            for one in raw.get("labels") or ()
        ],
        "reactions": {kind: reactions[kind] for kind in _REACTIONS if reactions.get(kind)},
        "pull_request": "pull_request" in raw,
    }


def _comment(raw: Mapping[str, Any]) -> Row:
    text = Values(spelled_out=False).text
    end = str(raw.get("issue_url") or "").rpartition("/")[2]
    return {
        "id": _whole(raw["id"]),
        "number": int(end) if end.isdecimal() else None,
        **{key: text(raw.get(key), key) for key in ("body", "author_association")},
        **{key: _time(raw[key]) for key in ("created_at", "updated_at")},
        "user": _user(raw.get("user")),
    }


def _event(raw: Mapping[str, Any]) -> Row:
    about = raw.get("issue") or {}
    return {
        "id": _whole(raw["id"]),
        "number": _whole(about["number"]) if about else None,
        "event": raw["event"],
        "created_at": _time(raw["created_at"]),
        "by": raw.get("commit_id") or "",
        "user": _user(raw.get("actor")),
    }


def _user(user: Any) -> Row:
    # A deleted account is null.
    name = Values(spelled_out=False).text
    return {key: name(user.get(key), key) for key in ("login", "type")} if user else {}


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _time(value: Any) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError
    return str(value)


def issue_of(
    row: Row, name: str, asked_as: str, comments: Sequence[Row], events: Sequence[Row]
) -> Issue:
    """The issue of the repository ``name``, known as one of ``asked_as`` too."""
    number = row["number"]
    renamed = name.casefold() != asked_as.casefold()
    return Issue(
        id=f"{name}#{number}",
        repo=name,
        number=number,
        url=row["html_url"],
        title=row["title"],
        body=row["body"],
        comments=tuple(map(comment_of, comments)),
        labels=tuple(label for label in row["labels"] if label),
        author=row["user"].get("login", ""),
        created_at=row["created_at"],
        closed_at=row["closed_at"],
        author_role=row["author_association"],
        state_reason=row["state_reason"],
        reactions=tuple(row["reactions"].items()),
        events=tuple(map(event_of, events)),
        pull_request=row["pull_request"],
        other_names=(f"{asked_as}#{number}",) if renamed else (),
    )


def comment_of(row: Row) -> Comment:
    login = row["user"].get("login", "")
    return Comment(
        author=login,
        body=row["body"],
        created_at=row["created_at"],
        bot=is_bot(login, row["user"]),
        author_role=row["author_association"],
    )


def event_of(row: Row) -> Event:
    login = row["user"].get("login", "")
    return Event(
        kind=row["event"],
        at=row["created_at"],
        actor=login,
        bot=is_bot(login, row["user"]),
        by=row["by"],
    )
