"""Finds a code from a few typed letters, over its id, name, path and definition."""

from __future__ import annotations

from collections.abc import Collection

from rapidfuzz import fuzz, utils

from coder.records import Code, Codebook
from coder.text.spelling import fold

_SLIP = 80.0
"""From this similarity on, in percent, two words may be one with a letter wrong or missing."""


def find_codes(codebook: Codebook, query: str) -> tuple[Code, ...]:
    """The codes that ``query`` may mean, best first; all in codebook order when it is empty.

    Every word must occur. In a name, id or path it may be short for a longer one or misspelt, in
    any order ("out lang" finds Output Quality > Language Mixing); in a definition it must stand as
    it is. Codes with subcategories come last: they are rarely what is meant.
    """
    wanted = _words(query)
    scores = {code.id: _score(codebook, code, wanted) for code in codebook.codes}
    found = (code for code in codebook.codes if not wanted or scores[code.id])
    return tuple(sorted(found, key=lambda code: (code.id in codebook.children, -scores[code.id])))


def _score(codebook: Codebook, code: Code, wanted: list[str]) -> float:
    """How well the words fit; 0 when one of them is nowhere."""
    name, code_id, path = _words(code.name), _words(code.id), _words(codebook.path(code.id))
    path += [word for above in codebook.lineage(code.id) for word in _words(above.id)]
    definition = _words(code.definition)
    fits = [
        max(_fit(word, {*name, *code_id}), 0.7 * _fit(word, path), 0.3 * (word in definition))
        for word in wanted
    ]
    return sum(fits) + (wanted in (name, code_id)) if all(fits) else 0.0


def _fit(wanted: str, words: Collection[str]) -> float:
    """1 for the word itself, less for its beginning, least for a slip of the fingers."""
    if wanted in words:
        return 1.0
    if any(word.startswith(wanted) for word in words):
        return 0.9
    near = (fuzz.ratio(wanted, word[: len(wanted) + 1]) for word in words)
    return 0.6 if len(wanted) > 3 and max(near, default=0.0) >= _SLIP else 0.0


def _words(text: str) -> list[str]:
    return utils.default_process(fold(text)).split()
