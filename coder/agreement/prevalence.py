"""How many issues are really in each code: a model's counts, corrected by people's labels.

Two estimators of a share of issues, both unbiased whatever the model's errors are:

- ``ppi`` (PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453) for labels on a uniform random
  sample. It weighs the model by how much it helps, so it is no worse than the labels alone.
- ``dsl`` (design-based supervised learning: Egami et al. 2023, arXiv 2306.04746) for labels on
  issues whose probability of being labelled is known and may differ.

Both need a model that has not learnt from these labels. Every function takes all codes at once:
arrays are (issues, codes) of 0 and 1, and one :class:`Estimate` comes back for each code.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Floats
from coder.agreement.intervals import Z, wilson
from coder.records import Estimate

FEWEST = 10
"""With fewer labels no interval of this kind means anything."""


def ppi(
    human: npt.ArrayLike, model_labelled: npt.ArrayLike, model_rest: npt.ArrayLike
) -> tuple[Estimate, ...]:
    """The share of issues with each code, by labels on a uniform random sample.

    ``human`` and ``model_labelled`` are (n, codes) on the labelled issues, ``model_rest``
    (N, codes) on all others. The interval is normal, cut to [0, 1]; where labels and model do not
    differ on any labelled issue, the variance of what they differ by is that of a share of
    1 / (n + 2), not 0.
    """
    y, f, rest = (_columns(array) for array in (human, model_labelled, model_rest))
    n, others = len(y), len(rest)
    if n < FEWEST:
        return _too_few(n, y.shape[1])
    if not others:
        return tuple(_interval(p, v / n, n) for p, v in zip(y.mean(0), _spread(y), strict=True))
    weight = _weight(y, f, rest)
    residual = y - weight * f
    value = weight * rest.mean(0) + residual.mean(0)
    variance = weight**2 * rest.var(0) / others + _spread(residual) / n
    return tuple(_interval(p, v, n) for p, v in zip(value, variance, strict=True))


def labels_alone(human: npt.ArrayLike) -> tuple[Estimate, ...]:
    """The share with each code among uniformly sampled labels (n, codes), without any model."""
    y = _columns(human)
    if len(y) < FEWEST:
        return _too_few(len(y), y.shape[1])
    return tuple(wilson(int(count), len(y)) for count in y.sum(0))


def dsl(
    human: npt.ArrayLike, model: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[Estimate, ...]:
    """The share of issues with each code, by labels whose probability is known.

    ``human`` is (N, codes) with ``nan`` on issues without a label, ``model`` (N, codes) on all of
    them, ``probability`` (N,) in (0, 1] that an issue got its label (any number where it got none).
    The outcome of an issue is what the model says plus, if it was labelled, the model's error over
    that probability; the share is their mean and its variance theirs over N.
    """
    y, f = _columns(human), _columns(model)
    p = np.asarray(probability, dtype=np.float64)[:, None]
    labelled = ~np.isnan(y).any(1, keepdims=True)
    n = int(labelled.sum())
    if n < FEWEST:
        return _too_few(n, y.shape[1])
    error = np.where(labelled, np.nan_to_num(y) - f, 0.0)
    outcome = f + error / np.where(labelled, p, 1.0)
    # No error on any labelled issue says that errors are rare, not that there are none.
    unseen = (error == 0).all(0)
    rare = 1 / (n + 2)
    chance = float((1 / p[labelled]).mean())
    floor = np.where(unseen, rare * (1 - rare) * chance, 0.0)
    variance = (outcome.var(0, ddof=1) + floor) / len(y)
    return tuple(_interval(v, s, n) for v, s in zip(outcome.mean(0), variance, strict=True))


def _columns(array: npt.ArrayLike) -> Floats:
    found = np.asarray(array, dtype=np.float64)
    return found[:, None] if found.ndim == 1 else found


def _weight(y: Floats, f: Floats, rest: Floats) -> Floats:
    """How far the model is to be trusted, for each code: 0 not at all, 1 as it is."""
    n, others = len(y), len(rest)
    together = ((y - y.mean(0)) * (f - f.mean(0))).mean(0)
    spread = np.concatenate([f, rest]).var(0, ddof=1)
    useful = np.divide(together, (1 + n / others) * spread, where=spread > 0, out=0 * spread)
    weight: Floats = np.clip(useful, 0.0, 1.0)
    return weight


def _spread(values: Floats) -> Floats:
    """The variance of each column, that of a share of 1 / (n + 2) where nothing varies."""
    n = len(values)
    found = values.var(0, ddof=1)
    rare = 1 / (n + 2)
    floored: Floats = np.where(found > 0, found, rare * (1 - rare))
    return floored


def _interval(value: float, variance: float, n: int) -> Estimate:
    half = Z * float(np.sqrt(variance))
    middle = float(np.clip(value, 0, 1))
    low, high = max(0.0, float(value) - half), min(1.0, float(value) + half)
    return Estimate(value=middle, low=min(low, 1.0), high=max(high, 0.0), n=n)


def _too_few(n: int, codes: int) -> tuple[Estimate, ...]:
    note = f"{FEWEST} labels on a random sample are needed"
    return (Estimate(value=None, n=n, note=note),) * codes
