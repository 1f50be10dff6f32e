"""One request to GitHub's API: repeated where that helps, and what is gone told apart."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.stop import stop_base

from coder.addresses import host_of, is_own
from coder.errors import ModelError, UsageError
from coder.study import Study

PUBLIC = "https://api.github.com"
TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
URL = "GITHUB_API_URL"
ATTEMPTS = 7
"""At one request, where the server or the line to it fails: two minutes in all. Waits for a rate
limit do not count."""
_LONGEST_WAIT = 64.0
_LEAST_WAIT = 1.0

OnWait = Callable[[float, str], None]
"""Called before a wait with its seconds and why."""


class Unavailable(Exception):
    """What was asked for is not to be had; ``status`` is GitHub's, ``why`` in plain words."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True)
class Access:
    """Where the API is and the token for it; the token never shows."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Access({self.url!r}, token={'***' if self.token else 'none'})"


def access(study: Study, environment: Mapping[str, str]) -> Access:
    """The address and the token of the environment, the study's .env or ``gh auth token``.

    An address that only the study's .env names may be somebody else's: it gets no token but the
    one beside it.
    """
    chosen = environment.get(URL, "")
    url = (chosen or study.variable(URL) or PUBLIC).rstrip("/")
    theirs = bool(not chosen and study.variable(URL))
    names = [study.variable(name) if not theirs else study.from_env_file(name) for name in TOKENS]
    token = next(filter(None, names), "").strip()
    if not token and not theirs:
        token = _of_gh(host_of(url))
    if token and not url.startswith("https://") and not is_own(url):
        raise UsageError(
            f"the token would go to {host_of(url)} as anybody can read it",
            f"use an https address in {URL}",
        )
    if not (token.isascii() and token.isprintable()):
        raise UsageError("the token for GitHub has letters in it that no token has", "copy it anew")
    return Access(url, token)


def _of_gh(host: str) -> str:
    """The token that GitHub's own command line keeps; empty where there is none."""
    command = ["gh", "auth", "token", "--hostname", "github.com" if "github.com" in host else host]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Answer:
    """``data`` is ``None`` for what has not changed; ``next`` is the next page's URL, or empty."""

    data: Any
    etag: str
    next: str
    url: str


class Api:
    """Asks GitHub, and waits where it says so; one request at a time, as GitHub wishes.

    PyGithub sends the requests, keeps the connection and adds the token. Pages, conditions and
    waits are this package's: what was had must be on disk before the next request, which an
    iterator over objects does not tell.
    """

    def __init__(self, where: Access, on_wait: OnWait, sleep: Callable[[float], None]) -> None:
        try:
            from github import Auth, Github
        except ImportError:
            raise UsageError(
                "fetching issues needs PyGithub, which is not installed",
                "pip install 'issue-coder[github]'",
            ) from None
        # It writes to the terminal of its own accord.
        logging.getLogger("github").setLevel(logging.ERROR)
        self.calls = 0
        self.where = where
        auth = Auth.Token(where.token) if where.token else None
        self._requester = Github(
            base_url=where.url, auth=auth, retry=None, timeout=60, user_agent="issue-coder",
            seconds_between_requests=None, seconds_between_writes=None,
        ).requester  # fmt: skip
        self._on_wait = on_wait
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, _Passing)),
            wait=_wait,
            stop=_AfterAttempts(ATTEMPTS),
            before_sleep=self._tell,
            sleep=sleep,
            reraise=True,
        )

    def get(self, path: str, params: Mapping[str, str] | None = None, etag: str = "") -> Answer:
        """``path`` is below the API's address, or a whole URL of a next page.

        Raises ``Unavailable`` for what is gone, private or asked wrongly, and ``ModelError`` where
        GitHub cannot be reached.
        """
        if not path.startswith(f"{self.where.url}/"):
            path = f"{self.where.url}/{path.lstrip('/')}"
        headers = {"If-None-Match": etag} if etag else {}
        return self._patiently(self._ask, path, params, headers)

    def graphql(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of a GraphQL query; what it names and is gone is ``null`` there. Raises as
        ``get`` does."""
        asked = {"query": query, "variables": variables}
        answer = self._patiently(self._ask, self._requester.graphql_url, None, {}, asked)
        data: Mapping[str, Any] = answer.data["data"]
        return data

    def _patiently(self, ask: Callable[..., Answer], *asked: Any) -> Answer:
        try:
            answer: Answer = self._retrying(ask, *asked)
        except _Passing as error:
            raise ModelError(
                f"{host_of(self.where.url)}: {error.why}", "run the same command again to go on"
            ) from None
        return answer

    def _ask(
        self,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        from requests import RequestException

        self.calls += 1
        try:
            status, told, text = self._requester.requestJson(
                "POST" if query else "GET", path, parameters=dict(params or {}),
                headers=dict(headers), input=query,
            )  # fmt: skip
        except RequestException as error:
            raise _Passing(f"it cannot be reached ({type(error).__name__})") from None
        except (RuntimeError, AssertionError):
            raise Unavailable(301, "it leads on to another server, or in a circle") from None
        if status == 304:
            return Answer(None, told.get("etag", headers.get("If-None-Match", "")), "", path)
        data = _json(text)
        if status != 200 or data is None:
            raise _failure(status, told, data)
        if query and not (isinstance(data, dict) and isinstance(data.get("data"), dict)):
            raise _unanswered(told, data)
        following = _next(told.get("link", ""))
        return Answer(data, told.get("etag", ""), "" if following == path else following, path)

    def _tell(self, state: RetryCallState) -> None:
        assert state.outcome is not None and state.next_action is not None
        self._on_wait(state.next_action.sleep, str(state.outcome.exception()))


class _Passing(Exception):
    """The same request may succeed later: after ``seconds``, where it is a limit; else the server
    or the line to it failed."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


def _failure(status: int, told: Mapping[str, str], data: Any) -> Exception:
    """What an answer that is no page means."""
    said = str(data.get("message", "")) if isinstance(data, dict) else ""
    if status in (403, 429):
        if "retry-after" in told:
            return _Passing("GitHub asks to slow down", _seconds(told["retry-after"]))
        if "secondary rate" in said or "abuse" in said:
            return _Passing("GitHub asks to slow down", _LONGEST_WAIT)
        if told.get("x-ratelimit-remaining") == "0":
            return _used_up(told)
        if status == 429:
            return _Passing("GitHub asks to slow down", _LONGEST_WAIT)
    if status == 401:
        return UsageError(
            "GitHub does not take the token", f"check {' or '.join(TOKENS)}, or: gh auth login"
        )
    if status >= 500 or status < 400:
        return _Passing(f"GitHub answers {status}{'' if status >= 500 else ' with no JSON'}")
    return Unavailable(status, _PLAIN.get(status, said[:200] or f"GitHub answers {status}"))


def _used_up(told: Mapping[str, str]) -> _Passing:
    """By the server's own clock: this machine's may be wrong."""
    try:
        here = parsedate_to_datetime(told.get("date", "")).timestamp()
    except ValueError:
        here = time.time()
    until = _seconds(told.get("x-ratelimit-reset", "0")) - here
    return _Passing("the rate limit is used up", max(until, 0) + 1)


def _unanswered(told: Mapping[str, str], data: Any) -> _Passing:
    """What it means that a GraphQL query has no data, which comes with status 200."""
    errors = data.get("errors") if isinstance(data, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    if first.get("type") in ("RATE_LIMIT", "RATE_LIMITED"):
        return _used_up(told)
    return _Passing(f"GitHub answers: {str(first.get('message', 'nothing'))[:200]}")


_PLAIN = {
    404: "there is none of this name, or it is private",
    410: "it was deleted, or its issues are switched off",
    451: "it was taken down for legal reasons",
}


def _wait(state: RetryCallState) -> float:
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, _Passing) and error.seconds is not None:
        return max(_LEAST_WAIT, error.seconds)
    return min(_LONGEST_WAIT, 2.0 ** (state.attempt_number - 1))


class _AfterAttempts(stop_base):
    """Stops after so many attempts, unless the last one met a limit."""

    def __init__(self, attempts: int) -> None:
        self._stop = stop_after_attempt(attempts)

    def __call__(self, retry_state: RetryCallState) -> bool:
        assert retry_state.outcome is not None
        error = retry_state.outcome.exception()
        limited = isinstance(error, _Passing) and error.seconds is not None
        return not limited and bool(self._stop(retry_state))


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return _LONGEST_WAIT


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _next(link: str) -> str:
    from requests.utils import parse_header_links

    for one in parse_header_links(link) if link else ():
        if one.get("rel") == "next":
            return str(one["url"])
    return ""
