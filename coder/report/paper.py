"""The report's figures as SVG and PDF files for a paper: the page's own, in a print style.

The same report gives the same bytes with the same typst and the same fonts: no date is kept. Text
stays text, also in PDF, where its fonts are embedded. What a figure shows, of how many, stands in
its file as title and description.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import typst
from font_roboto import font_directory
from markupsafe import Markup, escape

from coder.files.atomic_write import write_atomically
from coder.report import charts, conclusions, figures, sentences, wording
from coder.report.escaping import one_line
from coder.report.model import (
    AltTestResult,
    ConfidenceQuality,
    Corrected,
    Pair,
    RaterAnchoring,
    Report,
    Trend,
)

FORMATS = ("svg", "pdf")
_COLUMN, _PAGE = charts.WIDTH, 782
"""How wide a column and a page of a paper are, in the pixels of the figures."""
_POINTS = 3.4 * 72 / _COLUMN
"""How large a pixel is on paper: letters of 12 pixels are 7.7 points high."""
_GAP, _LINE, _PLOT, _NARROW = 8, 18, 150, 260
"""Room between columns, of a line, of an axis at the least, and of an axis with all its ticks."""
_STYLE = Path(__file__).parent / "templates" / "paper.css"
_ARROW = re.compile("↑ | [→↓](?=</text>)")
_NO_XML = re.compile("[\ufffe\uffff]")
_PDF = b"""
#set document(title: sys.inputs.title, description: sys.inputs.caption, date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""


class _Drawing:
    """Figures and words put beside and below each other."""

    def __init__(self, width: float = _COLUMN) -> None:
        self.width = width
        self.height = 0.0
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, css: str = "") -> None:
        shown = escape(_plain(words))
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

    def legend(self, x: float, y: float, right: float, entries: Iterable[_Entry]) -> None:
        """As many entries beside each other as there is room for."""
        at = x
        for entry in entries:
            width = 30 + _length(entry.words)
            if at > x and at + width > right:
                at, y = x, y + _LINE
            self.put(entry.mark, at, y, 24, _LINE)
            self.text(at + 30, y + 13, entry.words)
            at += width + 2 * _GAP

    def svg(self, title: str, caption: str) -> str:
        scale = _POINTS * min(1, _PAGE / self.width)
        style = re.sub(r"/\*.*?\*/\s*", "", _STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'width="{self.width * scale:.1f}pt" height="{self.height * scale:.1f}pt" '
            f'viewBox="0 0 {self.width:.1f} {self.height:.1f}">\n'
            f"<title>{escape(_plain(title))}</title>\n<desc>{escape(_plain(caption))}</desc>\n"
            f"<style>\n{style}</style>\n" + "\n".join(self._parts) + "\n</svg>\n"
        )


class _Entry(NamedTuple):
    """What a legend says: a mark and its meaning."""

    mark: Markup
    words: str


class _Line(NamedTuple):
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
    drawing: _Drawing
    title: str
    caption: str


def write_figures(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write every figure the report has data for, and return the files.

    Files of earlier figures that have none any more are removed. Raises ``StorageError`` when the
    disk is full.
    """
    written = []
    for plot in _plots(report):
        svg = plot.drawing.svg(plot.title, plot.caption)
        for kind, held in (("svg", svg.encode()), ("pdf", _pdf(plot, svg))):
            file = folder / f"{plot.name}.{kind}"
            write_atomically(file, held)
            written.append(file)
    for old in {file for kind in FORMATS for file in folder.glob(f"*.{kind}")} - set(written):
        old.unlink()
    return tuple(written)


def _pdf(plot: Plot, svg: str) -> bytes:
    said = {"svg": svg, "title": _plain(plot.title), "caption": _plain(plot.caption)}
    # A letter that no font has is a box in the PDF; the SVG keeps it.
    return typst.compile(_PDF, format="pdf", sys_inputs=said, font_paths=[font_directory])


def _plots(report: Report) -> Iterator[Plot]:
    blind = [pair for pair in sentences.enough(report.pairs) if pair.kind == "blind"]
    if blind:
        yield _agreement(report, blind)
    main = sentences.headline(report)
    for pair in blind:
        if main is not None and (pair.left, pair.right) == (main.left, main.right):
            yield _codes(report, pair)
            if pair.confusion is not None:
                yield _confusion(report, pair)
    for found in report.corrected:
        if conclusions.shown(found):
            yield _prevalence(report, found)
    if report.trust is not None and not conclusions.few_compared(report.trust):
        yield _reliability(report, report.trust)
        yield _workload(report, report.trust)
    for tested in report.stand_in:
        if tested.test.humans:
            yield _standing_in(report, tested)
    if report.sway:
        yield _anchoring(report, report.sway)
    if report.trends:
        yield _over_time(report, report.trends)


def _agreement(report: Report, pairs: list[Pair]) -> Plot:
    names = wording.Names(report)
    found = [(pair, wording.coefficients(pair)[1:4]) for pair in pairs]
    scale = figures.Scale.over(e for _, held in found for _, e in held)
    lines = [
        _Line(
            f"{wording.title(pair)}, {names.level(pair.level)} (n = {pair.n:,})" if not at else "",
            figures.whisker(estimate, scale, True), wording.figure(estimate), name, 15,
            before=0 if at else _GAP,
        )
        for pair, held in found
        for at, (name, estimate) in enumerate(held)
    ]  # fmt: skip
    note = "coefficient; shaded: tentative (.667), reliable (.8)"
    drawing = _rows(lines, figures.axis(scale, True), note)
    how = " ".join((wording.interval_note(report), *wording.coefficient_notes(report, pairs)))
    return Plot("agreement", drawing, "Agreement, blind labels only", how)


def _codes(report: Report, pair: Pair) -> Plot:
    names = wording.Names(report)
    scale = figures.Scale()
    lines = [
        _Line(
            f"{_short(names.name(code.code))} ({code.support_right:,})",
            figures.whisker(code.f1, scale, False), wording.figure(code.f1),
        )
        for code in pair.per_code
        if code.support_left or code.support_right
    ]  # fmt: skip
    note = f"F1 of {wording.title(pair)}, n = {pair.n:,}; in brackets: by {pair.right}"
    return Plot(
        f"codes-{pair.level}",
        _rows(lines, figures.axis(scale, False), note),
        f"F1 by {names.level(pair.level)}",
        f"{wording.title(pair)}, n = {pair.n:,}. {_left_out(pair)}",
    )


def _confusion(report: Report, pair: Pair) -> Plot:
    assert pair.confusion is not None
    names = wording.Names(report)
    labels = [_plain(names.name(code)) for code in pair.confusion.codes]
    figure = figures.heat_map(pair.confusion, labels, pair.left, pair.right)
    width, height = map(float, figure.split('viewBox="0 0 ')[1].split('"')[0].split())
    drawing = _Drawing(max(_COLUMN, width))
    drawing.put(figure, 0, 0, width, height)
    drawing.words(0, f"n = {pair.n:,}; shaded by the share of a row", "axis")
    return Plot(
        f"confusion-{pair.level}", drawing, f"Confusion by {names.level(pair.level)}",
        f"{pair.right} in rows, {pair.left} in columns, n = {pair.n:,}. {_left_out(pair)}",
    )  # fmt: skip


def _prevalence(report: Report, found: Corrected) -> Plot:
    names, scale = wording.Names(report), charts.shares_scale(found)
    bars = {"model": "model's count", "labels": "labels alone", "corrected": "corrected"}
    if found.sampling == "all":
        bars = {"model": "model's count", "corrected": "that rater's count"}
    lines = [
        _Line(
            _short(names.name(share.code)), charts.shares(found, share, scale),
            conclusions.percent(share.corrected), height=1 + 13 * len(bars), before=_GAP,
        )
        for share in conclusions.shown(found)
    ]  # fmt: skip
    note = f"share of {report.coverage.issues:,} issues; n = {found.n:,} labels by {found.rater}"
    legend = [_Entry(charts.key("share", css), words) for css, words in bars.items()]
    return Plot(
        f"prevalence-{found.level}", _rows(lines, charts.percent_axis(scale), note, legend),
        f"Prevalence by {names.level(found.level)}", " ".join(conclusions.corrected(report, found)),
    )  # fmt: skip


def _reliability(report: Report, trust: ConfidenceQuality) -> Plot:
    stages = [("as the model gave it", trust.stated)]
    if trust.calibrated is not None:
        stages.append(("calibrated", trust.calibrated))
    shown = [
        _Panel(
            f"{name}: n = {found.n:,}, ECE {wording.figure(found.ece)}",
            charts.reliability(found, name),
        )
        for name, found in stages
    ]
    caption = " ".join(conclusions.confidence(report))
    return Plot("reliability", _panels(shown), "How far confidence and truth lie apart", caption)


def _workload(report: Report, trust: ConfidenceQuality) -> Plot:
    title = "What accepting unseen would mean"
    curve = charts.workload(trust.workload, trust.certificates[0].certificate, title)
    drawing = _panels([_Panel(f"n = {trust.n:,} proposed codes", curve)])
    caption = f"{conclusions.half(trust)} {conclusions.certificate(report)}"
    return Plot("workload", drawing, title, caption)


def _standing_in(report: Report, found: AltTestResult) -> Plot:
    test, level = found.test, wording.Names(report).level(found.level)
    scale = charts.held_scale(test)
    lines = [
        _Line(
            f"{human.rater} (n = {human.n:,})", charts.held(human, scale, test.epsilon),
            wording.number(human.difference),
        )
        for human in test.humans
    ]  # fmt: skip
    price = wording.number(test.epsilon)
    note = f"rater less model, by {level}; dashed: ε = {price}; filled: the model wins"
    return Plot(
        f"standing-in-{found.level}", _rows(lines, figures.axis(scale, False), note),
        f"Alternative annotator test by {level}", " ".join(conclusions.stand_in(report, found)),
    )  # fmt: skip


def _anchoring(report: Report, swayed: Iterable[RaterAnchoring]) -> Plot:
    names = wording.Names(report)
    found = [
        (f"{s.rater}, {names.level(s.level)}: {name} (n = {estimate.n:,})", estimate, not at)
        for s in swayed
        for at, (name, estimate) in enumerate((
            ("with the suggestion", s.anchoring.assisted),
            ("without", s.anchoring.alone),
            ("difference", s.anchoring.difference),
        ))
    ]  # fmt: skip
    scale = figures.Scale.over(estimate for _, estimate, _ in found)
    lines = [
        _Line(
            name, figures.whisker(estimate, scale, False), wording.figure(estimate),
            before=_GAP if first else 0,
        )
        for name, estimate, first in found
    ]  # fmt: skip
    drawing = _rows(lines, figures.axis(scale, False), "agreement with the model")
    caption = " ".join(line for s in report.sway for line in conclusions.sway(report, s))
    return Plot("anchoring", drawing, "Agreement with and without the suggestion", caption)


def _over_time(report: Report, trends: Iterable[Trend]) -> Plot:
    names = wording.Names(report)
    title = "Agreement with the model over time"
    shown = [
        _Panel(
            f"{rater}, {names.level(level)}", charts.trend(found, title),
            [
                _Entry(
                    charts.key("curve", one.kind),
                    f"{wording.ANSWERS[one.kind]}, n = {len(one.issue_ids):,}",
                )
                for one in found
            ],
        )
        for rater, level, found in charts.panels(trends)
    ]  # fmt: skip
    caption = " ".join(conclusions.trend(report, trend) for trend in report.trends)
    return Plot("over-time", _panels(shown), title, caption)


# --- what the figures share ---------------------------------------------------------------------


def _rows(
    lines: Sequence[_Line], axis: Markup, note: str, legend: Sequence[_Entry] = ()
) -> _Drawing:
    """Lines below each other over one axis: as wide as a column where the names leave room for
    that, else as a page."""
    name, of, value = (
        max(map(_length, words)) + _GAP if any(words) else 0
        for words in zip(*((line.name, line.of, line.value) for line in lines), strict=True)
    )
    fixed = name + of + value
    width = next((w for w in (_COLUMN, _PAGE) if w >= fixed + _PLOT), fixed + _PLOT)
    start, across = name + of, width - fixed
    drawing = _Drawing(width)
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
    drawing.words(min(start, max(0, width - _length(note))), note, "axis")
    return drawing


class _Panel(NamedTuple):
    title: str
    chart: Markup
    legend: Sequence[_Entry] = ()


def _panels(panels: Sequence[_Panel]) -> _Drawing:
    """Charts with two axes, two beside each other."""
    drawing = _Drawing(_COLUMN if len(panels) == 1 else _PAGE)
    for at in range(0, len(panels), 2):
        top = drawing.height + (_GAP if at else 0)
        for x, panel in zip((0, _PAGE - _COLUMN), panels[at : at + 2], strict=False):
            drawing.text(x, top + 13, panel.title)
            drawing.put(panel.chart, x, top + _LINE + _GAP, charts.WIDTH, charts.HEIGHT)
            below = top + _LINE + _GAP + charts.HEIGHT
            drawing.legend(x, below, x + _COLUMN, panel.legend)
    return drawing


def _plain(words: str) -> str:
    return _NO_XML.sub("·", one_line(words))


def _short(name: str) -> str:
    return one_line(name, 60)


def _length(words: str) -> float:
    """How wide words are, sooner too wide than too narrow."""
    return sum(map(_width, words))


def _width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 12
    if letter in " .,:;'|()[]ijl":
        return 3.6
    return 10.7 if letter in "mwMW%@…" else 8.5 if letter.isupper() else 6.9


def _left_out(pair: Pair) -> str:
    return f"Left out: {wording.reasons(pair.excluded)}." if pair.excluded else ""
