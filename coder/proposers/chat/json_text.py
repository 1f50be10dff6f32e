"""JSON that others wrote: whole objects in a text, and strings that can be written down again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BRACKET = re.compile(r"[{}\[]")
_PROSE = re.compile(r'\{[^{}\[\]"]*\}|\[[^{}\[\]"]*\]')
"""Brackets in prose, ``{it}`` or ``[1]``: without a quote there is no key and no code."""
_BEGINS_A_LIST = re.compile(r'\[\s*[\[{"]')
_AFTER_A_KEY = re.compile(r'"\s*:\s*\Z')
_LONE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Where a surrogate may stand, escaped or not; most texts hold none and need no second look."""


class Damaged(ValueError):
    """It is no whole JSON; ``str()`` says why."""


class TooDeep(Damaged):
    """It is nested more deeply than can be read."""

    def __init__(self) -> None:
        super().__init__("its JSON is nested too deeply")


@dataclass(frozen=True)
class Found:
    """An object and where it stands in the text, end exclusive."""

    value: dict[str, Any]
    start: int
    end: int


def parse(text: str) -> Any:
    """The value of a JSON text, its strings well-formed. Raises ``Damaged``."""
    try:
        return _writable(json.loads(text), text)
    except RecursionError:
        raise TooDeep from None
    except ValueError as error:
        raise Damaged(str(error)) from None


def well_formed(text: str) -> str:
    """``text`` with pairs of surrogates joined and lone ones, which no file can hold, as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def objects(text: str) -> list[Found]:
    """The outermost objects in ``text``, also those in a list, whatever prose stands around them.

    Raises ``Damaged`` when one is broken or cut off: what stands inside it or after it, its own
    parts perhaps, is never taken for a whole one.
    """
    found: list[Found] = []
    at = 0
    while bracket := _BRACKET.search(text, at):
        start = bracket.start()
        if prose := _PROSE.match(text, start):
            at = prose.end()
            continue
        if bracket[0] == "}" or _AFTER_A_KEY.search(text, max(0, start - 80), start):
            raise Damaged("it holds no JSON object that is whole")
        try:
            value, at = _decoded(text, start)
        except Damaged:
            if bracket[0] == "[" and not _BEGINS_A_LIST.match(text, start):
                at = start + 1
                continue
            raise
        listed = value if isinstance(value, list) else [value]
        found += [Found(item, start, at) for item in listed if isinstance(item, dict)]
    return found


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where whole objects stand in ``text``, those inside of broken ones too."""
    start = text.find("{")
    while start >= 0:
        try:
            _, end = _decoded(text, start)
        except Damaged:
            end = start + 1
        else:
            yield start, end
        start = text.find("{", end)


def _decoded(text: str, start: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
        return _writable(value, text[start:end]), end
    except RecursionError:
        raise TooDeep from None
    except json.JSONDecodeError as error:
        raise Damaged(f"it holds no JSON object that is whole ({error.msg})") from None
    except ValueError as error:
        raise Damaged(f"it holds no JSON object that is whole ({error})") from None


def _writable(value: Any, text: str) -> Any:
    if not _LONE.search(text):
        return value
    return json.loads(well_formed(json.dumps(value, ensure_ascii=False)))


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that does not say two things of one key, of which JSON would keep the last."""
    made = dict(pairs)
    for key, value in pairs if len(made) < len(pairs) else ():
        if made[key] != value:
            raise ValueError(f"it has the key {key!r} twice")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_unambiguous)
