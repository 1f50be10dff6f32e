"""Keeps a label away from the issue it belongs to: near-duplicates, folds, models per fold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import expit

from coder.proposers.embedded.blend import Blend
from coder.proposers.embedded.features import Features
from coder.proposers.embedded.prototypes import Prototypes, Scores, softmax
from coder.proposers.embedded.regression import Targets
from coder.proposers.embedded.views import View, words
from coder.records import Issue
from coder.retrieval.duplicates import same_issue

FOLDS = 5
SHARED_WORDS = 0.4
"""Share of distinct words in common from which two issues are compared in full. Near-duplicates
share most of their word sequences, so they share at least this much."""
POWER_PULL = 5.0
"""Issues' worth of log loss against sharpening by a factor of e."""


class Twins:
    """Finds labelled issues that are the same as, or a near-duplicate of, an issue."""

    def __init__(self, views: Sequence[View]) -> None:
        self._issues = [v.issue for v in views]
        self._by_id: dict[str, list[int]] = {}
        self._by_hash: dict[str, list[int]] = {}
        for i, issue in enumerate(self._issues):
            self._by_id.setdefault(issue.id, []).append(i)
            self._by_hash.setdefault(issue.hash, []).append(i)
        self._columns: dict[str, int] = {}
        bags = [_bag(v) for v in views]
        for bag in bags:
            for word in bag:
                self._columns.setdefault(word, len(self._columns))
        columns = [self._columns[word] for bag in bags for word in bag]
        ends = np.cumsum([0] + [len(bag) for bag in bags])
        shape = (len(bags), len(self._columns))
        self._sizes = np.diff(ends)
        self._bags = csr_matrix((np.ones(len(columns)), columns, ends), shape=shape)

    def of(self, view: View) -> list[int]:
        """Positions of the labelled issues that give this one's label away."""
        issue = view.issue
        found = {*self._by_id.get(issue.id, ()), *self._by_hash.get(issue.hash, ())}
        bag = _bag(view)
        if bag and self._issues:
            asked = np.zeros(len(self._columns))
            asked[[self._columns[word] for word in bag if word in self._columns]] = 1
            shared = self._bags @ asked
            alike = shared >= SHARED_WORDS * (self._sizes + len(bag) - shared)
            found.update(int(i) for i in np.flatnonzero(alike) if self._same(issue, int(i)))
        return sorted(found)

    def _same(self, issue: Issue, position: int) -> bool:
        return same_issue(issue, self._issues[position])


def _bag(view: View) -> list[str]:
    return sorted({*words(view.title), *words(view.body)})


def components(twins: Twins, views: Sequence[View]) -> list[int]:
    """For each labelled issue the lowest position in its group of near-duplicates."""
    group = list(range(len(views)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for i, view in enumerate(views):
        for j in twins.of(view):
            a, b = root(i), root(j)
            group[max(a, b)] = min(a, b)
    return [root(i) for i in range(len(views))]


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
    ) -> None:
        self._prototypes = prototypes
        self._features = features
        self._targets = targets
        self._folds = np.array(folds, dtype=np.int64)
        self._single = single
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
            if key:
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
