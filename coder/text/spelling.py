"""Spellings that mean the same: case, spaces, invisible characters and composed letters aside."""

from __future__ import annotations

import re
import unicodedata
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
