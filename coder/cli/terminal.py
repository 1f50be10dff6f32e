"""The two consoles, the log, and the one function every foreign text passes on its way there."""

from __future__ import annotations

import logging
import unicodedata

from rich.console import Console
from rich.markup import escape

from coder.escaping import inert

# No emoji: a word such as :bug: in an issue would become a picture.
console = Console(highlight=False, soft_wrap=False, emoji=False)
err_console = Console(stderr=True, highlight=False, emoji=False)


def plain(text: str) -> str:
    """``text`` without anything a terminal would obey.

    Control and format characters (escapes, OSC, bidirectional overrides, zero-width marks, lone
    surrogates) become ``·``; tabs and newlines stay. Joiners between letters are lost with them,
    which is the price of text that cannot move outside its place. One character stays one, so that
    offsets into the text hold.
    """
    return text.translate(_PLAIN)


class _Plain(dict[int, int]):
    """A translation table that looks each character up once."""

    def __missing__(self, point: int) -> int:
        char = chr(point)
        obeyed = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        self[point] = ord("·") if obeyed and char not in "\n\t" else point
        return self[point]


_PLAIN = _Plain()


def plain_line(text: object) -> str:
    """``plain`` text that cannot begin a line of its own: newlines become ``·`` as well."""
    return plain(str(text)).replace("\n", "·")


def safe(text: object) -> str:
    """``plain_line`` and Rich markup escaped: ready to be part of a line of markup."""
    return escape(plain_line(text))


def safe_lines(text: str) -> str:
    """``plain`` and Rich markup escaped, for a text of several lines that stands by itself."""
    return escape(plain(text))


class _OneLine(logging.Formatter):
    """Ids and paths may hold whatever somebody wrote: nothing in them moves a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(inert(super().format(record)).split())


def show_log() -> None:
    """From now on tell on stderr what the package's own modules log; others stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    log = logging.getLogger("coder")
    for old in [*log.handlers]:
        log.removeHandler(old)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
