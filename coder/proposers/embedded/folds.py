"""Keeps a label away from the issue it belongs to: groups of near-duplicates, folds, models per
fold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from coder.proposers.embedded.blend import Blend
from coder.proposers.embedded.choice import Choice, learnt
from coder.proposers.embedded.features import Features
from coder.proposers.embedded.prototypes import Prototypes, Scores, softmax
from coder.proposers.embedded.regression import Targets
from coder.records import Issue
from coder.retrieval.near_duplicates import Duplicates

Counts = NDArray[np.int64]

FOLDS = 5
POWER_PULL = 5.0
"""Issues' worth of log loss against sharpening by a factor of e."""
MOST_APART = 50.0
"""Log odds of a code that a model has never seen; finite, so that it can be ordered."""


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
        """``quick`` calibrates and chooses by one fold only, which takes a fifth of the fits."""
        self._prototypes = prototypes
        self._features = features
        self._targets = targets
        self._folds = np.array(folds, dtype=np.int64)
        self._single = single
        self._quick = quick
        self._models: dict[frozenset[int], Blend] = {}
        self._powers: dict[frozenset[int], float] = {}
        self._choices: dict[frozenset[int], Choice] = {}
        self._unseen: dict[frozenset[int], tuple[Scores, Counts, Targets]] = {}

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

    def choice(self, without: Iterable[int]) -> Choice:
        """The decision rule for ``model(without)``, learnt like its calibration."""
        key = frozenset(without)
        if key not in self._choices:
            scores, counts, true = self._held_out(key)
            p = self._linked(scores * self._power(key))
            self._choices[key] = learnt(p, counts, true, self._single)
        return self._choices[key]

    @property
    def held_out(self) -> tuple[Scores, Targets]:
        """Labelled issues' scores from models that have not seen them, and their true codes."""
        scores, _, true = self._held_out(frozenset())
        return scores, true

    def margins(self) -> NDArray[np.float64]:
        """For each labelled issue how much likelier, in log odds, its own codes are than any other
        code to models that have not seen it, by the decision rule; the least of several."""
        none: frozenset[int] = frozenset()
        scores, counts, true = self._held_out(none)
        p = self._linked(scores * self._power(none))
        worth = self.choice(none).utility(p, counts) if self._single else logit(p)
        own = np.where(true, np.maximum(worth, -MOST_APART), np.inf).min(axis=1)
        other = np.where(true, -np.inf, worth).max(axis=1)
        found = np.empty(len(own))
        found[np.argsort(self._folds, kind="stable")] = own - other
        return found

    def _held_out(self, key: frozenset[int]) -> tuple[Scores, Counts, Targets]:
        """Scores of labelled issues outside ``key``, each from a model that has seen neither its
        fold nor ``key``; what that model has seen of each code; the issues' true codes."""
        if key not in self._unseen:
            others = sorted(set(self._folds.tolist()) - key)
            rows: list[int] = []
            scores, counts = [], []
            for fold in others[:1] if self._quick else others:
                model = self.model(key | {fold})
                of_fold = np.flatnonzero(self._folds == fold).tolist()
                assert self._features is not None
                scores.append(model.scores(self._features.take(of_fold)))
                counts.append(np.repeat(model.counts[None], len(of_fold), axis=0))
                rows += of_fold
            nothing = np.zeros((0, self._targets.shape[1]))
            self._unseen[key] = (
                np.concatenate([nothing, *scores]),
                np.concatenate([nothing.astype(np.int64), *counts]),
                self._targets[rows],
            )
        return self._unseen[key]

    def _power(self, key: frozenset[int]) -> float:
        """How much to sharpen the scores of ``model(key)``: learnt from labelled issues that the
        scoring model has not seen, and from no label in ``key``."""
        if key not in self._powers:
            scores, _, true = self._held_out(key)
            self._powers[key] = self._fit_power(scores, true) if len(true) else 1.0
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
