"""The two consoles, and the one function every foreign text passes on its way to a terminal."""

from __future__ import annotations

import unicodedata

from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=False)
err_console = Console(stderr=True, highlight=False)


def plain(text: str) -> str:
    """``text`` without anything a terminal would obey.

    Control and format characters (escapes, OSC, bidirectional overrides, zero-width marks, lone
    surrogates) become ``·``; tabs and newlines stay. Joiners between letters are lost with them,
    which is the price of text that cannot move outside its place.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or _visible(c) else "·" for c in text)


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def safe(text: object) -> str:
    """``plain`` and Rich markup escaped: ready to be part of a markup string."""
    return escape(plain(str(text)))
