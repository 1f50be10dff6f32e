"""Percentile bootstrap over issues, or over groups of issues (Efron & Tibshirani 1993, ch. 13).

Issues that look alike to a statistic share a cell, and a draw is a vector of cell counts. Drawing
those counts from a multinomial is the same as drawing issues with replacement, at a cost that does
not depend on how many issues there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from coder.agreement.arrays import Floats, Ints, sum_by
from coder.records import Estimate

LEVEL = 0.95
Z = 1.959963984540054
"""Of the normal distribution at ``LEVEL``, two-sided."""
FEW_GROUPS = 10
"""Below this many groups a cluster bootstrap is known to be too narrow (Cameron, Gelbach & Miller
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
    """Every statistic with its 95% percentile interval, all from the same draws.

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

    common = ""
    if n == 1:
        common = "one issue: no interval"
    elif not draws:
        common = "no interval: no draws"
    elif 1 < groups < FEW_GROUPS:
        common = f"only {groups} groups to resample: the interval is likely too narrow"
    found = {}
    for name, statistic in statistics.items():
        point = points[name][0]
        values = np.concatenate(drawn[name]) if drawn[name] else np.empty((0, len(point)))
        reason = statistic.undefined if n else nothing
        found[name] = tuple(
            _estimate(float(point[i]), values[:, i], n, reason, common) for i in range(len(point))
        )
    return found


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
    for rows in _chunks(draws, max(len(entry), groups)):
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


def _estimate(point: float, values: Floats, n: int, reason: str, common: str) -> Estimate:
    if np.isnan(point):
        return Estimate(value=None, n=n, note=reason)
    notes = [common] if common else []
    defined = values[~np.isnan(values)]
    if len(defined) < len(values):
        notes.append(f"{len(values) - len(defined)} of {len(values)} draws undefined, left out")
    low = high = None
    if len(defined):
        tail = (1 - LEVEL) / 2
        low, high = (float(edge) for edge in np.quantile(defined, [tail, 1 - tail]))
        if defined.min() == defined.max():
            notes.append("every draw gives the same value: the interval understates uncertainty")
    return Estimate(value=point, low=low, high=high, n=n, note="; ".join(notes))
