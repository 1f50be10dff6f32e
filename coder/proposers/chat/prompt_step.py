"""Asks about one scheme of codes: the question, one repair, and what the answer amounts to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from coder.codebook.load import UnknownCode
from coder.proposers.chat import likelihood
from coder.proposers.chat.code_subset import CodeSubset
from coder.proposers.chat.failures import clean
from coder.proposers.chat.prompt_composer import Composed, Composer
from coder.proposers.chat.question import Conversation, Question
from coder.proposers.chat.reasoning import after_reasoning
from coder.proposers.chat.reply import read_raw
from coder.proposers.chat.response_schema import Answer, Reader, answer_schema
from coder.records import Call, Evidence, ScoredCode, Status
from coder.study import ModelSettings
from coder.text import evidence


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
        spelled_out = likelihood.of_codes(likelihood.tokens(raw), answer)
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
