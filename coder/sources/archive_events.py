"""GH Archive's events -> issues: the last state that any of them tells, and what was written.

The events of an issue lie scattered over the hours, so what they tell is held until all were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coder.sources.rows import Row

KINDS = ("IssuesEvent", "IssueCommentEvent")


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether a row is an event of GH Archive, of whatever kind."""
    named = value.get("type")
    return isinstance(named, str) and named.endswith("Event") and "payload" in value


class ArchiveEvents:
    """Collects events; each issue is where its first event stood."""

    def __init__(self) -> None:
        self._issues: dict[tuple[str, Any], dict[str, Any]] = {}

    def take(self, row: Row) -> bool:
        """Whether ``row`` was an event about an issue, and is kept."""
        value = row.values
        payload = value.get("payload")
        if value.get("type") not in KINDS or not isinstance(payload, Mapping):
            return False
        issue, repo = payload.get("issue"), value.get("repo")
        if not isinstance(issue, Mapping) or not isinstance(repo, Mapping):
            return False
        key = str(repo.get("name") or ""), issue.get("number")
        held = self._issues.setdefault(
            key, {"row": row, "at": "", "issue": issue, "comments": {}, "events": {}}
        )
        at = str(value.get("created_at") or "")
        if at >= held["at"]:
            held["at"], held["issue"] = at, issue
        comment = payload.get("comment")
        if isinstance(comment, Mapping):
            if payload.get("action") == "deleted":
                held["comments"].pop(comment.get("id"), None)
            else:
                held["comments"][comment.get("id")] = comment
        elif payload.get("action") in ("closed", "reopened"):
            event = {"event": payload["action"], "created_at": at, "actor": value.get("actor")}
            held["events"][value.get("id")] = event
        return True

    def rows(self) -> Iterator[Row]:
        """A row for each issue, as the API would give it with its comments."""
        for (repo, _), held in self._issues.items():
            first: Row = held["row"]
            comments = sorted(held["comments"].values(), key=lambda c: str(c.get("created_at")))
            events = sorted(held["events"].values(), key=lambda e: e["created_at"])
            issue = {**held["issue"], "repo": repo, "comments": comments, "events": events}
            stated = held["issue"].get("comments")
            yield Row(first.file, first.line, {**issue, "comment_count": stated})
        self._issues.clear()
