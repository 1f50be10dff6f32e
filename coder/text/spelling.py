"""Spellings that mean the same, and counts and lists in words: plurals, the first of many names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
"""Soft hyphen, zero-width space, marks of direction, word joiner, byte-order mark. Not the two
joiners, which some scripts need."""


def visible(text: str) -> str:
    """``text`` with composed letters, and without what nobody sees in it or around it."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).strip()


def fold(text: str) -> str:
    """``text`` as it is compared with what people wrote elsewhere."""
    return unicodedata.normalize("NFC", " ".join(visible(text).split()).casefold())


def name_of(file: Path) -> str:
    """The name that ``file`` is called after: some systems list composed letters apart."""
    return unicodedata.normalize("NFC", file.stem)


def file_called(folder: Path, name: str) -> Path:
    """The file of lines in ``folder`` that is called after ``name``, also where copying from
    another system has taken the letters of its name apart."""
    usual = folder / f"{name}.jsonl"
    if name.isascii() or usual.exists():
        return usual
    alike = (file for file in sorted(folder.glob("*.jsonl")) if name_of(file) == name)
    return next(alike, usual)


SOME = 8
"""As many names stand in a sentence."""


def some(names: Sequence[str], join: str = ", ") -> str:
    """The names in one phrase; of very many the first, and how many more there are."""
    if len(names) <= SOME + 1:
        return join.join(names)
    return f"{join.join(names[:SOME])}{join}and {len(names) - SOME:,} more"


def plural(count: int, noun: str) -> str:
    """``1 category``, ``2 categories``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"
