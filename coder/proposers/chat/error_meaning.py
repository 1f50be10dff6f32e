"""What a server's refusal means: by its words where they tell, else by its status.

Providers use one status for many things: 400 for an empty account, 403 for a text that its filter
stopped, 404 for a parameter, 429 for a request that will never fit.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from coder.proposers.chat.error_body import ErrorBody


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
