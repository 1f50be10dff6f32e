"""What a chat model must answer: a JSON schema made from the codebook, and the reading of it.

Reading is lenient about the wrapping (fences, prose, spelling of a code) and strict about content:
what the model did not clearly say is an error with a reason, never an empty or a default code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from coder.codebook.load import UnknownCode, resolver
from coder.proposers.chat.answer_text import (
    Damaged,
    Found,
    after_reasoning,
    objects,
    parse,
    refuses,
)
from coder.proposers.chat.prompts import EXPRESSIONS
from coder.records import NONE_CODE, Cardinality, Codebook, Expression, ScoredCode, Status

MAX_SENTENCES = 5
"""Or quotes."""
MAX_RUNNERS_UP = 3
MAX_RATIONALE = 400
MAX_QUOTE = 240
"""Characters, of a model that is held to a grammar."""

_FINAL = re.compile(
    r"(?<!not )(?<!not my )(?<!not the )\b(?:final|corrected|revised)\b", re.IGNORECASE
)
_TAKEN_BACK = re.compile(
    r"\bwait[,.…—-]|\bon (?:reflection|second thought)|\b(?:is|was) (?:wrong|incorrect|not right)\b"
    r"|\bcorrection\b|\blet me (?:correct|revise|reconsider|rethink)|\b(?:final|corrected) answer",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """A usable answer. Empty ``codes`` means the model says that no code fits."""

    codes: tuple[ScoredCode, ...]
    rationale: str
    sentences: tuple[int, ...]
    quotes: tuple[str, ...]
    runners_up: tuple[ScoredCode, ...]
    expression: Expression = ""
    """Empty where it was not asked for or not usable, or no code fits."""
    written: str = ""
    """The JSON it was read from, as the model wrote it."""

    @property
    def says(self) -> frozenset[str]:
        return frozenset(code.code for code in self.codes)


@dataclass(frozen=True)
class Unusable:
    """An answer that cannot be used: ``unparsed``, ``off_codebook`` or ``refused``, and why."""

    status: Status
    problem: str

    @property
    def says(self) -> frozenset[str]:
        return frozenset([self.problem])


@dataclass(frozen=True)
class Stated:
    """What a text states as its answer: one object, or several of which the last may be final."""

    objects: tuple[Found, ...]
    last_is_final: bool


def answer_schema(
    codebook: Codebook, bounded: bool, quotes: bool = False, expression: bool = False
) -> dict[str, Any]:
    """The JSON schema of an answer; every property required and none other allowed.

    ``quotes``: whether evidence is quoted, or pointed to by the numbers of sentences.
    ``expression``: whether it is asked if the text states the code or it is read between the lines.
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
        **({"expression": {"type": "string", "enum": [*EXPRESSIONS]}} if expression else {}),
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

    def read(self, text: str, stopped: bool = False) -> Answer | Unusable:
        """The answer in ``text``, or what keeps it from being one.

        ``stopped``: whether the server stopped the model before it had said all of it.
        """
        if not text.strip():
            return _unparsed("it is empty")
        answered = after_reasoning(text)
        if answered is None:
            return _unparsed("all of it is reasoning, and no answer follows")
        try:
            stated = find_objects(answered, ("codes", "code"), stopped)
        except Damaged as error:
            return _unparsed(str(error))
        if not stated.objects:
            if refuses(answered) and not stopped:
                return Unusable(Status.REFUSED, answered)
            return _unparsed("it holds no JSON object with the key 'codes'")
        readings = [self._read_object(found.value) for found in stated.objects]
        last, end = readings[-1], stated.objects[-1]
        if not stated.last_is_final and any(reading.says != last.says for reading in readings):
            return _unparsed(f"it gives {len(readings)} answers that differ; give one")
        if isinstance(last, Answer):
            return replace(last, written=answered[end.start : end.end])
        return last

    def _read_object(self, found: Mapping[str, Any]) -> Answer | Unusable:
        given = _unwrapped(found.get("codes", found.get("code")))
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
        chosen = tuple(code for code in codes if code.code != NONE_CODE)
        return Answer(
            codes=chosen,
            expression=_expression(found.get("expression")) if chosen else "",
            rationale=rationale.strip() if isinstance(rationale, str) else "",
            sentences=_integers(_unwrapped(found.get("sentences")))[:MAX_SENTENCES],
            quotes=_words(_unwrapped(found.get("quotes")))[:MAX_SENTENCES],
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
        listed = _unwrapped(given)
        for entry in listed if isinstance(listed, list) else []:
            try:
                code = self._scored(entry)
            except (UnknownCode, ValueError):
                continue
            if code.code not in chosen and code.code != NONE_CODE:
                found.setdefault(code.code, code)
        return tuple(found.values())[:MAX_RUNNERS_UP]


def find_objects(text: str, keys: Sequence[str], stopped: bool = False) -> Stated:
    """The whole JSON objects in ``text`` that have one of ``keys``, whatever prose is around them.

    Raises ``Damaged`` when the text may hold another that is not whole, or takes the last one back,
    or was ``stopped`` in the middle of going on from there.
    """
    found = [item for item in map(_called, objects(text)) if any(key in item.value for key in keys)]
    after = text[found[-1].end :] if found else ""
    if stopped and after.strip("` \n\r\t"):
        raise Damaged("it goes on after its JSON object and was cut off there")
    if _TAKEN_BACK.search(after):
        raise Damaged("it takes its JSON object back and gives no other")
    between = text[found[-2].end : found[-1].start] if len(found) > 1 else ""
    return Stated(tuple(found), _FINAL.search(between) is not None)


def _called(found: Found) -> Found:
    """What a tool is called with, where a model wrote the call out as text."""
    given = found.value.get("arguments", found.value.get("parameters"))
    if isinstance(given, dict) and "name" in found.value:
        return replace(found, value=given)
    return found


def _unwrapped(value: object) -> object:
    """A list that was written as a string, as some models do where they call a tool."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            return parse(value)
        except Damaged:
            return None
    return value


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


def _expression(value: object) -> Expression:
    """An aside: no answer is lost for a bad one."""
    said = value.strip().casefold() if isinstance(value, str) else ""
    return "explicit" if said == "explicit" else "interpretive" if said == "interpretive" else ""


def _words(values: object) -> tuple[str, ...]:
    listed: Sequence[object] = values if isinstance(values, list) else []
    kept = [v.strip() for v in listed if isinstance(v, str)]
    return tuple(dict.fromkeys(quote for quote in kept if quote))


def _sureness(code: ScoredCode) -> float:
    return -1.0 if code.confidence is None else code.confidence


def _unparsed(problem: str) -> Unusable:
    return Unusable(Status.UNPARSED, problem)
