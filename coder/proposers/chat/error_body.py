"""The body of an error, in whichever shape its provider gives it: its words and what they concern.

OpenAI's ``{"error": {...}}``, the same in a list (Google), ``error`` as plain text (xAI, LM
Studio), ``message`` or ``detail`` without it (Mistral, FastAPI), the words of another provider
inside those of a router, web pages, plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

_CODES = ("code", "type", "status", "reason", "quotaId")
_DEPTH = 8
"""Bodies are read no deeper: nothing that is told lies there."""
_BEGINNING = 500
"""Characters of a message; what it is about is said by then."""
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(
    r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class ErrorBody:
    """What an error says. ``codes`` are its machine's words (codes, types), ``parameter`` the part
    of the request it names; ``status`` is an HTTP status given in it."""

    message: str
    codes: str = ""
    parameter: str = ""
    status: int | None = None
    is_page: bool = False

    @property
    def words(self) -> str:
        """All that may tell what it means; not what a long message repeats of the request."""
        return f"{self.message[:_BEGINNING]} {self.codes}"


def read_error(body: str) -> ErrorBody | None:
    """The error in ``body``; ``None`` where it is JSON that tells of none."""
    if is_page(body):
        title = _TITLE.search(body)
        text = title.group(1) if title else _MARKUP.sub(" ", body)
        return ErrorBody(" ".join(unescape(text).split()), is_page=True)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorBody(body.strip())
    if isinstance(payload, list):
        payload = next((part for part in payload if isinstance(part, dict)), None)
    if not isinstance(payload, dict):
        return ErrorBody(body.strip())
    return _read(payload)


def is_page(body: str) -> bool:
    """Whether ``body`` is meant for a browser."""
    return _PAGE.match(body) is not None


def _read(payload: Mapping[str, Any]) -> ErrorBody | None:
    error = _error(payload)
    told = payload if error is None else error
    message = told if isinstance(told, str) else _message(told)
    if not message and error is None:
        return None
    codes = list(_codes(payload))
    named = told.get("param") if isinstance(told, dict) else None
    return ErrorBody(
        message=message,
        codes=" ".join(codes),
        parameter=named if isinstance(named, str) else "",
        status=next((int(c) for c in codes if re.fullmatch("[45][0-9][0-9]", c)), None),
    )


def _error(payload: Mapping[str, Any]) -> dict[str, Any] | str | None:
    """What stands under ``error``, however often it is wrapped; that of the first choice where an
    answer broke off."""
    error = payload.get("error") or payload.get("errors")
    choices = payload.get("choices")
    if not error and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        error = choices[0].get("error")
    for _ in range(_DEPTH):
        if isinstance(error, list):
            error = error[0] if error else None
        elif isinstance(error, dict) and isinstance(error.get("error"), dict | str):
            error = error["error"]
        else:
            break
    return error if isinstance(error, dict | str) and error else None


def _message(told: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "msg", "error_description"):
        words = _sentence(told.get(key))
        if words:
            break
    else:
        return ""
    metadata = told.get("metadata")
    # A router repeats what the provider behind it said.
    behind = _sentence(metadata.get("raw")) if isinstance(metadata, dict) else ""
    return f"{words}: {behind}" if behind else words


def _sentence(value: object, depth: int = 0) -> str:
    """``value`` in words; complaints of a validation by the place they are about, never with the
    input they repeat, which may be the issue."""
    if depth > _DEPTH:
        return ""
    if isinstance(value, str):
        return _inner(value, depth) or value
    if isinstance(value, list):
        return "; ".join(filter(None, (_sentence(part, depth + 1) for part in value)))
    if not isinstance(value, dict):
        return ""
    if "loc" in value and "msg" in value:
        place = value["loc"] if isinstance(value["loc"], list) else [value["loc"]]
        return f"{'.'.join(str(p) for p in place if p != 'body')}: {value['msg']}"
    for key in ("error", "message", "detail", "msg"):
        if words := _sentence(value.get(key), depth + 1):
            return words
    return ""


def _inner(text: str, depth: int) -> str:
    """The words of JSON that was put into a string."""
    if not text.lstrip().startswith(("{", "[")):
        return ""
    try:
        return _sentence(json.loads(text), depth + 1)
    except (ValueError, RecursionError):
        return ""


def _codes(value: object, depth: int = 0) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(value, list):
        for part in value:
            yield from _codes(part, depth + 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in _CODES and isinstance(part, str | int) and not isinstance(part, bool):
                yield str(part)
            elif key != "input":
                yield from _codes(part, depth + 1)
