"""Times by group as figures: boxes in rows over one axis, and Kaplan-Meier curves.

Both axes of time are logarithmic: half of the issues take hours or days, some take years.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup

from coder.report.charts import Frame, chart
from coder.report.durations_model import GroupTimes, Outcome
from coder.report.figures import Scale, row

HUES = ("", "second", "third", "fourth", "fifth", "sixth", "seventh")
"""Of curves, in the style of page and paper. So many groups have one, the largest: more could not
be told apart."""
BANDS = 3
"""Bands of more groups than these would hide each other."""
_TICKS = {
    1 / 1440: "1 min", 1 / 24: "1 hour", 1: "1 day", 7: "1 week", 30: "1 month", 365: "1 year",
    3650: "10 years",
}  # fmt: skip
_BETWEEN = {
    5 / 1440: "5 min", 20 / 1440: "20 min", 4 / 24: "4 hours", 3: "3 days", 91: "3 months",
    1095: "3 years",
}  # fmt: skip
_LEAST = 2.0
"""Powers of ten on an axis: fewer might hold no three ticks."""
_UNITS = {"resolution": "still open", "response": "not yet answered"}


def boxed(outcome: Outcome) -> list[GroupTimes]:
    """The groups that have a box: those with enough times to be tested, all where none has."""
    return [group for group in outcome.groups if group.tested] or [
        group for group in outcome.groups if group.n
    ]


def curved(outcome: Outcome) -> list[GroupTimes]:
    """The groups that have a curve, in the order of the others."""
    known = [group for group in boxed(outcome) if group.survival.curve]
    largest = sorted(known, key=lambda group: -(group.n + group.censored))[: len(HUES)]
    return [group for group in known if group in largest]


def box_scale(groups: Iterable[GroupTimes]) -> Scale:
    """The axis that holds all boxes, in powers of ten."""
    ends = [
        end
        for group in groups
        for end in (group.median.low, group.median.high, group.median.value)
        if end is not None
    ]
    spreads = [group.spread for group in groups if group.spread is not None]
    ends += [end for spread in spreads for end in (spread.p5, spread.p95)]
    powers = [_power(end) for end in ends] or [0.0]
    low, high = min(powers), max(powers)
    return Scale(low - 0.05, max(high, low + _LEAST) + 0.05)


def box(group: GroupTimes, scale: Scale) -> Markup:
    """The middle half of the times as a box, its median with the interval, and a line that holds
    90% of them."""
    spread, median = group.spread, group.median
    if spread is None or median.value is None:
        return row([])
    p5, p25, p75, p95 = (_power(end) for end in (spread.p5, spread.p25, spread.p75, spread.p95))
    middle = scale.x(_power(median.value))
    parts = [
        f'<line class="base" x1="{scale.x(p5)}" x2="{scale.x(p95)}" y1="50%" y2="50%"/>',
        f'<rect class="box" x="{scale.x(p25)}" y="20%" height="60%" '
        f'width="{scale.width(p25, p75)}"/>',
        f'<line class="middle" x1="{middle}" x2="{middle}" y1="12%" y2="88%"/>',
    ]
    if median.low is not None and median.high is not None:
        ends = f'x1="{scale.x(_power(median.low))}" x2="{scale.x(_power(median.high))}"'
        parts.append(f'<line class="whisker" {ends} y1="50%" y2="50%"/>')
    return row(parts)


def time_axis(scale: Scale) -> Markup:
    """The tick labels under boxes; on a phone there is room for every other."""
    ticks = _ticks(scale.low, scale.high)
    many = len(ticks) > 4
    return row(
        (
            f'<text class="tick{" fine" if many and at % 2 else ""}" x="{scale.x(power)}" y="14" '
            f'text-anchor="middle">{name}</text>'
            for at, (power, name) in enumerate(ticks)
        ),
        "ticks",
    )


def curves(outcome: Outcome, name: str) -> Markup:
    """The share still open (not yet answered) after so long, a step at each end; with the 95% band
    where there are few groups."""
    groups = curved(outcome)
    starts = [_power(point.days) for group in groups for point in group.survival.curve]
    low, high = min(starts, default=0.0), max(starts, default=1.0)
    low, span = low - 0.1, max(high - low, _LEAST) + 0.2
    frame = Frame(right=span)
    ticks = [(power - low, words) for power, words in _ticks(low, low + span)]
    parts = [frame.axes("time since opened", _UNITS[outcome.of], _apart(ticks, span))]
    for at, group in enumerate(groups):
        points = [
            (_power(point.days) - low, point.waiting, point.low, point.high)
            for point in group.survival.curve
        ]
        if len(groups) <= BANDS:
            upper = _steps([(x, high) for x, _, _, high in points if high is not None])
            lower = _steps([(x, low) for x, _, low, _ in points if low is not None])
            parts.append(frame.line([*upper, *reversed(lower)], f"band {HUES[at]}".rstrip()))
        line = _steps([(0.0, 1.0), *((x, share) for x, share, *_ in points)])
        parts.append(frame.line(line, f"curve {HUES[at]}".rstrip()))
    return chart(parts, name)


def curve_key(at: int, css: str = "row") -> Markup:
    """The mark of a curve in a legend, 24 by 18 pixels."""
    return row([f'<polyline class="{f"curve {HUES[at]}".rstrip()}" points="0,9 24,9"/>'], css)


def _power(days: float) -> float:
    """Where a time is on the axis: a power of ten of days, nothing below half a minute."""
    return math.log10(max(days, 0.5 / 1440))


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    close = high - low < 1.5 * _LEAST
    days_named = sorted((_TICKS | _BETWEEN if close else _TICKS).items())
    known = [(math.log10(days), name) for days, name in days_named]
    return [(power, name) for power, name in known if low <= power <= high]


def _apart(ticks: Sequence[tuple[float, str]], span: float) -> list[tuple[float, str]]:
    """Those ticks of a chart whose labels do not touch, from the longest time down."""
    kept: list[tuple[float, str]] = []
    for at, name in reversed(ticks):
        if not kept or kept[-1][0] - at > 0.14 * span:
            kept.append((at, name))
    return kept[::-1]


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line through points that goes across before it goes down."""
    found = list(points[:1])
    for (_, before), (x, y) in pairwise(points):
        found += [(x, before), (x, y)]
    return found
