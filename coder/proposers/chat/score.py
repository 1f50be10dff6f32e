"""Codes an issue by how likely the model finds each code's name, without letting it write.

The model is to answer with a name; the probabilities of its first token, and of further ones where
names begin alike, say how likely each name is. A model finds some names likelier than others
whatever the issue says; batch calibration takes that out (Zhou et al. 2023, arXiv 2309.17249): each
probability is divided by its mean over a fixed batch of issues.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coder.errors import UsageError
from coder.proposers.chat import strategy
from coder.proposers.chat.prompt_composer import Composed, Composer
from coder.proposers.chat.question import (
    CodeSubset,
    Conversation,
    Messages,
    Question,
    below,
    categories,
    everything,
)
from coder.proposers.chat.response_schema import MAX_RUNNERS_UP, Answer
from coder.proposers.chat.server_dialect import HOSTED_LOGPROBS
from coder.proposers.chat.strategy import (
    Expected,
    Prepared,
    Reading,
    Strategy,
    expected,
    prepared,
    proposal,
    unanswered,
)
from coder.records import (
    NONE_CODE,
    Call,
    Cardinality,
    Codebook,
    Issue,
    Proposal,
    ScoredCode,
    Status,
    content_hash,
)
from coder.retrieval.search import Found
from coder.study import ModelSettings

RATIONALE = "Scored by likelihood; the model was not asked for reasons."
NONE_NAME = "None of these"
"""How "no code fits" is called in score.v1."""
LEVELS = 3
"""So many tokens of a name are looked at; names that are alike until then share what is left."""
SLIGHT = 0.01
"""Names alike that have less than this share between them are not worth a further question."""
LIKELY = {"llamacpp": 200}
"""How many of the likeliest tokens are asked for, where it is not ``HOSTED_LOGPROBS``."""

Shares = Mapping[str, float]
"""Probabilities by code id, that of "no code fits" by ``NONE_CODE``; they add up to 1."""


class _Unanswered(Exception):
    def __init__(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Scores:
    """What came of asking about one scheme; ``shares`` is empty unless ``status`` is ok."""

    composed: Composed
    calls: tuple[Call, ...]
    shares: Shares
    status: Status = Status.OK
    error: str = ""


class ScoreStep:
    """One scheme of codes, and what the model makes of them without an issue in mind."""

    schema: Mapping[str, Any] = {}

    def __init__(
        self, scheme: CodeSubset, composer: Composer, settings: ModelSettings, compatible: bool
    ) -> None:
        """``compatible``: whether it is a server other than OpenAI's own that speaks as it does."""
        book = _with_distinct_names(scheme.codebook)
        self.scheme = CodeSubset(scheme.whole, book, scheme.name, scheme.others_are_none)
        self.composer = composer.at(self.scheme, self.schema)
        # As the prompt has them, which may mask what a name holds.
        self._names = {code.id: code.name for code in self.composer.prompt.codebook.leaves}
        if book.allow_none:
            self._names[NONE_CODE] = NONE_NAME
        provider = settings.name.partition(":")[0]
        # OpenAI's own service answers an answer begun with a new one: it cannot go on with it.
        self._can_go_on = compatible
        self._changes: dict[str, Any] = {
            "max_tokens" if compatible else "max_completion_tokens": 1,
            "logprobs": True,
            "top_logprobs": LIKELY.get(provider, HOSTED_LOGPROBS),
        }
        self._going_on: dict[str, Any] = {}
        if provider == "vllm":
            self._going_on = {"continue_final_message": True, "add_generation_prompt": False}
        self._measured: dict[str, Shares] = {}

    def ask(self, composed: Composed) -> Conversation[Scores]:
        """How likely each code of the scheme is for the issue that the messages are about, as the
        model tells it."""
        calls: list[Call] = []
        try:
            shares = yield from self._split(composed.messages, tuple(self._names), "", 1, calls)
        except _Unanswered as why:
            return Scores(composed, tuple(calls), {}, why.status, why.reason)
        return Scores(composed, tuple(calls), shares)

    def measure(self, issue: Issue, found: Found) -> Conversation[None]:
        """Ask about an issue of the batch, and keep what it tells about the names."""
        scores = yield from self.ask(self.composer.compose(issue, found))
        if scores.status is Status.OK:
            self._measured[issue.id] = scores.shares

    def calibrated(self, shares: Shares) -> Shares:
        """``shares`` over their means in the batch; as they are while there is no batch."""
        # In a fixed order, so that sums do not depend on which answer came first.
        batch = [self._measured[issue] for issue in sorted(self._measured)]
        if not batch:
            return shares
        means = {code: sum(one[code] for one in batch) / len(batch) for code in shares}
        return _normalized({code: share / means[code] for code, share in shares.items()})

    def _split(
        self, messages: Messages, codes: Sequence[str], begun: str, level: int, calls: list[Call]
    ) -> Conversation[Shares]:
        """How the probability of ``codes``, whose names all begin with ``begun``, is shared."""
        if begun:
            asked = Question(
                (*messages, ("assistant", begun)), None, self._changes | self._going_on
            )
        else:
            asked = Question(messages, None, self._changes)
        call = yield asked
        calls.append(call)
        told = _told(call)
        rest = {code: self._names[code][len(begun) :].lower() for code in codes}
        shares = dict.fromkeys(codes, 0.0)
        alike: dict[tuple[str, ...], float] = {}
        longest: dict[tuple[str, ...], int] = {}
        for token, probability in told:
            text = (token if begun else token.lstrip()).lower()
            if not text.strip():
                continue
            takers = tuple(code for code in codes if rest[code].startswith(text))
            # A name that is all of it before another goes on is over with any other token.
            takers = takers or tuple(code for code in codes if not rest[code])
            if takers:
                alike[takers] = alike.get(takers, 0.0) + probability
                longest[takers] = max(longest.get(takers, 0), len(text))
        if not alike and level == 1:
            reason = "none of the likely first tokens begins the name of a code"
            raise _Unanswered(Status.UNPARSED, reason)
        total = sum(alike.values())
        for takers, probability in alike.items():
            within: Shares = dict.fromkeys(takers, 1 / len(takers))
            worth_it = level < LEVELS and probability >= SLIGHT * total
            if len(takers) > 1 and worth_it and self._can_go_on:
                further = self._further(takers, len(begun) + longest[takers])
                within = yield from self._split(messages, takers, further, level + 1, calls)
            for code in takers:
                shares[code] += probability * within[code]
        # What was not told is no likelier than the least that was, or than all that is left.
        probabilities = [probability for _, probability in told]
        least = max(min(*probabilities, 1 - sum(probabilities)), 1e-9)
        return _normalized({code: max(share, least) for code, share in shares.items()})

    def _further(self, codes: Sequence[str], known: int) -> str:
        """The words that the names of ``codes`` have in common, or more: their first ``known``
        characters."""
        names = [self._names[code] for code in codes]
        same = itertools.takewhile(lambda at: len(set(at)) == 1, zip(*names, strict=False))
        common = "".join(characters[0] for characters in same)
        if any(name[len(common) :][:1].isalnum() for name in names):
            common = common.rpartition(" ")[0]
        # Tokens mostly begin with the space before a word, so the space is left to them.
        return max(common.rstrip(), names[0][:known], key=len)


class Score(Strategy):
    """All codes at once, or first the categories and then the codes of the likeliest."""

    def __init__(
        self,
        codebook: Codebook,
        stage: Callable[[CodeSubset], ScoreStep],
        batch: Sequence[Issue],
        cascade: bool,
    ) -> None:
        self._codebook = codebook
        self._batch = batch
        self._batched = {issue.id for issue in batch}
        self._first = stage(categories(codebook) if cascade else everything(codebook))
        inner = [top.id for top in codebook.children[None] if top.id in codebook.children]
        self._below = {top: stage(below(codebook, top)) for top in inner} if cascade else {}

    def stages(self) -> Iterable[ScoreStep]:
        return [self._first, *self._below.values()]

    def opening(self) -> Iterator[tuple[Issue, Conversation[None]]]:
        return ((issue, self._measure(issue)) for issue in self._batch)

    def _measure(self, issue: Issue) -> Conversation[None]:
        (found,) = self._first.composer.look_up([issue])
        for stage in self.stages():
            yield from stage.measure(issue, found)

    def prepare(self, issues: Sequence[Issue]) -> list[Prepared]:
        return prepared([self._first], issues, is_all=not self._below)

    def talk(self, issue: Issue, prepared: Prepared, sample: int = 0) -> Conversation[Proposal]:
        scores = yield from self._first.ask(prepared.composed[0])
        readings = [_reading(scores)]
        shares = self._first.calibrated(scores.shares)
        likeliest = max(shares, key=lambda code: shares[code], default="")
        if likeliest in self._below:
            stage = self._below[likeliest]
            scores = yield from stage.ask(stage.composer.compose(issue, prepared.found))
            readings.append(_reading(scores))
            inner = stage.calibrated(scores.shares)
            shares = {code: share * shares[likeliest] for code, share in inner.items()}
        ranked = sorted(shares, key=lambda code: -shares[code])
        best = [_scored(code, shares) for code in ranked[:1] if code != NONE_CODE]
        others = [_scored(code, shares) for code in ranked[1:] if code != NONE_CODE]
        made = proposal(readings, best, others[:MAX_RUNNERS_UP])
        return made.model_copy(update={"rationale": RATIONALE}) if made.status.answered else made

    def expected(self, issue: Issue, codes: Sequence[str] = ()) -> list[Expected]:
        tops = {self._codebook.category(code) for code in codes}
        chosen = [stage for top, stage in self._below.items() if top in tops]
        if not codes and issue.id in self._batched:
            chosen = list(self._below.values())
        elif self._below and not codes:
            chosen = [max(self._below.values(), key=lambda s: len(s.composer.prompt.system))]
        return expected([self._first, *chosen], issue)


def open_score(
    settings: ModelSettings,
    codebook: Codebook,
    composer: Composer,
    compatible: bool,
    issues: Iterable[Issue],
) -> Score:
    """The strategy for ``model.decode = "score"``; ``issues`` are all of the run.

    Raises ``UsageError`` for what cannot be scored: several codes, code by code, samples.
    """
    wrong = ""
    if codebook.cardinality is not Cardinality.SINGLE:
        wrong = f"codebook {codebook.id!r} allows several codes"
    elif settings.strategy == "each":
        wrong = 'model.strategy = "each" asks about several codes'
    elif settings.samples > 1:
        wrong = f"model.samples = {settings.samples}, but nothing is drawn"
    if wrong:
        raise UsageError(
            f'model.decode = "score" chooses one code; {wrong}', 'set model.decode = "json"'
        )
    seed = composer.settings.seed
    batch = sorted(issues, key=lambda issue: content_hash("batch.v1", [seed, issue.id]))

    def stage(scheme: CodeSubset) -> ScoreStep:
        return ScoreStep(scheme, composer, settings, compatible)

    return Score(codebook, stage, batch[: settings.batch], settings.strategy == "cascade")


def _told(call: Call) -> list[tuple[str, float]]:
    """The likely first tokens of an answer with their probabilities."""
    if reason := unanswered(call):
        raise _Unanswered(*reason)
    told = strategy.first(call.raw_response or "")
    if not told:
        raise _Unanswered(
            Status.UNPARSED, 'the server tells no log-probabilities; set model.decode = "json"'
        )
    return told


def _reading(scores: Scores) -> Reading:
    answer = Answer((), "", (), (), ()) if scores.status is Status.OK else None
    return Reading(scores.composed, scores.calls, scores.status, scores.error, answer)


def _scored(code: str, shares: Shares) -> ScoredCode:
    share = round(shares[code], 6)
    return ScoredCode(code=code, confidence=share, likelihood=share)


def _normalized(shares: Shares) -> Shares:
    total = sum(shares.values())
    return {code: share / total for code, share in shares.items()}


def _with_distinct_names(codebook: Codebook) -> Codebook:
    """The codebook, with codes of one name called by their path."""
    names = [code.name.lower() for code in codebook.leaves]
    codes = tuple(
        code.model_copy(update={"name": codebook.path(code.id)})
        if code.id not in codebook.children and names.count(code.name.lower()) > 1
        else code
        for code in codebook.codes
    )
    return codebook.changed(codes=codes)
