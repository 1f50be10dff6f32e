"""Finds labelled issues and codes by shared words and pairs of words; needs no embedder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from coder.records import Codebook, Example
from coder.retrieval.base import MOST_CHARACTERS, Ranked, Text, code_text, searched_text

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Scripts written without spaces: each character is a word, and pairs make up for it."""
WORD = rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+"


class LexicalIndex:
    """TF-IDF over labelled issues and definitions, held in memory."""

    def __init__(self, codebook: Codebook, examples: Sequence[Example]) -> None:
        # Sorted, so that ties do not depend on the order the examples came in.
        given = {example.issue.id: example.issue for example in examples}
        texts = {key: _read(searched_text(issue)) for key, issue in sorted(given.items())}
        # With its id, which is never without a letter, as a name in another script may be.
        codes = {code.id: f"{code.id}\n{code_text(code)}" for code in codebook.leaves}
        self._issue_ids, self._code_ids = list(texts), list(codes)
        self._texts = [*texts.values(), *codes.values()]

    @cached_property
    def _fitted(self) -> tuple[Any, Any, Any]:
        """The vectorizer, and its terms by issue and by code; made when first asked for, as a
        small codebook without labels has nothing to look up."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=WORD, ngram_range=(1, 2))
        rows, issues = vectorizer.fit_transform(self._texts), len(self._issue_ids)
        return vectorizer, rows[:issues].T.tocsr(), rows[issues:].T.tocsr()

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        """See :class:`coder.retrieval.base.Search`; similarities are cosines of TF-IDF rows. What
        shares no word with a text is left out."""
        vectorizer, by_issue, by_code = self._fitted
        queries = vectorizer.transform(map(_read, texts))
        near, fitting = (queries @ by_issue).tocsr(), (queries @ by_code).tocsr()
        return [
            (_best(near[row], self._issue_ids, issues), _best(fitting[row], self._code_ids, codes))
            for row in range(len(texts))
        ]


def _read(text: Text) -> str:
    return text.whole[:MOST_CHARACTERS]


def _best(scores: Any, ids: Sequence[str], k: int) -> Ranked:
    """The ids of the ``k`` largest entries of a sparse row (1, n), ties in order."""
    order = np.lexsort((scores.indices, -scores.data))[:k]
    return [(ids[scores.indices[at]], round(float(scores.data[at]), 6)) for at in order.tolist()]
