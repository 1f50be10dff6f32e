"""Shares of all the issues that a coded sample was drawn from: what people said of some of it.

Two draws stand between a label and the frame: issues were drawn from strata of known size (first
phase), and some of these were labelled (second phase). The outcome of an issue is what the model
says, as far as it helps, plus the model's error over the probability of its label where there is
one (see :mod:`.prevalence`); the share is the mean of each stratum's outcomes, weighted by its size
(Cochran 1977, Sampling Techniques, ch. 5). The variance adds both phases (Särndal, Swensson &
Wretman 1992, Model Assisted Survey Sampling, ch. 9). The interval is Wilson's with as many labels
as a simple random sample would need for that variance, as rare codes have few hits (Korn & Graubard
1998, Surv. Methodol. 24:193-201).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.prevalence import FEWEST, columns, too_few, use_of_model
from coder.records import Estimate


@dataclass(frozen=True)
class Frame:
    """``stratum`` (n,) numbers that of each issue of the sample, ``sizes`` (strata,) says how many
    issues each has in the frame. Each has one in the sample at least."""

    stratum: Ints
    sizes: Ints

    @property
    def drawn(self) -> Ints:
        return np.bincount(self.stratum, minlength=len(self.sizes))

    @property
    def stands_for(self) -> Floats:
        """How many issues of the frame each of the sample stands for."""
        each: Floats = (self.sizes / self.drawn)[self.stratum]
        return each


def in_frame(
    human: npt.ArrayLike, model: npt.ArrayLike, probability: npt.ArrayLike, frame: Frame
) -> tuple[Estimate, ...]:
    """The share of the frame's issues with each code.

    ``human`` is (n, codes) with ``nan`` on issues of the sample without a label, ``model`` (n,
    codes) on all of them, ``probability`` (n,) in (0, 1] that an issue of the sample got its label
    (any number where it got none).
    """
    y, f = columns(human), columns(model)
    labelled: Bools = np.isfinite(y.sum(1))
    n = int(labelled.sum())
    if n < FEWEST:
        return too_few(n, y.shape[1])
    chance = np.where(labelled, np.asarray(probability, dtype=np.float64), 1.0)
    even = not labelled.all() and np.ptp(chance[labelled]) < 1e-12
    f = f * (use_of_model(y[labelled], f[labelled], f[~labelled]) if even else 1.0)
    error = np.where(labelled[:, None], np.nan_to_num(y) - f, 0.0)
    outcome = f + error / chance[:, None]
    weight = frame.stands_for[:, None] / frame.sizes.sum()
    value = np.clip((weight * outcome).sum(0), 0, 1)
    if labelled.all() and (frame.drawn == frame.sizes).all():
        low = high = value  # nothing was left to chance
    else:
        spread = _first_phase(outcome, frame) + _second_phase(error, chance, labelled, frame)
        low, high = _wilson(value, spread, _worth(weight[labelled, 0] / chance[labelled]))
    return tuple(
        Estimate(value=float(v), low=float(a), high=float(b), n=n)
        for v, a, b in zip(value, low, high, strict=True)
    )


def _first_phase(outcome: Floats, frame: Frame) -> Floats:
    """The variance of the outcomes over the draws of the issues. That all issues of a stratum are
    alike among few does not mean that all are: Laplace's rule."""
    found = np.zeros(outcome.shape[1])
    for at, (drawn, of) in enumerate(zip(frame.drawn, frame.sizes, strict=True)):
        inside = outcome[frame.stratum == at]
        within = inside.var(0, ddof=1) if drawn > 1 else np.zeros(outcome.shape[1])
        within = np.where(within > 0, within, _rare(drawn))
        found += (of / frame.sizes.sum()) ** 2 * (1 - drawn / of) * within / drawn
    return found


def _second_phase(error: Floats, chance: Floats, labelled: Bools, frame: Frame) -> Floats:
    """What the draws of the labels add to it (the outcomes of a stratum vary with them already, all
    but the share of it that is in the sample). No error among few labels is not no error."""
    squared = np.where((error != 0).any(0), error**2, _rare(int(labelled.sum())))
    weight = frame.stands_for / frame.sizes.sum()
    each = labelled * weight**2 / frame.stands_for * (1 - chance) / chance**2
    found: Floats = (each[:, None] * squared).sum(0)
    return found


def _rare(n: int) -> float:
    rare = 1 / (n + 2)
    return rare * (1 - rare)


def _worth(weight: Floats) -> float:
    """As how many labels of equal weight these count (Kish 1965, Survey Sampling)."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def _wilson(share: Floats, spread: Floats, worth: float) -> tuple[Floats, Floats]:
    """The score interval of a share with this variance; ``worth`` labels where all are alike."""
    from scipy.special import stdtrit

    known = (spread > 0) & (share > 0) & (share < 1)
    n = np.where(known, share * (1 - share) / np.where(known, spread, 1), worth)
    t = float(stdtrit(max(1.0, worth - 1), 0.975))
    middle = (share + t * t / (2 * n)) / (1 + t * t / n)
    half = t * np.sqrt(share * (1 - share) / n + t * t / (4 * n * n)) / (1 + t * t / n)
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    return np.minimum(low, share), np.maximum(high, share)
