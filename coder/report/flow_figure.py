"""The flow of issues as a figure: boxes below each other, and beside each one what leaves there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from coder.report.flow_model import Count, Flow, Step
from coder.report.flow_text import CAPTION
from coder.report.paper_drawing import Drawing, Plot, length

WIDTH = 640
_MAIN, _ASIDE = 300, 290
"""How wide the boxes are of those who stay, and of those who leave."""
_LINE, _PAD, _BETWEEN, _TIP = 17, 9, 26, 5
MOST = 10
"""Reasons in one box; more are counted together."""


def plot(flow: Flow) -> Plot:
    """The figure, its title, and in words what it cannot show."""
    drawing = Drawing(WIDTH)
    top = 0.0
    for at, step in enumerate(flow.steps):
        top = _row(drawing, step, top, last=at + 1 == len(flow.steps))
    drawing.height = top
    for gap in flow.gaps:
        for line in _wrapped(f"Not known: {gap}.", WIDTH):
            drawing.words(0, line, "axis")
    caption = " ".join(f"Not known: {gap}." for gap in flow.gaps)
    return Plot("flow", drawing, f"{CAPTION}, run {flow.run}", caption)


def _row(drawing: Drawing, step: Step, top: float, last: bool) -> float:
    """Draw one step with what leaves there; gives where the next one begins."""
    inside = [*_wrapped(step.what, _MAIN - 2 * _PAD)]
    inside += [line for count in step.of for line in _counted(count, _MAIN)]
    main = _box(drawing, 0, top, _MAIN, f"{step.n:,}", inside, "flow-box")
    bottom = main
    if step.left_out:
        left = f"{sum(count.n for count in step.left_out):,}"
        reasons = [r for count in _shown(step.left_out) for r in _counted(count, _ASIDE)]
        if len(step.left_out) == 1:
            reasons = [*_wrapped(step.left_out[0].what, _ASIDE - 2 * _PAD)]
        beside = WIDTH - _ASIDE
        bottom = max(
            main, _box(drawing, beside, top, _ASIDE, f"{left} left out", reasons, "flow-out")
        )
        _arrow(drawing, _MAIN, top + _LINE, beside, top + _LINE)
    if last:
        return bottom + _PAD
    _arrow(drawing, _MAIN / 2, main, _MAIN / 2, bottom + _BETWEEN)
    return bottom + _BETWEEN


def _box(
    drawing: Drawing, x: float, top: float, width: float, head: str, lines: Sequence[str], css: str
) -> float:
    """A box with a head and lines below it; gives where it ends."""
    height = _LINE * (1 + len(lines)) + _PAD
    inside = f'width="{width - 2:.1f}" height="{height - 2:.1f}"'
    shape = f'<rect class="{css}" x="1" y="1" {inside} rx="3"/>'
    drawing.put(Markup(shape), x, top, width, height)
    for at, line in enumerate([head, *lines]):
        drawing.text(x + _PAD, top + _LINE * (at + 1), line, "" if at else "flow-n")
    return top + height


def _arrow(drawing: Drawing, x: float, y: float, to_x: float, to_y: float) -> None:
    """A straight arrow to the right, or down."""
    right = to_x > x
    x_end, y_end = (to_x - _TIP, to_y) if right else (to_x, to_y - _TIP)
    across, down = (0, _TIP * 0.8) if right else (_TIP * 0.8, 0)
    shape = (
        f'<line class="flow-line" x1="{x:.1f}" y1="{y:.1f}" x2="{x_end:.1f}" y2="{y_end:.1f}"/>'
        f'<polygon points="{to_x:.1f},{to_y:.1f} '
        f'{x_end - across:.1f},{y_end - down:.1f} {x_end + across:.1f},{y_end + down:.1f}"/>'
    )
    drawing.put(Markup(shape), 0, 0, WIDTH, to_y)


def _shown(counts: Sequence[Count]) -> list[Count]:
    if len(counts) <= MOST:
        return [*counts]
    rest = counts[MOST - 1 :]
    others = Count(what=f"for {len(rest):,} other reasons", n=sum(count.n for count in rest))
    return [*counts[: MOST - 1], others]


def _counted(count: Count, width: float) -> Iterator[str]:
    return _wrapped(f"{count.n:,} {count.what}", width - 2 * _PAD)


def _wrapped(words: str, width: float) -> Iterator[str]:
    """Lines of ``words`` no wider than ``width``; a word that is wider is cut."""
    line = ""
    for word in words.split():
        while length(word) > width:
            fits = next(n for n in range(len(word), 0, -1) if length(word[:n]) <= width)
            yield from filter(None, (line, word[:fits]))
            line, word = "", word[fits:]
        longer = f"{line} {word}".strip()
        if line and length(longer) > width:
            yield line
            longer = word
        line = longer
    yield line
