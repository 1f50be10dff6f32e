"""The decision rule: which codes to propose, given how probable each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coder.agreement import cohen_kappa
from coder.proposers.embedded.prototypes import Scores
from coder.proposers.embedded.regression import Targets

FREQUENCY_WEIGHTS = (0.0, 0.1, 0.2, 0.3)
THRESHOLDS = (0.5, 0.4, 0.3, 0.2)
"""The first of each, which needs no labels, stays unless another does better."""
FEWEST = 30
"""Labelled issues below which the rule is not learnt: they say too little about it."""


@dataclass(frozen=True)
class Choice:
    """How codes are chosen; the default is the likeliest code, or all that are likelier than not.

    ``frequency_weight`` is tau in ``log p - tau * log(frequency)``: a model of few labels leans to
    what is frequent more than raters do. It orders codes that exclude each other; where they do
    not, all codes with a probability above ``threshold`` are chosen, else the likeliest.
    """

    frequency_weight: float = FREQUENCY_WEIGHTS[0]
    threshold: float = THRESHOLDS[0]

    def utility(self, p: Scores, counts: NDArray[np.int64]) -> Scores:
        """By what columns are ordered, (n, columns), for a model that has seen ``counts``."""
        frequency = (counts + 1) / (counts + 1).sum()
        with np.errstate(divide="ignore"):
            found: Scores = np.log(p) - self.frequency_weight * np.log(frequency)
        return found

    def sets(self, p: Scores) -> Targets:
        """Codes that do not exclude each other: which are chosen. "No code fits" is, in the last
        column, where it is likelier than every code, and then alone."""
        best = np.zeros(p.shape, dtype=bool)
        best[np.arange(len(p)), p.argmax(axis=1)] = True
        above = p > self.threshold
        above[:, -1] = False
        nothing = best[:, -1:]
        return np.where(nothing | ~above.any(axis=1, keepdims=True), best, above)


def learnt(p: Scores, counts: NDArray[np.int64], true: Targets, single: bool) -> Choice:
    """The rule that agrees best with labels the model has not seen: by Cohen's kappa where an issue
    has one code, by mean Jaccard similarity and the number of codes where it may have several.

    Rows of ``counts`` say what the model of that row has seen; all are (n, columns).
    """
    if len(true) < FEWEST:
        return Choice()
    if single:
        weighted = [Choice(frequency_weight=w) for w in FREQUENCY_WEIGHTS]
        kappas = [_kappa(choice.utility(p, counts).argmax(axis=1), true) for choice in weighted]
        # Rounded, so that the last digit of a sum, which differs between machines, decides nothing.
        return weighted[int(np.argmax(np.round(kappas, 6)))]
    return _threshold(p, true)


def _threshold(p: Scores, true: Targets) -> Choice:
    """Of the rules no worse than the best by more than one standard error, the one that gives
    about as many codes as the raters did: mean Jaccard alone hardly tells one code from two."""
    choices = [Choice(threshold=t) for t in THRESHOLDS]
    chosen = [choice.sets(p) for choice in choices]
    shared = np.array([(c & true).sum(axis=1) / (c | true).sum(axis=1) for c in chosen])
    behind = shared[shared.mean(axis=1).round(6).argmax()] - shared
    error = behind.std(axis=1) / np.sqrt(len(true))
    many = np.array([abs(int(c.sum()) - int(true.sum())) for c in chosen])
    within = behind.mean(axis=1).round(6) <= error.round(6)
    return choices[int(np.where(within, many, many.max() + 1).argmin())]


def _kappa(chosen: NDArray[np.int64], true: Targets) -> float:
    table = np.zeros((true.shape[1], true.shape[1]))
    np.add.at(table, (true.argmax(axis=1), chosen), 1)
    return float(np.nan_to_num(cohen_kappa(table)))
