"""Logistic regression that starts from scores given for each issue and code, not from nothing.

scikit-learn's has no such offset. Where labels are few, this is the difference between a classifier
worse than the definitions alone and one that improves on them with every label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, logsumexp

Scores = NDArray[np.float64]
Design = csr_matrix | NDArray[np.float64]
Targets = NDArray[np.bool_]
"""(n, columns): which codes an issue has. The columns are the leaves, then "no code fits"."""

SHIFT_COST = 0.3
SCALE_COST = 0.01
"""How freely a code's frequency and the weight of the start may be learnt; small is not freely."""
MOST_STEPS = 200


class Regression:
    """scores = x @ weights + shift + scale * start, with a Gaussian prior on everything learnt:
    weights and shift near 0, scale near 1. Codes that exclude each other share one softmax; others
    are each a yes or no. Fitted by L-BFGS; the same inputs give the same weights.
    """

    def __init__(
        self, x: Design, start: Scores, targets: Targets, cost: float, single: bool
    ) -> None:
        """``x`` is (n, features), ``start`` and ``targets`` are (n, columns)."""
        width, columns = x.shape[1], targets.shape[1]
        true = targets.astype(np.float64)
        # "No code fits" that nobody chose is not an option: it must not draw probability away.
        if not targets[:, -1].any():
            start = start.copy()
            start[:, -1] = -1e3 if single else 0.0
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
                + (scale - 1) ** 2 / SCALE_COST
            )
            slope = np.concatenate(
                [
                    (transposed @ off + weights / cost).ravel(),
                    off.sum(axis=0) + shift / SHIFT_COST,
                    [(off * start).sum() + (scale - 1) / SCALE_COST],
                ]
            )
            return float(wrong + prior / 2), slope

        first = np.zeros(width * columns + columns + 1)
        first[-1] = 1
        # Few corrections are kept: each is as large as the weights themselves.
        options = {"maxiter": MOST_STEPS, "maxcor": 5, "ftol": 1e-7}
        found = minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x
        self._weights, self._shift, self._scale = _unpacked(found, width, columns)

    def scores(self, x: Design, start: Scores) -> Scores:
        """(n, columns) for issues the model may not have seen."""
        found: Scores = x @ self._weights + self._shift + self._scale * start
        return found


def _unpacked(flat: Scores, width: int, columns: int) -> tuple[Scores, Scores, float]:
    cut = width * columns
    return flat[:cut].reshape(width, columns), flat[cut:-1], float(flat[-1])
