"""The one door to chat models, with retries and honest failures.

A server that speaks OpenAI's protocol is asked through openai's client, which hands over the body
as it came: reading it into objects costs milliseconds, and raises on a truncated answer or an odd
usage block, so that what was paid for would be lost. Every other provider is asked through
langchain (:mod:`coder.proposers.chat.langchain_client`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import tenacity

from coder.errors import LimitReached, ModelError
from coder.proposers.budget import Account
from coder.proposers.chat import langchain_client
from coder.proposers.chat.failures import (
    Failure,
    Fatal,
    Filtered,
    Gone,
    Misplaced,
    NotACompletion,
    Rejected,
    Straggling,
    Transient,
    Unreadable,
    alike,
    failure,
    masked_answer,
)
from coder.proposers.chat.langchain_client import open_model
from coder.proposers.chat.providers import Endpoint, endpoint
from coder.proposers.chat.question import Question
from coder.proposers.chat.rate_limit import CURRENT, Outdated, RateLimit, RequestSlot
from coder.proposers.chat.reply import Reply, Send, read_completion
from coder.proposers.chat.server_dialect import FORMATS, Dialect, response_format, system_in_user
from coder.records import Usage
from coder.study import ModelSettings, Study

if TYPE_CHECKING:
    import openai


SECONDS = 3.0
"""So long the others wait for the pilot at most: a refusal comes at once, an answer may not."""


class Pilot:
    """Lets one question at a time go, until one has been answered or has taken ``SECONDS``; from
    then on all. To be used inside one event loop."""

    def __init__(self) -> None:
        self._everyone = False
        self._under_way = False
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a question may be asked; left by an exception, it was not answered."""
        while self._under_way and not self._everyone:
            await self._changed.wait()
        if self._everyone:
            yield
            return
        self._under_way = True
        self._changed.clear()
        timer = asyncio.get_running_loop().call_later(SECONDS, self.let_everyone_go)
        try:
            yield
            self.let_everyone_go()
        finally:
            timer.cancel()
            self._under_way = False
            self._changed.set()

    def let_everyone_go(self) -> None:
        self._everyone = True
        self._changed.set()


IN_A_ROW = 5
"""So many issues one after the other without an answer mean that the server is gone."""

ALIKE = 3
"""So many issues one after the other refused in the same words mean that all will be."""

MISPLACED = 3
"""So many web pages before any answer mean that there is no API at the address."""

LOG = logging.getLogger(__name__)
SUSPICIOUS = 2
"""So often a server may break down over a format that has not worked yet; then another is tried."""

_UNTRUSTED = "name a file with the certificates that vouch for the server in SSL_CERT_FILE"
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=30.0)


def check_model(study: Study) -> str:
    """What the study's chat model is, in words. Contacts nobody.

    Raises ``ModelError`` when a package or a key is missing.
    """
    to = endpoint(study)
    (_client if to.speaks_openai else open_model)(to, study.settings.model)
    past = f", past the proxy {to.bypassed.public_url}" if to.bypassed else ""
    return f"{to.model} at {to.where}{past} (not contacted)"


class Chat:
    """A chat model that can be asked, several requests at a time, inside one event loop."""

    def __init__(self, to: Endpoint, settings: ModelSettings) -> None:
        self.endpoint = to
        self._settings = settings
        self._retries = settings.retries
        self._timeout = settings.timeout
        # Older compatible servers know the old name only; OpenAI's own new models the new one.
        limit = "max_tokens" if self.endpoint.compatible else "max_completion_tokens"
        self.parameters: dict[str, Any] = {
            "temperature": settings.temperature,
            limit: settings.max_output_tokens,
        }
        by_tool = [form for form in FORMATS if not form.startswith("json")]
        self._dialect = Dialect(FORMATS[1:] if to.speaks_openai else by_tool)
        self._reached = False
        self._read = False
        self._misplaced = 0
        self._unanswered = Streak()
        self._stopped: Fatal | None = None
        self._send: Send | None = None
        self._pace = self._new_pace()
        self._pilot = Pilot()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Chat]:
        """Opens connections for as long as the context lasts; ``ask`` works only inside it."""
        before, self._pace = self._pace, self._new_pace()
        self._pace.slots.lowest = before.slots.lowest
        self._pace.stragglers = before.stragglers
        self._pilot = Pilot()
        if self._read:
            self._pilot.let_everyone_go()
        if not self.endpoint.speaks_openai:
            async with langchain_client.connected(self.endpoint, self._settings) as send:
                self._send = send
                yield self
            return
        async with _client(self.endpoint, self._settings) as client:

            async def through_openai(
                question: Question, form: str, parameters: Mapping[str, Any]
            ) -> Reply:
                options = {**parameters, **response_format(form, question.schema)}
                messages = [{"role": role, "content": text} for role, text in question.messages]
                body = {"model": self.endpoint.model, "messages": messages, **options}
                answer = await client.post("/chat/completions", cast_to=str, body=body)
                answer = masked_answer(answer, self._key)
                reply = read_completion(answer)
                if reply is None or reply.finish_reason == "error":
                    raise NotACompletion(answer)
                return reply

            self._send = through_openai
            yield self

    @property
    def _key(self) -> str:
        return self.endpoint.key.get_secret_value() if self.endpoint.key else ""

    def _new_pace(self) -> RateLimit:
        settings = self._settings
        per_minute = settings.requests_per_minute, settings.tokens_per_minute
        return RateLimit(settings.concurrency, *per_minute)

    @property
    def fewest_at_a_time(self) -> int:
        """To how many requests at a time an overloaded server has brought it down."""
        return self._pace.slots.lowest

    @property
    def stragglers(self) -> int:
        """How many requests were given up as stragglers."""
        return self._pace.stragglers.given_up

    async def ask(self, question: Question, account: Account, about: str) -> Reply:
        """The model's answer; every request for it goes through ``account``. ``about`` is the
        issue's id.

        Raises ``Failure``, of which ``Fatal`` means that there is no use in asking on, and
        ``LimitReached``.
        """
        try:
            async with self._pilot.turn():
                self._go_on()
                began = time.monotonic()
                reply = await self._in_some_format(question, account)
            self._unanswered.end()
            LOG.info("%s answered after %.2f s", about, time.monotonic() - began)
            return reply
        except Fatal as error:
            self._stopped = error
            raise
        except Filtered:
            self._unanswered.end()
            raise
        except (Transient, Rejected, Unreadable) as error:
            LOG.info("%s got no answer: %s", about, type(error).__name__)
            if stop := self._in_a_row(error, about):
                self._stopped = stop
                raise stop from error
            raise

    def _go_on(self) -> None:
        """Raises ``Fatal`` if it has turned out that there is no use in asking on."""
        if self._stopped is not None:
            raise self._stopped

    def _in_a_row(self, error: Transient | Rejected | Unreadable, about: str) -> Fatal | None:
        """What ``error`` means after those of the issues before."""
        if not isinstance(error, Rejected):
            if self._unanswered.add(about) < IN_A_ROW:
                return None
            return Gone(f"{IN_A_ROW} issues in a row got no answer: {error}")
        enough = IN_A_ROW if error.about_the_text else ALIKE
        if self._unanswered.add(about, str(error)) < enough:
            return None
        if error.about_the_text and self._read:
            # Long issues may follow one another. Only if none has been short enough, none will be.
            return None
        return Fatal(f"{enough} issues in a row were refused alike: {error}", error.hint)

    async def _in_some_format(self, question: Question, account: Account) -> Reply:
        tries = self._retries + 1
        refused: Failure | None = None
        for form in (forms := self._dialect.formats(question)):
            is_last = form == forms[-1]
            may_break = SUSPICIOUS if not (is_last or self._dialect.has_worked(form)) else tries
            try:
                return await self._with_parameters(question, form, account, tries, may_break)
            except Outdated:
                continue
            except Rejected as error:
                if error.about_the_text:
                    raise
                refused = error
            except Transient as error:
                # One breakdown may happen to any request.
                if is_last or not error.broke_down or tries < SUSPICIOUS:
                    raise
                refused = error
                tries = max(1, tries - may_break)
        assert refused is not None
        raise refused

    async def _with_parameters(
        self, question: Question, form: str, account: Account, tries: int, may_break: int
    ) -> Reply:
        wanted = {**self.parameters, **question.changes}
        in_user = self._dialect.system_in_user
        while True:
            request = Request(question, form, self._dialect.accepted(wanted), in_user)
            left_out = self._dialect.left_out(wanted)
            try:
                reply = await self._retrying(request, account, tries, may_break)
            except Outdated:
                in_user = in_user or self._dialect.system_in_user
                if request == Request(question, form, self._dialect.accepted(wanted), in_user):
                    raise
            except Rejected as error:
                if error.about_the_system_role and question.has_system and not in_user:
                    in_user = True
                    continue
                if in_user and not error.about_the_system_role:
                    self._dialect.system_in_user = True
                if error.about_the_text or not self._dialect.learn(request.parameters, error):
                    raise
            else:
                self._dialect.worked(question, form, in_user)
                return replace(reply, dropped={n: wanted[n] for n in (*left_out, *reply.dropped)})

    async def _retrying(
        self, request: Request, account: Account, tries: int, may_break: int
    ) -> Reply:
        def enough(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            broke_down = isinstance(error, Transient) and error.broke_down
            return state.attempt_number >= (min(tries, may_break) if broke_down else tries)

        attempts = tenacity.AsyncRetrying(
            stop=enough,
            wait=_wait,
            retry=tenacity.retry_if_exception_type(Transient),
            reraise=True,
        )
        return await attempts(self._past_stragglers, request, account)

    async def _past_stragglers(self, request: Request, account: Account) -> Reply:
        """A straggler is given longer each time, up to the whole time limit: this comes to an end,
        and is none of the retries."""
        while True:
            try:
                return await self._accounted(request, account)
            except Straggling:
                continue

    async def _accounted(self, request: Request, account: Account) -> Reply:
        def outdated() -> bool:
            self._go_on()
            return self._dialect.is_outdated(
                request.form, request.parameters, request.system_in_user
            )

        # What the first answers say decides how to ask, and how many tokens were used, when.
        next_first = self._read and not self._settings.tokens_per_minute
        size = sum(len(text) for _, text in request.question.messages[1:])
        gate = RequestSlot(self._pace, account, self._timeout, size, outdated, next_first)
        used: Usage | None = None
        try:
            reply = await self._once(gate, request)
            used = reply.usage
        except Failure as error:
            if not error.lost:
                used = Usage()
            if gate.passed and isinstance(error, Transient) and error.overloaded:
                self._pace.slots.refused(error.retry_after)
                # It says when to ask, not how: that is for the pace to learn.
                self._pilot.let_everyone_go()
            raise
        else:
            gate.answered()
        finally:
            if gate.passed:
                if gate.on_the_wire:
                    account.settle(used)
                else:
                    account.release()
                    used = Usage()
                self._pace.used(account.worst, used)
        return reply

    async def _once(self, gate: RequestSlot, request: Request) -> Reply:
        assert self._send is not None
        here = CURRENT.set(gate)
        question = request.question
        if request.system_in_user:
            question = replace(question, messages=system_in_user(question.messages))
        try:
            reply = await self._send(question, request.form, request.parameters)
        except (LimitReached, Outdated):
            raise
        except Exception as error:
            raise self._mapped(error, gate) from error
        finally:
            CURRENT.reset(here)
        self._reached = self._read = True
        return replace(
            reply,
            format=request.form,
            parameters=request.parameters if reply.parameters is None else reply.parameters,
            system_in_user=request.system_in_user,
        )

    def _mapped(self, error: Exception, gate: RequestSlot) -> Failure:
        mapped = failure(error, self._key, sent=gate.on_the_wire)
        if isinstance(mapped, Transient) and mapped.unreachable and not self._reached:
            hint = _UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(mapped) else ""
            return Fatal(f"there is no connection: {mapped}", hint)
        self._reached = self._reached or not (isinstance(mapped, Transient) and mapped.unreachable)
        if isinstance(mapped, Misplaced) and not self._read:
            self._misplaced += 1
            if self._misplaced >= MISPLACED:
                return mapped.everywhere()
        return mapped


@dataclass(frozen=True)
class Request:
    """A question as it is put to the server."""

    question: Question
    form: str
    parameters: dict[str, Any]
    system_in_user: bool


class Streak:
    """The issues that, one after the other, ended without an answer and for the same reason."""

    def __init__(self) -> None:
        self._why = ""
        self._issues: set[str] = set()

    def add(self, issue_id: str, why: str = "") -> int:
        """One more, and how many it is by now. Numbers in ``why`` make no other reason of it."""
        if (kind := alike(why)) != self._why:
            self._why, self._issues = kind, set()
        self._issues.add(issue_id)
        return len(self._issues)

    def end(self) -> None:
        """One was answered."""
        self._issues.clear()


def stop_message(to: Endpoint, error: Fatal) -> ModelError:
    """The one line with which a run stops."""
    hint = error.hint or "check the key and the model's name"
    if isinstance(error, Gone):
        hint = "wait until it answers again"
    elif to.compatible and not error.hint:
        hint = f"is a server running there, does its address end in /v1? {hint}"
    again = "the same command goes on where it stopped"
    return ModelError(f"{to.setting} at {to.where}: {error}", f"{hint}; {again}")


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and error.retry_after is not None:
        # Spread, so that those who were told the same time do not come back all at once.
        return error.retry_after * random.uniform(1, 1.25)
    return float(_BACKOFF(state))


def _client(to: Endpoint, settings: ModelSettings) -> openai.AsyncOpenAI:
    from coder.proposers.chat.transport import open_client

    return open_client(to, settings)
