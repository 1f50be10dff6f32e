"""Finds a code from a few typed letters, over its id, name, path and definition."""

from __future__ import annotations

from rapidfuzz import fuzz, utils

from coder.records import Code, Codebook

_ENOUGH = 55.0
"""Scores below this are noise: letters that happen to occur in order."""


def find_codes(codebook: Codebook, query: str) -> tuple[Code, ...]:
    """The codes that ``query`` may mean, best first; all in codebook order when it is empty.

    Words may be short for longer ones and in any order ("out lang" finds Output Quality > Language
    Mixing). A match in a name or id counts more than one in a definition.
    """
    wanted = utils.default_process(query)
    if not wanted:
        return codebook.codes
    scores = {code.id: _score(codebook, code, wanted) for code in codebook.codes}
    found = [code for code in codebook.codes if scores[code.id] >= _ENOUGH]
    return tuple(sorted(found, key=lambda code: -scores[code.id]))


def _score(codebook: Codebook, code: Code, wanted: str) -> float:
    name, code_id, path, definition = (
        utils.default_process(text)
        for text in (code.name, code.id, codebook.path(code.id), code.definition)
    )
    if wanted in (name, code_id):
        return 200.0
    words = wanted.split()
    score = max(
        fuzz.WRatio(wanted, name),
        0.95 * fuzz.WRatio(wanted, code_id),
        0.9 * fuzz.WRatio(wanted, path),
        0.7 * fuzz.token_set_ratio(wanted, definition),
    )
    for text, bonus in ((name, 60.0), (code_id, 50.0), (path, 40.0), (definition, 0.0)):
        if _all_begin(words, text.split()):
            return max(score, 60.0) + bonus
    return score


def _all_begin(beginnings: list[str], words: list[str]) -> bool:
    return all(any(word.startswith(beginning) for word in words) for beginning in beginnings)
