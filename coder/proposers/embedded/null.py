"""Null distribution of similarity: how near texts that no code can fit come to any code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coder.proposers.embedded.features import Extractor, Features
from coder.proposers.embedded.prototypes import Prototypes, Scores
from coder.proposers.embedded.views import view
from coder.records import Issue

_TEXTS = Path(__file__).with_name("off_topic.txt")


class Null:
    """Made-up issues about bread, buses and hedges, and how near they come to a codebook's codes.

    Meaning (sentence vectors) and words (TF-IDF) are two ways of reading that err apart: where both
    name the same code it is right far more often than where they do not. How far they name it by
    chance, the null tells: their cosines together must be higher, and farther above those of the
    next code, than they are for any of its texts.
    """

    def __init__(self, prototypes: Prototypes, extractor: Extractor) -> None:
        self._prototypes = prototypes
        views = []
        for number, line in enumerate(_TEXTS.read_text("utf-8").splitlines()):
            title, body = line.split(" | ")
            views.append(view(Issue(id=f"off topic {number}", title=title, body=body)))
        nearness, lead, _ = self._measured(extractor.features(views))
        self._nearness, self._lead = float(nearness.max()), float(lead.max())

    def stands_out(self, features: Features) -> bool:
        """Whether one code of the issue (one row) does."""
        nearness, lead, same = self._measured(features)
        return bool(same[0] and nearness[0] > self._nearness and lead[0] > self._lead)

    def _measured(self, features: Features) -> tuple[Scores, Scores, NDArray[np.bool_]]:
        """How near the nearest code is, how far ahead of the next, and whether meaning and words
        name the same one; each (n)."""
        meaning, words = self._prototypes.similarity(features), self._prototypes.shared(features)
        both = np.sort(np.pad(meaning + words, ((0, 0), (1, 0))), axis=1)
        same = meaning.argmax(axis=1) == words.argmax(axis=1)
        return both[:, -1], both[:, -1] - both[:, -2], same
