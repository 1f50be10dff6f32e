"""Spellings that mean the same: case, spaces, invisible characters and composed letters aside."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
"""Soft hyphen, zero-width space, marks of direction, word joiner, byte-order mark. Not the two
joiners, which some scripts need."""


def visible(text: str) -> str:
    """``text`` with composed letters, and without what nobody sees in it or around it."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).strip()


def fold(text: str) -> str:
    """``text`` as it is compared with what people wrote elsewhere."""
    return unicodedata.normalize("NFC", " ".join(visible(text).split()).casefold())
