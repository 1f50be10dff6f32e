"""Is a confidence worth anything? Calibration, and how much may be accepted unseen.

``reliability``  diagram, expected calibration error (Guo et al. 2017, ICML) and Brier score (1950)
``workload``     what share could be accepted above each threshold, at what error
``certify``      a threshold whose error is bounded (Learn then Test: Angelopoulos et al. 2021,
                 arXiv 2110.01052, by fixed-sequence testing)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.intervals import even_units, student, wilson
from coder.records import Estimate, Record

BINS = 10
POINTS = 50
"""So many thresholds of a workload curve are kept."""


class Bin(Record):
    """Proposals of like confidence, ``low`` exclusive and ``high`` inclusive: how sure the model
    was on average, and how often it was right."""

    low: float
    high: float
    confidence: float
    right: Estimate


class Reliability(Record):
    """``ece`` is the mean distance of ``confidence`` and ``right`` over bins, by their numbers;
    it has no interval, as chance alone makes distances larger, in the labels and again in whatever
    is resampled from them. Its note tells what chance alone would make of a calibrated confidence.
    ``brier`` is the mean squared distance."""

    n: int
    ece: Estimate
    brier: Estimate
    bins: tuple[Bin, ...]


class Point(Record):
    """What accepting all proposals at or above ``threshold`` would mean."""

    threshold: float
    share: float
    error: Estimate


class Certificate(Record):
    """A threshold above which errors are at most ``epsilon``, with confidence 1 - ``delta``.

    ``threshold`` is ``None``, with the reason in ``note``, when none can be certified. ``share`` is
    how many of all proposals lie at or above it; ``n`` of them were tested, with ``errors``.
    """

    epsilon: float
    delta: float
    threshold: float | None
    share: float | None
    n: int
    errors: int
    note: str = ""


def reliability(
    confidence: npt.ArrayLike,
    right: npt.ArrayLike,
    groups: Ints | None = None,
) -> Reliability:
    """How far confidences (n,) in [0, 1] are from how often the proposals were ``right`` (n,).

    ``groups`` (n,) are numbers of repositories, which the Brier score's interval takes whole.
    """
    x, y = _pairs(confidence, right)
    number = np.clip(np.ceil(x * BINS).astype(np.int64) - 1, 0, BINS - 1)
    used, place = np.unique(number, return_inverse=True)
    nothing = "no proposal has both a confidence and a label"
    return Reliability(
        n=len(x),
        ece=_ece(x, y, place) if len(x) else Estimate(value=None, note=nothing),
        brier=_mean((x - y) ** 2, groups, nothing),
        bins=tuple(
            Bin(
                low=int(b) / BINS,
                high=(int(b) + 1) / BINS,
                confidence=float(x[number == b].mean()),
                right=wilson(int(y[number == b].sum()), int((number == b).sum())),
            )
            for b in used
        ),
    )


def _ece(x: Floats, y: Bools, place: Ints) -> Estimate:
    """Of confidences ``x`` and whether they were right ``y``, in the bins ``place``, all (n,).

    Were every confidence calibrated, the sum of ``y - x`` in a bin would be nearly normal around 0
    with variance ``sum(x (1 - x))``, so its distance from 0 is expected to be sqrt(2/pi) times the
    root of that.
    """
    n = len(x)
    apart = float(np.abs(np.bincount(place, y - x)).sum() / n)
    chance = float(np.sqrt(np.bincount(place, x * (1 - x)) * 2 / np.pi).sum() / n)
    note = f"chance alone would make it about {chance:.2f} with {n:,} labels".replace("0.", ".")
    return Estimate(value=apart, n=n, note=note)


def workload(confidence: npt.ArrayLike, right: npt.ArrayLike) -> tuple[Point, ...]:
    """The share at or above thresholds, the strictest first, with the error among them."""
    x, y = _pairs(confidence, right)
    if not len(x):
        return ()
    order = np.argsort(-x, kind="stable")
    ends = np.flatnonzero(np.append(x[order][:-1] != x[order][1:], True))
    if len(ends) > POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(np.int64))]
    wrong = np.cumsum(~y[order])
    return tuple(
        Point(
            threshold=float(x[order][end]),
            share=float((end + 1) / len(x)),
            error=wilson(int(wrong[end]), int(end + 1)),
        )
        for end in ends
    )


def certify(
    confidence: npt.ArrayLike,
    right: npt.ArrayLike,
    *,
    epsilon: float = 0.1,
    delta: float = 0.05,
    seed: int = 0,
) -> Certificate:
    """The most liberal threshold whose error can be shown to be at most ``epsilon``.

    One random half names the thresholds, beginning with the one it finds surest to hold; the other
    half tests them from there on, each by the one-sided binomial test of "the error is above
    ``epsilon``" at ``delta``, until the first that is not rejected. The chance that any certified
    threshold is wrong is then at most ``delta``. Divide ``delta`` by the number of codes to certify
    each code (Bonferroni).
    """
    from scipy.special import bdtr

    x, y = _pairs(confidence, right)
    shuffled = np.random.default_rng(seed).permutation(len(x))
    first, second = shuffled[: len(x) // 2], shuffled[len(x) // 2 :]
    # With fewer than this even no error at all would prove nothing.
    least = math.ceil(math.log(delta) / math.log(1 - epsilon))
    thresholds = np.unique(x[first])[::-1]
    above = np.searchsorted(np.sort(-x[first]), -thresholds, side="right")
    wrong = np.cumsum(~y[first][np.argsort(-x[first], kind="stable")])[above - 1]
    enough = above >= least
    if enough.any():
        doubt = np.where(enough, bdtr(wrong, above, epsilon), np.inf)
        thresholds = thresholds[int(np.argmin(doubt)) :]
    else:
        thresholds = thresholds[:0]
    best: tuple[float, int, int] | None = None
    tested = (0, 0)
    for threshold in thresholds.tolist():
        reached = x[second] >= threshold
        tested = int(reached.sum()), int((reached & ~y[second]).sum())
        if bdtr(tested[1], tested[0], epsilon) > delta:
            break
        best = (threshold, *tested)
    if best is None:
        n, errors = tested
        note = (
            f"no threshold can be certified: {errors} of {n} above the most promising are wrong"
            if len(thresholds)
            else f"no threshold can be certified: {2 * least} labelled proposals are needed, "
            f"there are {len(x)}"
        )
        return Certificate(epsilon=epsilon, delta=delta, threshold=None, share=None, n=n,
                           errors=errors, note=note)  # fmt: skip
    threshold, n, errors = best
    share = float((x >= threshold).mean())
    return Certificate(epsilon=epsilon, delta=delta, threshold=threshold, share=share, n=n,
                       errors=errors)  # fmt: skip


def _pairs(confidence: npt.ArrayLike, right: npt.ArrayLike) -> tuple[Floats, Bools]:
    return np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.bool_)


def _mean(values: Floats, groups: Ints | None, nothing: str) -> Estimate:
    """The mean with its t interval, by the spread between groups where there are several."""
    n = len(values)
    if not n:
        return Estimate(value=None, note=nothing)
    middle = float(values.mean())
    if n == 1:
        return Estimate(value=middle, n=n, note="one issue: no interval")
    sums, units = values - middle, float(n)
    if groups is not None and groups.max() > 0:
        sums = np.bincount(groups, sums).astype(np.float64)
        units = even_units(np.bincount(groups))
    count = len(sums)
    wide = float(student(units - 1))
    half = wide * math.sqrt(float((sums**2).sum()) * count / (count - 1)) / n
    return Estimate(value=middle, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n)
