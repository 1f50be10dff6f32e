"""Calibration: whether a confidence is worth anything, and what makes of it a probability.

``reliability``  diagram, expected calibration error (Guo et al. 2017, ICML) and Brier score (1950)
``workload``     what share could be accepted above each threshold, at what error
``fit``          Platt scaling (Platt 1999: a logistic curve, with his smoothed targets) of the
                 confidence's logit, or isotonic regression (Zadrozny & Elkan 2002), where one of
                 them can be shown to help: by the Brier score, the mean squared distance between
                 the probability and what came true; lower is better
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike, NDArray

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
    confidence: npt.ArrayLike, right: npt.ArrayLike, groups: Ints | None = None
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


Method = Literal["identity", "platt", "isotonic"]
Parameters = Mapping[str, tuple[float, ...]]
Fitter = Callable[[Floats, NDArray[np.bool_]], Parameters]

FEWEST = 30
"""With fewer pairs a curve says more about the sample than about the model."""
FOLDS = 5
_EDGE = 1e-3
"""Models like to say exactly 0 and 1, whose logits are infinite."""


@dataclass(frozen=True)
class Fit:
    """A monotone map of [0, 1] into itself, and what it was found to be worth.

    ``brier_before`` is the score of the confidences as they are; ``brier_after`` that of ``method``
    on pairs it was not fitted to. Both are ``None`` when ``n`` pairs were too few to tell; ``note``
    says why a fit stayed the identity.
    """

    method: Method
    parameters: Parameters
    n: int
    brier_before: float | None = None
    brier_after: float | None = None
    note: str = ""

    def apply(self, confidence: ArrayLike) -> Floats:
        """Calibrated confidences, in the shape of those given."""
        return apply(self.method, self.parameters, confidence)


def fit(
    confidence: ArrayLike, right: ArrayLike, groups: Sequence[Hashable] | None = None, seed: int = 0
) -> Fit:
    """The better of the two methods, or the identity where neither lowers the Brier score.

    ``confidence`` (n,) in [0, 1], ``right`` (n,) of booleans. Scores are cross-validated; pairs of
    one of ``groups`` (n, for example repositories), where there are two or more, are never on both
    sides. The same input and seed give the same fit.
    """
    x = np.asarray(confidence, dtype=np.float64)
    y = np.asarray(right, dtype=bool)
    if len(x) < FEWEST:
        return Fit("identity", {}, len(x), note=f"{FEWEST} are needed")
    if y.all() or not y.any():
        same = "all of them are right" if y.all() else "none of them is right"
        return Fit("identity", {}, len(x), note=same)
    before = brier(x, y)
    fold = _folds(len(x), groups, seed)
    scores = {method: brier(_held_out(method, x, y, fold), y) for method in _FITTERS}
    best = min(scores, key=lambda method: scores[method])
    if scores[best] >= before:
        why = "neither Platt scaling nor isotonic regression lowers its Brier score"
        return Fit("identity", {}, len(x), before, before, why)
    return Fit(best, _FITTERS[best](x, y), len(x), before, scores[best])


def apply(method: Method, parameters: Parameters, confidence: ArrayLike) -> Floats:
    """What ``method`` makes of confidences in [0, 1]."""
    x = np.asarray(confidence, dtype=np.float64)
    if method == "platt":
        (slope,), (intercept,) = parameters["slope"], parameters["intercept"]
        return _logistic(slope * _logit(x) + intercept)
    if method == "isotonic":
        made: Floats = np.interp(x, parameters["confidence"], parameters["probability"])
        return made
    return x


def brier(probability: Floats, right: NDArray[np.bool_]) -> float:
    """The mean squared distance of probabilities (n,) from what came true (n,)."""
    return float(np.mean((probability - right) ** 2))


def _platt(x: Floats, right: NDArray[np.bool_]) -> Parameters:
    from scipy.optimize import minimize

    z, yes = _logit(x), int(right.sum())
    target = np.where(right, (yes + 1) / (yes + 2), 1 / (len(x) - yes + 2))

    def loss(at: Floats) -> tuple[float, Floats]:
        t = at[0] * z + at[1]
        off = _logistic(t) - target
        return float(np.sum(np.logaddexp(0, t) - target * t)), np.array([off @ z, off.sum()])

    # A falling curve would call the surest answers the worst.
    found = minimize(loss, (1.0, 0.0), jac=True, bounds=((0, None), (None, None)))
    slope, intercept = (float(value) for value in found.x)
    return {"slope": (slope,), "intercept": (intercept,)}


def _isotonic(x: Floats, right: NDArray[np.bool_]) -> Parameters:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1).fit(x, right.astype(np.float64))
    return {
        "confidence": tuple(map(float, fitted.X_thresholds_)),
        "probability": tuple(map(float, fitted.y_thresholds_)),
    }


_FITTERS: Mapping[Method, Fitter] = {"platt": _platt, "isotonic": _isotonic}


def _held_out(method: Method, x: Floats, right: NDArray[np.bool_], fold: Ints) -> Floats:
    """What ``method`` makes of each pair when it is fitted to the other folds."""
    made = np.empty_like(x)
    for number in np.unique(fold):
        out = fold == number
        made[out] = apply(method, _FITTERS[method](x[~out], right[~out]), x[out])
    return made


def _folds(n: int, groups: Sequence[Hashable] | None, seed: int) -> Ints:
    """The fold of each pair (n,): whole groups, each put where there is most room."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups or ()))}
    member = np.arange(n)
    if groups is not None and len(numbers) > 1:
        member = np.array([numbers[group] for group in groups])
    sizes = np.bincount(member)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    largest_first = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    room, of_member = np.zeros(min(FOLDS, len(sizes))), np.empty(len(sizes), dtype=np.int64)
    for number in largest_first:
        of_member[number] = np.argmin(room)
        room[of_member[number]] += sizes[number]
    folds: Ints = of_member[member]
    return folds


def _logit(x: Floats) -> Floats:
    kept = np.clip(x, _EDGE, 1 - _EDGE)
    z: Floats = np.log(kept / (1 - kept))
    return z


def _logistic(t: Floats) -> Floats:
    p: Floats = np.exp(-np.logaddexp(0, -t))
    return p
