"""How many more labels a figure needs to be known as exactly as one likes.

Widths shrink with the square root of the number of labels; what a label is worth is taken from
those there are. A plan is an estimate: its figures move as labels come in.

A share is one of these very issues: the more of them are labelled the less is left to guess (the
finite population correction, Cochran 1977, Sampling Techniques, ch. 2), and with labels on all it
is known. A coefficient speaks for issues like these, so labels on all leave it an interval.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Floats
from coder.agreement.intervals import Z
from coder.records import Estimate, Record

PILOT = 30
"""With fewer labels than this a plan is a guess about a guess."""


ALL = "all issues are labelled: the share is known"


class Plan(Record):
    """``needed`` labels in all, of which ``have`` exist, bring the interval of a figure to
    ``width``; ``None`` with the reason in ``note`` where that cannot be told."""

    figure: str
    sampling: str
    width: float
    have: int
    needed: int | None
    note: str = ""

    @property
    def more(self) -> int | None:
        return None if self.needed is None else max(0, self.needed - self.have)


def for_estimate(figure: str, estimate: Estimate, width: float, most: int) -> Plan:
    """How many labels bring a figure's interval to ``width``, by the interval it has now.

    ``most`` is the number of issues that can be labelled.
    """
    base: dict[str, Any] = {
        "figure": figure,
        "sampling": "random",
        "width": width,
        "have": estimate.n,
    }
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return Plan(**base, needed=None, note=estimate.note or "it has no interval yet")
    needed = math.ceil(estimate.n * ((estimate.high - estimate.low) / width) ** 2)
    return Plan(**base, needed=min(needed, most), note=_notes(needed, most, estimate.n))


def for_prevalence(
    human: npt.ArrayLike, model: npt.ArrayLike, width: float, issues: int, share: float
) -> tuple[Plan, ...]:
    """How many labels bring the interval of a code's prevalence to ``width``, by way of sampling.

    ``human`` and ``model`` are (n,) of 0 and 1 on the labelled issues, a uniform random sample;
    ``share`` is how many of all ``issues`` the model gives the code. Compared are labels alone,
    labels with the model's counts corrected (PPI++), and labels drawn apart among issues the model
    gives the code and the others, as many of each as is best (Neyman 1934, J. R. Stat. Soc.
    97:558-625). The cheapest comes first.
    """
    y, f = (np.asarray(array, dtype=np.float64) for array in (human, model))
    n = len(y)
    common: dict[str, Any] = {"figure": "prevalence", "width": width, "have": n}
    if n < 2:
        note = f"label a random sample first, {PILOT} issues or more"
        return (Plan(**common, sampling="random", needed=None, note=note),)
    target = (width / 2 / Z) ** 2
    alone, helped, (apart, within) = (
        _variance(y),
        _with_model(y, f, share),
        _stratified(y, f, share),
    )
    ways = {
        "random, labels alone": alone / (target + alone / issues),
        "random, with the model's counts": helped / (target + helped / issues),
        "by what the model says": apart / (target + within / issues),
    }
    plans = [
        Plan(
            **common,
            sampling=way,
            needed=min(math.ceil(needed), issues),
            note=_notes(math.ceil(needed), issues, n) if n < issues else ALL,
        )
        for way, needed in ways.items()
    ]
    return tuple(sorted(plans, key=lambda plan: plan.needed or 0))


def size_for_margin(issues: int, margin: float, confidence: float = 0.95) -> int:
    """How many of ``issues`` to draw so that a share is known to within ``margin``, whatever it is:
    Cochran 1977, Sampling Techniques, ch. 4, with the finite population correction."""
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + confidence / 2))
    whole = z**2 * 0.25 / margin**2
    return min(issues, math.ceil(whole / (1 + (whole - 1) / issues)))


def size_for_kappa(
    issues: int, kappa: float, width: float, chance: float, confidence: float = 0.95
) -> int:
    """How many issues two raters have to code for an interval of Cohen's kappa of ``width``, by its
    large-sample variance p (1 - p) / (n (1 - chance)^2) (Cohen 1960, Educ. Psychol. Meas.
    20:37-46).

    ``chance`` is the agreement expected by chance, 1 / q for q equally frequent codes and more for
    uneven ones, which takes more issues.
    """
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + confidence / 2))
    same = chance + kappa * (1 - chance)
    needed = (2 * z / width) ** 2 * same * (1 - same) / (1 - chance) ** 2
    return min(issues, max(2, math.ceil(needed)))


def _variance(y: Floats) -> float:
    """Of one label; a share of 1 / (n + 2) where all are alike."""
    rare = 1 / (len(y) + 2)
    return float(y.var(ddof=1)) or rare * (1 - rare)


def _with_model(y: Floats, f: Floats, share: float) -> float:
    """The variance of one label once the model's answer is allowed for."""
    spread = share * (1 - share)
    weight = float(np.clip(np.cov(y, f)[0, 1] / spread, 0, 1)) if spread else 0.0
    return _variance(y - weight * f)


def _stratified(y: Floats, f: Floats, share: float) -> tuple[float, float]:
    """n times the variance under the best division of n labels, (sum of W_h S_h) squared, and the
    mean variance within the two kinds of issues, sum of W_h S_h squared."""
    apart = within = 0.0
    for said, weight in ((1.0, share), (0.0, 1 - share)):
        inside = y[f == said]
        # Laplace's rule: no error among few is not no error.
        p = (inside.sum() + 1) / (len(inside) + 2)
        apart += weight * math.sqrt(p * (1 - p))
        within += weight * p * (1 - p)
    return apart**2, within


def _notes(needed: int, most: int, have: int) -> str:
    notes = []
    if have < PILOT:
        notes.append(f"rough: only {have} labels to judge by")
    if needed > have >= most:
        notes.append("all issues are labelled, only more issues would make it more exact")
    elif needed >= most > have:
        notes.append("all issues")
    return "; ".join(notes)
