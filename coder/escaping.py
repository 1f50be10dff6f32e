"""Escapes what a terminal, an editor or a spreadsheet would obey: control characters, formulas."""

from __future__ import annotations

import re

# Controls, line and paragraph separators, bidirectional marks and overrides, lone surrogates. Tabs
# and newlines are apart, and so are the joiners that emoji and many scripts need.
_RAW_IN_JSON = (
    "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb"
)
_OBEYED = re.compile(f"[\x00-\x08\x0b-\x1f{_RAW_IN_JSON}]")
_TO_ESCAPE = re.compile(f"[{_RAW_IN_JSON}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# What spreadsheets take for the beginning of a formula, behind any white space and in full width.
_FORMULA = r"'*(?:\s*[=+\-@|%＝＋－＠]|[\t\n])"
_STARTS_FORMULA = re.compile(_FORMULA)
_GUARDED = re.compile(f"'(?={_FORMULA})")


def inert(text: str) -> str:
    """``text`` with every character that a reader or a program would obey, not show, as ``·``."""
    if text.isascii() and text.isprintable():
        return text
    return _OBEYED.sub("·", text.replace("\r\n", "\n"))


def json_text(dumped: str) -> str:
    """JSON that is the same value, with what a reader would obey written as ``\\uXXXX``.

    ``dumped`` comes from ``json.dumps``, where such characters stand inside strings alone.
    """
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", dumped)


def join_surrogates(text: str) -> str | None:
    """``text`` with each pair of surrogates as the one character it stands for, as escapes of JSON
    spell it; ``None`` where a surrogate stands alone, which is no text."""
    if not _SURROGATE.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return None if _SURROGATE.search(joined) else joined


def csv_cell(text: str) -> str:
    """A cell that a spreadsheet shows as text, and that holds nothing a reader would obey."""
    return no_formula(inert(text))


def no_formula(text: str) -> str:
    """``text`` with a leading ``'`` where a spreadsheet would take it for a formula."""
    return f"'{text}" if _STARTS_FORMULA.match(text) else text


def from_csv_cell(cell: str) -> str:
    """The text that :func:`no_formula` made ``cell`` of."""
    return _GUARDED.sub("", cell, count=1) if _GUARDED.match(cell) else cell
