"""Expanded percentile bootstrap over issues, or over groups of issues.

Issues that look alike to a statistic share a cell, and a draw is a vector of cell counts. Drawing
those counts from a multinomial is the same as drawing issues with replacement, at a cost that does
not depend on how many issues there are.

The plain percentile interval (Efron & Tibshirani 1993, ch. 13) is too narrow with few units to draw
from: draws from m units spread by sqrt((m - 1) / m) too little, and the spread is itself estimated,
which the normal distribution leaves out and Student's t takes in. The expanded percentile interval
(Hesterberg 2015, Am. Stat. 69:371-386) corrects both by taking quantiles further out, so it keeps
the shape of the draws and stays within the range of the statistic. Groups of uneven size count for
fewer (Carter, Schnepel & Steigerwald 2017, Rev. Econ. Stat. 99:698-709), here for as many as
(sum of sizes) squared / sum of squared sizes (Kish 1965, Survey Sampling): the degrees of freedom
that Satterthwaite's rule gives where the variance of a group's sum grows with its size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Floats, Ints, sum_by
from coder.records import Estimate

LEVEL = 0.95
Z = 1.959963984540054
"""Of the normal distribution at ``LEVEL``, two-sided."""
FEW_GROUPS = 10
"""With fewer groups than this no cluster bootstrap is to be relied on (Cameron, Gelbach & Miller
2008, Rev. Econ. Stat. 90:414-427)."""

_CHUNK_NUMBERS = 1 << 21
_CHUNK_DRAWS = 256


class Statistic(NamedTuple):
    """Cell counts (draws, cells) to values (draws,) or (draws, m); and why one may be ``nan``."""

    of: Callable[[Floats], Floats]
    undefined: str


def bootstrap(
    statistics: Mapping[str, Statistic],
    cell: Ints,
    group: Ints | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    nothing: str = "no issue was coded by two raters",
) -> dict[str, tuple[Estimate, ...]]:
    """Every statistic with its 95% expanded percentile interval, all from the same draws.

    ``cell`` (n,) is the cell of each issue, in 0..cells-1 with none unused; ``group`` (n,) its
    group in 0..groups-1. With more than one group whole groups are drawn, because issues of one
    repository resemble each other. Draws where a statistic is undefined are left out of its
    interval and counted in the note. ``nothing`` is the reason given when there is no issue.
    """
    n = len(cell)
    counts = np.bincount(cell).astype(np.float64)
    groups = 0 if group is None or not n else int(group.max()) + 1
    points = {name: _columns(s.of(counts[None, :])) for name, s in statistics.items()}
    if n < 2:
        draws = 0
    drawn: dict[str, list[Floats]] = {name: [] for name in statistics}
    for weights in _draw(counts, cell, group if groups > 1 else None, draws, seed):
        for name, statistic in statistics.items():
            drawn[name].append(_columns(statistic.of(weights)))

    units = even_units(np.bincount(group)) if group is not None and groups > 1 else float(n)
    common = ""
    if n == 1:
        common = "one issue: no interval"
    elif not draws:
        common = "no interval: no draws"
    elif groups > 1 and units < FEW_GROUPS:
        alike = "" if units > groups - 0.5 else f", so uneven that they count for {units:.0f}"
        common = f"only {groups} groups to resample{alike}: the interval may be too narrow"
    tail = tail_of(units) if n > 1 else 0.0
    found = {}
    for name, statistic in statistics.items():
        point = points[name][0]
        values = np.concatenate(drawn[name]) if drawn[name] else np.empty((0, len(point)))
        reason = statistic.undefined if n else nothing
        found[name] = tuple(
            _estimate(float(point[i]), values[:, i], n, reason, common, tail)
            for i in range(len(point))
        )
    return found


def even_units(sizes: npt.ArrayLike) -> float:
    """How many groups of equal size groups of these ``sizes`` (groups,) count for."""
    held = np.asarray(sizes, dtype=np.float64)
    return float(held.sum() ** 2 / (held * held).sum())


def student(freedom: npt.ArrayLike) -> Floats:
    """The two-sided quantile of Student's t at ``LEVEL``, for one degree of freedom at least."""
    from scipy.special import stdtrit

    found: Floats = stdtrit(np.maximum(np.asarray(freedom, dtype=np.float64), 1), (1 + LEVEL) / 2)
    return found


def tail_of(units: float) -> float:
    """The share of draws from so many units that lies beyond either end of the interval."""
    from scipy.special import ndtr

    many = max(units, 2.0)
    return float(ndtr(-math.sqrt(many / (many - 1)) * student(many - 1)))


def wilson(count: int, n: int) -> Estimate:
    """The share of ``n`` independent cases with its 95% score interval (Wilson 1927, JASA 22:209).

    Unlike the bootstrap it has a width where none or all of the cases count.
    """
    if not n:
        return Estimate(value=None, note="no cases")
    z2 = Z * Z
    middle = (count + z2 / 2) / (n + z2)
    half = Z * math.sqrt(count * (n - count) / n + z2 / 4) / (n + z2)
    return Estimate(value=count / n, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n)


def _columns(values: Floats) -> Floats:
    return values[:, None] if values.ndim == 1 else values


def _draw(
    counts: Floats, cell: Ints, group: Ints | None, draws: int, seed: int
) -> Iterator[Floats]:
    """Resampled cell counts, (rows, cells) at a time so that memory stays bounded."""
    rng = np.random.default_rng(seed)
    cells = len(counts)
    if group is None:
        for rows in _chunks(draws, cells):
            yield rng.multinomial(len(cell), counts / counts.sum(), size=rows).astype(np.float64)
        return
    groups = int(group.max()) + 1
    entry, times = np.unique(group * cells + cell, return_counts=True)
    of_group, of_cell = np.divmod(entry, cells)
    held = np.zeros((groups, cells)) if groups * cells <= _CHUNK_NUMBERS else None
    if held is not None:
        held[of_group, of_cell] = times
    for rows in _chunks(draws, max(len(entry) if held is None else cells, groups)):
        picked = rng.integers(groups, size=(rows, groups)) + np.arange(rows)[:, None] * groups
        weights = np.bincount(picked.ravel(), minlength=rows * groups).reshape(rows, groups)
        if held is not None:
            # Whole numbers: the product is exact, whatever its order.
            yield weights.astype(np.float64) @ held
        else:
            yield sum_by(weights[:, of_group] * times.astype(np.float64), of_cell, cells)


def _chunks(draws: int, width: int) -> Iterator[int]:
    rows = max(1, min(_CHUNK_DRAWS, _CHUNK_NUMBERS // max(width, 1)))
    for start in range(0, draws, rows):
        yield min(rows, draws - start)


def _estimate(
    point: float, values: Floats, n: int, reason: str, common: str, tail: float
) -> Estimate:
    if np.isnan(point):
        return Estimate(value=None, n=n, note=reason)
    notes = [common] if common else []
    defined = values[~np.isnan(values)]
    if len(defined) < len(values):
        notes.append(f"{len(values) - len(defined)} of {len(values)} draws undefined, left out")
    low = high = None
    if len(defined):
        low, high = (float(edge) for edge in np.quantile(defined, [tail, 1 - tail]))
        if defined.min() == defined.max():
            notes.append("every draw gives the same value: the interval understates uncertainty")
    return Estimate(value=point, low=low, high=high, n=n, note="; ".join(notes))
