"""What rows of APIs tell of an issue beside its text: roles, reactions, how it was closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coder.records import Event
from coder.sources.github import is_bot, is_pull_request
from coder.sources.rows import Values, kind

_REACTIONS = {
    "THUMBS_UP": "+1", "THUMBS_DOWN": "-1", "LAUGH": "laugh", "HOORAY": "hooray",
    "CONFUSED": "confused", "HEART": "heart", "ROCKET": "rocket", "EYES": "eyes",
}  # fmt: skip
"""Kinds as GraphQL spells them, and as the rest of the API does."""
_CLOSED = {
    "closed": "closed", "closedevent": "closed", "reopened": "reopened",
    "reopenedevent": "reopened", "open": "reopened",
}  # fmt: skip


def particulars(row: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The fields of an issue that only some sources know, where ``row`` tells them."""
    role = row.get("author_role") or row.get("author_association") or row.get("authorAssociation")
    reason = row.get("state_reason") or row.get("stateReason")
    return {
        "author_role": values.text(role, "author role"),
        "state_reason": values.text(reason, "state reason").lower(),
        "reactions": tuple(_reactions(row)),
        "events": tuple(_events(row, values)),
        "pull_request": is_pull_request(row),
    }


def _reactions(row: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    told = row.get("reactions")
    if isinstance(told, list):  # a file of our own
        yield from ((str(name), int(count)) for name, count in told)
    elif isinstance(told, Mapping):
        for name in _REACTIONS.values():
            if isinstance(count := told.get(name), int) and count:
                yield name, count
    for group in row.get("reactionGroups") or ():
        if isinstance(group, Mapping):
            held = group.get("reactors") or group.get("users") or {}
            count = held.get("totalCount") if isinstance(held, Mapping) else None
            if count and group.get("content") in _REACTIONS:
                yield _REACTIONS[group["content"]], int(count)


def _events(row: Mapping[str, Any], values: Values) -> Iterator[Event]:
    """Closings and reopenings among what happened to the issue, in the order told."""
    for key in ("events", "timelineItems", "timeline"):
        told = row.get(key)
        if isinstance(told, Mapping):
            told = told.get("nodes")
        for one in told if isinstance(told, list) else ():
            if isinstance(one, Mapping) and (event := _event(one, values)) is not None:
                yield event


def _event(one: Mapping[str, Any], values: Values) -> Event | None:
    told = one.get("kind") or one.get("event") or one.get("new_status") or one.get("__typename")
    what = _CLOSED.get(str(told or "").lower())
    at = values.date(one.get("at") or one.get("created_at") or one.get("createdAt"))
    if what is None or at is None:
        return None
    actor = one.get("actor") or one.get("author") or one.get("user")
    name = values.name(actor, "actor") if not isinstance(actor, list) else kind(actor)
    described = (actor,) if isinstance(actor, Mapping) else ()
    stated = one.get("bot")
    return Event.model_validate(
        {
            "kind": what,
            "at": at,
            "actor": name,
            "bot": stated if isinstance(stated, bool) else is_bot(name, *described),
            "by": values.text(_closer(one), "closer"),
        }
    )


def _closer(one: Mapping[str, Any]) -> Any:
    """The commit, or the pull request, that closed the issue."""
    closer = one.get("closer")
    if isinstance(closer, Mapping):
        return closer.get("oid") or closer.get("url") or closer.get("number")
    return one.get("by") or one.get("commit_id")
