"""Text a model answers with: JSON objects in it, where its reasoning ends, a refusal in prose."""

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


_MARKER = re.compile(
    r"""
    # <think>, </thinking>, <reasoning effort="high">, <seed:think>; <|START_THINKING|>,
    # <|end_of_thought|>; the marks of Kimi
    [<◁]\|? (?P<closed>/|end_(?:of_)?)? (?:start_|begin_(?:of_)?)? (?:\w{1,12}:)?
      (?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)
      (?:\s[^<>]{0,80})? \|?[>▷]
    # Magistral
  | \[(?P<unbracketed>/)?think(?:ing)?\]
    # gpt-oss, whose answer is in the channel "final"; Gemma, which closes a channel
  | <\|channel\|?>\s*(?P<channel>\w*)
  | (?P<unchannelled><channel\|>)
    # gpt-oss by a server that leaves out the marks and keeps the words between them
  | \A\s*analysis(?=\w)
  | (?P<final>assistantfinal)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ENDS = ("closed", "unbracketed", "unchannelled", "final")


def after_reasoning(text: str) -> str | None:
    """What follows the last marker; ``None`` when that one begins a reasoning which does not end.

    A marker inside a whole JSON object is a word of the answer and marks nothing.
    """
    markers = list(_MARKER.finditer(text))
    if not markers:
        return text
    whole = list(spans(text))
    while markers and any(start < markers[-1].start() < end for start, end in whole):
        markers.pop()
    if not markers:
        return text
    last = markers[-1]
    ends = any(last[name] for name in _ENDS) or (last["channel"] or "").casefold() == "final"
    return text[last.end() :] if ends else None


_REFUSAL = re.compile(
    r"""
    \A[\W_]*
    (?: (?: (?:i'm|i\ am|we're|we\ are)\ (?:\w+\ )?sorry | sorry | apologies | my\ apologies
          | i\ (?:\w+\ )?apologi[sz]e | unfortunately | as\ an?\ [\w\ -]{0,30}(?:ai|model|assistant)
          | thank\ you\ for\ [^.,;]{0,60} )
        [\s,.;:!—–-]* (?:but\ |that\ |because\ )? )*
    (?:i|we)(?:'m|\ am|'re|\ are|'ll|\ will)?\ (?:\w+\ )?
    (?: (?:can't|cannot|can\ not|could\ not|won't|not|unable\ to|not\ able\ to|not\ allowed\ to)
        \ (?:be\ able\ to\ )?(?:\w+\ )?
        (?: assist | help(?!\ (?:but|\w+ing)\b) | comply | fulfill? | engage | participate
          | discuss | do\ (?:this|that) | continue\ with | process\ (?:this|that|your)
          | respond\ to\ (?:this|that|your) | answer\ (?:this|that|your)
          | provide\ (?:this|that|help|assistance) )
      | (?:must|have\ to|need\ to)\ (?:\w+\ )?(?:decline|refuse)
      | decline | refuse )\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refuses(text: str) -> bool:
    """Whether ``text``, which holds no answer, declines to give one.

    It must begin with that, in English: one that gives up for want of a code is not a refusal.
    """
    return _REFUSAL.match(" ".join(text.replace("’", "'").split())) is not None
