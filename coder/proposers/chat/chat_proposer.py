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
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from operator import length_hint
from time import perf_counter
from typing import Any, Generic, Self, TypeVar

from coder.errors import LimitReached
from coder.proposers.base import Parts, Preview, Proposer, SaveCalls, draw, total_parts
from coder.proposers.budget import NO_CAPS, Account, Caps, Meter, Price, find_price
from coder.proposers.chat.client import Chat, stop_message
from coder.proposers.chat.cut_prompts import CutPrompts
from coder.proposers.chat.failures import Failure, Fatal, Filtered, Rejected
from coder.proposers.chat.network_thread import NetworkThread
from coder.proposers.chat.prompt_composer import Composer, asked_how, hash_of
from coder.proposers.chat.providers import Endpoint, check_settings, endpoint
from coder.proposers.chat.question import Conversation, Question
from coder.proposers.chat.read_ahead import LEAST, AtOnce, HeldUp, ReadAhead, Setup, Source
from coder.proposers.chat.reply import Reply
from coder.proposers.chat.response_cache import ResponseCache
from coder.proposers.chat.strategies import open_strategy
from coder.proposers.chat.strategy import Expected, Prepared, Strategy, systems
from coder.records import Call, Codebook, Example, Issue, Proposal, Usage, content_hash, now
from coder.study import Study
from coder.text.spelling import plural

T = TypeVar("T")

READING_AHEAD = "reading ahead is the bottleneck: texts are encoded, once in a study"

GROUP = 64
"""So many proposals at most wait for each other to be written."""


@dataclass(frozen=True)
class Step(Generic[T]):
    """A talk about an issue that waits for the answer to a question."""

    issue: Issue
    talk: Conversation[T]
    question: Question
    key: str
    calls: tuple[Call, ...] = ()
    """What it has been told already."""
    worst: Usage | None = None
    """Known once it is sent: what one request for the answer can use at most."""


class LLMProposer(Proposer):
    """A proposer that asks a chat model; see :class:`coder.proposers.base.Proposer`."""

    def __init__(
        self,
        study: Study,
        to: Endpoint,
        strategy: Strategy,
        composer: Composer,
        price: Price | None,
        meter: Meter,
        answers: ResponseCache | None = None,
        setup: Setup | None = None,
    ) -> None:
        """``setup`` lets a process of its own prepare what is asked about many issues."""
        self._settings = study.settings
        self._setup = setup
        self._held_up = HeldUp()
        self._chat = Chat(to, study.settings.model)
        self._asked = dict(self._chat.parameters)
        self._composer = composer
        self._strategy = strategy
        self._answered: dict[str, Call] = {}
        self._price = price
        self._meter = meter
        self._lost: list[Call] = []
        self._cut_prompts = CutPrompts(composer.counter)
        self._warning = ""
        self._dropped: set[str] = set()
        self._rejected: set[str] = set()
        self._answers = answers

    @classmethod
    def open(
        cls,
        study: Study,
        codebook: Codebook,
        examples: Sequence[Example],
        caps: Caps = NO_CAPS,
        issues: Iterable[Issue] = (),
        answers: ResponseCache | None = None,
    ) -> Self:
        """The proposer a study is set to, for a run of ``issues``; ``answers`` of other runs are
        used. Contacts nobody.

        Raises ``ModelError`` without the model's package or key, ``InputError`` for a bad template
        or price table, and ``UsageError`` when the codebook does not fit into
        ``model.context_tokens``, a cap on the cost meets an unknown price or the provider takes
        no such settings.
        """
        settings, to = study.settings, endpoint(study)
        price = find_price(study.root, settings.model.name, to.identity)
        meter = Meter(caps, price, settings.model.name)
        composer = Composer.open(study, codebook, examples)
        check_settings(to, settings.model)
        strategy = open_strategy(settings.model, codebook, composer, to.compatible, issues)
        setup = Setup(study, codebook, examples, to.compatible)
        return cls(study, to, strategy, composer, price, meter, answers, setup)

    def texts(self) -> Mapping[str, str]:
        """The messages that requests begin with; calls name them by their hash."""
        return systems(self._strategy)

    def describe(self) -> dict[str, Any]:
        """What tells this proposer from others: model, prompt, schema and retrieval, no secret."""
        schemas = [stage.schema for stage in self._strategy.stages()]
        return {
            "kind": "llm",
            "name": self._settings.model.name,
            "base_url": self._chat.endpoint.identity,
            "parameters": self._asked,
            "schema_hash": content_hash("schema.v2", schemas),
            "systems": {file: hash_of(text) for file, text in self.texts().items()},
            **asked_how(self._settings.model),
            **self._composer.describe(),
        }

    def recall(self, calls: Iterable[Call]) -> None:
        """Use these answers, from an earlier session, instead of asking the same again.

        What they used counts towards the caps.
        """
        calls = list(calls)
        self._meter.add(calls)
        self._remember(calls)

    def remark(self) -> str:
        said, fewest = [], self._chat.fewest_at_a_time
        # A few may be refused by chance: that is no overload.
        if 2 * fewest < self._settings.model.concurrency:
            said.append(
                f"The server was overloaded: as few as {plural(fewest, 'request')} at a time "
                f"{'was' if fewest == 1 else 'were'} made."
            )
        if slow := self._chat.stragglers:
            said.append(
                f"{plural(slow, 'request')} took far longer than the others and "
                f"{'was' if slow == 1 else 'were'} asked again; both may have to be paid for."
            )
        if self._dropped:
            names = ", ".join(sorted(self._dropped))
            said.append(f"Not sent, as the model does not take it: {names}.")
        return " ".join(said)

    def warning(self) -> str:
        return self._warning

    def held_up_by(self) -> str:
        return READING_AHEAD if self._held_up.is_long else ""

    def is_final(self, proposal: Proposal) -> bool:
        return proposal.issue_id in self._rejected

    def _remember(self, calls: Iterable[Call]) -> None:
        for call in calls:
            key = call.request.get("key")
            if isinstance(key, str) and call.raw_response is not None and not call.error:
                self._answered[key] = call

    def preview(self, issues: Sequence[Issue]) -> Preview:
        """What asking about ``issues`` will take, by a sample of them. Contacts nobody."""
        measured: list[Parts] = []
        drawn = draw(issues, self._settings.seed)
        opening = {issue.id: talk for issue, talk in self._strategy.opening()}
        longest = self._settings.model.max_output_tokens
        for issue in drawn:
            talk = opening.get(issue.id) or self._talk(issue, *self._strategy.prepare([issue]))
            question = next(talk)
            longest = self._composer.longest(question)
            if left := self._left(issue, talk, question):
                measured.append(total_parts([made.parts for made in left]))
        if self._answers is not None:
            self._answers.close()
        return Preview(
            model=self._settings.model.name,
            pending=len(issues),
            on_disk=len(drawn) - len(measured),
            measured=tuple(measured),
            max_output_tokens=longest,
            counted_by=self._composer.counter.name,
            exact=self._composer.counter.exact,
            price=self._price,
        )

    def _left(
        self, issue: Issue, talk: Conversation[Any], question: Question
    ) -> Sequence[Expected]:
        """What is still to be asked about ``issue``, by the answers there are."""
        answered = 0
        try:
            while True:
                step = Step(issue, talk, question, self._key(question))
                known = self._answered.get(step.key) or self._cached(step, lambda _: None)
                if known is None:
                    return self._strategy.expected(issue)[answered:]
                # Repairs and words to go on from are further messages, and come on top.
                answered += len(question.messages) == 2
                question = talk.send(known)
        except StopIteration:
            return ()

    def propose(self, issues: Iterable[Issue], save_calls: SaveCalls) -> Iterator[Proposal]:
        """One proposal for each issue, as answers come in. Every call is saved before it is read.

        Raises ``ModelError`` when asking on is of no use (a refused key, no server) and
        ``LimitReached`` at a cap; what was answered until then has been saved.
        """
        for proposals in self.in_groups(issues, save_calls):
            yield from proposals

    def in_groups(
        self, issues: Iterable[Issue], save_calls: SaveCalls
    ) -> Iterator[Sequence[Proposal]]:
        """See :meth:`propose`; a group is what was answered while the last one was looked after."""
        wire: NetworkThread[Step[Any], Call]
        wire = NetworkThread(self._connected, self._settings.model.concurrency)

        def save_and_remember(calls: Iterable[Call]) -> None:
            calls = list(calls)
            save_calls(calls)
            # What opens a run is asked about again in its turn.
            self._remember(calls)

        try:
            with wire, self._prepared(issues, wire.wake) as prepared:
                opening = iter(()) if prepared.has_ended else self._strategy.opening()
                deque(self._drive(AtOnce(opening), wire, save_and_remember), maxlen=0)
                yield from self._drive(prepared, wire, save_calls)
        except Fatal as error:
            raise stop_message(self._chat.endpoint, error) from None
        finally:
            self._save([*(call for _, call in wire.completed()), *self._lost], save_calls)
            self._lost.clear()
            if self._answers is not None:
                self._answers.close()

    @contextmanager
    def _prepared(
        self, issues: Iterable[Issue], wake: Callable[[], None]
    ) -> Iterator[Source[tuple[Issue, Conversation[Proposal]]]]:
        """Talks about ``issues``, with what they begin with looked up and composed."""
        if self._setup is None or length_hint(issues) < LEAST:
            yield AtOnce((i, self._talk(i, *self._strategy.prepare([i]))) for i in issues)
            return
        most = 2 * self._settings.model.concurrency
        with ReadAhead(self._setup, issues, most, wake, self._talk) as ahead:
            yield ahead

    def _talk(self, issue: Issue, prepared: Prepared) -> Conversation[Proposal]:
        return self._strategy.talk(issue, prepared)

    def _drive(
        self,
        talks: Source[tuple[Issue, Conversation[T]]],
        wire: NetworkThread[Step[T], Call],
        save_calls: SaveCalls,
    ) -> Iterator[Sequence[T]]:
        """Lead many talks at once, and give what each comes to."""
        waiting: deque[Step[T]] = deque()
        ended: list[T] = []
        limit: LimitReached | None = None
        while True:
            while limit is None and wire.room and (step := self._next(waiting, talks)):
                known = self._answered.get(step.key) or self._cached(step, save_calls)
                if known is None:
                    # Counted here: it takes time that would keep a place at the server empty.
                    wire.send(replace(step, worst=self._composer.worst(step.question)))
                    continue
                ended += self._go_on(step, known, waiting)
                if len(ended) >= GROUP:
                    yield ended
                    ended = []
            if ended:
                yield ended
                ended = []
            if not wire.busy and (limit is not None or talks.has_ended):
                break
            wants_more = limit is None and wire.has_idle and not talks.has_ended
            try:
                with self._held_up.counting(wants_more):
                    if not wire.busy:
                        talks.wait()
                        continue
                    received = wire.receive()
            except LimitReached as error:
                # Nothing more is sent; what is under way is waited for.
                limit = error
                continue
            self._save([call for _, call in received], save_calls)
            wire.acknowledge()
            for step, call in received:
                ended += self._go_on(step, call, waiting)
            if ended:
                yield ended
                ended = []
        if limit is not None:
            raise limit

    def _next(
        self, waiting: deque[Step[T]], talks: Source[tuple[Issue, Conversation[T]]]
    ) -> Step[T] | None:
        if waiting:
            return waiting.popleft()
        taken = talks.take()
        if taken is None:
            return None
        issue, talk = taken
        question = next(talk)
        return Step(issue, talk, question, self._key(question))

    def _go_on(self, step: Step[T], call: Call, waiting: deque[Step[T]]) -> list[T]:
        """Tell a talk its answer: it asks on, or it has come to its end."""
        calls = (*step.calls, call)
        try:
            question = step.talk.send(call)
        except StopIteration as end:
            if calls[-1].error:
                # It may be asked again in this session, and must not pay for the rest again.
                self._remember(calls)
            return [end.value]
        key = self._key(question)
        waiting.append(replace(step, question=question, key=key, calls=calls))
        return []

    def _save(self, calls: Sequence[Call], save_calls: SaveCalls) -> None:
        save_calls(calls)
        if self._answers is not None:
            self._answers.keep(calls)

    def _cached(self, step: Step[Any], save_calls: SaveCalls) -> Call | None:
        """The call that stands for an answer of another run; saved like every other."""
        kept = self._answers.find(step.key) if self._answers is not None else None
        if kept is None:
            return None
        answered = {
            "raw_response": kept.raw_response,
            "finish_reason": kept.finish_reason,
            "cached": True,
        }
        call = self._record(
            step, _sent(step), answered, self._meter.account(Usage()), perf_counter()
        )
        save_calls([call])
        return call

    # --- asking ---------------------------------------------------------------------------------

    def _key(self, question: Question) -> str:
        """The hash of everything that changes the answer."""
        chat = self._chat.endpoint
        (_, system), *rest = question.messages
        asked = [chat.setting, chat.identity, self._asked, question.schema]
        drawn = [dict(question.changes), question.sample]
        # Before v3 providers with a protocol of their own were not sent the changes, whatever the
        # log says: such answers are not to this request.
        version = "request.v3" if question.changes and not chat.speaks_openai else "request.v2"
        return content_hash(version, [asked, drawn, hash_of(system), rest])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Callable[[Step[Any]], Awaitable[Call]]]:
        async with self._chat.connected():
            yield self._call

    async def _call(self, step: Step[Any]) -> Call:
        """The call, answered or failed. Raises ``Fatal`` or ``LimitReached`` to stop the run."""
        began = perf_counter()
        assert step.worst is not None
        account = self._meter.account(step.worst)
        sent = _sent(step)
        answered: dict[str, Any]
        try:
            reply = await self._chat.ask(step.question, account, step.issue.id)
            self._dropped.update(reply.dropped)
            sent |= reply.asked_how
            answered = {
                "raw_response": reply.raw,
                "finish_reason": reply.finish_reason,
                "usage": reply.usage,
                "prompt_cut": self._is_cut(step, reply, account),
            }
        except (Fatal, LimitReached, asyncio.CancelledError) as stop:
            if account.attempts:
                # No answer, but perhaps a bill: it must count when the run goes on.
                answered = {"error": f"stopped before an answer came: {stop}".rstrip(": ")}
                self._lost.append(self._record(step, sent, answered, account, began))
            raise
        except Failure as error:
            if isinstance(error, Rejected):
                self._rejected.add(step.issue.id)
            filtered = "content_filter" if isinstance(error, Filtered) else ""
            answered = {"error": str(error), "finish_reason": filtered}
        return self._record(step, sent, answered, account, began)

    def _is_cut(self, step: Step[Any], reply: Reply, account: Account) -> bool:
        is_cut = self._cut_prompts.is_cut(step.question, reply.usage, account.attempts)
        if is_cut and reply.usage is not None and not self._warning:
            count = self._composer.counter.count
            sent = sum(count(text) for _, text in step.question.messages)
            window = self._settings.model.context_tokens
            self._warning = (
                f"The server does not read whole prompts: of that about {step.issue.id}, some "
                f"{sent:,} tokens, it counts {reply.usage.input_tokens:,}. Give the model a window "
                f"of at least {window:,} (Ollama: num_ctx or OLLAMA_CONTEXT_LENGTH), or lower "
                "model.context_tokens."
            )
        return is_cut

    def _record(
        self,
        step: Step[Any],
        sent: dict[str, Any],
        answered: dict[str, Any],
        account: Account,
        began: float,
    ) -> Call:
        at = now()
        return Call(
            id=content_hash("call.v1", [step.key, at.isoformat()])[:20],
            issue_id=step.issue.id,
            model=self._chat.endpoint.setting,
            prompt=self._composer.prompt.name,
            prompt_hash=self._composer.prompt.hash,
            request=sent,
            attempts=account.attempts,
            estimated=account.estimated,
            seconds=round(perf_counter() - began, 3),
            at=at,
            **answered,
        )


def _sent(step: Step[Any]) -> dict[str, Any]:
    """What a call says of its request."""
    (_, system), *rest = step.question.messages
    sent: dict[str, Any] = {
        "key": step.key,
        # The system message is the same in many calls: named by its hash, kept once.
        "messages": [{"role": "system", "hash": hash_of(system)}]
        + [{"role": role, "content": text} for role, text in rest],
    }
    if step.question.sample:
        sent["sample"] = step.question.sample
    return sent
