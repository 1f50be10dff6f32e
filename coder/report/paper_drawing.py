"""A figure of a paper put together from the page's own figures, words and legends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

from coder.report import charts
from coder.report.escaping import one_line

COLUMN, PAGE = charts.WIDTH, 782
"""How wide a column and a page of a paper are, in the pixels of the figures."""
_POINTS = 3.4 * 72 / COLUMN
"""How large a pixel is on paper: letters of 12 pixels are 7.7 points high."""
GAP, _LINE, _PLOT, _NARROW = 8, 18, 150, 260
"""Room between columns, of a line, of an axis at the least, and of an axis with all its ticks."""
_STYLE = Path(__file__).parent / "templates" / "paper.css"
_ARROW = re.compile("↑ | [→↓](?=</text>)")
_NO_XML = re.compile("[\ufffe\uffff]")


class Drawing:
    """Figures and words put beside and below each other."""

    def __init__(self, width: float = COLUMN) -> None:
        self.width = width
        self.height = 0.0
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, css: str = "") -> None:
        shown = escape(plain(words))
        self._parts.append(f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{shown}</text>')

    def put(self, figure: Markup, x: float, y: float, width: float, height: float) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        # Without arrows: the font has none, and a text with one would be set in another.
        self._parts.append(f"<svg {place}>{_ARROW.sub('', figure)}</svg>")
        self.height = max(self.height, y + height)

    def axis(self, ticks: Markup, x: float, width: float) -> None:
        """The line and the ticks under rows; of too many ticks, those a phone has room for."""
        css, y = "narrow" if width < _NARROW else "", self.height
        line = f'<line class="base" x1="{x:.1f}" x2="{x + width:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        self._parts.append(f'{line}<g class="{css}">')
        self.put(ticks, x, y, width, _LINE)
        self._parts.append("</g>")

    def words(self, x: float, words: str, css: str = "") -> None:
        """One line of text under all there is."""
        self.text(x, self.height + 13, words, css)
        self.height += _LINE

    def legend(self, x: float, y: float, right: float, entries: Iterable[Entry]) -> None:
        """As many entries beside each other as there is room for."""
        at = x
        for entry in entries:
            width = 30 + length(entry.words)
            if at > x and at + width > right:
                at, y = x, y + _LINE
            self.put(entry.mark, at, y, 24, _LINE)
            self.text(at + 30, y + 13, entry.words)
            at += width + 2 * GAP

    def svg(self, title: str, caption: str) -> str:
        scale = _POINTS * min(1, PAGE / self.width)
        style = re.sub(r"/\*.*?\*/\s*", "", _STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'width="{self.width * scale:.1f}pt" height="{self.height * scale:.1f}pt" '
            f'viewBox="0 0 {self.width:.1f} {self.height:.1f}">\n'
            f"<title>{escape(plain(title))}</title>\n<desc>{escape(plain(caption))}</desc>\n"
            f"<style>\n{style}</style>\n" + "\n".join(self._parts) + "\n</svg>\n"
        )


class Entry(NamedTuple):
    """What a legend says: a mark and its meaning."""

    mark: Markup
    words: str


class Line(NamedTuple):
    """A line of a figure of rows: whose it is, what is drawn, and that in figures."""

    name: str
    row: Markup
    value: str
    of: str = ""
    height: int = _LINE
    before: int = 0


class Plot(NamedTuple):
    """A figure, the name of its files, and what it shows."""

    name: str
    drawing: Drawing
    title: str
    caption: str


def rows(lines: Sequence[Line], axis: Markup, note: str, legend: Sequence[Entry] = ()) -> Drawing:
    """Lines below each other over one axis: as wide as a column where the names leave room for
    that, else as a page."""
    name, of, value = (
        max(map(length, words)) + GAP if any(words) else 0
        for words in zip(*((line.name, line.of, line.value) for line in lines), strict=True)
    )
    fixed = name + of + value
    width = next((w for w in (COLUMN, PAGE) if w >= fixed + _PLOT), fixed + _PLOT)
    start, across = name + of, width - fixed
    drawing = Drawing(width)
    if legend:
        drawing.legend(0, 0, width, legend)
    for line in lines:
        top = drawing.height + line.before
        middle = top + line.height / 2 + 4
        drawing.text(0, middle, line.name)
        drawing.text(name, middle, line.of)
        drawing.put(line.row, start, top, across, line.height)
        drawing.text(width, middle, line.value, "end")
    drawing.axis(axis, start, across)
    drawing.words(min(start, max(0, width - length(note))), note, "axis")
    return drawing


class Panel(NamedTuple):
    title: str
    chart: Markup
    legend: Sequence[Entry] = ()


def panels(panels: Sequence[Panel]) -> Drawing:
    """Charts with two axes, two beside each other."""
    drawing = Drawing(COLUMN if len(panels) == 1 else PAGE)
    for at in range(0, len(panels), 2):
        top = drawing.height + (GAP if at else 0)
        for x, panel in zip((0, PAGE - COLUMN), panels[at : at + 2], strict=False):
            drawing.text(x, top + 13, panel.title)
            drawing.put(panel.chart, x, top + _LINE + GAP, charts.WIDTH, charts.HEIGHT)
            below = top + _LINE + GAP + charts.HEIGHT
            drawing.legend(x, below, x + COLUMN, panel.legend)
    return drawing


def plain(words: str) -> str:
    return _NO_XML.sub("·", one_line(words))


def short(name: str) -> str:
    return one_line(name, 60)


def length(words: str) -> float:
    """How wide words are, sooner too wide than too narrow."""
    return sum(map(_width, words))


def _width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 12
    if letter in " .,:;'|()[]ijl":
        return 3.6
    return 10.7 if letter in "mwMW%@…" else 8.5 if letter.isupper() else 6.9
