"""Is a confidence worth anything? Calibration, and how much may be accepted unseen.

``reliability``  diagram, expected calibration error (Guo et al. 2017, ICML) and Brier score (1950)
``workload``     what share could be accepted above each threshold, at what error
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
