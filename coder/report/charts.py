"""Inline SVG figures with two axes, and the bars of a share; the same rules as in ``figures``.

A chart is drawn for the width of a phone and may grow a little. It is an image with a name; the
figures in it stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from coder.agreement import Certificate, Reliability
from coder.agreement.alternative_annotator_test import AltTest, HeldAgainst
from coder.agreement.calibration import Point
from coder.ratings.model import Level
from coder.records import Estimate
from coder.report.figures import Scale, row
from coder.report.model import CodeShare, Corrected, Trend

WIDTH, HEIGHT = 380, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 20, 26, 40
_DOT = 4.0


@dataclass(frozen=True)
class Frame:
    """The plotting area: ``right`` and ``top`` are the values at its ends, both axes from 0."""

    right: float = 1.0
    top: float = 1.0

    def x(self, value: float) -> float:
        return _LEFT + value / self.right * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _TOP - _BOTTOM)

    def axes(self, across: str, up: str, ticks: Sequence[tuple[float, str]]) -> str:
        """Grid lines and tick labels in percent, up the left side and (``ticks``) below."""
        parts = []
        for tick in _steps(self.top):
            y = self.y(tick)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
                f'/><text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{tick:.0%}</text>"
            )
        for tick, name in ticks:
            parts.append(
                f'<text class="tick" x="{self.x(tick):.1f}" y="{HEIGHT - _BOTTOM + 17}" '
                f'text-anchor="{"middle" if tick else "start"}">{escape(name)}</text>'
            )
        parts.append(
            f'<text class="axis" x="{WIDTH - _RIGHT}" y="{HEIGHT - 5}" text-anchor="end">'
            f'{escape(across)} →</text><text class="axis" x="0" y="11">↑ {escape(up)}</text>'
        )
        return "".join(parts)

    def line(self, points: Sequence[tuple[float, float]], css: str) -> str:
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return f'<polyline class="{css}" points="{path}"/>'

    def interval(self, x: float, estimate: Estimate, css: str = "whisker") -> str:
        if estimate.low is None or estimate.high is None:
            return ""
        at = f"{self.x(x):.1f}"
        return (
            f'<line class="{css}" x1="{at}" x2="{at}" y1="{self.y(estimate.low):.1f}" '
            f'y2="{self.y(estimate.high):.1f}"/>'
        )

    def dot(self, x: float, y: float, css: str, size: float = _DOT) -> str:
        return f'<circle class="{css}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{size:.1f}"/>'

    def square(self, x: float, y: float, css: str) -> str:
        return (
            f'<rect class="{css}" x="{self.x(x) - _DOT:.1f}" y="{self.y(y) - _DOT:.1f}" '
            f'width="{2 * _DOT}" height="{2 * _DOT}"/>'
        )


def reliability(found: Reliability, name: str) -> Markup:
    """How sure against how often right; on the diagonal both are the same. A dot's area is its
    number of proposals."""
    frame = Frame()
    most = max((b.right.n for b in found.bins), default=1)
    parts = [
        frame.axes("confidence", "share right", _percents(1.0)),
        frame.line([(0, 0), (1, 1)], "ideal"),
    ]
    for b in found.bins:
        if b.right.value is not None:
            size = 2.5 + 4 * math.sqrt(b.right.n / most)
            parts.append(frame.interval(b.confidence, b.right))
            parts.append(frame.dot(b.confidence, b.right.value, "dot", size))
    return chart(parts, name)


def workload(points: Sequence[Point], certificate: Certificate, name: str) -> Markup:
    """The share accepted unseen against the error among it, with its band; dashed is the error
    that is asked for, and the upright line is how far the certificate goes."""
    frame = Frame(top=_roof(highest(points, certificate)))
    band = [(p.share, min(frame.top, p.error.high)) for p in points if p.error.high is not None]
    band += [(p.share, p.error.low) for p in reversed(points) if p.error.low is not None]
    line = [(p.share, p.error.value) for p in points if p.error.value is not None]
    epsilon = certificate.epsilon
    parts = [
        frame.axes("accepted unseen", "error among them", _percents(1.0)),
        frame.line(band, "band"),
        frame.line([(0, epsilon), (1, epsilon)], "ideal"),
        frame.line(line, "curve"),
    ]
    if len(line) == 1:
        parts.append(frame.dot(*line[0], "dot"))
    # Without a threshold the share is that of the most promising one, of which nothing is certain.
    if certificate.threshold is not None and certificate.share is not None:
        share = certificate.share
        parts.append(frame.line([(share, 0), (share, frame.top)], "limit"))
        side, gap = ("end", -5) if share > 0.5 else ("start", 5)
        parts.append(
            f'<text class="limit-name" x="{frame.x(share) + gap:.1f}" y="{_TOP + 11}" '
            f'text-anchor="{side}">certified: {share:.0%}</text>'
        )
    return chart(parts, name)


def highest(points: Sequence[Point], certificate: Certificate) -> float:
    """How high a workload curve is drawn: few proposals have wide bands, which are cut where they
    would press the curve flat."""
    values = [p.error.value for p in points if p.error.value is not None]
    ends = [p.error.high for p in points if p.error.high is not None]
    top = min(max(ends, default=1.0), 2 * max(values, default=0.0) + 0.1)
    return max(top, certificate.epsilon)


def panels(trends: Iterable[Trend]) -> list[tuple[str, Level, list[Trend]]]:
    """The trends of one rater at one level in one chart."""
    order = sorted(trends, key=lambda t: (t.rater, t.level))
    return [(*who, list(g)) for who, g in groupby(order, key=lambda t: (t.rater, t.level))]


KINDS = ("blind", "assisted", "revised")


def trend(found: Sequence[Trend], name: str) -> Markup:
    """One rater's share of answers that are the model's, block after block, by how they answered:
    dots are blind or follow a blind label, squares are with the suggestion on the screen."""
    longest = max(len(t.issue_ids) for t in found)
    frame = Frame(right=longest)
    parts = [frame.axes("answers so far", "same as the model", _counts(longest))]
    for one in found:
        # Beside each other, so that no interval hides another.
        done, at = KINDS.index(one.kind) * longest / 90, []
        for block in one.blocks:
            at.append((done + block.agrees.n / 2, block.agrees))
            done += block.agrees.n
        css = one.kind
        parts.append(
            frame.line([(x, e.value) for x, e in at if e.value is not None], f"curve {css}")
        )
        for x, e in at:
            mark = frame.square if css == "assisted" else frame.dot
            parts.append(frame.interval(x, e, f"whisker {css}"))
            parts.append(mark(x, e.value or 0.0, f"dot {css}"))
    return chart(parts, name)


def shares_scale(found: Corrected) -> Scale:
    """The axis that holds all shares of one level with their intervals."""
    ends = [
        v
        for share in found.shares
        for v in (share.model, share.labels.high, share.corrected.high, share.corrected.value)
        if v is not None
    ]
    return Scale(high=_roof(max(ends, default=1.0)))


def shares(found: Corrected, share: CodeShare, scale: Scale) -> Markup:
    """Bars, one above the other: what the model says, the labels alone, the corrected.

    Where every issue is labelled there is nothing to correct: the last two are one.
    """
    bars = [
        ("model", Estimate(value=share.model)),
        ("labels", share.labels),
        ("corrected", share.corrected),
    ]
    if found.sampling == "all":
        del bars[1]
    parts = []
    for at, (css, estimate) in enumerate(bars):
        top, middle = 2 + 13 * at, 7 + 13 * at
        if estimate.value is not None:
            parts.append(
                f'<rect class="share {css}" x="{scale.x(0)}" y="{top}" height="10" '
                f'width="{scale.width(0, estimate.value)}"/>'
            )
        if estimate.low is not None and estimate.high is not None:
            ends = f'x1="{scale.x(estimate.low)}" x2="{scale.x(estimate.high)}"'
            parts += [
                f'<line class="{layer}" {ends} y1="{middle}" y2="{middle}"/>'
                for layer in ("under", "over")
            ]
    zero = f'<line class="zero" x1="{scale.x(0)}" x2="{scale.x(0)}" y1="0" y2="100%"/>'
    return row([*parts, zero], "row shares two" if len(bars) == 2 else "row shares")


def percent_axis(scale: Scale) -> Markup:
    """The tick labels under bars of shares; on a phone there is room for every other of many."""
    ticks = _steps(scale.high)
    fine = {tick for tick in ticks[1:-1:2] if len(ticks) > 6} | set(ticks[6:-1])
    return row(
        (
            f'<text class="tick{" fine" if tick in fine else ""}" x="{scale.x(tick)}" y="14" '
            f'text-anchor="{"start" if tick == 0 else "end" if tick == ticks[-1] else "middle"}">'
            f"{tick:.0%}</text>"
            for tick in ticks
        ),
        "ticks",
    )


def held(human: HeldAgainst, scale: Scale, epsilon: float) -> Markup:
    """A human's lead over the model, and the line it must stay below; filled where it surely
    does."""
    zero, limit = scale.x(0), scale.x(epsilon)
    css = "dot" if human.rejected else "dot hollow"
    return row(
        [
            f'<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="100%"/>',
            f'<line class="ideal" x1="{limit}" x2="{limit}" y1="0" y2="100%"/>',
            f'<circle class="{css}" cx="{scale.x(human.difference)}" cy="50%" r="4.5"/>',
        ]
    )


def held_scale(test: AltTest) -> Scale:
    """The axis that holds every rater's lead over the model, and the price."""
    leads = [human.difference for human in test.humans]
    scale = Scale.over(Estimate(value=lead) for lead in leads)
    return Scale(scale.low, 0.5 if max(leads) < 0.5 else 1.0)


def key(kind: str, css: str) -> Markup:
    """The mark that stands for a ``share`` or a ``curve`` in a legend, 24 by 18 pixels."""
    if kind == "share":
        return row([f'<rect class="share {css}" x="6" y="4" width="16" height="10"/>'])
    mark = (
        f'<rect class="dot {css}" x="8" y="5" width="{2 * _DOT}" height="{2 * _DOT}"/>'
        if css == "assisted"
        else f'<circle class="dot {css}" cx="12" cy="9" r="{_DOT}"/>'
    )
    return row([f'<polyline class="curve {css}" points="0,9 24,9"/>', mark])


_ROOFS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


def _roof(value: float) -> float:
    """The first round number that holds ``value``, at most 1."""
    return next((roof for roof in _ROOFS if value <= roof), 1.0)


def _steps(top: float) -> list[float]:
    """Round steps from 0 to ``top``, one of the roofs."""
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if top / s < 7.5)
    return [step * i for i in range(round(top / step) + 1)]


def _counts(end: int) -> list[tuple[float, str]]:
    """Three to six round numbers up to ``end``."""
    size = 10 ** int(math.log10(max(end, 10)) - 0.3)
    step = next(size * m for m in (1, 2, 5, 10, 20, 50) if end / (size * m) < 6)
    return [(float(n), f"{n:,}") for n in range(step, end + 1, step)]


def _percents(right: float) -> list[tuple[float, str]]:
    return [(tick, f"{tick:.0%}") for tick in _steps(right)]


def chart(parts: Iterable[str], name: str) -> Markup:
    return Markup(
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{escape(name)}</title>{''.join(parts)}</svg>"
    )
