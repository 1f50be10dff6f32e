"""Proposes codes with any chat model: prompt, call, strict reading, one repair, honest status."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Self

from coder.errors import LimitReached
from coder.evidence import span
from coder.proposers.answer import Answer, Reader, answer_schema
from coder.proposers.base import Proposer, SaveCall
from coder.proposers.chat import Chat, Messages, read_raw, stop_message
from coder.proposers.compose import Composed, Composer
from coder.proposers.failures import Failure, Fatal, Filtered, clean
from coder.proposers.preview import Parts, Preview, draw
from coder.proposers.prices import Price, find_price
from coder.proposers.providers import endpoint
from coder.proposers.spending import NO_CAPS, Account, Caps, Meter
from coder.proposers.wire import Wire
from coder.records import (
    Call,
    Codebook,
    Evidence,
    Example,
    Issue,
    Proposal,
    Status,
    canonical_json,
    content_hash,
    now,
)
from coder.study import Study


@dataclass(frozen=True)
class Request:
    """One question to the model. ``earlier`` are the calls before it about the same issue."""

    composed: Composed
    messages: Messages
    key: str
    earlier: tuple[Call, ...] = ()


class LLMProposer(Proposer):
    """A proposer that asks a chat model; see :class:`coder.proposers.base.Proposer`."""

    def __init__(
        self,
        study: Study,
        codebook: Codebook,
        composer: Composer,
        price: Price | None,
        meter: Meter,
    ) -> None:
        self._settings = study.settings
        to = endpoint(study)
        self._schema = answer_schema(codebook, bounded=to.compatible)
        self._chat = Chat(to, study.settings.model, self._schema)
        self._asked = dict(self._chat.parameters)
        self._composer = composer
        self._prompt = composer.prompt
        self._reader = Reader(codebook)
        self._answered: dict[str, Call] = {}
        self._price = price
        self._meter = meter
        self._lost: list[Call] = []

    @classmethod
    def open(
        cls,
        study: Study,
        codebook: Codebook,
        examples: Sequence[Example],
        caps: Caps = NO_CAPS,
    ) -> Self:
        """The proposer a study is set to. Contacts nobody.

        Raises ``ModelError`` without the model's package or key, ``InputError`` for a bad template
        or price table, and ``UsageError`` when the codebook does not fit into
        ``model.context_tokens`` or a cap on the cost meets an unknown price.
        """
        settings = study.settings
        price = find_price(study.root, settings.model.name, settings.model.base_url)
        meter = Meter(caps, price, settings.model.name)
        schema = answer_schema(codebook, bounded=endpoint(study).compatible)
        composer = Composer.open(study, codebook, examples, canonical_json(schema))
        return cls(study, codebook, composer, price, meter)

    def texts(self) -> Mapping[str, str]:
        """The message every request begins with; calls name it by its hash."""
        return {"system.txt": self._prompt.system}

    def describe(self) -> dict[str, Any]:
        """What tells this proposer from others: model, prompt, schema and retrieval, no secret."""
        return {
            "kind": "llm",
            "name": self._settings.model.name,
            "base_url": self._chat.endpoint.public_url,
            "parameters": self._asked,
            "schema_hash": content_hash("schema.v1", self._schema),
            **self._composer.describe(),
        }

    def recall(self, calls: Iterable[Call]) -> None:
        """Use these answers, from an earlier session, instead of asking the same again.

        What they used counts towards the caps.
        """
        calls = list(calls)
        self._meter.add(calls)
        for call in calls:
            key = call.request.get("key")
            if isinstance(key, str) and call.raw_response is not None and not call.error:
                self._answered[key] = call

    def preview(self, issues: Sequence[Issue]) -> Preview:
        """What asking about ``issues`` will take, by a sample of them. Contacts nobody."""
        measured: list[Parts] = []
        drawn = draw(issues, self._settings.seed)
        for issue in drawn:
            made = self._composer.compose(issue)
            if self._key(made.messages) not in self._answered:
                measured.append(self._composer.parts(made))
        return Preview(
            model=self._settings.model.name,
            pending=len(issues),
            on_disk=len(drawn) - len(measured),
            measured=tuple(measured),
            max_output_tokens=self._settings.model.max_output_tokens,
            counted_by=self._composer.counter.name,
            exact=self._composer.counter.exact,
            price=self._price,
        )

    def propose(self, issues: Iterable[Issue], save_call: SaveCall) -> Iterator[Proposal]:
        """One proposal for each issue, as answers come in. Every call is saved before it is read.

        Raises ``ModelError`` when asking on is of no use (a refused key, no server) and
        ``LimitReached`` at a cap; what was answered until then has been saved.
        """
        wire = Wire(self._connected, self._settings.model.concurrency)
        try:
            with wire:
                yield from self._drive(iter(issues), wire, save_call)
        except Fatal as error:
            raise stop_message(self._chat.endpoint, error) from None
        finally:
            for call in [*(call for _, call in wire.completed()), *self._lost]:
                save_call(call)
            self._lost.clear()

    def _drive(
        self, issues: Iterator[Issue], wire: Wire[Request, Call], save_call: SaveCall
    ) -> Iterator[Proposal]:
        repairs: deque[Request] = deque()
        limit: LimitReached | None = None
        while True:
            while limit is None and wire.room and (request := self._next(repairs, issues)):
                known = self._answered.get(request.key)
                if known is None:
                    wire.send(request)
                elif isinstance(outcome := self._outcome(request, known), Proposal):
                    yield outcome
                else:
                    repairs.append(outcome)
            if not wire.busy:
                break
            try:
                request, call = wire.receive()
            except LimitReached as error:
                # Nothing more is sent; what is under way is waited for.
                limit = error
                continue
            save_call(call)
            wire.acknowledge()
            outcome = self._outcome(request, call)
            if isinstance(outcome, Proposal):
                yield outcome
            else:
                repairs.append(outcome)
        if limit is not None:
            raise limit

    def _next(self, repairs: deque[Request], issues: Iterator[Issue]) -> Request | None:
        if repairs:
            return repairs.popleft()
        issue = next(issues, None)
        return self._request(issue) if issue is not None else None

    # --- asking ---------------------------------------------------------------------------------

    def _request(self, issue: Issue) -> Request:
        composed = self._composer.compose(issue)
        return Request(composed, composed.messages, self._key(composed.messages))

    def _key(self, messages: Messages) -> str:
        """The hash of everything that changes the answer."""
        chat = self._chat.endpoint
        asked = [chat.setting, chat.public_url, self._asked, self._schema]
        return content_hash("request.v1", [asked, self._composer.system_hash, list(messages[1:])])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Callable[[Request], Awaitable[Call]]]:
        async with self._chat.connected():
            yield self._call

    async def _call(self, request: Request) -> Call:
        """The call, answered or failed. Raises ``Fatal`` or ``LimitReached`` to stop the run."""
        began = perf_counter()
        account = self._meter.account(self._composer.worst(request.messages))
        sent: dict[str, Any] = {
            "key": request.key,
            # The system message is the same in every call: named by its hash, kept once.
            "messages": [{"role": "system", "hash": self._composer.system_hash}]
            + [{"role": role, "content": text} for role, text in request.messages[1:]],
        }
        answered: dict[str, Any]
        try:
            reply = await self._chat.ask(request.messages, account)
            sent |= {"format": reply.format, "parameters": reply.parameters}
            answered = {
                "raw_response": reply.raw,
                "finish_reason": reply.finish_reason,
                "usage": reply.usage,
            }
        except (Fatal, LimitReached, asyncio.CancelledError) as stop:
            if account.attempts:
                # No answer, but perhaps a bill: it must count when the run goes on.
                answered = {"error": f"stopped before an answer came: {stop}".rstrip(": ")}
                self._lost.append(self._record(request, sent, answered, account, began))
            raise
        except Failure as error:
            filtered = "content_filter" if isinstance(error, Filtered) else ""
            answered = {"error": str(error), "finish_reason": filtered}
        return self._record(request, sent, answered, account, began)

    def _record(
        self,
        request: Request,
        sent: dict[str, Any],
        answered: dict[str, Any],
        account: Account,
        began: float,
    ) -> Call:
        at = now()
        return Call(
            id=content_hash("call.v1", [request.key, at.isoformat()])[:20],
            issue_id=request.composed.issue.id,
            model=self._chat.endpoint.setting,
            prompt=self._prompt.name,
            prompt_hash=self._prompt.hash,
            request=sent,
            attempts=account.attempts,
            estimated=account.estimated,
            seconds=round(perf_counter() - began, 3),
            at=at,
            **answered,
        )

    # --- reading --------------------------------------------------------------------------------

    def _outcome(self, request: Request, call: Call) -> Proposal | Request:
        """What an answer amounts to: a proposal, or one more request that asks to repair it."""
        request = replace(request, earlier=(*request.earlier, call))
        filtered = call.finish_reason == "content_filter"
        if call.raw_response is None:
            return self._without(request, Status.REFUSED if filtered else Status.FAILED, call.error)
        reply = read_raw(call.raw_response)
        if reply.refusal or filtered:
            why = clean(reply.refusal) or "the provider's content filter stopped the answer"
            return self._without(request, Status.REFUSED, why)
        answer = self._reader.read(reply.text)
        if isinstance(answer, Answer):
            return self._accepted(request, answer)
        if call.finish_reason == "length":
            return self._without(
                request,
                Status.UNPARSED,
                f"cut off at {self._settings.model.max_output_tokens} tokens, before it was whole; "
                "raise model.max_output_tokens",
            )
        if len(request.earlier) > 1:
            return self._without(request, answer.status, clean(answer.problem))
        messages = (
            *request.messages,
            ("assistant", reply.text or "(empty)"),
            ("user", self._prompt.repair(clean(answer.problem))),
        )
        return replace(request, messages=messages, key=self._key(messages))

    def _accepted(self, request: Request, answer: Answer) -> Proposal:
        proposal = self._without(request, Status.OK if answer.codes else Status.ABSTAINED, "")
        return proposal.model_copy(
            update={
                "codes": answer.codes,
                "runners_up": answer.runners_up,
                "rationale": answer.rationale,
                "evidence": tuple(_evidence(request, number) for number in answer.sentences),
            }
        )

    def _without(self, request: Request, status: Status, error: str) -> Proposal:
        calls = tuple(call.id for call in request.earlier)
        return Proposal(
            id=content_hash("proposal.v1", [request.composed.issue.id, calls])[:20],
            issue_id=request.composed.issue.id,
            issue_hash=request.composed.issue.hash,
            status=status,
            retrieved=request.composed.retrieved,
            excluded=request.composed.excluded,
            left_out=request.composed.condensed.left_out,
            call_ids=calls,
            model=self._chat.endpoint.setting,
            error=error,
            seconds=round(sum(call.seconds for call in request.earlier), 3),
        )


def _evidence(request: Request, number: int) -> Evidence:
    """Sentence ``number`` in the issue's own words; unverified if the model was shown no such."""
    found = request.composed.condensed.spans.get(number)
    return span(request.composed.issue.text, *found) if found else Evidence(quote=f"[{number}]")
