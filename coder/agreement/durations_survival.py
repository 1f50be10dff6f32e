"""How long issues stay open when those that are still open count: Kaplan-Meier and log-rank."""

from __future__ import annotations

import warnings

import numpy as np

from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.durations_ranks import Test, chi_squared
from coder.records import Estimate, Record

POINTS = 200
"""How many steps of a curve are kept: more than a figure has room for."""


class Point(Record):
    """From ``days`` on the share ``waiting`` is still open (unanswered), with its 95% band."""

    days: float
    waiting: float
    low: float | None
    high: float | None


class Survival(Record):
    """Kaplan & Meier 1958, J. Am. Stat. Assoc. 53:457-481, with the log-log band from Greenwood's
    variance, and the median with the interval that inverts it (Brookmeyer & Crowley 1982,
    Biometrics 38:29-41). A curve of many steps is thinned; the median is not."""

    median: Estimate
    curve: tuple[Point, ...]


def kaplan_meier(days: Floats, ended: Bools) -> Survival:
    """The share that still waits after so many days. ``ended`` is false for censored times."""
    from scipy.stats import CensoredData, ecdf

    if not ended.any():
        return Survival(
            median=Estimate(value=None, n=len(days), note="none has ended"), curve=()
        )  # fmt: skip
    found = ecdf(CensoredData.right_censored(days, ~ended)).sf
    with warnings.catch_warnings():
        # There is no band before the first and after the last end; it is left out there.
        warnings.simplefilter("ignore", RuntimeWarning)
        band = found.confidence_interval(confidence_level=0.95, method="log-log")
    share = found.probabilities
    low, high = band.low.probabilities, band.high.probabilities
    value, left, right = (_crossing(found.quantiles, curve) for curve in (share, low, high))
    if value is None:
        known = Estimate(value=None, low=left, n=len(days), note="more than half still wait")
    else:
        note = "" if right is not None else "the interval has no upper end: too many still wait"
        known = Estimate(value=value, low=left, high=right, n=len(days), note=note)
    steps = _steps(share)
    return Survival(
        median=known,
        curve=tuple(
            Point(
                days=float(found.quantiles[at]), waiting=float(share[at]),
                low=_number(low[at]), high=_number(high[at]),
            )
            for at in steps
        ),
    )  # fmt: skip


def log_rank(days: Floats, ended: Bools, group: Ints, groups: int, stratum: Ints) -> Test:
    """Whether groups close at different rates, censored times included: Mantel 1966, Cancer
    Chemother. Rep. 50:163-170, summed over strata (repositories), each of which is compared with
    itself alone. One stratum is the plain log-rank test, of two groups or more."""
    total, spread = np.zeros(groups), np.zeros((groups, groups))
    used = 0
    for at in np.unique(stratum):
        inside = stratum == at
        if len(np.unique(group[inside])) < 2 or not (ended & inside).any():
            continue
        seen, expected, covariance = _against(days[inside], ended[inside], group[inside], groups)
        total += seen - expected
        spread += covariance
        used += int(inside.sum())
    name = "Log-rank" if len(np.unique(stratum)) < 2 else "Log-rank within repositories"
    return chi_squared(name, total, spread, used)


def _against(days: Floats, ended: Bools, group: Ints, groups: int) -> tuple[Floats, Floats, Floats]:
    """Ends of each group, those expected if all were alike, and the covariance (hypergeometric)."""
    moments, place = np.unique(days[ended], return_inverse=True)
    ends = np.zeros((len(moments), groups))
    np.add.at(ends, (place, group[ended]), 1)
    at_risk = np.stack(
        [
            np.sum(group == g) - np.searchsorted(np.sort(days[group == g]), moments, "left")
            for g in range(groups)
        ],
        axis=1,
    )
    n, d = at_risk.sum(1), ends.sum(1)
    share = at_risk / n[:, None]
    factor = np.where(n > 1, d * (n - d) / np.maximum(n - 1, 1), 0.0)
    weighted = share * factor[:, None]
    spread = np.diag(weighted.sum(0)) - weighted.T @ share
    return ends.sum(0), (share * d[:, None]).sum(0), spread


def _crossing(days: Floats, curve: Floats) -> float | None:
    """When a falling curve first is below one half; where it runs at one half exactly, the middle
    of that stretch, as with the median of an even number."""
    below, at = np.flatnonzero(curve < 0.5), np.flatnonzero(np.isclose(curve, 0.5))
    ends = [days[found[0]] for found in (at, below) if len(found)]
    return float(np.mean(ends)) if ends else None


def _steps(share: Floats) -> Ints:
    """The steps of a curve that are kept: where it changes, evenly thinned."""
    changes = np.flatnonzero(np.diff(share, prepend=1.0))
    last = len(share) - 1
    if len(changes) > POINTS:
        changes = changes[np.linspace(0, len(changes) - 1, POINTS).round().astype(np.int64)]
    found: Ints = np.unique(np.append(changes, last))
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
