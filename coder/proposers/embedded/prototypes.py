"""How near an issue is to what the codebook says of each code; all there is before any label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from coder.proposers.embedded.features import Features
from coder.proposers.embedded.lexical import Lexical
from coder.proposers.embedded.views import View, view
from coder.records import Code, Codebook, Issue
from coder.retrieval.encoder import Encoder, Vectors

Scores = NDArray[np.float64]

TEMPERATURE = 0.05
"""Divides cosines before the softmax. Chosen on two labelled sets so that the first code's mean
confidence is near its accuracy there; on any other codebook it is a guess."""
TOO_FAR = 0.08
"""Least cosine to the nearest code below which an issue is not about the codebook's subject."""


def code_texts(codebook: Codebook, code: Code) -> list[str]:
    """What a code is: name and definition, each inclusion, each example, and all of it as one."""
    path = ". ".join(c.name for c in codebook.lineage(code.id))
    texts = [f"{path}. {code.definition}", *code.include, *code.examples]
    return [*texts, " ".join(texts)]


class Prototypes:
    """Texts of every leaf code, encoded; ``similarity`` compares issues with them."""

    def __init__(self, codebook: Codebook, encoder: Encoder | None, lexical: Lexical) -> None:
        texts = [code_texts(codebook, code) for code in codebook.leaves]
        flat = [text for group in texts for text in group]
        self._owner = np.repeat(np.arange(len(texts)), [len(group) for group in texts])
        self._vectors: Vectors | None = encoder.encode(flat) if encoder is not None else None
        self._words: csr_matrix = lexical.rows([_as_view(group[-1]) for group in texts])
        self.codes = len(texts)

    def similarity(self, features: Features) -> Scores:
        """A cosine-like score of each issue to each leaf code: (n, codes)."""
        if self._vectors is None:
            return self._by_words(features)
        return (self._by_meaning(features.title) + self._by_meaning(features.body)) / 2

    def _by_meaning(self, vectors: Vectors) -> Scores:
        assert self._vectors is not None
        cosines = (vectors @ self._vectors.T).astype(np.float64)
        found = np.empty((len(vectors), self.codes))
        for code in range(self.codes):
            # One example in other words must not make a code less likely: the nearest text counts.
            found[:, code] = cosines[:, self._owner == code].max(axis=1)
        return found

    def _by_words(self, features: Features) -> Scores:
        found: Scores = np.asarray((features.lexical @ self._words.T).todense(), dtype=np.float64)
        return found / 2


def softmax(scores: Scores) -> Scores:
    """Each row made positive with sum 1, without overflow."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Scores = powers / powers.sum(axis=1, keepdims=True)
    return found


def _as_view(text: str) -> View:
    """A code's text read as an issue whose title and body are both that text."""
    issue = Issue(id="-", title=text, body=text)
    return view(issue)
