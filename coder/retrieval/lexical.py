"""Finds labelled issues and codes by shared words, for when there is no embedder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from coder.records import Codebook, Example, Issue, Neighbour
from coder.retrieval.base import Found, code_text, split_duplicates


class LexicalIndex:
    """TF-IDF cosine over labelled issues and definitions, held in memory."""

    embedder = "lexical"

    def __init__(self, codebook: Codebook, examples: Sequence[Example]) -> None:
        self._examples = {example.issue.id: example for example in examples}
        self._codes = [code.id for code in codebook.leaves]
        texts = [example.issue.text for example in self._examples.values()]
        definitions = [code_text(code) for code in codebook.leaves]
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\w\w+")
        rows = self._vectorizer.fit_transform(texts + definitions)
        self._labels, self._definitions = rows[: len(texts)], rows[len(texts) :]

    def look_up(self, issue: Issue, neighbours: int, definitions: int) -> Found:
        """See :class:`coder.retrieval.base.Retriever`."""
        if not (definitions or (neighbours and self._examples)):
            return Found()
        query = self._vectorizer.transform([issue.text])
        scores = (query @ self._definitions.T).toarray()[0]
        codes = [self._codes[i] for i in _best(scores)[:definitions]]
        found: list[Neighbour] = []
        excluded: list[str] = []
        if neighbours and self._examples:
            scores = (query @ self._labels.T).toarray()[0]
            ids = list(self._examples)
            for i in _best(scores):
                near = Neighbour(
                    issue_id=ids[i], codes=self._examples[ids[i]].codes, score=float(scores[i])
                )
                kept, left_out = split_duplicates(issue, [near], self._examples)
                found += kept
                excluded += left_out
                if len(found) == neighbours:
                    break
        return Found(
            neighbours=tuple(found),
            examples=tuple(self._examples[near.issue_id] for near in found),
            excluded=tuple(excluded),
            definitions=tuple(codes),
        )


def _best(scores: NDArray[np.float64]) -> list[int]:
    """Positions by score, the highest first; ties in order; those that share no word left out."""
    order = np.argsort(-scores, kind="stable")
    return [int(i) for i in order if scores[i] > 0]
