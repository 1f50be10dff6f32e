"""What every strategy of asking offers, and the proposal that its answers amount to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from coder.proposers.chat.code_subset import CodeSubset
from coder.proposers.chat.prompt_composer import Composed, Composer
from coder.proposers.chat.prompt_step import Reading
from coder.proposers.chat.question import Conversation
from coder.proposers.chat.response_schema import MAX_RUNNERS_UP, Answer
from coder.proposers.preview import Parts
from coder.records import Evidence, Expression, Issue, Proposal, ScoredCode, Status, content_hash
from coder.retrieval.base import Found

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
