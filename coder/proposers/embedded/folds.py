"""Keeps a label away from the issue it belongs to: groups of near-duplicates, folds, models per
fold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from coder.proposers.embedded.blend import Blend
from coder.proposers.embedded.features import Features
from coder.proposers.embedded.prototypes import Prototypes, Scores, softmax
from coder.proposers.embedded.regression import Targets
from coder.records import Issue
from coder.retrieval.near_duplicates import Duplicates

FOLDS = 5
POWER_PULL = 5.0
"""Issues' worth of log loss against sharpening by a factor of e."""


def components(duplicates: Duplicates, issues: Sequence[Issue]) -> list[int]:
    """For each labelled issue the lowest position in its group of near-duplicates."""
    group = list(range(len(issues)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for i, issue in enumerate(issues):
        for j in duplicates.positions(issue):
            a, b = root(i), root(j)
            group[max(a, b)] = min(a, b)
    return [root(i) for i in range(len(issues))]


def assign_folds(groups: Sequence[int], issues: Sequence[Issue], seed: int) -> list[int]:
    """A fold for each labelled issue, whole groups together. Blind to the labels, so that no label
    can move its own issue."""

    def shuffled(group: int) -> str:
        return hashlib.sha256(f"{seed}\0{issues[group].id}".encode("utf-8", "replace")).hexdigest()

    order = sorted(set(groups), key=shuffled)
    count = max(min(FOLDS, len(order)), 1)
    fold = {group: i % count for i, group in enumerate(order)}
    return [fold[group] for group in groups]


class CrossFitted:
    """Models that have not seen certain folds, each fitted when first asked for."""

    def __init__(
        self,
        prototypes: Prototypes,
        features: Features | None,
        targets: Targets,
        folds: Sequence[int],
        single: bool,
        quick: bool = False,
    ) -> None:
        """``quick`` calibrates on one fold only, which takes a fifth of the fits."""
        self._prototypes = prototypes
        self._features = features
        self._targets = targets
        self._folds = np.array(folds, dtype=np.int64)
        self._single = single
        self._quick = quick
        self._models: dict[frozenset[int], Blend] = {}
        self._powers: dict[frozenset[int], float] = {}

    def model(self, without: Iterable[int]) -> Blend:
        """The model that has seen none of the folds ``without``."""
        key = frozenset(without)
        if key not in self._models:
            rows = [i for i, fold in enumerate(self._folds) if fold not in key]
            self._models[key] = Blend(
                self._prototypes,
                self._features.take(rows) if self._features is not None and rows else None,
                self._targets[rows],
                self._single,
            )
        return self._models[key]

    def probabilities(self, features: Features, without: Iterable[int]) -> Scores:
        """Calibrated probabilities (n, columns) from labels outside the folds ``without``.

        Where codes exclude each other a row adds up to 1; where they do not, each is a yes or no.
        """
        key = frozenset(without)
        return self._linked(self.model(key).scores(features) * self._power(key))

    @cached_property
    def held_out(self) -> Scores:
        """Each labelled issue's scores from the model that has not seen its fold."""
        found = np.zeros(self._targets.shape)
        for fold in set(self._folds.tolist()):
            found[self._folds == fold] = self._scores_of(fold, frozenset({fold}))
        return found

    def _scores_of(self, fold: int, without: frozenset[int]) -> Scores:
        assert self._features is not None
        rows = np.flatnonzero(self._folds == fold).tolist()
        return self.model(without).scores(self._features.take(rows))

    def _power(self, key: frozenset[int]) -> float:
        """How much to sharpen the scores of ``model(key)``: learnt from labelled issues that the
        scoring model has not seen, and from no label in ``key``."""
        if key not in self._powers:
            others = sorted(set(self._folds.tolist()) - key)
            if not others:
                return 1.0
            if key or self._quick:
                rows = self._folds == others[0]
                scores = self._scores_of(others[0], key | {others[0]})
            else:
                rows, scores = np.ones(len(self._folds), dtype=bool), self.held_out
            self._powers[key] = self._fit_power(scores, self._targets[rows])
        return self._powers[key]

    def _fit_power(self, scores: Scores, true: Targets) -> float:
        def loss(log_power: float) -> float:
            p = np.clip(self._linked(scores * np.exp(log_power)), 1e-6, 1 - 1e-6)
            wrong = -np.log(p[true]).sum()
            if not self._single:
                wrong = (wrong - np.log(1 - p[~true]).sum()) / true.shape[1]
            # A pull to 1: a handful of issues says little about calibration.
            return float(wrong + POWER_PULL * log_power**2)

        return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))

    def _linked(self, scores: Scores) -> Scores:
        found: Scores = softmax(scores) if self._single else expit(scores)
        return found
