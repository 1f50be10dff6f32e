"""What all strategies of asking share: a step (question, one repair, reading), and the proposal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar

from coder.codebook.load import UnknownCode
from coder.proposers.base import Parts
from coder.proposers.chat.answer_text import Damaged, after_reasoning, parse
from coder.proposers.chat.failures import clean
from coder.proposers.chat.prompt_composer import Composed, Composer
from coder.proposers.chat.question import CodeSubset, Conversation, Question
from coder.proposers.chat.reply import read_raw
from coder.proposers.chat.response_schema import MAX_RUNNERS_UP, Answer, Reader, answer_schema
from coder.records import (
    Call,
    Evidence,
    Expression,
    Issue,
    Proposal,
    ScoredCode,
    Status,
    content_hash,
)
from coder.retrieval.search import Found
from coder.study import ModelSettings
from coder.text import evidence

SPELLED = re.compile(r'"code"\s*:\s*"([^"\\]+)"')

Token = tuple[str, float]
"""A token's text and the natural logarithm of its probability."""


def tokens(raw: str) -> list[Token]:
    """The tokens of a chat completion's answer; empty where the server told no probabilities."""
    try:
        listed = parse(raw)["choices"][0]["logprobs"]["content"]
        return [(str(token["token"]), _logarithm(token)) for token in listed]
    except (Damaged, LookupError, TypeError, ValueError):
        return []


def first(raw: str) -> list[Token]:
    """The likeliest first tokens of an answer, each with its probability (no logarithm)."""
    try:
        listed = parse(raw)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return [(str(told["token"]), math.exp(_logarithm(told))) for told in listed]
    except (Damaged, LookupError, TypeError, ValueError):
        return []


def _logarithm(told: Mapping[str, Any]) -> float:
    """At most 0. Raises ``ValueError`` for what is no number."""
    logarithm = float(told["logprob"])
    if math.isnan(logarithm):
        raise ValueError("not a number")
    return min(0.0, logarithm)


def of_codes(told: list[Token], answer: str) -> dict[str, float]:
    """The probability of each code that stands in ``answer``, as it is spelled there, in [0, 1].

    ``answer`` is the JSON that was taken for the answer, the last that the tokens hold: after any
    reasoning or first idea. The probability is the product over the tokens that spell it, given
    all that was written before. A code that stands there twice keeps the first: as one chosen, not
    as one considered.
    """
    text = "".join(token for token, _ in told)
    ends, at = [], 0
    for token, _ in told:
        at += len(token)
        ends.append(at)
    found: dict[str, float] = {}
    spelled = list(SPELLED.finditer(text))
    before = len(spelled) - len(SPELLED.findall(answer))
    for match in spelled[max(before, 0) :]:
        start, end = match.span(1)
        log = sum(
            logprob
            for (token, logprob), stop in zip(told, ends, strict=True)
            if stop > start and stop - len(token) < end
        )
        found.setdefault(match[1], min(1.0, math.exp(log)))
    return found


@dataclass(frozen=True)
class Reading:
    """What came of asking: the calls it took, the messages about the issue, and the answer.

    ``answer`` is ``None`` unless ``status`` is ``ok`` or ``abstained``; ``error`` says why.
    """

    composed: Composed
    calls: tuple[Call, ...]
    status: Status
    error: str = ""
    answer: Answer | None = None
    evidence: tuple[Evidence, ...] = ()


class PromptStep:
    """One scheme, with everything it takes to ask about it."""

    def __init__(
        self, scheme: CodeSubset, composer: Composer, settings: ModelSettings, bounded: bool
    ) -> None:
        """``bounded``: see :func:`coder.proposers.chat.response_schema.answer_schema`."""
        self.scheme = scheme
        quotes, expression = (
            settings.evidence == "quotes",
            "expressions" in composer.prompt.variables,
        )
        self.schema = answer_schema(scheme.codebook, bounded, quotes, expression)
        self.composer = composer.at(scheme, self.schema)
        self._reader = Reader(scheme.codebook)
        self._settings = settings
        self._changes: dict[str, Any] = {}
        if settings.logprobs:
            self._changes["logprobs"] = True
        if settings.samples > 1 and not settings.temperature:
            self._changes["temperature"] = settings.sample_temperature

    def ask(self, composed: Composed, sample: int = 0) -> Conversation[Reading]:
        """Ask about the issue that the messages are about; once more if need be."""
        question = Question(composed.messages, self.schema, self._changes, sample, composed.at_most)
        first = yield question
        reading, repair = self._read(composed, (first,))
        if repair is None:
            return reading
        # A tool that cannot be called rightly may be no better called the second time.
        by_text = first.finish_reason == "malformed_tool_call"
        schema = None if by_text else question.schema
        messages = (*question.messages, *repair)
        second = yield replace(question, messages=messages, schema=schema, asked_tokens=None)
        return self._read(composed, (first, second))[0]

    def _read(
        self, composed: Composed, calls: tuple[Call, ...]
    ) -> tuple[Reading, tuple[tuple[str, str], ...] | None]:
        """What the last call amounts to, and the messages that ask to repair it, if that helps."""

        def without(status: Status, error: str) -> Reading:
            return Reading(composed, calls, status, error)

        call = calls[-1]
        if nothing := unanswered(call):
            return without(*nothing), None
        reply = read_raw(call.raw_response or "")
        stopped = call.finish_reason == "length"
        answer = self._reader.read(reply.text, stopped)
        if isinstance(answer, Answer):
            return self._answered(composed, calls, answer), None
        if answer.status is Status.REFUSED:
            return without(answer.status, clean(answer.problem)), None
        said = (after_reasoning(reply.text) or "").strip()
        if stopped and answer.status is Status.UNPARSED:
            cut = f"cut off at {self._settings.max_output_tokens} tokens, before it was whole"
            unparsed = without(answer.status, f"{cut}; raise model.max_output_tokens")
            # One that had not begun by then would be no shorter the next time.
            shorter = f"it was {cut}; use fewer words"
            return unparsed, self._repair(composed, said, shorter) if said else None
        problem = clean(answer.problem)
        return without(answer.status, problem), self._repair(composed, said, problem)

    def _repair(self, composed: Composed, said: str, problem: str) -> tuple[tuple[str, str], ...]:
        wrong = self.composer.prompt.repair(composed.hide(problem))
        return ("assistant", composed.hide(said) or "(empty)"), ("user", wrong)

    def _answered(self, composed: Composed, calls: tuple[Call, ...], answer: Answer) -> Reading:
        text = composed.issue.text
        found = [_sentence(composed, number) for number in answer.sentences]
        found += [evidence.locate(text, composed.restore(quote)) for quote in answer.quotes]
        verified = sum(e.verified for e in found) / len(found) if found else 1.0
        told = self._told(calls[-1].raw_response or "", answer.written)
        codes, runners_up = (
            tuple(_sure(code, told.get(code.code), verified) for code in listed)
            for listed in (answer.codes, answer.runners_up)
        )
        rationale = composed.restore(answer.rationale)
        answer = replace(answer, codes=codes, runners_up=runners_up, rationale=rationale)
        status = Status.OK if codes else Status.ABSTAINED
        return Reading(composed, calls, status, "", answer, tuple(found))

    def _told(self, raw: str, answer: str) -> dict[str, float]:
        """The likelihood of each code in an answer, where the server tells it."""
        if not self._settings.logprobs:
            return {}
        told: dict[str, float] = {}
        spelled_out = of_codes(tokens(raw), answer)
        for spelled, probability in spelled_out.items():
            try:
                told.setdefault(self._reader.resolve(spelled), probability)
            except UnknownCode:
                continue
        return told


def unanswered(call: Call) -> tuple[Status, str] | None:
    """The status and the reason of a call that holds no answer to be read; else ``None``."""
    filtered = call.finish_reason == "content_filter"
    if call.raw_response is None:
        return Status.REFUSED if filtered else Status.FAILED, call.error
    refusal = read_raw(call.raw_response).refusal
    if refusal or filtered:
        return Status.REFUSED, clean(refusal) or "the provider's content filter stopped the answer"
    return None


def _sure(code: ScoredCode, likely: float | None, verified: float) -> ScoredCode:
    """``code`` with the confidence people see: see :class:`coder.records.ScoredCode`."""
    sure = code.stated if likely is None else likely
    confidence = None if sure is None else round(sure * verified, 6)
    return code.model_copy(update={"likelihood": likely, "confidence": confidence})


def _sentence(composed: Composed, number: int) -> Evidence:
    """Sentence ``number`` in the issue's own words; unverified if the model was shown no such."""
    found = composed.condensed.spans.get(number)
    return evidence.span(composed.issue.text, *found) if found else Evidence(quote=f"[{number}]")


T = TypeVar("T")


class Asked(Protocol):
    """A scheme that is asked about, and how."""

    @property
    def scheme(self) -> CodeSubset: ...
    @property
    def schema(self) -> Mapping[str, Any]: ...
    @property
    def composer(self) -> Composer: ...


class Prepared(NamedTuple):
    """What is looked up and composed about an issue before anything is asked: ``composed`` are the
    first messages of the questions that are asked whatever the answers."""

    found: Found
    composed: tuple[Composed, ...]


class Expected(NamedTuple):
    """The first messages of a question, and what composed them."""

    composer: Composer
    composed: Composed

    @property
    def parts(self) -> Parts:
        """How many tokens each part of the messages has."""
        return self.composer.parts(self.composed)


class Strategy(Protocol):
    """Talks with a model about an issue until it has a proposal."""

    def stages(self) -> Iterable[Asked]:
        """Every stage that may be asked about."""
        ...

    def opening(self) -> Iterator[tuple[Issue, Conversation[None]]]:
        """Talks that must have come to their end before any proposal is asked for."""
        return iter(())

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        """What can be done for each of ``issues`` before it is asked about. Contacts nobody; may be
        done in another process."""
        ...

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]: ...

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        """The first message of each question that will be asked if ``codes`` are the answer; where
        they decide what is asked and none are given, the longest there may be."""
        ...


def prepared(
    stages: Sequence[Asked], issues: Sequence[Issue], *, is_all: bool = True
) -> list[Prepared]:
    """What ``stages`` are first asked with about each of ``issues``, looked up together. What was
    found is kept unless that ``is_all`` that will be asked: it may be long."""
    return [
        Prepared(
            Found() if is_all else found,
            tuple(stage.composer.compose(issue, found) for stage in stages),
        )
        for issue, found in zip(issues, stages[0].composer.look_up(issues), strict=True)
    ]


def expected(stages: Sequence[Asked], issue: Issue) -> list[Expected]:
    """What ``stages`` are first asked with about ``issue``."""
    (ready,) = prepared(stages, [issue])
    composers = (stage.composer for stage in stages)
    return [Expected(*pair) for pair in zip(composers, ready.composed, strict=True)]


def proposal(
    readings: Sequence[Reading],
    codes: Sequence[ScoredCode] | None = None,
    runners_up: Sequence[ScoredCode] | None = None,
) -> Proposal:
    """What readings of one issue amount to; by default, with what the last of them answered.

    The first reading without a usable answer decides the status. Evidence and reasons are those of
    all readings that found a code, the last first.
    """
    last = readings[-1]
    composed = last.composed
    bad = next((r for r in readings if not r.status.answered), None)
    chosen = tuple(codes if codes is not None else last.answer.codes if last.answer else ())
    others = tuple(
        runners_up if runners_up is not None else last.answer.runners_up if last.answer else ()
    )
    status = bad.status if bad else Status.OK if chosen else Status.ABSTAINED
    telling = [r for r in reversed(readings) if r.answer and (r.answer.codes or r is last)]
    calls = tuple(call for r in readings for call in r.calls)
    ids = tuple(call.id for call in calls)
    made = Proposal(
        id=content_hash("proposal.v1", [composed.issue.id, ids])[:20],
        issue_id=composed.issue.id,
        issue_hash=composed.issue.hash,
        status=status,
        retrieved=_union(r.composed.retrieved for r in readings),
        definitions=_union(r.composed.near_codes for r in readings),
        excluded=_union(r.composed.excluded for r in readings),
        left_out=max(r.composed.condensed.left_out for r in readings),
        call_ids=ids,
        model=calls[-1].model,
        error=bad.error if bad else "",
        seconds=round(sum(call.seconds for call in calls), 3),
    )
    if bad is not None:
        return made
    found: Iterable[Evidence] = (e for r in telling for e in r.evidence)
    return made.model_copy(
        update={
            "codes": chosen,
            "runners_up": others[:MAX_RUNNERS_UP],
            "rationale": "\n".join(r.answer.rationale for r in telling if r.answer),
            "evidence": tuple(dict.fromkeys(found)),
            "expression": _expression(r.answer for r in telling if r.answer) if chosen else "",
        }
    )


def _expression(answers: Iterable[Answer]) -> Expression:
    """That of all of them: interpretive if one is, as a chain is as strong as its weakest part."""
    said = {answer.expression for answer in answers}
    return "interpretive" if "interpretive" in said else "explicit" if "explicit" in said else ""


def systems(strategy: Strategy) -> Mapping[str, str]:
    """The messages that requests begin with, by the file of the run that keeps each."""
    named = {stage.scheme.name: stage.composer.prompt.system for stage in strategy.stages()}
    return {f"system{'.' if name else ''}{name}.txt": text for name, text in named.items()}


def _union(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))
