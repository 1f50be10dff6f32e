"""When two issues are so alike that the label of one gives away the other's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from coder.records import Issue
from coder.text.structure import prose

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


class Duplicates:
    """Finds, among some issues, those that :func:`same_issue` holds for, without comparing all.

    Exact: of two sets that overlap by at least ``ALIKE``, the rarest ``1 - ALIKE`` of each have a
    shingle in common, whatever fixed order "rarest" is by. Only those are looked up.
    """

    def __init__(self, issues: Sequence[Issue]) -> None:
        self._issues = issues
        self._frequency: Counter[int] = Counter()
        self._places: dict[str | int, list[int]] = {}
        shingled = [_hashed(issue) for issue in issues]
        for shingles in shingled:
            self._frequency.update(shingles)
        for place, (issue, shingles) in enumerate(zip(issues, shingled, strict=True)):
            for key in self._keys(issue, shingles):
                self._places.setdefault(key, []).append(place)

    def of(self, issue: Issue) -> list[Issue]:
        """The issues that are ``issue`` itself or a near-duplicate of it, in order."""
        return [self._issues[place] for place in self.positions(issue)]

    def positions(self, issue: Issue) -> list[int]:
        """Where those of :meth:`of` stand among the issues."""
        near: set[int] = set()
        for key in self._keys(issue, _hashed(issue)):
            near.update(self._places.get(key, ()))
        return [place for place in sorted(near) if same_issue(issue, self._issues[place])]

    def _keys(self, issue: Issue, shingles: list[int]) -> set[str | int]:
        ordered = sorted(shingles, key=lambda shingle: (self._frequency[shingle], shingle))
        rarest = ordered[: len(ordered) - ceil(ALIKE * len(ordered)) + 1]
        return {issue.id, issue.hash, *rarest}


def _hashed(issue: Issue) -> list[int]:
    return [hash(shingle) for shingle in _shingles(issue)]


def _shingles(issue: Issue) -> frozenset[tuple[str, ...]]:
    return _shingled(prose(issue)) if issue.text else frozenset()


@lru_cache(maxsize=2048)
def _shingled(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())[:_MOST_WORDS]
    if len(words) <= SHINGLE:
        return frozenset([tuple(words)]) if words else frozenset()
    return frozenset(tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))
