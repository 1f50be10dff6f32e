"""TF-IDF over words and word pairs of title, body and structure, each a block of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from coder.proposers.embedded.views import View, grams

TITLE = -1
"""Stands for the title where a segment is named by its number."""
MOST_GRAMS = 20_000
"""Of a block; the rarest go first. Bounds memory whatever the number of labelled issues."""


@dataclass(frozen=True)
class _Part:
    """The known grams of one block: their columns in order, how often each, how rare each is."""

    columns: NDArray[np.int64]
    counts: NDArray[np.int64]
    idf: NDArray[np.float64]

    def less(self, other: _Part) -> _Part:
        """Without the grams of ``other``, all of which are in it."""
        counts = self.counts.copy()
        counts[np.searchsorted(self.columns, other.columns)] -= other.counts
        kept = counts > 0
        return _Part(self.columns[kept], counts[kept], self.idf[kept])


class Lexical:
    """Rows of three blocks, each of length 1: (1 + log count) * inverse document frequency.

    Pairs of words do not reach across segments, so leaving a segment out of a row is exact.
    """

    def __init__(self, documents: Sequence[Sequence[Iterable[str]]]) -> None:
        """``documents`` hold the grams of each block. Grams of a single document are left out,
        unless there are too few documents to tell what is rare."""
        least = 2 if len(documents) >= 20 else 1
        self._columns: list[dict[str, int]] = []
        self._idf: list[NDArray[np.float64]] = []
        self.width = 0
        for block in range(3):
            seen = Counter(gram for document in documents for gram in set(document[block]))
            often = sorted(seen, key=lambda gram: (-seen[gram], gram))[:MOST_GRAMS]
            kept = sorted(gram for gram in often if seen[gram] >= least)
            self._columns.append({gram: self.width + i for i, gram in enumerate(kept)})
            counts = np.array([seen[gram] for gram in kept], dtype=np.float64)
            self._idf.append(np.log((1 + len(documents)) / (1 + counts)) + 1)
            self.width += len(kept)

    def rows(self, views: Sequence[View]) -> csr_matrix:
        """One row for each issue: (n, width)."""
        return self._matrix(
            [
                _row([self._part(i, Counter(block)) for i, block in enumerate(blocks_of(v))])
                for v in views
            ]
        )

    def without(self, view: View, left_out: Sequence[int]) -> csr_matrix:
        """A row for each segment number in ``left_out`` (or ``TITLE``): the issue without it."""
        title, body, structure = (
            self._part(number, Counter(block)) for number, block in enumerate(blocks_of(view))
        )
        nothing = self._part(0, {})
        rows = []
        for number in left_out:
            if number == TITLE:
                rows.append(_row([nothing, body, structure]))
            else:
                s = view.quotable[number]
                lost = Counter(grams(view.issue.text[s.start : s.end]))
                rows.append(_row([title, body.less(self._part(1, lost)), structure]))
        return self._matrix(rows)

    def _part(self, block: int, counts: Mapping[str, int]) -> _Part:
        known = self._columns[block]
        found = sorted((known[gram], count) for gram, count in counts.items() if gram in known)
        columns, often = np.array(found, dtype=np.int64).reshape(-1, 2).T
        first = sum(map(len, self._columns[:block]))
        return _Part(columns, often, self._idf[block][columns - first])

    def _matrix(self, rows: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> csr_matrix:
        ends = np.cumsum([0] + [len(columns) for columns, _ in rows])
        columns = np.concatenate([c for c, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
        values = np.concatenate([v for _, v in rows]) if rows else np.zeros(0)
        return csr_matrix((values, columns, ends), shape=(len(rows), self.width))


def blocks_of(view: View) -> tuple[list[str], list[str], Sequence[str]]:
    """The grams of title, body and structure."""
    text = view.issue.text
    body = [gram for s in view.quotable for gram in grams(text[s.start : s.end])]
    return grams(view.title), body, view.structure


def _row(parts: Sequence[_Part]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    values = []
    for part in parts:
        value = (1 + np.log(part.counts)) * part.idf
        values.append(value / (np.linalg.norm(value) or 1))
    return np.concatenate([part.columns for part in parts]), np.concatenate(values)
