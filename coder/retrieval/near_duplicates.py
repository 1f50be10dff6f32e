"""Near-duplicate issues: MinHash over character shingles, so alike in every script, then exact.

MinHash (Broder 1997, Compression and Complexity of Sequences) and banding find the pairs that may
be near-duplicates in time linear in the number of issues; each of those is then compared exactly.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash, RMinHashLSH

from coder.records import Issue
from coder.text.structure import prose

SHINGLE = 5
"""Characters in a row. Words would not do: many scripts write none, and one letter changed in each
line of a text leaves few words in a row as they were."""
ALIKE = 0.6
"""Least Jaccard overlap of shingles at which two issues are one text in two versions."""
SHORT = 100
SHORT_ALIKE = 0.8
"""The same where one of them has fewer than ``SHORT`` bytes, which is some 16 words of English and
as much of Chinese: two titles about two things share most of their words easily."""
_LONGEST = 12_000
_HASHES, _BANDS = 400, 80
"""Five hashes a band: of pairs that overlap by just ``ALIKE`` 1.5 in a thousand are not compared
(``(1 - 0.6 ** 5) ** 80``), of pairs at 0.7 one in four million."""
_MIX = np.array([1, 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F], dtype=np.uint32)
"""Odd numbers that make one of a band's hashes."""
_DOUBT = 0.08
"""By so much a sketch may take two texts for less alike than they are: four standard deviations at
an overlap of 0.8, three at 0.6."""
_CROWD, _COMPARED = 100, 10
"""How many issues of one band are looked at, and how many of all of them are compared."""
_BETWEEN = re.compile(r"[\W_]+")


def same_issue(one: Issue, other: Issue) -> bool:
    """Whether they are one issue, or near-duplicates: same id, same text, or mostly the same.

    Compared is what people wrote: an issue template shared by two issues does not make them alike.
    """
    if one.id == other.id or one.hash == other.hash:
        return True
    a, b = _shingles(one), _shingles(other)
    if not a or not b:
        return False
    alike = SHORT_ALIKE if _is_short(a) or _is_short(b) else ALIKE
    return len(a & b) >= alike * len(a | b)


def overlap(one: str, other: str) -> float:
    """How much two texts share: the Jaccard overlap of their shingles; 1 where both are empty."""
    a, b = _shingled(one), _shingled(other)
    return len(a & b) / len(a | b) if a or b else 1.0


class Duplicates:
    """Finds, among some issues, those that :func:`same_issue` holds for, without comparing all.

    What it finds holds exactly; what it misses, hardly ever, overlaps by little more than it must.
    """

    def __init__(self, issues: Sequence[Issue]) -> None:
        self._issues = issues
        self._same: dict[str, list[int]] = {}
        self._likely = RMinHashLSH(ALIKE, _HASHES, _BANDS)
        self._hashed: dict[int, NDArray[np.uint32]] = {}
        for place, issue in enumerate(issues):
            for key in {issue.id, issue.hash}:
                self._same.setdefault(key, []).append(place)
            if shingles := _shingles(issue):
                self._likely.insert(place, _minhash(shingles))
                self._hashed[place] = _hashes(shingles)

    def of(self, issue: Issue) -> list[Issue]:
        """The issues that are ``issue`` itself or a near-duplicate of it, in order."""
        return [self._issues[place] for place in self.positions(issue)]

    def positions(self, issue: Issue) -> list[int]:
        """Where those of :meth:`of` stand among the issues."""
        near = {*self._same.get(issue.id, ()), *self._same.get(issue.hash, ())}
        if shingles := _shingles(issue):
            hashed = _hashes(shingles)
            near.update(
                place
                for place in self._likely.query(_minhash(shingles))
                if _overlap(hashed, self._hashed[place]) >= ALIKE
            )
        return [place for place in sorted(near) if same_issue(issue, self._issues[place])]


class Sketches:
    """Finds near-duplicates among very many issues: a kilobyte of each is held, and no text."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._bands: list[NDArray[np.uint32]] = []
        self._digests: list[NDArray[np.uint8]] = []

    def add(self, place: int, issue: Issue) -> None:
        """Take note of the issue that stands at ``place``."""
        shingles = _shingles(issue)
        if not shingles:
            return
        digest = np.asarray(_minhash(shingles).digest(), dtype=np.uint32)
        self._places.append(place)
        self._bands.append(_MIX @ digest.reshape(_BANDS, -1).T)
        self._digests.append(digest.astype(np.uint8))

    def repeated(
        self, order: Sequence[int], alike: Callable[[int, int], float], least: float
    ) -> dict[int, tuple[int, float]]:
        """For each place whose issue repeats one before it in ``order``, the first such and how
        alike they are, which is ``least`` or more. What repeats another stands for no third one, so
        that each is like the one that it is held to repeat, not only like something in between.

        ``alike`` compares two places, and says at most how far their prose overlaps. It is asked of
        a few pairs for each issue, so crowds of issues that are somewhat alike cost no more time
        than others; of those that are alike, some in a crowd may be missed.
        """
        row_of = {place: row for row, place in enumerate(self._places)}
        rank = {row_of[place]: at for at, place in enumerate(order) if place in row_of}
        digests = np.array(self._digests).reshape(-1, _HASHES)
        shared = self._shared_bands()
        first: dict[tuple[int, int], list[int]] = {}
        found: dict[int, tuple[int, float]] = {}
        for row in rank:
            keys = shared.get(row, ())
            near = [*{other for key in keys for other in first.get(key, ())}]
            same = (digests[near] == digests[row]).mean(axis=1)
            likely = sorted(zip(-same, near, strict=True))[:_COMPARED]
            close = [other for unlike, other in likely if -unlike >= least - _DOUBT]
            for other in sorted(close, key=rank.__getitem__):
                share = alike(self._places[row], self._places[other])
                if share >= least:
                    found[self._places[row]] = (self._places[other], share)
                    break
            else:
                for key in keys:
                    if len(crowd := first.setdefault(key, [])) < _CROWD:
                        crowd.append(row)
        return found

    def _shared_bands(self) -> dict[int, list[tuple[int, int]]]:
        """For each row the bands, with their hash, that another row has, too; hardly any are."""
        shared: dict[int, list[tuple[int, int]]] = {}
        for band in range(_BANDS if self._bands else 0):
            column = np.fromiter((hashes[band] for hashes in self._bands), dtype=np.uint32)
            _, which, times = np.unique(column, return_inverse=True, return_counts=True)
            for row in np.flatnonzero(times[which] > 1):
                shared.setdefault(int(row), []).append((band, int(column[row])))
        return shared


def _is_short(shingles: frozenset[str]) -> bool:
    return len(shingles) < SHORT and sum(len(s.encode()) for s in shingles) < SHORT * SHINGLE


def _minhash(shingles: frozenset[str]) -> RMinHash:
    sketch = RMinHash(_HASHES, 1)
    sketch.update([shingle.encode("utf-8", "surrogatepass") for shingle in shingles])
    return sketch


def _hashes(shingles: frozenset[str]) -> NDArray[np.uint32]:
    """The shingles in four bytes each, sorted: two by chance alike change no overlap by much."""
    hashed = (hash(shingle) & 0xFFFFFFFF for shingle in shingles)
    return np.sort(np.fromiter(hashed, dtype=np.uint32, count=len(shingles)))


def _overlap(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    smaller, larger = sorted((one, other), key=len)
    if len(smaller) < ALIKE * len(larger):
        return 0.0
    at = np.searchsorted(larger, smaller).clip(max=len(larger) - 1)
    shared = int((larger[at] == smaller).sum())
    # A little more than it is, so that a chance hit or miss is left to the exact comparison.
    return (shared + 2) / max(len(one) + len(other) - shared - 2, 1)


def _shingles(issue: Issue) -> frozenset[str]:
    return _shingled(prose(issue)) if issue.text else frozenset()


@lru_cache(maxsize=2048)
def _shingled(text: str) -> frozenset[str]:
    letters = unicodedata.normalize("NFKC", text[: 2 * _LONGEST]).casefold()
    said = _BETWEEN.sub(" ", letters).strip()[:_LONGEST]
    if len(said) <= SHINGLE:
        return frozenset([said]) if said else frozenset()
    return frozenset(said[i : i + SHINGLE] for i in range(len(said) - SHINGLE + 1))
