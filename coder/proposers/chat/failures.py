"""What can go wrong between here and a chat model, and what follows from it.

Vendors' exceptions are told apart by what they carry (a status, a body, a cause), so that one
mapping serves every provider and an exception nobody foresaw still gets a definite end.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from coder.proposers.chat.answer_text import well_formed
from coder.proposers.chat.provider_errors import ErrorBody, Meaning, is_page, meaning, read_error

MAX_RETRY_AFTER = 60.0
"""Seconds; a server may ask for more, but then it is asked again at this interval."""

_OVERLOADED = {429, 503, 529}
_STOPPING = {
    Meaning.KEY: ("the key is refused", "check the key"),
    Meaning.CREDIT: ("the account has no credit", "add credit, or raise its limit"),
    Meaning.QUOTA: ("the quota is used up", "wait until it is renewed, or raise it"),
    Meaning.MODEL: ("the model cannot be used", "check the model's name"),
    Meaning.NOT_FOUND: ("no such model or address", ""),
    Meaning.ACCESS: ("access is denied", ""),
    Meaning.POLICY: ("the account's data policy forbids it", "see what it allows, and to whom"),
    Meaning.NO_API: ("this is not an API address", "does it end in /v1?"),
}
"""What every other request would meet as well: what to say of it, and what may help."""
TOO_LARGE = "lower model.context_tokens or model.max_output_tokens"
_BROKEN = ("Connect", "Transport", "Protocol", "Payload")
_UNREACHED = {"ConnectError", "ConnectTimeout", "ConnectionRefusedError",
              "ClientConnectorError", "ConnectionTimeoutError"}  # fmt: skip
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"([0-9.]{1,9})s"')
_MASK = "[key]"
_KEYLIKE = re.compile(
    r"\b(?:(?:sk|pk|key|xai)-|gsk_|hf_|AIza)(?=[\w.-]*[\d*])[\w*.-]{3,}[\w*-]"
    r"|[\w-]*\*{3,}[\w*-]*|\b(?=\S*\d)[\w-]{2,}(?:\.{3}|…)[\w-]{2,}"
)
"""Keys as providers write them, also where they have left out their middle."""
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")
"""In an address, a proxy's for example."""
_LONG_KEY, _WORD = 12, 8
"""Characters: from so many on a key is masked wherever it stands; fewer letters are a word."""


class Failure(Exception):
    """A request without an answer. ``str()`` is one line and holds no key."""

    lost = False
    """It arrived, but its answer did not: it may have to be paid for."""


class Transient(Failure):
    """Worth asking again, after ``retry_after`` seconds if the server said so."""

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        unreachable: bool = False,
        lost: bool = False,
        overloaded: bool = False,
        broke_down: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unreachable = unreachable
        """No connection was made at all."""
        self.lost = lost
        self.overloaded = overloaded
        """The server has more to do than it can: fewer requests at a time may help."""
        self.broke_down = broke_down
        """The server broke down, perhaps over how it was asked."""


class Unreadable(Failure):
    """An answer came, and another to the same request would be no better."""

    lost = True


class Straggling(Transient):
    """Given up because others were answered in a fraction of its time; to be asked again now."""


class Fatal(Failure):
    """Every other request would fail the same way: the run must stop."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        """What may help, where that is known."""


class Gone(Fatal):
    """The server does not answer any more."""


class Rejected(Failure):
    """The server does not take this request as it is."""

    def __init__(
        self,
        message: str,
        about_the_text: bool,
        about_the_system_role: bool = False,
        parameter: str = "",
    ) -> None:
        super().__init__(message)
        self.hint = TOO_LARGE if about_the_text else ""
        self.about_the_text = about_the_text
        """The issue itself is the reason (too long), not how the request is put."""
        self.about_the_system_role = about_the_system_role
        """The model takes no system message."""
        self.parameter = parameter
        """The part of the request that the server names as the reason, if it does."""


class Misplaced(Transient):
    """A web page where an answer should be: something in between may have put it there, once."""

    def everywhere(self) -> Fatal:
        """What it means when nothing else ever comes."""
        summary, hint = _STOPPING[Meaning.NO_API]
        return Fatal(f"{summary}: {self}", hint)


class Filtered(Failure):
    """The provider's content filter does not let the issue through."""


class NotACompletion(Exception):
    """What came with a status of success is no answer of a chat model."""

    def __init__(self, body: str) -> None:
        super().__init__("it is not a chat completion")
        self.body = body


def failure(error: BaseException, secret: str = "", sent: bool = True) -> Failure:
    """What ``error``, raised by any provider's client, means for the request and the run.
    ``sent``: anything of the request may have reached the server."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, NotACompletion):
        return _no_completion(error.body, secret)
    if any(isinstance(link, RecursionError) for link in chain(error)):
        return Unreadable("the answer cannot be read: it is nested too deeply")
    status = _status(error)
    if status is not None:
        said = read_error(_body(error)) or ErrorBody("")
        return _refusal(status, said, secret, _retry_after(error))
    message = clean(str(error), secret) or type(error).__name__
    names = {kind.__name__ for e in _telling(error) for kind in type(e).__mro__}
    timed_out = any("Timeout" in name for name in names)
    broken = any(part in name for name in names for part in _BROKEN)
    if not sent and not timed_out and not broken:
        return Rejected(f"the request cannot be sent: {_root(error, secret)}", False)
    unreachable = not sent or _refused(names)
    why = f"the answer cannot be read ({type(error).__name__}: {message})"
    if timed_out and not sent:
        why = "nothing answers at this address"
    elif timed_out:
        why = "no answer within the time limit (model.timeout)"
    elif broken:
        why = f"the connection failed: {_root(error, secret)}"
    return Transient(
        why,
        unreachable=unreachable,
        lost=not unreachable,
        overloaded=timed_out and not unreachable,
    )


def _refusal(
    status: int | None, said: ErrorBody, secret: str, retry_after: float | None = None
) -> Failure:
    """What a refusal means; ``status`` is ``None`` where it came as if it were an answer."""
    words = clean(said.message, secret)
    told = f": {words}" if words else ""
    if status is not None and status < 400:
        # Not followed: nobody has agreed that texts go there.
        return Fatal(f"the server points to another address ({status})")
    number = "" if status is None else f" {status}"
    why = f"the server answered{number or ' with an error'}{told}"
    about = meaning(status, said)
    if about in _STOPPING:
        summary, hint = _STOPPING[about]
        return Fatal(f"{summary}{f' ({status})' if status else ''}{told}", hint)
    if about is Meaning.FILTERED:
        return Filtered(f"the provider's content filter refused it{told}")
    if about in (Meaning.BUSY, Meaning.ERROR):
        overloaded = status in _OVERLOADED
        return Transient(why, retry_after, overloaded=overloaded, broke_down=about is Meaning.ERROR)
    if about is Meaning.TOO_LARGE:
        why += f"; {TOO_LARGE}"
    return Rejected(
        why,
        about_the_text=about is Meaning.TOO_LARGE,
        about_the_system_role=about is Meaning.SYSTEM_ROLE,
        parameter=said.parameter,
    )


def _no_completion(body: str, secret: str) -> Failure:
    """What a body is that came as an answer and is none."""
    unread = "the answer cannot be read: it"
    start = body.lstrip()
    if start.startswith(("data:", "event:", ":")):
        summary, hint = _STOPPING[Meaning.NO_API]
        stream = Fatal(f"{summary}: it answers with a stream of events, which was not asked", hint)
        stream.lost = True
        return stream
    if is_page(body):
        title = (read_error(body) or ErrorBody("")).message
        return Misplaced(f"{unread} is a web page ({clean(title, secret, 80)})")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        if start.startswith(("{", "[")) or not start:
            return Transient(f"{unread} was cut off", lost=True)
        return Misplaced(f"{unread} is plain text ({clean(body, secret, 80)})")
    said = read_error(body)
    if isinstance(payload, dict | list) and said is not None:
        return _refusal(said.status, said, secret)
    if isinstance(payload, dict) and "choices" in payload:
        return Transient(f"{unread} holds no message", lost=True)
    return Misplaced(f"{unread} is no chat completion")


def clean(message: str, secret: str = "", limit: int = 300) -> str:
    """``message`` on one line, cut to ``limit`` characters, with nothing that looks like a key or
    that no file can hold."""
    message = _PASSWORD.sub("", masked(well_formed(message), secret))
    message = " ".join(_KEYLIKE.sub(_MASK, message).split())
    return message if len(message) <= limit else message[: limit - 1] + "…"


def masked(text: str, secret: str) -> str:
    """``text`` without ``secret``. A short one counts only where it stands alone, and an ordinary
    word ("key", "ollama"), set for a server that wants any key at all, is none."""
    if not secret or (secret.isalpha() and len(secret) < _WORD):
        return text
    spelled = "".join(map(_spelled, secret))
    pattern = spelled if len(secret) >= _LONG_KEY else rf"(?<!\w){spelled}(?!\w)"
    return re.sub(pattern, _MASK, text)


def masked_answer(body: str, secret: str) -> str:
    """``body`` as it may be kept: a server may repeat the key it was sent. One that might as well
    be a code or a number is left, so that the answer stays what it is."""
    return body if len(secret) < _WORD or secret.isdigit() else masked(body, secret)


def _spelled(character: str) -> str:
    """Every way in which JSON, and JSON in JSON, may write a character of a key."""
    return rf"(?:\\*{re.escape(character)}|\\+u(?i:{ord(character):04x}))"


def alike(why: str) -> str:
    """The same for reasons that differ in numbers and in names with numbers in them alone."""
    return re.sub(r"\w*\d[\w-]*", "#", why)


def commonest(reasons: Sequence[str]) -> tuple[str, int]:
    """The reason that most are like, in the words of the first of them, and how many they are."""
    (kind, count), *_ = Counter(map(alike, reasons)).most_common(1)
    return next(why for why in reasons if alike(why) == kind), count


def _body(error: BaseException) -> str:
    """The body that ``error`` came with, as it came; else its own words."""
    for link in chain(error):
        try:
            text = link.response.text  # type: ignore[attr-defined]
        except Exception:
            continue
        if isinstance(text, str):
            return text
    return str(error)


def _status(error: BaseException) -> int | None:
    """The status of the response that ``error`` or what led to it tells of."""
    for link in chain(error):
        response = getattr(link, "response", None)
        # Google's clients call it ``code``; so does aiohttp what is no status of a response.
        code = getattr(link, "code", None) if hasattr(link, "response") else None
        for status in (getattr(link, "status_code", None), getattr(response, "status_code", code)):
            if isinstance(status, int):
                # A body that cannot be read under a status of success is a bad answer, not a
                # refusal.
                return status if status >= 300 else None
    return None


def chain(error: BaseException) -> list[BaseException]:
    """``error`` and what led to it, the nearest first."""
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _telling(error: BaseException) -> list[BaseException]:
    """The errors that led to ``error``, without names that mislead: the transport that openai's
    client has on aiohttp calls a connection that broke in the middle of an answer a timeout."""
    links = chain(error)
    own = [n for n, e in enumerate(links) if type(e).__module__.startswith("aiohttp.")]
    return links[own[0] :] if own else links


def _root(error: BaseException, secret: str) -> str:
    root = chain(error)[-1]
    return clean(str(root), secret) or type(root).__name__


def _refused(names: set[str]) -> bool:
    return not names.isdisjoint(_UNREACHED)


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait by the Retry-After header, given in seconds or as a date (RFC 9110), or by
    what Google writes into the body."""
    responses: list[Any] = [getattr(link, "response", None) for link in chain(error)]
    value = next((r.headers.get("retry-after") for r in responses if r is not None), None)
    if not value:
        told = _RETRY_DELAY.search(_body(error))
        value = told[1] if told else None
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
