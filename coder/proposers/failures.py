"""What can go wrong between here and a chat model, and what follows from it.

Vendors' exceptions are told apart by what they carry (a status, a response, a cause), so that one
mapping serves every provider and an exception nobody foresaw still gets a definite end.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

MAX_RETRY_AFTER = 60.0
"""Seconds; a server may ask for more, but then it is asked again at this interval."""

_RETRIED = {408, 409, 425, 429}
_OVERLOADED = {429, 503, 529}
_FATAL = {401: "the key is refused", 402: "the account has no credit",
          403: "access is denied", 404: "no such model or address"}  # fmt: skip
_TOO_LONG = ("context length", "context_length", "context size", "maximum context",
             "too many tokens", "too long")  # fmt: skip
_FILTERED = ("content_filter", "content management policy", "content policy", "responsibleai")
_BROKEN = ("Connect", "Transport", "Protocol", "Payload")
_UNREACHED = {"ConnectError", "ConnectTimeout", "ConnectionRefusedError",
              "ClientConnectorError", "ConnectionTimeoutError"}  # fmt: skip
_KEYLIKE = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{4,}")


class Failure(Exception):
    """A request without an answer. ``str()`` is one line and holds no key."""


class Transient(Failure):
    """Worth asking again, after ``retry_after`` seconds if the server said so."""

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        unreachable: bool = False,
        lost: bool = False,
        overloaded: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unreachable = unreachable
        """No connection was made at all."""
        self.lost = lost
        """It arrived, but its answer did not: it may have to be paid for."""
        self.overloaded = overloaded
        """The server has more to do than it can: fewer requests at a time may help."""


class Fatal(Failure):
    """Every other request would fail the same way: the run must stop."""


class Gone(Fatal):
    """The server does not answer any more."""


class Rejected(Failure):
    """The server does not take this request as it is."""

    def __init__(self, message: str, about_the_text: bool) -> None:
        super().__init__(message)
        self.about_the_text = about_the_text
        """The issue itself is the reason (too long), not how the request is put."""


class Filtered(Failure):
    """The provider's content filter does not let the issue through."""


def failure(error: BaseException, secret: str = "") -> Failure:
    """What ``error``, raised by any provider's client, means for the request and the run."""
    if isinstance(error, Failure):
        return error
    status = _status(error)
    message = clean(str(error), secret) or type(error).__name__
    names = {kind.__name__ for e in _telling(error) for kind in type(e).__mro__}
    if status is None:
        timed_out = any("Timeout" in name for name in names)
        why = f"the answer cannot be read ({type(error).__name__}: {message})"
        if timed_out:
            why = "no answer within the time limit (model.timeout)"
        elif any(part in name for name in names for part in _BROKEN):
            why = f"the connection failed: {_root(error, secret)}"
        unreachable = _refused(names)
        return Transient(why, unreachable=unreachable, lost=not unreachable, overloaded=timed_out)
    if status == 429 and "insufficient_quota" in message:
        return Fatal("the account has no credit (429)")
    if status < 400:
        # Not followed: nobody has agreed that texts go there.
        return Fatal(f"the server points to another address ({status})")
    if status in _FATAL:
        # Not the server's own words: they may repeat part of the key.
        return Fatal(f"{_FATAL[status]} ({status})")
    if status in _RETRIED or status >= 500:
        why = f"the server answered {status}: {message}"
        return Transient(why, _retry_after(error), overloaded=status in _OVERLOADED)
    lower = message.casefold()
    if any(word in lower for word in _FILTERED):
        return Filtered(f"the provider's content filter refused it: {message}")
    too_long = status == 413 or any(word in lower for word in _TOO_LONG)
    return Rejected(f"the server answered {status}: {message}", about_the_text=too_long)


def clean(message: str, secret: str = "", limit: int = 300) -> str:
    """``message`` on one line, cut to ``limit`` characters, with nothing that looks like a key."""
    if secret:
        message = message.replace(secret, "[key]")
    message = " ".join(_KEYLIKE.sub("[key]", message).split())
    return message if len(message) <= limit else message[: limit - 1] + "…"


def _status(error: BaseException) -> int | None:
    for source in (error, getattr(error, "response", None)):
        status = getattr(source, "status_code", None)
        if isinstance(status, int):
            # A body that cannot be read under a status of success is a bad answer, not a refusal.
            return status if status >= 300 else None
    return None


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _telling(error: BaseException) -> list[BaseException]:
    """The errors that led to ``error``, without names that mislead: the transport that openai's
    client has on aiohttp calls a connection that broke in the middle of an answer a timeout."""
    chain = _chain(error)
    own = [n for n, e in enumerate(chain) if type(e).__module__.startswith("aiohttp.")]
    return chain[own[0] :] if own else chain


def _root(error: BaseException, secret: str) -> str:
    root = _chain(error)[-1]
    return clean(str(root), secret) or type(root).__name__


def _refused(names: set[str]) -> bool:
    return not names.isdisjoint(_UNREACHED)


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait by the Retry-After header, given in seconds or as a date (RFC 9110)."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    value = headers.get("retry-after") if headers is not None else None
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else 0.0
