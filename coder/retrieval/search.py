"""Search: what of an issue is compared, what a search offers, and search by words (TF-IDF)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from coder.records import Code, Codebook, Example, Issue, NearCode, Neighbour
from coder.text.structure import below_title

Ranked = Sequence[tuple[str, float]]
"""Ids with their similarity, the nearest first; ties in a fixed order."""


MOST_CHARACTERS = 4_000
"""Of what people say in an issue, for searches by words: later text is logs and other people's
problems more often than not, and time grows with it."""


@dataclass(frozen=True)
class Text:
    """What of an issue, or of anything else, is compared: how it is headed, and all it says."""

    title: str
    body: str

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.body}"


def searched_text(issue: Issue) -> Text:
    """An issue's title and what people say below it, without templates, code and logs.

    On real labelled issues its vector found more of the right code than that of the raw text did,
    and its words as many: see benchmarks/retrieval.py.
    """
    text = issue.text
    body = "\n".join(text[s.start : s.end] for s in below_title(issue))
    return Text(issue.title, body)


@dataclass(frozen=True)
class Found:
    """What is near to an issue: ``examples`` and ``neighbours`` go together, in the order they are
    shown in; ``excluded`` are all labelled issues that were kept away, because they are the issue
    itself or a near-duplicate of it; ``definitions`` are codes, the nearest first."""

    neighbours: tuple[Neighbour, ...] = ()
    examples: tuple[Example, ...] = ()
    excluded: tuple[str, ...] = ()
    definitions: tuple[NearCode, ...] = ()


class Search(Protocol):
    """One way to rank labelled issues and codes by how similar they are to texts.

    Excludes nothing. What is not similar at all may be left out.
    """

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        """For each text at most so many labelled issues and so many codes. What is found for a text
        does not depend on the others."""
        ...


def code_text(code: Code) -> str:
    """What of a code is compared with an issue: name, definition, what it includes, examples."""
    return "\n".join([f"{code.name}. {code.definition}", *code.include, *code.examples])


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
        """See :class:`coder.retrieval.search.Search`; similarities are cosines of TF-IDF rows. What
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
