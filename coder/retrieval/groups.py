"""Groups texts that are alike, and finds the words that set each group off from the others."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coder.retrieval.base import Text
from coder.retrieval.encoder import Vectors, normalised
from coder.retrieval.lexical import WORD

FAR = 0.8
"""Groups are joined while their texts are nearer to each other than this on average (1 - cosine,
what all texts have in common taken away). benchmarks/suggest.py shows what other values do."""
SMALLEST = 3
"""Texts that make a group; two that are alike are a coincidence."""
WORDS = 4
BESIDE = 0.25
"""What a word counts that is in a text and not in its title: threads hold words of many topics."""
_SHORTEST = 3


@dataclass(frozen=True)
class Group:
    """``members`` are places in the list that was grouped, the most typical first.

    ``cohesion`` is the mean cosine of its members with their middle; ``words`` are more common in
    it than elsewhere, the most distinctive first.
    """

    members: tuple[int, ...]
    cohesion: float
    words: tuple[str, ...]
    middle: Vectors


def group(texts: Sequence[Text], found: Vectors, far: float = FAR) -> list[Group]:
    """The groups among ``texts``, whose vectors are ``found``, the largest first.

    Texts that are like no other are in none. The same texts give the same groups.
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(texts) < SMALLEST:
        return []
    apart = np.asarray(normalised(found - found.mean(axis=0)), dtype=np.float64)
    distances = np.clip(1 - apart @ apart.T, 0, 2)
    np.fill_diagonal(distances, 0)
    labels = AgglomerativeClustering(
        None, linkage="average", metric="precomputed", distance_threshold=far
    ).fit_predict(distances)
    together = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    together = [members for members in together if len(members) >= SMALLEST]
    together.sort(key=lambda members: (-len(members), members[0]))
    said = [_words(text) for text in texts]
    return [_group(members, apart, found, said) for members in together]


def _group(
    members: NDArray[np.int64],
    apart: NDArray[np.float64],
    found: Vectors,
    said: list[dict[str, float]],
) -> Group:
    middle = apart[members].mean(axis=0)
    likeness = apart[members] @ (middle / max(float(np.linalg.norm(middle)), 1e-12))
    order = sorted(range(len(members)), key=lambda i: (-round(float(likeness[i]), 6), members[i]))
    return Group(
        members=tuple(int(members[i]) for i in order),
        cohesion=round(float(likeness.mean()), 3),
        words=_distinctive([said[i] for i in members], said),
        middle=normalised(found[members].mean(axis=0)),
    )


def _distinctive(
    inside: list[dict[str, float]], everywhere: list[dict[str, float]]
) -> tuple[str, ...]:
    """The words of a group by c-TF-IDF, counting texts: one long log must not name a group.

    Class-based TF-IDF as in Grootendorst, BERTopic (arXiv 2203.05794).
    """
    here, all_over = _sum(inside), _sum(everywhere)
    texts = Counter(word for words in inside for word in words)
    average = sum(here.values()) / len(inside)
    scores = {
        word: weight * math.log(1 + average / all_over[word])
        for word, weight in here.items()
        if texts[word] > 1
    }
    return tuple(sorted(scores, key=lambda word: (-round(scores[word], 9), word))[:WORDS])


def _sum(texts: list[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for words in texts:
        for word, weight in words.items():
            total[word] = total.get(word, 0.0) + weight
    return total


def _words(text: Text) -> dict[str, float]:
    """The words a text holds that mean something by themselves, and what each counts."""
    titled = _meaningful(text.title)
    return dict.fromkeys(_meaningful(text.body), BESIDE) | dict.fromkeys(titled, 1.0)


def _meaningful(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [
        word
        for word in dict.fromkeys(re.findall(WORD, text.casefold()))
        if word not in ENGLISH_STOP_WORDS
        and not word.isdecimal()
        and (len(word) >= _SHORTEST or not word.isascii())
    ]
