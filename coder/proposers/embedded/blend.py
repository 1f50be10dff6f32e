"""Probabilities of codes: two classifiers learnt from labels, blended with the codebook's words."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, spmatrix

from coder.proposers.embedded.features import Features
from coder.proposers.embedded.prototypes import TEMPERATURE, Prototypes, Scores, softmax

TRUSTED = 10
"""Labels of a code at which the classifiers speak for it as loudly as its definition does."""
OWN_REPO = 50
"""Labels of one repository from which the classifiers also learn how that repository differs."""
MOST_REPOS = 8
LEXICAL_C = 10.0
VECTOR_C = 2.0

Targets = NDArray[np.bool_]
"""(n, columns): which codes an issue has. The columns are the leaves, then "no code fits"."""


class Blend:
    """What can be said of issues after having seen some labelled ones, perhaps none.

    Where codes exclude each other the probabilities of an issue add up to 1 over all columns; where
    they do not, each column is a yes or no of its own.
    """

    def __init__(
        self, prototypes: Prototypes, features: Features | None, targets: Targets, single: bool
    ) -> None:
        self._prototypes = prototypes
        self._single = single
        self.counts = targets.sum(axis=0)
        self._models: list[_Linear] = []
        self._repos: list[str] = []
        if features is not None and len(features):
            often = Counter(features.repos).most_common(MOST_REPOS)
            self._repos = [repo for repo, n in often if repo and n >= OWN_REPO]
            designs = self._designs(features)
            costs = (LEXICAL_C, VECTOR_C)
            self._models = [
                _Linear(x, targets, c, single) for x, c in zip(designs, costs, strict=False)
            ]

    def probabilities(self, features: Features) -> Scores:
        """(n, columns), uncalibrated."""
        columns = len(self.counts)
        defined = np.zeros((len(features), columns))
        defined[:, : self._prototypes.codes] = softmax(
            self._prototypes.similarity(features) / TEMPERATURE
        )
        if not self._models:
            return defined
        learnt = sum(
            model.probabilities(x)
            for model, x in zip(self._models, self._designs(features), strict=False)
        ) / len(self._models)
        trust = self.counts / (self.counts + TRUSTED)
        blended: Scores = trust * learnt + (1 - trust) * defined
        if self._single:
            blended = blended / blended.sum(axis=1, keepdims=True)
        return blended

    def _designs(self, features: Features) -> list[csr_matrix | NDArray[np.float64]]:
        """What each classifier sees; a copy of the features for each repository with many labels
        lets it learn what is particular there."""
        own = [np.array([r == repo for r in features.repos], float) for repo in self._repos]
        lexical = hstack(
            [features.lexical, *(features.lexical.multiply(o[:, None]) for o in own)], format="csr"
        )
        if not features.title.shape[1]:
            return [lexical]
        vectors = np.hstack([features.title, features.body]).astype(np.float64)
        return [lexical, np.hstack([vectors, *(vectors * o[:, None] for o in own)])]


class _Linear:
    """Logistic regression that also copes with a single class, for one or several codes."""

    def __init__(
        self, x: spmatrix | NDArray[np.float64], targets: Targets, cost: float, single: bool
    ) -> None:
        self._columns = targets.shape[1]
        ys: Sequence[NDArray[np.int64]]
        ys = [targets.argmax(axis=1)] if single else [t.astype(np.int64) for t in targets.T]
        self._single = single
        self._fitted = [_fit(x, y, cost) for y in ys]

    def probabilities(self, x: spmatrix | NDArray[np.float64]) -> Scores:
        found = np.zeros((x.shape[0], self._columns))
        for column, (model, classes) in enumerate(self._fitted):
            given = model.predict_proba(x) if model else np.ones((x.shape[0], 1))
            if self._single:
                found[:, classes] = given
            elif 1 in classes:
                found[:, column] = given[:, list(classes).index(1)]
        return found


def _fit(x, y, cost):  # type: ignore[no-untyped-def]
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(y)
    if len(classes) == 1:
        return None, classes
    with warnings.catch_warnings():
        # Stopping early is a mild form of regularisation here, and nothing a user could act on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=cost, max_iter=300).fit(x, y)
    return model, classes
