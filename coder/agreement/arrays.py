"""Array types and the two operations every statistic here is built from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """Elementwise quotient; ``nan``, without a warning, where the denominator is 0."""
    above, below = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    quotient: Floats = np.full(below.shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def sum_by(weights: Floats, index: Ints, size: int) -> Floats:
    """Sum the columns of ``weights`` (rows, columns) that share an ``index`` (columns,).

    Returns (rows, size). A matrix product with a one-hot matrix, without the memory of one.
    """
    rows = len(weights)
    flat = (np.arange(rows)[:, None] * size + index).ravel()
    summed = np.bincount(flat, weights=weights.ravel(), minlength=rows * size)
    return summed.astype(np.float64, copy=False).reshape(rows, size)
