"""Scores of codes: what the codebook says of them, corrected by what labelled issues teach."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from coder.proposers.embedded.features import Features
from coder.proposers.embedded.prototypes import TEMPERATURE, Prototypes, Scores, softmax
from coder.proposers.embedded.regression import Design, Regression, Targets

OWN_REPO = 50
"""Labels of one repository from which the models also learn how that repository differs."""
MOST_WEIGHTS = 1_500_000
"""Bounds the memory of a fit: with many codes fewer repositories are learnt apart."""
LEXICAL_COST = 5.0
VECTOR_COST = 2.0


class Blend:
    """What can be said of issues after having seen some labelled ones, perhaps none.

    Two regressions, on words and on sentence vectors, start from the codebook's own answer and move
    away from it as far as labels warrant; their scores are averaged. So a code without labels is
    still judged by its definition, and there is no step from one method to the other.
    """

    def __init__(
        self, prototypes: Prototypes, features: Features | None, targets: Targets, single: bool
    ) -> None:
        self._prototypes = prototypes
        self._single = single
        self.counts: NDArray[np.int64] = targets.sum(axis=0)
        self._repos: list[str] = []
        self._models: list[Regression] = []
        if features is not None and len(features):
            width = features.lexical.shape[1] * targets.shape[1]
            most = max(MOST_WEIGHTS // max(width, 1) - 1, 0)
            often = Counter(features.repos).most_common(most)
            self._repos = sorted(repo for repo, n in often if repo and n >= OWN_REPO)
            start = self._start(features)
            costs = (LEXICAL_COST, VECTOR_COST)
            self._models = [
                Regression(design, start, targets, cost, single)
                for design, cost in zip(self._designs(features), costs, strict=False)
            ]

    def scores(self, features: Features) -> Scores:
        """Log-odds up to scale, (n, columns); ``-inf`` for "no code fits" when nobody said so."""
        start = self._start(features)
        found = start
        if self._models:
            designs = self._designs(features)
            each = [m.scores(x, start) for m, x in zip(self._models, designs, strict=False)]
            found = np.mean(each, axis=0)
        if not self.counts[-1]:
            found[:, -1] = -np.inf
        return found

    def _start(self, features: Features) -> Scores:
        """What the definitions alone say. "No code fits" has none and starts as an average code."""
        defined = softmax(self._prototypes.similarity(features) / TEMPERATURE)
        average = np.full((len(features), 1), 1 / max(self._prototypes.codes, 1))
        p = np.clip(np.hstack([defined, average]), 1e-6, 1 - 1e-6)
        logs: Scores = np.log(p)
        return logs if self._single else logs - np.log1p(-p)

    def _designs(self, features: Features) -> list[Design]:
        """What each regression sees; a copy of the features for each repository with many labels
        lets it learn what is particular there."""
        own = [np.array([r == repo for r in features.repos], float) for repo in self._repos]
        copies = [features.lexical.multiply(o[:, None]) for o in own]
        lexical: csr_matrix = hstack([features.lexical, *copies], format="csr")
        if not features.title.shape[1]:
            return [lexical]
        vectors = np.hstack([features.title, features.body]).astype(np.float64)
        return [lexical, np.hstack([vectors, *(vectors * o[:, None] for o in own)])]
