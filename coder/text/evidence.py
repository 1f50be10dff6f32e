"""Finds a model's quotes in the coded text, so that what a person sees marked is really there."""

from __future__ import annotations

import re
import unicodedata

from coder.records import Evidence

FUZZY_THRESHOLD = 90.0
"""Least ``partial_ratio`` (0-100) at which a quote is a slip of the pen, not an invention."""
MIN_FUZZY_LENGTH = 20
"""Shorter quotes resemble something nearly anywhere."""

_MARKUP = re.compile(r"[*_`~#>|\\\u200b\ufeff]+|!?\[(?=[^\]]*\]\()|\]\([^)\s]*\)")
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


def locate(text: str, quote: str, threshold: float = FUZZY_THRESHOLD) -> Evidence:
    """``quote`` as evidence: where it is in ``text``, or kept as unverified.

    Tried in order: exactly; ignoring case, whitespace, markdown and typographic marks; and, from
    ``MIN_FUZZY_LENGTH`` characters, the best alignment by ``rapidfuzz`` scoring at least
    ``threshold``. A located quote is the text's own words, not the model's.
    """
    quote = quote.strip()
    if not quote:
        return Evidence(quote=quote)
    start = text.find(quote)
    if start >= 0:
        return span(text, start, start + len(quote))
    wanted, _ = _normalise(quote)
    have, origin = _normalise(text)
    if not wanted.strip():
        return Evidence(quote=quote)
    start = have.find(wanted)
    if start >= 0:
        return span(text, origin[start], origin[start + len(wanted) - 1] + 1)
    if len(wanted) >= MIN_FUZZY_LENGTH:
        from rapidfuzz.fuzz import partial_ratio_alignment

        # The alignment may also slide a short text along a long quote: that is not a quote of it.
        if len(have) >= len(wanted):
            found = partial_ratio_alignment(wanted, have, score_cutoff=threshold)
            if found is not None and found.dest_end > found.dest_start:
                return span(text, origin[found.dest_start], origin[found.dest_end - 1] + 1)
    return Evidence(quote=quote)


def span(text: str, start: int, end: int) -> Evidence:
    """The words of ``text`` from ``start`` to ``end`` (code points, end exclusive) as evidence."""
    return Evidence(quote=text[start:end], start=start, end=end, verified=True)


def _normalise(text: str) -> tuple[str, list[int]]:
    """Text without markup, case and runs of space; and for each character where it came from."""
    kept: list[str] = []
    origin: list[int] = []
    markup = [False] * len(text)
    for match in _MARKUP.finditer(text):
        markup[match.start() : match.end()] = [True] * (match.end() - match.start())
    for position, character in enumerate(text):
        if markup[position]:
            continue
        if character.isspace():
            if kept and kept[-1] != " ":
                kept.append(" ")
                origin.append(position)
            continue
        plain = unicodedata.normalize("NFKC", character.translate(_PLAIN)).casefold()
        for part in plain:
            kept.append(part)
            origin.append(position)
    if kept and kept[-1] == " ":
        kept.pop()
        origin.pop()
    return "".join(kept), origin
