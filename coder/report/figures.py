"""Inline SVG figures. Colours are CSS classes, so they follow light, dark and print by themselves.

The row figures have no view box: their x positions are percentages, so they stretch with the page
and their strokes and dots do not. Everything they show is also text beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from coder.agreement import Confusion
from coder.records import Estimate
from coder.report.wording import RELIABLE, TENTATIVE

_MARGIN = 1.5
_CELL, _LETTER, _HEAD = 36, 6.6, 24
_PAGE, _NAME_LIMITS = 1040, (30, 60)
_ROOM = 9
"""How many tick labels there is room for under a figure as wide as a phone."""
_STEPS = ((832, "wide"), (640, "broad"), (432, "medium"))
"""From which width on, in pixels, the matrix scrolls on a phone instead of shrinking further."""


@dataclass(frozen=True)
class Scale:
    """The x axis of a row figure, from ``low`` (0, or below it in steps of .2) to ``high``."""

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def over(cls, estimates: Iterable[Estimate]) -> Scale:
        """The axis that holds all of ``estimates`` with their intervals."""
        ends = [v for e in estimates for v in (e.value, e.low) if v is not None]
        return cls(min(0.0, math.floor(min(ends, default=0.0) * 5) / 5))

    def x(self, value: float) -> str:
        part = (value - self.low) / (self.high - self.low)
        return f"{_MARGIN + part * (100 - 2 * _MARGIN):.2f}%"

    def width(self, start: float, end: float) -> str:
        return f"{(end - start) / (self.high - self.low) * (100 - 2 * _MARGIN):.2f}%"


def whisker(estimate: Estimate, scale: Scale, bands: bool) -> Markup:
    """One row of a forest plot: a dot, its interval, and behind them the guideline's bands."""
    parts = [_bands(scale)] if bands else []
    zero = scale.x(0)
    parts.append(f'<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="100%"/>')
    if estimate.low is not None and estimate.high is not None:
        parts.append(
            f'<line class="whisker" x1="{scale.x(estimate.low)}" x2="{scale.x(estimate.high)}" '
            'y1="50%" y2="50%"/>'
        )
    if estimate.value is not None:
        parts.append(f'<circle class="dot" cx="{scale.x(estimate.value)}" cy="50%" r="4.5"/>')
    return row(parts)


def axis(scale: Scale, bands: bool) -> Markup:
    """The tick labels under row figures."""
    step = scale.high / 5
    steps = round((scale.high - scale.low) / step)
    ticks = {scale.low + i * step: "middle" for i in range(steps + 1)}
    if bands:
        # .667 takes the place of .6; it and .8 lean away from each other, also on a phone.
        ticks = {tick: at for tick, at in ticks.items() if abs(tick - 0.6) > 0.01}
        ticks |= {TENTATIVE: "end", min(ticks, key=lambda t: abs(t - RELIABLE)): "start"}
    ticks |= {min(ticks): "start", max(ticks): "end"}
    # The others are left out on a phone. There only the figures with bands stand beside their
    # names; what has the whole width has room for more.
    if bands:
        kept = {min(ticks, key=abs), TENTATIVE, max(ticks)}
        if scale.low < -0.3:
            kept.add(min(ticks))
    else:
        every = 1 if len(ticks) <= _ROOM else 2
        kept = {tick for tick in ticks if round(tick / step) % every == 0} | {max(ticks)}
    return row(
        (
            f'<text class="tick{"" if tick in kept else " fine"}" x="{scale.x(tick)}" y="14" '
            f'text-anchor="{at}">{_tick(tick)}</text>'
            for tick, at in sorted(ticks.items())
        ),
        "ticks",
    )


def _tick(value: float) -> str:
    return f"{value:.3g}".replace("0.", ".").replace("-", "−") if abs(value) > 0.01 else "0"


def bar(count: int, of: int) -> Markup:
    """A share as a bar."""
    share = 100 * count / of if of else 0
    return row([f'<rect class="bar" x="0" y="25%" height="50%" width="{share:.2f}%"/>'], "bar-row")


def stack(parts: Sequence[tuple[str, int]]) -> Markup:
    """One bar cut into parts, each a CSS class and a count."""
    total = sum(count for _, count in parts) or 1
    rects, start = [], 0.0
    for css, count in parts:
        width = 100 * count / total
        rects.append(
            f'<rect class="part {escape(css)}" x="{start:.3f}%" width="{width:.3f}%" '
            'y="0" height="100%"/>'
        )
        start += width
    return row(rects, "stack")


def heat_map(confusion: Confusion, names: Sequence[str], left: str, right: str) -> Markup:
    """The confusion matrix with the reference (right) in rows, shaded by share of its row.

    ``names`` are the codes' names in the order of ``confusion``; codes nobody used are left out.
    Columns are numbered like the rows, which keeps the figure narrow enough for a phone.
    """
    columns = list(zip(*confusion.matrix, strict=True))
    used = [i for i, row in enumerate(confusion.matrix) if sum(row) or sum(columns[i])]
    room = int((_PAGE - 24 - _CELL * len(used)) / _LETTER)
    limit = min(max(room, _NAME_LIMITS[0]), _NAME_LIMITS[1])
    longest = max((min(len(names[i]), limit) for i in used), default=0)
    label = 24 + _LETTER * max(longest, len(right) + 7)
    width, height = label + _CELL * len(used) + 2, 2 * _HEAD + _CELL * len(used) + 2
    parts = [
        f'<text class="axis" x="{label:.0f}" y="14">{escape(left)} (columns) →</text>',
        f'<text class="axis" x="0" y="{_HEAD + 14}">{escape(right)} (rows) ↓</text>',
    ]
    for at, column in enumerate(used):
        x = label + _CELL * (at + 0.5)
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{_HEAD + 14}" text-anchor="middle">{at + 1}'
            f"<title>{escape(names[column])}</title></text>"
        )
    for at, row in enumerate(used):
        y = 2 * _HEAD + _CELL * at
        total = sum(columns[row])
        name = names[row]
        shown = name if len(name) <= limit else name[: limit - 1] + "…"
        parts.append(
            f'<text class="row-name" x="0" y="{y + _CELL / 2 + 4:.1f}">{at + 1}  {escape(shown)}'
            f"<title>{escape(name)}</title></text>"
        )
        for across, column in enumerate(used):
            count = confusion.matrix[column][row]
            tip = f"{right}: {name}; {left}: {names[column]}; {count} of {total}"
            parts.append(_cell(label + _CELL * across, y, count, total, row == column, tip))
    size = f"{width:.0f} {height:.0f}"
    css = " ".join(["heat", *[step for least, step in _STEPS if width >= least][:1]])
    return Markup(
        f'<svg class="{css}" role="img" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {size}"><title>Confusion matrix of {escape(left)} and '
        f"{escape(right)}</title>{''.join(parts)}</svg>"
    )


def _cell(x: float, y: float, count: int, total: int, same: bool, tip: str) -> str:
    share = count / total if total else 0.0
    fill = f"{0.12 + 0.88 * share:.3f}" if count else "0"
    strong = " strong" if share > 0.55 else ""
    number = (
        f'<text class="count{strong}" x="{x + _CELL / 2:.1f}" y="{y + _CELL / 2 + 4:.1f}" '
        f'text-anchor="middle">{count}</text>'
        if count
        else ""
    )
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<rect class="cell" x="{x:.1f}" y="{y}" width="{_CELL}" height="{_CELL}"/>'
        f'<rect class="{"same" if same else "apart"}" x="{x + 1:.1f}" y="{y + 1}" '
        f'width="{_CELL - 2}" height="{_CELL - 2}" fill-opacity="{fill}"/>{number}</g>'
    )


def _bands(scale: Scale) -> str:
    return "".join(
        f'<rect class="{css}" x="{scale.x(start)}" width="{scale.width(start, end)}" y="0" '
        'height="100%"/>'
        for css, start, end in (
            ("tentative", TENTATIVE, RELIABLE),
            ("reliable", RELIABLE, 1.0),
        )
    )


def row(parts: Iterable[str], css: str = "row") -> Markup:
    """A figure as wide as its place, of which everything is also said beside it."""
    return Markup(f'<svg class="{css}" aria-hidden="true" width="100%">{"".join(parts)}</svg>')
