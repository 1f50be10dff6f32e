"""Makes text written by strangers harmless in each format; every output passes it through here."""

from __future__ import annotations

import re
import unicodedata

from coder.escaping import inert
from coder.report.latex_letters import AS_COMMAND, OTHER, OTHER_LETTER

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")
# The escapes hold no control characters: those stand for what is put around a letter.
_LATEX = {**AS_COMMAND, "\0": "{}", "\1": OTHER + "{", "\2": "}"}
# Two in a row would become another character; these in front an argument of what ended the row.
_LIGATURE = re.compile(r"([-',])(?=\1)")
_ARGUMENT = re.compile(r"^([\[*])")


def one_line(text: str, limit: int | None = None) -> str:
    """``inert`` text with all white space as single spaces, cut to ``limit`` characters."""
    line = " ".join(inert(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def markdown(text: str, limit: int | None = None) -> str:
    """One line that Markdown shows as it is: no markup, no HTML, no new table cell."""
    line = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", line)


def latex(text: str, limit: int | None = None) -> str:
    """One line that LaTeX sets as it is: no command, no comment, no end of a cell or of a row.

    Letters of other scripts are arguments of :data:`coder.report.latex_letters.OTHER`.
    """
    line = unicodedata.normalize("NFC", one_line(text, limit))
    line = _LIGATURE.sub(r"\1\0", OTHER_LETTER.sub("\1\\g<0>\2", line))
    return _ARGUMENT.sub(r"{\1}", "".join(_LATEX.get(char, char) for char in line))


def web_url(url: str) -> str:
    """``url`` when it is a plain http(s) address, else nothing: it may become a link."""
    plain = re.fullmatch(r"https?://[^\s<>\"'`\\\x00-\x20]+", url) and inert(url) == url
    return url if plain else ""
