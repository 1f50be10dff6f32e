"""Makes of a confidence the probability of being right, where that can be shown to help.

Platt scaling (Platt 1999: a logistic curve, with his smoothed targets) on the logit of the
confidence, and isotonic regression (Zadrozny & Elkan 2002). Quality is the Brier score, the mean
squared distance between the probability and what came true; lower is better.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coder.agreement.arrays import Floats, Ints

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
    confidence: ArrayLike,
    right: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
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
