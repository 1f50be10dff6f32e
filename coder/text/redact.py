"""Masks what names a person or opens a door, before a text leaves the machine.

A text is looked at as a whole and cut afterwards: half a key is not known as one any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType

from coder.records import Codebook
from coder.text.sensitive import KINDS, Known, spans

_PLACEHOLDER = re.compile(rf"<({'|'.join(KINDS)})_\d+>")


@dataclass(frozen=True)
class Masked:
    """A text and what is hidden in it: start, end (exclusive) and the placeholder that stands for
    it, in order."""

    text: str
    hidden: tuple[tuple[int, int, str], ...]

    def part(self, start: int = 0, end: int | None = None) -> str:
        """``text[start:end]`` with placeholders; one stands for all of what it hides, even where
        only a piece of that is in the part."""
        end = len(self.text) if end is None else end
        parts, at = [], start
        for begin, stop, placeholder in self.hidden:
            if stop > start and begin < end:
                parts += [self.text[at : max(begin, at)], placeholder]
                at = stop
        return "".join([*parts, self.text[at : max(end, at)]])

    def restore(self, words: str) -> str:
        """``words`` about the text, with what its placeholders stand for."""
        values = {name: self.text[start:end] for start, end, name in self.hidden}
        return _PLACEHOLDER.sub(lambda match: values.get(match[0], match[0]), words)


class Redactor:
    """Masks the texts of one request; the same value has the same placeholder in all of them.

    Which placeholder stands for what follows from the texts alone, so that nothing need be kept to
    undo it.
    """

    def __init__(self, texts: Collection[str], after: Redactor | None = None) -> None:
        """``texts``: everything that will be masked; what looks like a placeholder in them is left
        as it is, and none of ours is spelled so. ``after`` has masked what the request begins
        with."""
        self._taken = {match[0] for text in texts for match in _PLACEHOLDER.finditer(text)}
        self._placeholders: dict[tuple[str, str], str] = dict(after._placeholders) if after else {}
        self._last: Counter[str] = Counter(after._last if after else ())
        if after:
            self._taken |= after._taken

    def mask(self, text: str, known: Known = MappingProxyType({})) -> Masked:
        """``text`` and what is to be hidden of it; ``known`` words are, wherever they stand."""
        found = spans(text, known)
        return Masked(
            text,
            tuple((start, end, self._placeholder(k, text[start:end])) for start, end, k in found),
        )

    def redact(self, text: str, known: Known = MappingProxyType({})) -> str:
        """``text`` with placeholders."""
        return self.mask(text, known).part()

    def count(self, text: str) -> int:
        """How many placeholders of ours stand in ``text``."""
        ours = set(self._placeholders.values())
        return sum(match[0] in ours for match in _PLACEHOLDER.finditer(text))

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._placeholders.get((kind, value))
        if known is not None:
            return known
        while True:
            self._last[kind] += 1
            made = f"<{kind}_{self._last[kind]}>"
            if made not in self._taken:
                break
        self._placeholders[kind, value] = made
        return made


def masked_codebook(codebook: Codebook, redactor: Redactor) -> Codebook:
    """``codebook`` with placeholders in every text besides its ids."""
    mask = redactor.redact
    codes = tuple(
        code.model_copy(
            update={field: mask(getattr(code, field)) for field in ("name", "definition", "source")}
            | {
                field: tuple(map(mask, getattr(code, field)))
                for field in ("include", "exclude", "examples")
            }
        )
        for code in codebook.codes
    )
    texts = ("name", "unit", "instructions", "source")
    return codebook.changed(
        codes=codes, **{field: mask(getattr(codebook, field)) for field in texts}
    )


def unnumbered(text: str) -> str:
    """``text`` with placeholders that say what was masked, but not which."""
    return _PLACEHOLDER.sub(lambda match: f"<{match[1]}>", text)
