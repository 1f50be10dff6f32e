"""Composes the messages that ask a chat model about an issue; knows no server and needs no key.

Tokens are counted here, and nowhere else: for the room, for the worst case of a request, and part
by part for a dry run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from coder.errors import RunError, UsageError
from coder.proposers.base import Parts
from coder.proposers.chat import prompts
from coder.proposers.chat.condensed_issue import (
    Condensed,
    about,
    condense,
    cut_at_sentence,
    fits,
    without_repeated_title,
)
from coder.proposers.chat.question import CodeSubset, Question, everything
from coder.proposers.token_count import TokenCounter, open_counter
from coder.records import (
    NONE_CODE,
    Code,
    Codebook,
    Example,
    Issue,
    Manifest,
    NearCode,
    Neighbour,
    Usage,
    canonical_json,
    content_hash,
)
from coder.retrieval.embedders import THREADS
from coder.retrieval.retriever import Retriever, open_retriever
from coder.retrieval.search import Found
from coder.study import ModelSettings, Settings, Study
from coder.text.redaction import Masked, Redactor, authors, masked_codebook

EXAMPLE_CHARACTERS = 600
"""How much of a similar labelled issue is shown."""
CONTRAST = "contrast"
"""How runs say that their examples were chosen, and cut, as single judgements."""
MIN_ISSUE_TOKENS = 200
"""With less room than this for the issue itself, coding it would be a pretence."""
LIMITS = ("max_tokens", "max_completion_tokens")
"""What servers call the most that an answer may have."""
_FRAMING_TOKENS = 64
"""What a server's chat template adds around the messages, rounded up."""


@dataclass(frozen=True)
class Composed:
    """The messages about one issue, as (role, text), and what went into them.

    ``word`` delimits texts in them. ``near_codes`` go with ``definitions``. Plain
    data: messages are made in one process and sent from another.
    """

    issue: Issue
    messages: tuple[tuple[str, str], ...]
    word: str
    definitions: tuple[Code, ...]
    shown: tuple[prompts.Shown, ...]
    condensed: Condensed
    retrieved: tuple[Neighbour, ...]
    near_codes: tuple[NearCode, ...]
    excluded: tuple[str, ...]
    at_most: int
    """Tokens that the messages after the system's have at most, for any vocabulary."""
    redactor: Redactor | None = None
    """What masked the texts, if anything did."""
    masked: Masked | None = None
    """The issue's own text as it was masked."""

    def restore(self, text: str) -> str:
        """What a model wrote, in the issue's own words where it repeats a placeholder of theirs."""
        return self.masked.restore(text) if self.masked else text

    def hide(self, text: str) -> str:
        """``text`` as it may be sent along with these messages."""
        return self.redactor.redact(text) if self.redactor else text


class Composer:
    """Turns issues into messages: the prompt, what is near to the issue, and the issue to fit."""

    def __init__(
        self,
        study: Study,
        scheme: CodeSubset,
        prompt: prompts.Prompt,
        retriever: Retriever,
        counter: TokenCounter,
        schema: str,
        redactor: Redactor | None,
    ) -> None:
        """``schema`` goes along with the messages; some providers count it as input. ``redactor``
        has masked the codebook, if anything is masked."""
        self._study = study
        self.settings = study.settings
        self._scheme = scheme
        self._retriever = retriever
        self._redactor = redactor
        self.prompt = prompt
        self.counter = counter
        self.system_hash = hash_of(prompt.system)
        self._prefix = (prompt.system, schema)
        self._codes_to_find = 0 if prompt.detailed else study.settings.retrieval.definitions
        # What begins many requests is counted once.
        self._at_most = lru_cache(maxsize=256)(counter.at_most)
        self._last_schema: Mapping[str, Any] | None = None
        self._schema_at_most = self._at_most(canonical_json(None))
        model = self.settings.model
        self._room = (
            model.context_tokens - model.max_output_tokens - counter.count(prompt.system)
            - _FRAMING_TOKENS
        )  # fmt: skip
        if self._room < MIN_ISSUE_TOKENS:
            raise UsageError(
                f"model.context_tokens = {model.context_tokens} leaves no room for an issue beside "
                f"the codebook and the answer",
                f"set it to at least {model.context_tokens - self._room + 4 * MIN_ISSUE_TOKENS}, "
                "or choose a smaller codebook",
            )

    @classmethod
    def open(
        cls,
        study: Study,
        codebook: Codebook,
        examples: Sequence[Example],
        schema: str = "",
        threads: int = THREADS,
    ) -> Self:
        """The composer a study is set to; ``threads`` are those it may encode texts with.

        Raises ``InputError`` for a bad template and ``UsageError`` when the codebook does not fit
        into ``model.context_tokens``.
        """
        settings = study.settings
        quotes = settings.model.evidence == "quotes"
        redactor = Redactor([codebook.to_json()]) if settings.model.redact else None
        shown = masked_codebook(codebook, redactor) if redactor else codebook
        counter = open_counter(settings.model.name, study.cache)
        brief = prompts.load(settings.model.template, study.root, shown, False, quotes)
        prompt = _with_rules(brief, settings, counter)
        retriever = open_retriever(study, codebook, examples, threads)
        return cls(study, everything(codebook), prompt, retriever, counter, schema, redactor)

    def at(self, scheme: CodeSubset, schema: Mapping[str, Any]) -> Composer:
        """A composer that asks about ``scheme`` only, with the same template and retrieval."""
        book, redactor = scheme.codebook, self._redactor
        shown = masked_codebook(book, redactor) if redactor else book
        return Composer(
            self._study,
            scheme,
            _with_rules(replace(self.prompt, codebook=shown), self.settings, self.counter),
            self._retriever,
            self.counter,
            canonical_json(schema),
            redactor,
        )

    @classmethod
    def of_run(
        cls, study: Study, manifest: Manifest, codebook: Codebook, examples: Sequence[Example]
    ) -> Self:
        """The composer a run was made with; for a run that asked no chat model, the study's own.

        Raises ``RunError`` when what the run was made with is not here any more.
        """
        made = manifest.model
        composer = cls.open(as_made(study, manifest), codebook, examples)
        for key, here in composer.describe().items():
            if made.get("kind") == "llm" and made.get(key) != here:
                raise RunError(
                    f"run {manifest.name!r} was made with another {key.replace('_', ' ')}: "
                    f"{str(made.get(key))[:40]} then, {str(here)[:40]} now",
                    "what it really sent is in its log: add --sent",
                )
        return composer

    def describe(self) -> dict[str, Any]:
        """Everything that decides the messages besides the data, the codebook and the seed."""
        return {
            "context_tokens": self.settings.model.context_tokens,
            "tokens_counted_by": self.counter.name,
            "prompt": self.prompt.name,
            "prompt_hash": self.prompt.hash,
            "system_hash": self.system_hash,
            "embedder": self._retriever.embedder,
            "neighbours": self.settings.retrieval.neighbours,
            "definitions": self.settings.retrieval.definitions,
            "diversity": self.settings.retrieval.diversity,
            "per_repository": self.settings.retrieval.per_repository,
            # Not of templates that know nothing of it: their older runs can still go on.
            **({"rules_tokens": self.settings.retrieval.rules_tokens} if self._budgeted else {}),
            **({"examples": CONTRAST} if self._contrasts else {}),
        }

    @property
    def _budgeted(self) -> bool:
        return "whole" in self.prompt.variables

    @property
    def _contrasts(self) -> bool:
        return "judgements" in self.prompt.variables

    def look_up(self, issues: Sequence[Issue]) -> list[Found]:
        """For each of ``issues`` what is near to it among labelled issues and codes."""
        neighbours = self.settings.retrieval.neighbours
        if not neighbours and not self._codes_to_find:
            return [Found()] * len(issues)
        return self._retriever.look_up(
            issues, neighbours, self._codes_to_find, contrasting=self._contrasts
        )

    def encode_labelled(self, part: int, parts: int) -> None:
        """Encode one of so many parts of the labelled issues, if any are looked up."""
        if self.settings.retrieval.neighbours:
            self._retriever.encode_labelled(part, parts)

    def compose(self, issue: Issue, found: Found) -> Composed:
        """The messages about ``issue``: the system message, then the user's; ``found`` is what was
        looked up for it."""
        known = self._scheme.codebook.by_id
        near = [n for n in found.definitions if n.code in known and _has_rules(known[n.code])]
        definitions = [known[n.code] for n in near]
        told = ""
        if "about" in self.prompt.variables:
            told = about(issue, self._scheme.whole, self.settings.model.project_labels)
        redactor = self._redactor_for(issue, found, told)
        told = redactor.redact(told, authors(issue)) if redactor else told
        masked = redactor.mask(issue.text, authors(issue)) if redactor else None
        shown, neighbours = self._shown(found, redactor)
        texts = [issue.text, told, *(example.text + example.memo for example in shown)]
        word = prompts.nonce(self.settings.seed, issue.hash, texts)

        def frame() -> str:
            return self.prompt.user((), word, definitions, shown, told)

        around, count = frame(), self.counter.count
        # The issue comes first: what was retrieved gives way, the last first.
        while (shown or definitions) and not fits([around], count, self._room - MIN_ISSUE_TOKENS):
            (shown or definitions).pop()
            around = frame()
        if self._study.shuffle is not None:
            order = random.Random(f"{self._study.shuffle} {issue.hash}")
            order.shuffle(shown)
            order.shuffle(definitions)
            around = frame()
        condensed = condense(issue, count, self._room, around, masked, self._contrasts)
        user = self.prompt.user(condensed.passages, word, definitions, shown, told)
        messages = (("system", self.prompt.system), ("user", user))
        return Composed(
            issue=issue,
            messages=messages,
            word=word,
            definitions=tuple(definitions),
            shown=tuple(shown),
            condensed=condensed,
            retrieved=tuple(neighbours[: len(shown)]),
            near_codes=tuple(near[: len(definitions)]),
            excluded=found.excluded,
            at_most=self.counter.at_most(user),
            redactor=redactor,
            masked=masked,
        )

    def _redactor_for(self, issue: Issue, found: Found, told: str) -> Redactor | None:
        if self._redactor is None:
            return None
        texts = [issue.text, told, *(e.issue.text + e.memo for e in found.examples)]
        return Redactor(texts, after=self._redactor)

    def _shown(
        self, found: Found, redactor: Redactor | None
    ) -> tuple[list[prompts.Shown], list[Neighbour]]:
        """The labelled issues as this scheme sees them; those it says nothing of are left out."""
        shown, neighbours = [], []
        for example, neighbour in zip(found.examples, found.neighbours, strict=True):
            codes = self._scheme.within(example.codes)
            if codes is not None:
                coded = example.model_copy(update={"codes": codes})
                shown.append(as_shown(coded, redactor, self._contrasts))
                neighbours.append(neighbour)
        return shown, neighbours

    def parts(self, composed: Composed) -> Parts:
        """How many tokens each part of the messages has."""
        count, user, word = self.counter.count, self.prompt.user, composed.word
        empty = count(user((), word))
        defined = count(user((), word, composed.definitions))
        shown = count(user((), word, composed.definitions, composed.shown))
        return Parts(
            system=sum(map(count, self._prefix)),
            definitions=defined - empty,
            examples=shown - defined,
            issue=count(composed.messages[-1][1]) - shown + empty,
            masked=composed.redactor.count(composed.messages[-1][1]) if composed.redactor else 0,
        )

    def worst(self, question: Question) -> Usage:
        """What one request with ``question`` can use at most."""
        (_, system), *rest = question.messages
        if question.schema is not self._last_schema:
            # The same for one issue after the other, and long.
            self._last_schema = question.schema
            self._schema_at_most = self._at_most(canonical_json(question.schema))
        prefix = self._at_most(system) + self._schema_at_most + _FRAMING_TOKENS
        turns = question.asked_tokens
        if turns is None:
            turns = sum(self.counter.at_most(text) for _, text in rest)
        turns += _FRAMING_TOKENS * len(rest)
        return Usage(
            input_tokens=prefix + turns,
            output_tokens=self.longest(question),
        )

    def longest(self, question: Question) -> int:
        """How many tokens the answer to ``question`` may have."""
        limits = (question.changes.get(key) for key in LIMITS)
        return min((n for n in limits if n), default=self.settings.model.max_output_tokens)


def _with_rules(
    prompt: prompts.Prompt, settings: Settings, counter: TokenCounter
) -> prompts.Prompt:
    """``prompt`` with the rules of all codes, where they are few or short or always asked for; else
    with definitions alone: the rules of those codes that are near to an issue come with it."""
    brief, whole = replace(prompt, detailed=False), replace(prompt, detailed=True)
    model, retrieval, count = settings.model, settings.retrieval, counter.count
    if retrieval.definitions == 0 or len(prompt.codebook.leaves) <= retrieval.definitions:
        return whole
    if "whole" not in prompt.variables:
        return brief
    rules = count(whole.system) - count(brief.system)
    # Half of the window is left to the issue and those like it, whatever is set.
    most = (model.context_tokens - model.max_output_tokens) // 2
    is_short = rules <= retrieval.rules_tokens and count(whole.system) <= most
    return whole if is_short else brief


def as_shown(
    example: Example, redactor: Redactor | None = None, by_sentences: bool = False
) -> prompts.Shown:
    """A labelled issue as the prompt holds it: its beginning, or what of it is in whole sentences
    and does not say the title twice."""
    text, memo = example.issue.text, example.memo
    if by_sentences:
        text = without_repeated_title(example.issue)
    if redactor is not None:
        known = authors(example.issue)
        text, memo = redactor.redact(text, known), redactor.redact(memo, known)
    text = " ".join(text.split())
    longest = EXAMPLE_CHARACTERS
    text = cut_at_sentence(text, longest) if by_sentences else text[:longest]
    return prompts.Shown(text, example.codes or (NONE_CODE,), " ".join(memo.split()))


def _has_rules(code: Code) -> bool:
    return bool(code.include or code.exclude or code.examples)


@lru_cache(maxsize=256)
def hash_of(message: str) -> str:
    """The name under which calls refer to a message that is the same in all of them."""
    return content_hash("message.v1", message)


HOW = (
    "strategy", "evidence", "decode", "batch", "samples", "sample_temperature", "logprobs",
    "redact", "project_labels",
)  # fmt: skip
"""The settings of a model that decide what is asked of it beside the messages' words."""


def asked_how(settings: ModelSettings) -> dict[str, Any]:
    """Those of ``HOW`` that are not as they come."""
    usual = ModelSettings()
    given = {name: getattr(settings, name) for name in HOW}
    return {name: value for name, value in given.items() if value != getattr(usual, name)}


def as_made(study: Study, manifest: Manifest) -> Study:
    """``study``, set as it was when the run was made, as far as that decides what is asked. Only
    where to ask is left as it is: a key must not go to an address that a file names."""
    made, settings = manifest.model, study.settings
    model: dict[str, Any] = {}
    retrieval: dict[str, Any] = {}
    if made.get("kind") == "llm":
        model = {key: made[key] for key in ("name", "context_tokens", "prompt") if key in made}
        asked = made.get("parameters", {})
        for key in LIMITS:
            if key in asked:
                model["max_output_tokens"] = asked[key]
        if "temperature" in asked:
            model["temperature"] = asked["temperature"]
        model |= {name: made.get(name, getattr(ModelSettings(), name)) for name in HOW}
        keys = ("neighbours", "definitions", "diversity", "per_repository")
        retrieval = {key: made[key] for key in keys if key in made}
        # Runs that do not say it know nothing of it.
        retrieval["rules_tokens"] = made.get("rules_tokens", 0)
        if made.get("embedder") == "lexical":
            retrieval["embedder"] = "none"
    changed = {
        "seed": manifest.seed,
        "model": settings.model.model_copy(update=model),
        "retrieval": settings.retrieval.model_copy(update=retrieval),
    }
    return study.having(settings.model_copy(update=changed))
