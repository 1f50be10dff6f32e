"""Errors of providers: the body in each one's shape, and what a refusal means.

The meaning comes from the words where they tell, else from the status: providers use one status for
many things, 400 for an empty account, 403 for a text that a filter stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
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


class Meaning(Enum):
    """What a refusal is about, and so who else would meet it."""

    FILTERED = auto()
    """This issue: a content filter."""
    TOO_LARGE = auto()
    """This issue: more than the model or the account takes at once."""
    SYSTEM_ROLE = auto()
    """How it is asked: the model takes no system message."""
    REQUEST = auto()
    """How it is asked, or nothing that is known."""
    BUSY = auto()
    """The moment."""
    ERROR = auto()
    """The moment, or how it is asked: the server broke down over it."""
    KEY = auto()
    CREDIT = auto()
    QUOTA = auto()
    MODEL = auto()
    NOT_FOUND = auto()
    ACCESS = auto()
    POLICY = auto()
    NO_API = auto()
    """Every request: there is something else at this address."""


_WORDS = (
    (Meaning.FILTERED, r"content_filter|content management policy|content policy|responsibleai"
        r"|(?:input|prompt) was flagged|content exists risk|data_inspection_failed"
        r"|violates usage guidelines|violating our usage policy"),
    (Meaning.QUOTA, r"per[ -]?day|\([rt]pd\)|\bdaily\b|limit: 0(?![.0-9])"
        r"|reached your .{0,20}usage limit"),
    (Meaning.CREDIT, r"insufficient[ _](?:quota|balance|credit|fund)|credit balance|credit[ _]limit"
        r"|(?:more|out of|any|no|available|purchase|add) credits|spending limit|payment required"
        r"|monthly included credits|billing_(?:not_active|hard_limit)|key limit exceeded"
        # Google says the same of a limit that is over in a minute.
        r"|\A(?!.*(?:resource_exhausted|retry in)).*exceeded your current quota"),
    (Meaning.KEY, r"(?:invalid|incorrect|wrong|expired|disabled|missing|no)\b.{0,30}"
        r"\b(?:api[ _-]?key|subscription key|auth credentials)"
        r"|\bapi[ _-]?key\b.{0,60}\b(?:invalid|incorrect|not valid|expired|disabled|revoked|leaked)"
        r"|(?:invalid_api_key|api_key_invalid|authentication_error|authentication fails)"),
    (Meaning.TOO_LARGE, r"request (?:body )?too large|reduce your message size|must be reduced"),
    (Meaning.SYSTEM_ROLE, r"system (?:role|message|prompt|instruction)s?\b.{0,60}\bnot\b"
        r"|\brole\b.{0,60}\bsystem\b|system_instruction|developer instruction"
        r"|only user(?:,| and) assistant|roles must alternate|role: input should be 'user'"),
    (Meaning.POLICY, r"data policy|guardrail restrictions"),
    (Meaning.NO_API, r"unexpected endpoint|invalid url\b|sent to https port"),
    (Meaning.MODEL, r"model_(?:not|decommissioned|terms)|deploymentnotfound|invalid[ _]model"
        r"|unknown model|not a valid model|no models? loaded|unable to access (?:non-\S+ )?model"
        r"|\bmodel\b.{0,120}\b(?:not exist|not found|no longer|decommissioned|requires terms)"
        r"|not supported by any provider|requires more system memory"),
    (Meaning.REQUEST, r"endpoints found that (?:support|can handle)|response[ _]format"
        r"|json[ _](?:schema|object)|unsupported[ _](?:parameter|value)|extra_forbidden"
        r"|unrecognized request argument|\bparameters?\b"),
    (Meaning.ACCESS, r"unsupported_country|location is not supported|must be verified"
        r"|(?:account|organization)\b.{0,60}\b(?:suspended|deactivated|restricted|not active)"
        r"|does not have access|permission[_ ]?denied"),
)  # fmt: skip
"""In this order: the first that is met counts."""
_MEANINGS = tuple((meaning, re.compile(words, re.I | re.S)) for meaning, words in _WORDS)

_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum context|too many tokens|larger context"
    r"|exceed_context|input token count|(?:is|are|prompt|input|text|message|request) too long",
    re.I,
)  # fmt: skip
_PASSING = re.compile(
    r"overloaded|try again|time[d ]?out|rate.?limit|(?:server|internal)[ _]", re.I
)
_ASKED_FOR = re.compile(r"limit:? ([0-9][0-9,]*).{0,40}requested:? ([0-9][0-9,]*)", re.I | re.S)

_STATUS = {
    401: Meaning.KEY, 402: Meaning.CREDIT, 403: Meaning.ACCESS, 404: Meaning.NOT_FOUND,
    405: Meaning.NO_API, 408: Meaning.BUSY, 409: Meaning.BUSY, 413: Meaning.TOO_LARGE,
    425: Meaning.BUSY, 429: Meaning.BUSY, 500: Meaning.ERROR, 501: Meaning.REQUEST,
}  # fmt: skip
_BY_ITSELF = (401, 402)
"""These leave nothing open that words could tell."""
_NO_PAGES = (400, 404, 405)
"""An API says these in JSON; a page says that there is none."""


def meaning(status: int | None, said: ErrorBody) -> Meaning:
    """What a refusal with ``status`` (``None``: none that tells) and these words is about."""
    if status in _BY_ITSELF:
        return _STATUS[status]
    if said.is_page and status in _NO_PAGES:
        return Meaning.NO_API
    if status == 429 and _never_fits(said.message):
        return Meaning.TOO_LARGE
    if status != 429 and _TOO_LONG.search(said.words):
        return Meaning.TOO_LARGE
    for found, words in _MEANINGS:
        # A server that is down speaks of days without a quota.
        down = found is Meaning.QUOTA and status is not None and status >= 500
        if not down and words.search(said.words):
            missing = found is Meaning.MODEL and status == 404
            return Meaning.NOT_FOUND if missing else found
    if status in _STATUS:
        return _STATUS[status]
    passing = status >= 500 if status is not None else _PASSING.search(said.words)
    return Meaning.BUSY if passing else Meaning.REQUEST


def _never_fits(message: str) -> bool:
    """Whether a limit on the rate is lower than what a single request needs."""
    found = _ASKED_FOR.search(message)
    if found is None:
        return False
    limit, requested = (int(number.replace(",", "")) for number in found.groups())
    return requested > limit
