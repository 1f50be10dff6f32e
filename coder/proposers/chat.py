"""The one door to chat models, with retries and honest failures.

A server that speaks OpenAI's protocol is asked through openai's client, which hands over the body
as it came: reading it into objects costs milliseconds, and raises on a truncated answer or an odd
usage block, so that what was paid for would be lost. Every other provider is asked through
langchain (:mod:`coder.proposers.langchain_client`).
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import tenacity

from coder.errors import LimitReached, ModelError
from coder.proposers import langchain_client
from coder.proposers.failures import Failure, Fatal, Gone, Rejected, Transient, failure
from coder.proposers.gate import CURRENT, Gate, Outdated
from coder.proposers.pace import Pace
from coder.proposers.pilot import Pilot
from coder.proposers.providers import Endpoint, endpoint
from coder.proposers.question import Question
from coder.proposers.reply import Reply, Send, read_completion
from coder.proposers.spending import Account
from coder.records import Usage
from coder.study import ModelSettings, Study

if TYPE_CHECKING:
    import openai

FORMATS = ("tool", "json_schema", "json_object", "text")
"""How an answer is asked for, the strictest first; the prompt states the contract in any case."""

HOSTED_LOGPROBS = 20
"""So many likely tokens are told by OpenAI and by vLLM as it comes; llama.cpp tells any number."""

IN_A_ROW = 5
"""So many issues one after the other without an answer mean that the server is gone."""

_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=30.0)


def check_model(study: Study) -> str:
    """What the study's chat model is, in words. Contacts nobody.

    Raises ``ModelError`` when a package or a key is missing.
    """
    to = endpoint(study)
    (_client if to.speaks_openai else langchain_client.open_model)(to, study.settings.model)
    where = to.public_url or f"the {to.provider} service"
    return f"{to.model} at {where} (not contacted)"


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
        self._format = FORMATS[1] if self.endpoint.speaks_openai else FORMATS[0]
        self._refused: dict[str, str | int | None] = {}
        self._reached = False
        self._read = False
        self._unanswered = 0
        self._send: Send | None = None
        self._pace = self._new_pace()
        self._pilot = Pilot()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Chat]:
        """Opens connections for as long as the context lasts; ``ask`` works only inside it."""
        before, self._pace = self._pace, self._new_pace()
        self._pace.slots.lowest = before.slots.lowest
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
                options = {**parameters, **_response_format(form, question.schema)}
                messages = [{"role": role, "content": text} for role, text in question.messages]
                body = {"model": self.endpoint.model, "messages": messages, **options}
                answer = await client.post("/chat/completions", cast_to=str, body=body)
                reply = read_completion(answer)
                if reply is None:
                    raise ValueError("it is not a chat completion")
                return reply

            self._send = through_openai
            yield self

    def _new_pace(self) -> Pace:
        settings = self._settings
        per_minute = settings.requests_per_minute, settings.tokens_per_minute
        return Pace(settings.concurrency, *per_minute)

    @property
    def fewest_at_a_time(self) -> int:
        """To how many requests at a time an overloaded server has brought it down."""
        return self._pace.slots.lowest

    async def ask(self, question: Question, account: Account) -> Reply:
        """The model's answer; every request for it goes through ``account``.

        Raises ``Failure``, of which ``Fatal`` means that there is no use in asking on, and
        ``LimitReached``.
        """
        try:
            async with self._pilot.turn():
                reply = await self._in_some_format(question, account)
        except Transient as error:
            self._unanswered += 1
            if self._unanswered >= IN_A_ROW:
                raise Gone(f"{IN_A_ROW} issues in a row got no answer: {error}") from error
            raise
        except Failure:
            self._unanswered = 0
            raise
        self._unanswered = 0
        return reply

    async def _in_some_format(self, question: Question, account: Account) -> Reply:
        if question.schema is None:
            return await self._with_parameters(question, FORMATS[-1], account)
        refused: Rejected | None = None
        for form in FORMATS[FORMATS.index(self._format) :]:
            if form.startswith("json") and not self.endpoint.speaks_openai:
                continue
            try:
                reply = await self._with_parameters(question, form, account)
            except Outdated:
                continue
            except Rejected as error:
                if error.about_the_text:
                    raise
                refused = refused or error
                continue
            # Remembered once it has worked, so that one odd issue does not change the others.
            self._format = max(form, self._format, key=FORMATS.index)
            return reply
        assert refused is not None
        raise refused

    async def _with_parameters(self, question: Question, form: str, account: Account) -> Reply:
        wanted = {**self.parameters, **question.changes}
        while True:
            sent = _accepted(wanted, self._refused)
            try:
                return await self._retrying(question, form, sent, account)
            except Outdated:
                if sent == _accepted(wanted, self._refused):
                    raise
            except Rejected as error:
                complaint = _complaint(sent, str(error))
                if complaint is None:
                    raise
                self._refused |= complaint

    async def _retrying(
        self, question: Question, form: str, parameters: dict[str, Any], account: Account
    ) -> Reply:
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._retries + 1),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(Transient),
            reraise=True,
        )
        return await attempts(self._accounted, question, form, parameters, account)

    async def _accounted(
        self, question: Question, form: str, parameters: dict[str, Any], account: Account
    ) -> Reply:
        def outdated() -> bool:
            stricter = FORMATS.index(form) < FORMATS.index(self._format)
            return stricter or parameters != _accepted(parameters, self._refused)

        # What the first answers say decides how to ask, and how many tokens were used, when.
        next_first = self._read and not self._settings.tokens_per_minute
        gate = Gate(self._pace, account, self._timeout, outdated, next_first)
        used: Usage | None = None
        try:
            reply = await self._once(gate, question, form, parameters)
            used = reply.usage
        except Failure as error:
            if not (isinstance(error, Transient) and error.lost):
                used = Usage()
            if isinstance(error, Transient) and gate.cuts is not None:
                self._pace.slots.failed(error.overloaded, gate.cuts)
                if error.overloaded:
                    # It says when to ask, not how: that is for the pace to learn.
                    self._pilot.let_everyone_go()
            raise
        else:
            self._pace.slots.succeeded()
        finally:
            if gate.cuts is not None:
                account.settle(used)
                self._pace.used(account.worst, used)
        return reply

    async def _once(
        self, gate: Gate, question: Question, form: str, parameters: dict[str, Any]
    ) -> Reply:
        assert self._send is not None
        here = CURRENT.set(gate)
        try:
            reply = await self._send(question, form, parameters)
        except (LimitReached, Outdated):
            raise
        except Exception as error:
            raise self._mapped(error) from error
        finally:
            CURRENT.reset(here)
        self._reached = self._read = True
        return replace(reply, format=form, parameters=parameters)

    def _mapped(self, error: Exception) -> Failure:
        key = self.endpoint.key.get_secret_value() if self.endpoint.key else ""
        mapped = failure(error, key)
        if isinstance(mapped, Transient) and mapped.unreachable and not self._reached:
            return Fatal(f"there is no connection: {mapped}")
        self._reached = self._reached or not (isinstance(mapped, Transient) and mapped.unreachable)
        return mapped


def stop_message(to: Endpoint, error: Fatal) -> ModelError:
    """The one line with which a run stops."""
    where = to.public_url or to.provider
    hint = "check the key and the model's name; the same command goes on where it stopped"
    if isinstance(error, Gone):
        hint = "wait until it answers again; the same command goes on where it stopped"
    elif to.compatible:
        hint = f"is a server running there, does its address end in /v1? {hint}"
    return ModelError(f"{to.setting} at {where}: {error}", hint)


def _response_format(form: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if form == "text" or schema is None:
        return {}
    if form == "json_object":
        return {"response_format": {"type": form}}
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": form, "json_schema": named}}


def _accepted(
    parameters: Mapping[str, Any], refused: Mapping[str, str | int | None]
) -> dict[str, Any]:
    """``parameters`` as the server takes them; see :func:`_complaint`."""
    kept: dict[str, Any] = {}
    for name, value in parameters.items():
        instead = refused.get(name, name)
        if isinstance(instead, int):
            kept[name] = min(value, instead)
        elif instead is not None:
            kept[instead] = value
    return kept


def _complaint(parameters: Mapping[str, Any], complaint: str) -> dict[str, str | int | None] | None:
    """Which parameters a server's complaint asks to change: to another name, to at most a number,
    or, for ``None``, to be left out. ``None`` if it is not about them."""
    old, new = "max_tokens", "max_completion_tokens"
    if f"'{old}'" in complaint and new in complaint and old in parameters:
        return {old: new}
    if "logprobs" in complaint and "logprobs" in parameters:
        if parameters.get("top_logprobs", 0) > HOSTED_LOGPROBS:
            return {"top_logprobs": HOSTED_LOGPROBS}
        return {"logprobs": None, "top_logprobs": None}
    if "temperature" in complaint and "temperature" in parameters:
        return {"temperature": None}
    return None


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and error.retry_after is not None:
        # Spread, so that those who were told the same time do not come back all at once.
        return error.retry_after * random.uniform(1, 1.25)
    return float(_BACKOFF(state))


def _client(to: Endpoint, settings: ModelSettings) -> openai.AsyncOpenAI:
    from coder.proposers.transport import open_client

    return open_client(to, settings)
