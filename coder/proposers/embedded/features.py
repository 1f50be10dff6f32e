"""Numbers for issues: TF-IDF rows and sentence vectors, whole or with a sentence left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from coder.proposers.embedded.lexical import TITLE, Lexical
from coder.proposers.embedded.views import View
from coder.retrieval.embedders import Encoder, LeftOut, TokenEncoder, Vectors, normalised


@dataclass(frozen=True)
class Features:
    """Rows for n issues. Without an encoder ``title`` and ``body`` have no columns."""

    lexical: csr_matrix
    title: Vectors
    body: Vectors
    repos: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.repos)

    def take(self, rows: Sequence[int]) -> Features:
        index = np.array(rows, dtype=np.int64)
        return Features(
            self.lexical[index],
            self.title[index],
            self.body[index],
            tuple(self.repos[i] for i in rows),
        )

    @property
    def whole(self) -> Vectors:
        """Title and body as one unit vector, for finding neighbours."""
        return normalised(self.title + self.body)


def joined(pieces: Sequence[Features]) -> Features:
    return Features(
        vstack([piece.lexical for piece in pieces], format="csr"),
        np.concatenate([piece.title for piece in pieces]),
        np.concatenate([piece.body for piece in pieces]),
        tuple(repo for piece in pieces for repo in piece.repos),
    )


@dataclass(frozen=True)
class Read:
    """An issue that has been read: its features (one row) and, where known, its body's vectors
    without each of its segments."""

    view: View
    features: Features
    less: LeftOut | None


class Extractor:
    """Reads issues with one encoder (or none) and one TF-IDF vocabulary."""

    def __init__(self, encoder: Encoder | None, lexical: Lexical) -> None:
        self._encoder = encoder
        self._lexical = lexical

    def features(self, views: Sequence[View]) -> Features:
        """The issues' rows alone, for issues whose sentences nobody will ask about."""
        title = body = np.zeros((len(views), 0), dtype=np.float32)
        if self._encoder is not None:
            title = self._encoder.encode([v.title for v in views])
            body = self._encoder.encode([v.body for v in views])
        return Features(self._lexical.rows(views), title, body, tuple(v.issue.repo for v in views))

    def read(self, views: Sequence[View]) -> list[Read]:
        lexical = self._lexical.rows(views)
        less: Sequence[LeftOut | None] = [None] * len(views)
        title = body = np.zeros((len(views), 0), dtype=np.float32)
        if self._encoder is not None:
            title = self._encoder.encode([v.title for v in views])
            if isinstance(self._encoder, TokenEncoder):
                less = self._encoder.encode_without(
                    [v.body for v in views], [v.spans for v in views]
                )
                body = np.array([one.mean for one in less if one is not None])
            else:
                body = self._encoder.encode([v.body for v in views])
        return [
            Read(
                v,
                Features(lexical[i], title[i : i + 1], body[i : i + 1], (v.issue.repo,)),
                less[i],
            )
            for i, v in enumerate(views)
        ]

    def without(self, read: Read, left_out: Sequence[int]) -> Features:
        """A row for each segment number in ``left_out`` (or ``TITLE``): the issue without it.

        Exact for words. For vectors the segment's tokens are left out of the mean, while the others
        keep what the encoder read around them; an encoder that gives no tokens leaves the body as
        it is.
        """
        title = np.repeat(read.features.title, len(left_out), axis=0)
        body = np.repeat(read.features.body, len(left_out), axis=0)
        for row, number in enumerate(left_out):
            if number == TITLE:
                title[row] = 0
            elif read.less is not None and number < len(read.less.without):
                body[row] = read.less.without[number]
        repos = read.features.repos * len(left_out)
        return Features(self._lexical.without(read.view, left_out), title, body, repos)
