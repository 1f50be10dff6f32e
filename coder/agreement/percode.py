"""Agreement code by code, for single codes and for label sets alike.

Each code becomes a (2, 2) table, ``[[both, left only], [right only, neither]]``; left is the model,
right the reference. Kappa and AC1 of a code are :mod:`coder.agreement.nominal` on these tables.
"""

from __future__ import annotations

import numpy as np

from coder.agreement.arrays import Bools, Floats, ratio


def code_tables(left: Bools, right: Bools, weights: Floats) -> Floats:
    """(..., codes, 2, 2) tables from who gave which code.

    ``left`` and ``right`` are (cells, codes), ``weights`` (..., cells) how often each cell occurs.
    """
    both = weights @ (left & right).astype(np.float64)
    left_only = weights @ left.astype(np.float64) - both
    right_only = weights @ right.astype(np.float64) - both
    neither = weights.sum(-1)[..., None] - both - left_only - right_only
    flat = np.stack([both, left_only, right_only, neither], axis=-1)
    return flat.reshape(*both.shape, 2, 2)


def precision(tables: Floats) -> Floats:
    """Share of left's uses of the code that right shares; ``nan`` when left never used it."""
    return ratio(tables[..., 0, 0], tables[..., 0, :].sum(-1))


def recall(tables: Floats) -> Floats:
    """Share of right's uses of the code that left shares; ``nan`` when right never used it."""
    return ratio(tables[..., 0, 0], tables[..., :, 0].sum(-1))


def f1(tables: Floats) -> Floats:
    """2 both / (left + right): 0 when they never meet, ``nan`` only when neither used the code."""
    both = 2 * tables[..., 0, 0]
    return ratio(both, both + tables[..., 0, 1] + tables[..., 1, 0])


def macro_f1(tables: Floats) -> Floats:
    """Plain mean of F1 over the codes that at least one rater used (..., codes, 2, 2) -> (...)."""
    each = f1(tables)
    used = ~np.isnan(each)
    return ratio(np.where(used, each, 0).sum(-1), used.sum(-1))


def jaccard(left: Bools, right: Bools) -> Floats:
    """Jaccard similarity of each pair of sets (cells, codes) -> (cells,); two empty sets are 1."""
    shared, union = (left & right).sum(-1), (left | right).sum(-1)
    return np.where(union == 0, 1.0, shared / np.maximum(union, 1))
