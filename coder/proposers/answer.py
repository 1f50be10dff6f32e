"""What a chat model must answer: a JSON schema made from the codebook, and the reading of it.

Reading is lenient about the wrapping (fences, prose, spelling of a code) and strict about content:
what the model did not clearly say is an error with a reason, never an empty or a default code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coder.codebook import UnknownCode, resolver
from coder.records import NONE_CODE, Cardinality, Codebook, ScoredCode, Status

MAX_SENTENCES = 5
"""Or quotes."""
MAX_RUNNERS_UP = 3
MAX_RATIONALE = 400
MAX_QUOTE = 240
"""Characters, of a model that is held to a grammar."""

_THINKING = re.compile(r"<think>.*?</think>", re.DOTALL)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Answer:
    """A usable answer. Empty ``codes`` means the model says that no code fits."""

    codes: tuple[ScoredCode, ...]
    rationale: str
    sentences: tuple[int, ...]
    quotes: tuple[str, ...]
    runners_up: tuple[ScoredCode, ...]


@dataclass(frozen=True)
class Unusable:
    """An answer that cannot be used: ``unparsed`` or ``off_codebook``, and what is wrong."""

    status: Status
    problem: str


def answer_schema(codebook: Codebook, bounded: bool, quotes: bool = False) -> dict[str, Any]:
    """The JSON schema of an answer; every property required and none other allowed.

    ``quotes``: whether evidence is quoted, or pointed to by the numbers of sentences.
    ``bounded`` adds lengths. A local server turns them into a grammar that keeps a small model from
    going on for ever; some hosted services reject them.
    """
    ids = [code.id for code in codebook.leaves]
    if codebook.allow_none:
        ids.append(NONE_CODE)
    scored = _object(code={"type": "string", "enum": ids}, confidence={"type": "number"})
    most = 1 if codebook.cardinality is Cardinality.SINGLE else len(ids)

    def text(longest: int) -> dict[str, Any]:
        return {"type": "string", **({"maxLength": longest} if bounded else {})}

    def array(items: dict[str, Any], **limits: int) -> dict[str, Any]:
        return {"type": "array", "items": items, **(limits if bounded else {})}

    # The order is the order of writing: look, then reason, then decide.
    looked_at = (
        {"quotes": array(text(MAX_QUOTE), maxItems=MAX_SENTENCES)}
        if quotes
        else {"sentences": array({"type": "integer"}, maxItems=MAX_SENTENCES)}
    )
    return _object(
        **looked_at,
        rationale=text(MAX_RATIONALE),
        codes=array(scored, minItems=1, maxItems=most),
        runners_up=array(scored, maxItems=MAX_RUNNERS_UP),
    )


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class Reader:
    """Reads answers against one codebook."""

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook
        self.resolve: Callable[[str], str] = resolver(codebook)
        self._leaves = {code.id for code in codebook.leaves}

    def read(self, text: str) -> Answer | Unusable:
        """The answer in ``text``, or what keeps it from being one."""
        if not text.strip():
            return _unparsed("it is empty")
        found = find_object(text)
        if found is None:
            return _unparsed("it holds no JSON object with the key 'codes'")
        given = found.get("codes", found.get("code"))
        entries = given if isinstance(given, list) else [given]
        scored: dict[str, ScoredCode] = {}
        for entry in entries:
            try:
                code = self._scored(entry)
            except UnknownCode as error:
                return Unusable(Status.OFF_CODEBOOK, error.message)
            except ValueError as error:
                return _unparsed(str(error))
            scored[code.code] = max(scored.get(code.code, code), code, key=_sureness)
        return self._checked(found, scored)

    def _checked(
        self, found: Mapping[str, Any], scored: dict[str, ScoredCode]
    ) -> Answer | Unusable:
        if not scored:
            return _unparsed("'codes' is empty")
        if len(scored) > 1 and NONE_CODE in scored:
            return _unparsed(f"'{NONE_CODE}' stands beside other codes")
        if len(scored) > 1 and self._codebook.cardinality is Cardinality.SINGLE:
            return _unparsed(f"it gives {len(scored)} codes where exactly one is asked for")
        rationale = found.get("rationale")
        codes = sorted(scored.values(), key=_sureness, reverse=True)
        return Answer(
            codes=tuple(code for code in codes if code.code != NONE_CODE),
            rationale=rationale.strip() if isinstance(rationale, str) else "",
            sentences=_integers(found.get("sentences"))[:MAX_SENTENCES],
            quotes=_words(found.get("quotes"))[:MAX_SENTENCES],
            runners_up=self._runners_up(found.get("runners_up"), scored),
        )

    def _scored(self, entry: object) -> ScoredCode:
        """One code. ``UnknownCode`` when the codebook has no such leaf, ``ValueError`` if none."""
        named = entry.get("code") if isinstance(entry, dict) else entry
        if not isinstance(named, str) or not named.strip():
            raise ValueError("'codes' is not a list of {code, confidence}")
        code = self.resolve(named)
        if code != NONE_CODE and code not in self._leaves:
            raise UnknownCode(f"{named!r} is a category; name one of its codes")
        stated = probability(entry.get("confidence") if isinstance(entry, dict) else None)
        return ScoredCode(code=code, confidence=stated, stated=stated)

    def _runners_up(
        self, given: object, chosen: Mapping[str, ScoredCode]
    ) -> tuple[ScoredCode, ...]:
        """The other codes considered; an aside, so what is not usable in it is left out."""
        found: dict[str, ScoredCode] = {}
        for entry in given if isinstance(given, list) else []:
            try:
                code = self._scored(entry)
            except (UnknownCode, ValueError):
                continue
            if code.code not in chosen and code.code != NONE_CODE:
                found.setdefault(code.code, code)
        return tuple(found.values())[:MAX_RUNNERS_UP]


def find_object(text: str, keys: Sequence[str] = ("codes", "code")) -> dict[str, Any] | None:
    """The first JSON object in ``text`` that has one of ``keys``, whatever stands around it."""
    text = _THINKING.sub("", text)
    start = text.find("{")
    while start >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if any(key in value for key in keys):
                return dict(value)
        start = text.find("{", end)
    return None


def probability(value: object) -> float | None:
    """A stated confidence in [0, 1]; percents are understood; ``None`` when it says nothing."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix("%")) / (100 if "%" in value else 1)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if 1 < value <= 100:
        value = value / 100
    return float(value) if 0 <= value <= 1 else None


def _integers(values: object) -> tuple[int, ...]:
    listed: Sequence[object] = values if isinstance(values, list) else []
    kept = [v for v in listed if isinstance(v, int) and not isinstance(v, bool)]
    return tuple(dict.fromkeys(kept))


def _words(values: object) -> tuple[str, ...]:
    listed: Sequence[object] = values if isinstance(values, list) else []
    kept = [v.strip() for v in listed if isinstance(v, str)]
    return tuple(dict.fromkeys(quote for quote in kept if quote))


def _sureness(code: ScoredCode) -> float:
    return -1.0 if code.confidence is None else code.confidence


def _unparsed(problem: str) -> Unusable:
    return Unusable(Status.UNPARSED, problem)
