"""When two issues are so alike that the label of one gives away the other's."""

from __future__ import annotations

import re
from functools import lru_cache

from coder.records import Issue
from coder.text import prose

SHINGLE = 4
"""Words in a row; enough that two authors seldom write the same ones."""
ALIKE = 0.6
"""Least Jaccard overlap of shingles at which two issues are one text in two versions."""
_WORD = re.compile(r"\w+")
_MOST_WORDS = 2000


def same_issue(one: Issue, other: Issue) -> bool:
    """Whether they are one issue, or near-duplicates: same id, same words, or mostly the same.

    Compared is what people wrote: an issue template shared by two issues does not make them alike.
    """
    if one.id == other.id or one.hash == other.hash:
        return True
    a, b = _shingles(one), _shingles(other)
    if not a or not b:
        return False
    return len(a & b) >= ALIKE * len(a | b)


def _shingles(issue: Issue) -> frozenset[tuple[str, ...]]:
    return _shingled(prose(issue)) if issue.text else frozenset()


@lru_cache(maxsize=2048)
def _shingled(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())[:_MOST_WORDS]
    if len(words) <= SHINGLE:
        return frozenset([tuple(words)]) if words else frozenset()
    return frozenset(tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))
