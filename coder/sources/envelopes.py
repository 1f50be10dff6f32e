"""Issues inside what an API or a webhook wraps around them: pages, connections, events, exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WRAPPERS = ("data", "repository", "project", "search", "result", "results", "response", "payload")
"""Objects that hold no issue themselves, but may hold what does."""
_LISTS = ("nodes", "edges", "items", "issues", "results", "values", "records")
_ISSUE_KEYS = frozenset({"title", "body", "summary", "fields", "code", "label", "accept"})
"""An object with one of these is a row of its own."""
_DEEPEST = 8


def unwrapped(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that an object stands for: itself, unless it is known to be wrapped around others.

    Known are pages of REST searches (``items``), GraphQL connections (``nodes``, ``edges``), Jira's
    ``issues``, the ``issue`` of a webhook or of GH Archive's events, and objects keyed by id.
    """
    return [_as_row(found) for found in _inside(value, 0)]


def lists_inside(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[str]:
    """The paths to lists of objects in a row, for who has to say where its issues are."""
    for key, part in value.items() if depth < _DEEPEST else ():
        if isinstance(part, Mapping):
            yield from lists_inside(part, f"{path}{key}.", depth + 1)
        elif _objects(part):
            yield f"{path}{key}"


def _inside(value: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    event = value.get("payload") if isinstance(value.get("payload"), Mapping) else value
    issue = event.get("issue") if isinstance(event, Mapping) else None
    if isinstance(issue, Mapping) and not _ISSUE_KEYS.intersection(value):
        yield {**issue, "repo": _repository(value)} if _repository(value) else issue
        return
    if _ISSUE_KEYS.isdisjoint(value) and depth < _DEEPEST:
        for key in _LISTS:
            if _objects(value.get(key)):
                for part in value[key]:
                    node = part.get("node")
                    yield from _inside(node if isinstance(node, Mapping) else part, depth + 1)
                return
        for key in (*_WRAPPERS, "issues"):
            if isinstance(value.get(key), Mapping):
                yield from _inside(value[key], depth + 1)
                return
        if _by_id(value):
            yield from ({"id": key, **part} for key, part in value.items())
            return
    yield value


def _repository(event: Mapping[str, Any]) -> str:
    """The repository that a webhook (``full_name``) or GH Archive (``name``) names."""
    for key in ("repository", "repo"):
        named = event.get(key)
        if isinstance(named, Mapping):
            return str(named.get("full_name") or named.get("name") or "")
    return ""


def _by_id(value: Mapping[str, Any]) -> bool:
    parts = list(value.values())
    return bool(parts) and all(
        isinstance(part, Mapping) and not {"title", "body"}.isdisjoint(part) for part in parts
    )


def _objects(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(v, dict) for v in value)


def _as_row(value: Mapping[str, Any]) -> dict[str, Any]:
    """A row by the names that issues go by: those of Jira are brought up out of ``fields``."""
    fields = value.get("fields")
    if not (isinstance(fields, Mapping) and "summary" in fields):
        return dict(value)
    comments = fields.get("comment")
    writer = fields.get("reporter") or fields.get("creator")
    return {
        "id": value.get("key") or value.get("id"),
        "url": value.get("self"),
        "title": fields.get("summary"),
        "body": _document(fields.get("description")),
        "labels": fields.get("labels"),
        "author": writer,
        "created_at": fields.get("created"),
        "closed_at": fields.get("resolutiondate"),
        "comments": [
            {**comment, "body": _document(comment.get("body"))}
            for comment in (comments or {}).get("comments", ())
            if isinstance(comment, Mapping)
        ],
    }


def _document(value: object, depth: int = 0) -> str | None:
    """The text of Atlassian's document format; a plain text as it is."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or depth > 4 * _DEEPEST:
        return ""
    if isinstance(value.get("text"), str):
        return str(value["text"])
    parts = [_document(part, depth + 1) or "" for part in value.get("content") or ()]
    inline = value.get("type") in ("paragraph", "heading", "codeBlock")
    return ("" if inline else "\n\n").join(parts)
