"""Null distribution of similarity: how near texts that no code can fit come to each code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coder.proposers.embedded.features import Extractor
from coder.proposers.embedded.prototypes import Prototypes, Scores
from coder.proposers.embedded.views import view
from coder.records import Issue

_TEXTS = Path(__file__).with_name("off_topic.txt")
LEAST_SPREAD = 0.01
"""Keeps a code that is alike far from all those texts from being near to anything."""


class Null:
    """Made-up issues about bread, buses and hedges, and how near they come to a codebook's codes.

    Some codes are near to any text. So similarities are told in standard deviations from what is
    usual for their code, and an issue none of whose codes stands out more than one did for any of
    those texts may as well be about something else.
    """

    def __init__(self, prototypes: Prototypes, extractor: Extractor) -> None:
        views = []
        for number, line in enumerate(_TEXTS.read_text("utf-8").splitlines()):
            title, body = line.split(" | ")
            views.append(view(Issue(id=f"off topic {number}", title=title, body=body)))
        found = prototypes.similarity(extractor.features(views))
        self._mean = found.mean(axis=0)
        self._spread = np.maximum(found.std(axis=0), LEAST_SPREAD)
        self._most = float(self._standing_out(found).max())

    def is_beyond(self, similarity: Scores) -> bool:
        """Whether some code is nearer than any code was to any of those texts."""
        return float(self._standing_out(similarity).max()) > self._most

    def _standing_out(self, similarity: Scores) -> Scores:
        found: Scores = (similarity - self._mean) / self._spread
        return found
