"""The strategies: one question, category before code, or code by code; samples of each; scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from coder.proposers.chat.prompt_composer import Composer
from coder.proposers.chat.question import (
    CodeSubset,
    Conversation,
    alone,
    below,
    categories,
    everything,
)
from coder.proposers.chat.response_schema import MAX_RUNNERS_UP
from coder.proposers.chat.score import open_score
from coder.proposers.chat.strategy import (
    Asked,
    Expected,
    Prepared,
    PromptStep,
    Strategy,
    expected,
    prepared,
    proposal,
)
from coder.records import (
    Cardinality,
    Codebook,
    Example,
    Issue,
    Manifest,
    Proposal,
    ScoredCode,
    Status,
    content_hash,
)
from coder.study import ModelSettings, Study

T = TypeVar("T")
MakeStage = Callable[[CodeSubset], PromptStep]


def open_strategy(
    settings: ModelSettings,
    codebook: Codebook,
    composer: Composer,
    bounded: bool,
    issues: Iterable[Issue] = (),
) -> Strategy:
    """The strategy a study is set to, for a run of ``issues``."""
    if settings.decode == "score":
        return open_score(settings, codebook, composer, bounded, issues)

    def stage(scheme: CodeSubset) -> PromptStep:
        return PromptStep(scheme, composer, settings, bounded)

    kinds: dict[str, Callable[[], Strategy]] = {
        "flat": lambda: Flat(stage(everything(codebook))),
        "cascade": lambda: Cascade(codebook, stage),
        "each": lambda: Each(codebook, stage),
    }
    strategy = kinds[settings.strategy]()
    single = codebook.cardinality is Cardinality.SINGLE and settings.strategy != "each"
    return Samples(strategy, settings.samples, single) if settings.samples > 1 else strategy


def of_run(
    study: Study, manifest: Manifest, codebook: Codebook, examples: Sequence[Example]
) -> Strategy:
    """The strategy a run was made with; for a run that asked no chat model, the study's own.

    Raises ``RunError`` when what the run was made with is not here any more.
    """
    composer = Composer.of_run(study, manifest, codebook, examples)
    return open_strategy(composer.settings.model, codebook, composer, bounded=False)


class Flat(Strategy):
    """One question over all codes."""

    def __init__(self, stage: PromptStep) -> None:
        self._stage = stage

    def stages(self) -> Iterable[PromptStep]:
        return [self._stage]

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        return prepared([self._stage], issues)

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]:
        reading = yield from self._stage.ask(prepared.composed[0], sample)
        return proposal([reading])

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        return expected([self._stage], issue)


class Cascade(Strategy):
    """First the category, then one of its codes. A confidence is the product of the two."""

    def __init__(self, codebook: Codebook, stage: MakeStage) -> None:
        self._codebook = codebook
        self._first = stage(categories(codebook))
        self._below = {
            top.id: stage(below(codebook, top.id))
            for top in codebook.children[None]
            if top.id in codebook.children
        }

    def stages(self) -> Iterable[PromptStep]:
        return [self._first, *self._below.values()]

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        return prepared([self._first], issues, is_all=not self._below)

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]:
        first = yield from self._first.ask(prepared.composed[0], sample)
        if first.answer is None or not first.answer.codes:
            return proposal([first])
        readings, codes, runners_up = [first], [], []
        for category in first.answer.codes:
            if category.code not in self._below:
                codes.append(category)
                continue
            stage = self._below[category.code]
            composed = stage.composer.compose(issue, prepared.found)
            second = yield from stage.ask(composed, sample)
            readings.append(second)
            if second.answer is not None:
                codes += [_times(code, category) for code in second.answer.codes]
                runners_up += [_times(code, category) for code in second.answer.runners_up]
        return proposal(readings, codes, runners_up)

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        tops = {self._codebook.category(code) for code in codes}
        chosen = [self._below[top] for top in tops if top in self._below]
        if not codes:
            longest = max(self._below.values(), key=_prefix_length, default=None)
            chosen = [longest] if longest else []
        return expected([self._first, *chosen], issue)


class Each(Strategy):
    """One question for each code: does it fit or not? For codebooks with several codes an issue."""

    def __init__(self, codebook: Codebook, stage: MakeStage) -> None:
        self._single = codebook.cardinality is Cardinality.SINGLE
        self._stages = [stage(alone(codebook, code.id)) for code in codebook.leaves]

    def stages(self) -> Iterable[PromptStep]:
        return self._stages

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        return prepared(self._stages, issues)

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]:
        readings = []
        for stage, composed in zip(self._stages, prepared.composed, strict=True):
            reading = yield from stage.ask(composed, sample)
            readings.append(reading)
            if not reading.status.answered:
                # Without every answer there is no set of codes.
                return proposal(readings)
        codes = [code for r in readings if r.answer is not None for code in r.answer.codes]
        codes.sort(key=_confidence, reverse=True)
        if self._single:
            return proposal(readings, codes[:1], codes[1:])
        return proposal(readings, codes)

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        return expected(self._stages, issue)


class Samples(Strategy):
    """Several answers to the same questions; what most of them say is proposed (self-consistency:
    Wang et al. 2023, arXiv 2203.11171).

    Of a single code, the one most often given: the earlier of two given equally often, any before
    "no code fits". Of several, those that more than half of the samples give. A sample without a
    usable answer votes for nothing and still counts.
    """

    def __init__(self, strategy: Strategy, count: int, single: bool) -> None:
        self._strategy = strategy
        self._count = count
        self._single = single

    def stages(self) -> Iterable[Asked]:
        return self._strategy.stages()

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        return self._strategy.prepare(issues)

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]:
        drawn = []
        for number in range(self._count):
            one = yield from self._strategy.talk(issue, prepared, number)
            drawn.append(one)
            if one.status is Status.FAILED:
                # Asked again with the rest of the issue; counting it out would flatter the others.
                break
        return self._counted(drawn)

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        return self._strategy.expected(issue, codes) * self._count

    def _counted(self, drawn: Sequence[Proposal]) -> Proposal:
        calls = tuple(call for one in drawn for call in one.call_ids)
        answered = [one for one in drawn if one.status.answered]
        if not answered or drawn[-1].status is Status.FAILED:
            shown = drawn[-1]
            return _renewed(shown, call_ids=calls, seconds=_seconds(drawn))
        votes = Counter(code.code for one in answered for code in one.codes)
        nothing = sum(one.status is Status.ABSTAINED for one in answered)
        ranked = [code for code, _ in votes.most_common()]
        if self._single:
            chosen = ranked[:1] if ranked and votes[ranked[0]] >= nothing else []
        else:
            chosen = [code for code in ranked if votes[code] * 2 > len(drawn)]
        spoken = [one for one in answered if {c.code for c in one.codes} >= set(chosen)]
        shown = next((one for one in spoken if chosen or not one.codes), answered[0])

        def scored(code: str) -> ScoredCode:
            said = next(c for one in answered for c in one.codes if c.code == code)
            share = round(votes[code] / len(drawn), 6)
            return said.model_copy(update={"confidence": share, "agreement": share})

        others = [code for code in ranked if code not in chosen][:MAX_RUNNERS_UP]
        return _renewed(
            shown,
            status=Status.OK if chosen else Status.ABSTAINED,
            codes=tuple(map(scored, chosen)),
            runners_up=tuple(map(scored, others)),
            call_ids=calls,
            seconds=_seconds(drawn),
        )


def _times(code: ScoredCode, category: ScoredCode) -> ScoredCode:
    def product(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else round(a * b, 6)

    return code.model_copy(
        update={
            "confidence": product(code.confidence, category.confidence),
            "stated": product(code.stated, category.stated),
            "likelihood": product(code.likelihood, category.likelihood),
        }
    )


def _renewed(shown: Proposal, **changes: object) -> Proposal:
    ids = changes["call_ids"]
    made = content_hash("proposal.v1", [shown.issue_id, ids])[:20]
    return shown.model_copy(update={**changes, "id": made})


def _seconds(drawn: Sequence[Proposal]) -> float:
    return round(sum(one.seconds for one in drawn), 3)


def _confidence(code: ScoredCode) -> float:
    return -1.0 if code.confidence is None else code.confidence


def _prefix_length(stage: PromptStep) -> int:
    return len(stage.composer.prompt.system)
