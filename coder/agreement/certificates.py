"""Certificates: from which confidence on answers may be accepted unseen, with a bounded error.

Every threshold of a fixed grid is tested for every certificate (Learn then Test: Angelopoulos et
al. 2021, arXiv 2110.01052, by Bonferroni). Testing one threshold after the other until the first
that fails would be stronger only where the error falls as the confidence rises, which within one
true code it need not. Labels that were drawn with unequal probabilities count by their effective
number (Korn & Graubard 1998, Survey Methodology 24:193-201).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, Ints
from coder.records import Record

GRID = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The thresholds tested, chosen before any label is seen: 0 is to accept everything."""
MOST = 1_000_000
"""No one labels more than this for a certificate."""


class Certificate(Record):
    """A threshold from which on errors are at most ``epsilon``.

    It is one of a family of ``tests``, which together are all right with confidence 1 - ``delta``.
    ``threshold`` is ``None``, with the reason in ``note``, when none can be certified. Of the
    labels ``share`` lie at or above the threshold, or the most promising one; they are ``n``, worth
    ``effective`` labels of a simple random sample, with ``errors`` among them. ``needed`` is how
    many accepted labels it would take at this share of errors, ``None`` when none would do.
    """

    epsilon: float
    delta: float
    tests: int
    threshold: float | None
    share: float | None
    n: int
    effective: float
    errors: int
    needed: int | None
    note: str = ""


def certify(
    confidence: npt.ArrayLike,
    right: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    groups: Ints | None = None,
    epsilon: float = 0.1,
    delta: float = 0.05,
    certificates: int = 1,
) -> Certificate:
    """The most liberal threshold of the grid whose error can be shown to be at most ``epsilon``.

    ``confidence`` (n,) is below 0 for what is never accepted; ``weights`` (n,) are 1 over the
    probability of being labelled, and labels of one of ``groups`` (n,) count as one draw.
    ``certificates`` is how many are told together: ``delta`` is spread over all their thresholds.
    """
    x, y = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    tests = len(GRID) * certificates
    tried: list[tuple[float, float, float, float]] = []
    for threshold in GRID:
        above = x >= threshold
        inside = None if groups is None else groups[above]
        rate, effective = effective_n(~y[above], w[above], inside)
        tried.append((doubt(rate, effective, epsilon), threshold, rate, effective))
    held = next((one for one in tried if one[0] <= delta / tests), None)
    found = held or min(tried, key=lambda one: (not one[3] or one[2] >= epsilon, one[0]))
    _, threshold, rate, effective = found
    above = x >= threshold
    n, errors = int(above.sum()), int((above & ~y).sum())
    least = labels_needed(rate if n else 0.0, epsilon, delta, certificates)
    loss = n / effective if effective else 1.0
    needed = None if least is None else math.ceil(least * loss)
    return Certificate(
        epsilon=epsilon,
        delta=delta,
        tests=tests,
        threshold=threshold if held else None,
        share=float(w[above].sum() / w.sum()) if len(x) else None,
        n=n,
        effective=effective,
        errors=errors,
        needed=needed,
        note="" if held else _why(n, errors, needed),
    )


def effective_n(wrong: Bools, weights: Floats, groups: Ints | None = None) -> tuple[float, float]:
    """The weighted share that is ``wrong``, and of how many equal, independent labels it is worth.

    Never more than the labels there are, nor than the weights alone allow (Kish 1965), which is
    all there is to go by where nothing is wrong. Few groups count for less still, by the quantiles
    of t with their degrees of freedom.
    """
    n = len(wrong)
    if not n:
        return 0.0, 0.0
    total = float(weights.sum())
    share = float(weights @ wrong) / total
    sums, units = weights, n
    apart = weights * (wrong - share)
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        sums = np.bincount(place, weights).astype(np.float64)
        apart = np.bincount(place, apart).astype(np.float64)
        units = len(sums)
    if units == 1 and n > 1:
        return share, 1.0
    bound = float(n)
    if spread := float((apart**2).sum()) / total**2:
        bound = min(bound, share * (1 - share) / spread)
    # Equal weights must give n itself, not n less a rounding error.
    kish = total**2 / float((weights**2).sum())
    if groups is not None and units < n and not 0 < share < 1:
        # Without an error nothing tells how alike the labels of a group are: take them for one.
        kish = min(kish, total**2 / float((sums**2).sum()))
    if groups is not None and 1 < units < n:
        from scipy.special import stdtrit

        factor = float((stdtrit(n - 1, 0.975) / stdtrit(units - 1, 0.975)) ** 2)
        bound, kish = bound * factor, kish * factor
    effective = min(bound, kish)
    return share, float(round(effective)) if abs(effective - round(effective)) < 1e-6 else effective


def doubt(rate: float, effective: float, epsilon: float) -> float:
    """The p-value of "the error is above ``epsilon``": the binomial probability of so few errors,
    by the beta function where their numbers are not whole."""
    from scipy.special import betainc

    errors = rate * effective
    if not effective or errors >= effective:
        return 1.0
    return float(betainc(effective - errors, errors + 1, 1 - epsilon))


def labels_needed(rate: float, epsilon: float, delta: float, certificates: int) -> int | None:
    """How many accepted labels would certify a share ``rate`` of errors; ``None`` if none would."""
    if rate >= epsilon:
        return None
    one = delta / (len(GRID) * certificates)
    low, high = 1, 1
    while doubt(rate, high, epsilon) > one:
        low, high = high, 2 * high
        if high > MOST:
            return None
    while low < high:
        middle = (low + high) // 2
        if doubt(rate, middle, epsilon) <= one:
            high = middle
        else:
            low = middle + 1
    return high


def _why(n: int, errors: int, needed: int | None) -> str:
    said = f"no threshold can be certified: {errors} of {n} above the most promising are wrong"
    if needed is None:
        return f"{said}, more than a certificate allows"
    return f"{said}, and {needed} labels above it would be needed at this share of errors"
