"""Which issue is least like those seen so far, by the words they share.

Farthest-first (Gonzalez 1985, Theor. Comput. Sci. 38:293-306) on TF-IDF rows brought down to a few
dimensions (Deerwester et al. 1990, JASIS 41:391-407): on the rows themselves the farthest issues
are those with the oddest words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from coder.errors import StorageError
from coder.retrieval.embedders import Vectors, normalised

DIMENSIONS = 64
WORDS = 20_000
CHARACTERS = 2_000
"""What is read of a text: issues say what they are about early."""


class Novelty:
    """Rows of unit vectors (n, d), and how near each is to the nearest one seen."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._nearest = np.full(len(vectors), -np.inf, dtype=np.float32)
        """Infinite for what was seen: it is not chosen again."""

    def see(self, rows: Sequence[int]) -> None:
        """Take rows out of the choice, and keep away from them from now on."""
        for start in range(0, len(rows), 256):
            batch = rows[start : start + 256]
            if len(batch) == 1:
                # Not by BLAS, whose threads wait for each other for as long as the machine is busy.
                nearest = np.einsum("ij,j->i", self._vectors, self._vectors[batch[0]])
            else:
                nearest = (self._vectors @ self._vectors[batch].T).max(axis=1)
            np.maximum(self._nearest, nearest, out=self._nearest)
        self._nearest[list(rows)] = np.inf

    def least_like_seen(self) -> int | None:
        """The row not seen whose nearest seen row is farthest away, the first of several; ``None``
        when all are seen."""
        if not len(self._nearest):
            return None
        row = int(np.argmin(self._nearest))
        return None if np.isposinf(self._nearest[row]) else row


def vectors_at(path: Path, texts: Callable[[], Iterable[str]]) -> Vectors:
    """The vectors of texts, from the cache at ``path`` or made and kept there."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path, allow_pickle=False)
        return np.asarray(kept, dtype=np.float32)
    made = word_vectors([text[:CHARACTERS] for text in texts()])
    # A cache that cannot be written costs the same seconds next time, and nothing else.
    with contextlib.suppress(OSError, StorageError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part.npy")
        np.save(draft, made)
        draft.replace(path)
    return made


def word_vectors(texts: Sequence[str]) -> Vectors:
    """Unit vectors (n, d) with d at most ``DIMENSIONS``; zeros for a text without words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.utils.extmath import randomized_svd

    from coder.retrieval.search import WORD

    vectorizer = TfidfVectorizer(
        sublinear_tf=True, token_pattern=WORD, max_features=WORDS, dtype=np.float64
    )
    try:
        rows = vectorizer.fit_transform(texts)
    except ValueError:  # no text has a word
        return np.zeros((len(texts), 1), dtype=np.float32)
    left, sizes, _ = randomized_svd(rows, min(DIMENSIONS, *rows.shape), n_iter=2, random_state=0)
    return normalised(np.asarray(left * sizes, dtype=np.float32))
