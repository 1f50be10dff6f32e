"""Whether times differ between groups, by their ranks: a few long ones do not make the result.

Only times that ended are ranked; for those that still wait see :mod:`durations_survival`. Every
function takes the times of each group as an array; nothing is tested where a group has fewer than
``FEWEST``, since the approximations do not hold there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from coder.agreement.arrays import Floats, Ints
from coder.agreement.durations import FEWEST
from coder.agreement.intervals import Z
from coder.records import Estimate, Record

Times = Mapping[str, Floats]


class Test(Record):
    """A test of no difference between groups: its statistic, degrees of freedom where it has any,
    two-sided p, and the effect it goes with. Undefined figures are ``None``, with the ``note``."""

    name: str
    n: int
    statistic: float | None = None
    freedom: int | None = None
    p_value: float | None = None
    effect: Estimate | None = None
    note: str = ""


class PairTest(Record):
    """Two groups of several: Dunn's z, its p before and after Holm's correction, Cliff's delta."""

    left: str
    right: str
    z: float
    p_value: float
    p_adjusted: float
    delta: Estimate


def median(times: Floats) -> Estimate:
    """The median with its 95% interval between order statistics, which supposes nothing about the
    distribution (Thompson 1936, Ann. Math. Stat. 7:122-128; Conover 1999, ch. 3.2)."""
    from scipy.stats import quantile_test

    if not len(times):
        return Estimate(value=None, note="no times")
    value = float(np.median(times))
    ends = quantile_test(times, q=value, p=0.5).confidence_interval(0.95)
    low, high = float(ends.low), float(ends.high)
    if math.isnan(low) or math.isnan(high):
        return Estimate(value=value, n=len(times), note="fewer than 6 times: no interval")
    return Estimate(value=value, low=low, high=high, n=len(times))


def cliffs_delta(left: Floats, right: Floats) -> Estimate:
    """How much more often a time on the left is longer than one on the right than it is shorter.

    Cliff 1993, Psychol. Bull. 114:494-509; the interval is the asymmetric one, from the unbiased
    estimate of the variance (Feng & Cliff 2004, J. Mod. Appl. Stat. Methods 3:322-332).
    """
    n, m = len(left), len(right)
    if min(n, m) < 2:
        return Estimate(value=None, n=n + m, note="fewer than two times in a group")
    rows, columns = _dominance(left, right), -_dominance(right, left)
    delta = float(rows.mean())
    if abs(delta) == 1:
        edge = (min(n, m) - Z * Z) / (min(n, m) + Z * Z)
        low, high = sorted((delta, math.copysign(edge, delta) if edge > 0 else 0.0))
        return Estimate(value=delta, low=low, high=high, n=n + m)
    # The squared dominances are 1 but for ties.
    tied = 1 - _tied(left, right) / (n * m)
    between = m * m * float(((rows - delta) ** 2).sum()) + n * n * float(
        ((columns - delta) ** 2).sum()
    )
    variance = (between - n * m * (tied - delta * delta)) / (n * m * (n - 1) * (m - 1))
    variance = max(variance, (1 - delta * delta) / (n * m - 1))
    reach = Z * math.sqrt(variance) * math.sqrt((1 - delta * delta) ** 2 + Z * Z * variance)
    scale = 1 - delta * delta + Z * Z * variance
    middle = delta - delta**3
    low, high = (max(-1.0, min(1.0, (middle + side) / scale)) for side in (-reach, reach))
    return Estimate(value=delta, low=low, high=high, n=n + m)


def mann_whitney(times: Times) -> Test:
    """Mann & Whitney 1947, Ann. Math. Stat. 18:50-60, on two groups, with Cliff's delta."""
    from scipy.stats import mannwhitneyu

    left, right = times.values()
    n = len(left) + len(right)
    if why := _untestable(times):
        return Test(name="Mann-Whitney", n=n, note=why)
    found = mannwhitneyu(left, right)
    return Test(
        name="Mann-Whitney", n=n, statistic=float(found.statistic), p_value=float(found.pvalue),
        effect=cliffs_delta(left, right),
    )  # fmt: skip


def kruskal_wallis(times: Times) -> Test:
    """Kruskal & Wallis 1952, J. Am. Stat. Assoc. 47:583-621, with epsilon squared: the share of the
    ranks' variance that groups account for, H / (n - 1)."""
    from scipy.stats import kruskal

    n = sum(map(len, times.values()))
    if why := _untestable(times):
        return Test(name="Kruskal-Wallis", n=n, note=why)
    found = kruskal(*times.values())
    # Groups that are all alike can have a statistic just below 0, and then no p.
    h, p = max(float(found.statistic), 0.0), float(found.pvalue)
    return Test(
        name="Kruskal-Wallis", n=n, statistic=h, freedom=len(times) - 1, p_value=p if h else 1.0,
        effect=Estimate(value=h / (n - 1), n=n),
    )  # fmt: skip


def dunn(times: Times) -> tuple[PairTest, ...]:
    """Which groups differ: Dunn 1964, Technometrics 6:241-252, on the ranks among all groups with
    the correction for ties; p corrected by Holm 1979, Scand. J. Stat. 6:65-70."""
    from scipy.special import ndtr

    if _untestable(times):
        return ()
    ranks, ties = _ranks(np.concatenate(list(times.values())))
    n = len(ranks)
    ends = np.cumsum([len(group) for group in times.values()])[:-1]
    means = {
        name: (float(part.mean()), len(part))
        for name, part in zip(times, np.split(ranks, ends), strict=True)
    }
    spread = n * (n + 1) / 12 - ties / (12 * (n - 1))
    pairs = list(combinations(times, 2))
    z = [
        (means[left][0] - means[right][0])
        / math.sqrt(spread * (1 / means[left][1] + 1 / means[right][1]))
        for left, right in pairs
    ]
    p_values = 2 * ndtr(-np.abs(z))
    return tuple(
        PairTest(
            left=left, right=right, z=one, p_value=float(p), p_adjusted=float(adjusted),
            delta=cliffs_delta(times[left], times[right]),
        )
        for (left, right), one, p, adjusted in zip(pairs, z, p_values, holm(p_values), strict=True)
    )  # fmt: skip


def holm(p_values: Floats) -> Floats:
    """p-values corrected for how many there are (Holm 1979)."""
    order = np.argsort(p_values)
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def stratified_ranks(days: Floats, group: Ints, stratum: Ints, groups: int) -> Test:
    """Whether groups differ within strata (repositories): times are ranked in each stratum for
    itself, so that what differs between strata makes no difference.

    van Elteren 1960, Bull. Int. Stat. Inst. 37:351-361, with his weights 1 / (size + 1); for more
    than two groups the same sums of ranks in the chi-squared form of Mantel & Haenszel (Landis,
    Heyman & Koch 1978, Int. Stat. Rev. 46:237-254). In one stratum it is Kruskal-Wallis.
    """
    total, spread = np.zeros(groups), np.zeros((groups, groups))
    used = 0
    for at in np.unique(stratum):
        inside = stratum == at
        sizes = np.bincount(group[inside], minlength=groups)
        n = int(sizes.sum())
        if np.count_nonzero(sizes) < 2:
            continue
        ranks, _ = _ranks(days[inside])
        scores = (ranks - (n + 1) / 2) / (n + 1)
        share = sizes / n
        total += np.bincount(group[inside], weights=scores, minlength=groups)
        variance = (scores @ scores) / (n - 1)
        spread += variance * n * (np.diag(share) - np.outer(share, share))
        used += n
    return chi_squared(
        "Kruskal-Wallis within repositories" if groups > 2 else "van Elteren", total, spread, used
    )


def chi_squared(name: str, total: Floats, spread: Floats, n: int) -> Test:
    """A test from each group's sum of what was seen less what was expected (groups,), and their
    covariance (groups, groups). Groups that nothing tells apart are no degrees of freedom."""
    from scipy.special import chdtrc

    variances, axes = np.linalg.eigh(spread)
    kept = variances > 1e-9 * max(variances.max(), 1e-9)
    freedom = int(kept.sum())
    if not freedom:
        return Test(name=name, n=n, note="no repository has different times in two groups")
    statistic = float((((total @ axes) ** 2)[kept] / variances[kept]).sum())
    return Test(
        name=name, n=n, statistic=statistic, freedom=freedom,
        p_value=float(chdtrc(freedom, statistic)),
    )  # fmt: skip


def _untestable(times: Times) -> str:
    if len(times) < 2 or min(map(len, times.values())) < FEWEST:
        return f"fewer than two groups with {FEWEST} times"
    if len(np.unique(np.concatenate(list(times.values())))) == 1:
        return "all took the same time"
    return ""


def _ranks(values: Floats) -> tuple[Floats, float]:
    """Mid-ranks, and the sum of t³ - t over the ties."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[inverse]
    sizes = counts.astype(np.float64)
    return ranks, float((sizes**3 - sizes).sum())


def _dominance(left: Floats, right: Floats) -> Floats:
    """For each time on the left, by how many of the right it is longer less shorter, as a share."""
    ordered = np.sort(right)
    below, through = (np.searchsorted(ordered, left, side) for side in ("left", "right"))
    found: Floats = (below - (len(right) - through)) / len(right)
    return found


def _tied(left: Floats, right: Floats) -> float:
    ordered = np.sort(right)
    below, through = (np.searchsorted(ordered, left, side) for side in ("left", "right"))
    return float((through - below).sum())


def enough(times: Mapping[str, Sequence[float] | Floats]) -> list[str]:
    """The groups with times enough to be tested."""
    return [name for name, group in times.items() if len(group) >= FEWEST]
