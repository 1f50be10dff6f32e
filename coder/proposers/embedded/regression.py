"""Logistic regression that starts from scores given for each issue and code, not from nothing.

scikit-learn's has no such offset. Where labels are few, this is the difference between a classifier
worse than the definitions alone and one that improves on them with every label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, logsumexp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Scores = NDArray[np.float64]
Design = Any
"""Features of n issues, (n, features): a ``csr_matrix`` or a dense array."""
Targets = NDArray[np.bool_]
"""(n, columns): which codes an issue has. The columns are the leaves, then "no code fits"."""

SHIFT_COST = 0.3
SCALE_COST = 0.01
"""How freely a code's frequency and the weight of the start may be learnt; small is not freely."""
FADE = 20.0
"""Labels a code, on average, at which the start is expected to count half."""
MOST_STEPS = 200
MOST_ROTATED = 3000
"""Labelled issues up to which a fit is done in as many coordinates as there are issues."""
NEVER = -50.0
"""Score of a column that is not an option; finite, so that sums stay so."""


class Regression:
    """scores = x @ weights + shift + scale * start, with a Gaussian prior on everything learnt:
    weights and shift near 0, scale near 1. Codes that exclude each other share one softmax; others
    are each a yes or no. Fitted by L-BFGS; the same inputs give the same weights.
    """

    def __init__(
        self, x: Design, start: Scores, targets: Targets, cost: float, single: bool
    ) -> None:
        """``x`` is (n, features), ``start`` and ``targets`` are (n, columns)."""
        each = len(targets) / max(targets.shape[1] - 1, 1)
        expected = FADE / (FADE + each)
        # "No code fits" that nobody chose is not an option: it must not draw probability away.
        if not targets[:, -1].any():
            start = start.copy()
            start[:, -1] = NEVER
        # One thread: a fit is too small for more, and sums come out the same on every machine.
        with threadpool_limits(limits=1, user_api="blas"):
            small, back = _rotated(x)
            true = targets.astype(np.float64)
            found = _minimised(small, start, true, cost, single, expected)
            weights, self._shift, self._scale = _unpacked(found, small.shape[1], true.shape[1])
            self._weights: Scores = weights if back is None else x.T @ (back @ weights)

    def scores(self, x: Design, start: Scores) -> Scores:
        """(n, columns) for issues the model may not have seen."""
        found: Scores = x @ self._weights + self._shift + self._scale * start
        return found


def _rotated(x: Design) -> tuple[Design, Scores | None]:
    """``x`` in at most n coordinates, and ``back`` so that ``x.T @ back @ weights`` are the weights
    of all features; ``None`` when ``x`` is left as it is.

    A rotation changes neither products nor the prior, so the fit is the same, only much faster
    while there are fewer issues than features.
    """
    if x.shape[0] > MOST_ROTATED or x.shape[0] >= x.shape[1]:
        return x, None
    products = x @ x.T
    values, vectors = np.linalg.eigh(
        products.toarray() if isinstance(products, csr_matrix) else products
    )
    kept = values > 1e-9 * max(values.max(), 1e-9)
    root = np.sqrt(values[kept])
    return vectors[:, kept] * root, vectors[:, kept] / root


def _minimised(
    x: Design, start: Scores, true: Scores, cost: float, single: bool, expected: float
) -> Scores:
    width, columns = x.shape[1], true.shape[1]
    transposed = x.T.tocsr() if isinstance(x, csr_matrix) else x.T

    def loss(flat: Scores) -> tuple[float, Scores]:
        weights, shift, scale = _unpacked(flat, width, columns)
        z = x @ weights + shift + scale * start
        if single:
            total = logsumexp(z, axis=1)
            wrong = (total - (z * true).sum(axis=1)).sum()
            off = np.exp(z - total[:, None]) - true
        else:
            wrong = (np.logaddexp(0, z) - z * true).sum()
            off = expit(z) - true
        prior = (
            (weights**2).sum() / cost
            + (shift**2).sum() / SHIFT_COST
            + (scale - expected) ** 2 / SCALE_COST
        )
        slope = np.concatenate(
            [
                (transposed @ off + weights / cost).ravel(),
                off.sum(axis=0) + shift / SHIFT_COST,
                [(off * start).sum() + (scale - expected) / SCALE_COST],
            ]
        )
        return float(wrong + prior / 2), slope

    first = np.zeros(width * columns + columns + 1)
    first[-1] = expected
    # Few corrections are kept: each is as large as the weights themselves.
    options = {"maxiter": MOST_STEPS, "maxcor": 5, "ftol": 1e-6}
    found: Scores = minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x
    return found


def _unpacked(flat: Scores, width: int, columns: int) -> tuple[Scores, Scores, float]:
    cut = width * columns
    return flat[:cut].reshape(width, columns), flat[cut:-1], float(flat[-1])
