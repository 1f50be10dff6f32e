"""The report's figures as SVG and PDF files for a paper: the page's own, in a print style.

The same report gives the same bytes with the same typst and the same fonts: no date is kept. Text
stays text, also in PDF, where its fonts are embedded. What a figure shows, of how many, stands in
its file as title and description.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import typst
from font_roboto import font_directory

from coder.files.atomic_write import write_atomically
from coder.report import charts, conclusions, durations_paper, figures, sentences, wording
from coder.report.model import (
    AltTestResult,
    ConfidenceQuality,
    Corrected,
    Pair,
    RaterAnchoring,
    Report,
    Trend,
)
from coder.report.paper_drawing import (
    COLUMN,
    GAP,
    Drawing,
    Entry,
    Line,
    Panel,
    Plot,
    panels,
    plain,
    rows,
    short,
)

FORMATS = ("svg", "pdf")
_PDF = b"""
#set document(title: sys.inputs.title, description: sys.inputs.caption, date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""


def write_figures(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write every figure the report has data for, and return the files.

    Files of earlier figures that have none any more are removed. Raises ``StorageError`` when the
    disk is full.
    """
    return write_plots(_plots(report), folder)


def write_plots(plots: Iterable[Plot], folder: Path) -> tuple[Path, ...]:
    """Write figures into a folder that holds no others; see :func:`write_figures`."""
    written = []
    for plot in plots:
        svg = plot.drawing.svg(plot.title, plot.caption).encode()
        for kind, held in (("svg", svg), ("pdf", pdf(plot))):
            file = folder / f"{plot.name}.{kind}"
            write_atomically(file, held)
            written.append(file)
    for old in {file for kind in FORMATS for file in folder.glob(f"*.{kind}")} - set(written):
        old.unlink()
    return tuple(written)


def pdf(plot: Plot) -> bytes:
    """A figure as the bytes of a PDF."""
    svg = plot.drawing.svg(plot.title, plot.caption)
    said = {"svg": svg, "title": plain(plot.title), "caption": plain(plot.caption)}
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
    if report.durations is not None:
        yield from durations_paper.plots(report.durations)


def _agreement(report: Report, pairs: list[Pair]) -> Plot:
    names = wording.Names(report)
    found = [(pair, wording.coefficients(pair)[1:4]) for pair in pairs]
    scale = figures.Scale.over(e for _, held in found for _, e in held)
    lines = [
        Line(
            f"{wording.title(pair)}, {names.level(pair.level)} (n = {pair.n:,})" if not at else "",
            figures.whisker(estimate, scale, True), wording.figure(estimate), name, 15,
            before=0 if at else GAP,
        )
        for pair, held in found
        for at, (name, estimate) in enumerate(held)
    ]  # fmt: skip
    note = "coefficient; shaded: tentative (.667), reliable (.8)"
    drawing = rows(lines, figures.axis(scale, True), note)
    how = " ".join((wording.interval_note(report), *wording.coefficient_notes(report, pairs)))
    return Plot("agreement", drawing, "Agreement, blind labels only", how)


def _codes(report: Report, pair: Pair) -> Plot:
    names = wording.Names(report)
    scale = figures.Scale()
    lines = [
        Line(
            f"{short(names.name(code.code))} ({code.support_right:,})",
            figures.whisker(code.f1, scale, False), wording.figure(code.f1),
        )
        for code in pair.per_code
        if code.support_left or code.support_right
    ]  # fmt: skip
    note = f"F1 of {wording.title(pair)}, n = {pair.n:,}; in brackets: by {pair.right}"
    return Plot(
        f"codes-{pair.level}",
        rows(lines, figures.axis(scale, False), note),
        f"F1 by {names.level(pair.level)}",
        f"{wording.title(pair)}, n = {pair.n:,}. {_left_out(pair)}",
    )


def _confusion(report: Report, pair: Pair) -> Plot:
    assert pair.confusion is not None
    names = wording.Names(report)
    labels = [plain(names.name(code)) for code in pair.confusion.codes]
    figure = figures.heat_map(pair.confusion, labels, pair.left, pair.right)
    width, height = map(float, figure.split('viewBox="0 0 ')[1].split('"')[0].split())
    drawing = Drawing(max(COLUMN, width))
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
        Line(
            short(names.name(share.code)), charts.shares(found, share, scale),
            conclusions.percent(share.corrected), height=1 + 13 * len(bars), before=GAP,
        )
        for share in conclusions.shown(found)
    ]  # fmt: skip
    note = f"share of {report.coverage.issues:,} issues; n = {found.n:,} labels by {found.rater}"
    legend = [Entry(charts.key("share", css), words) for css, words in bars.items()]
    return Plot(
        f"prevalence-{found.level}", rows(lines, charts.percent_axis(scale), note, legend),
        f"Prevalence by {names.level(found.level)}", " ".join(conclusions.corrected(report, found)),
    )  # fmt: skip


def _reliability(report: Report, trust: ConfidenceQuality) -> Plot:
    stages = [("as the model gave it", trust.stated)]
    if trust.calibrated is not None:
        stages.append(("calibrated", trust.calibrated))
    shown = [
        Panel(
            f"{name}: n = {found.n:,}, ECE {wording.figure(found.ece)}",
            charts.reliability(found, name),
        )
        for name, found in stages
    ]
    caption = " ".join(conclusions.confidence(report))
    return Plot("reliability", panels(shown), "How far confidence and truth lie apart", caption)


def _workload(report: Report, trust: ConfidenceQuality) -> Plot:
    title = "What accepting unseen would mean"
    curve = charts.workload(trust.workload, trust.certificates[0].certificate, title)
    drawing = panels([Panel(f"n = {trust.n:,} proposed codes", curve)])
    caption = f"{conclusions.half(trust)} {conclusions.certificate(report)}"
    return Plot("workload", drawing, title, caption)


def _standing_in(report: Report, found: AltTestResult) -> Plot:
    test, level = found.test, wording.Names(report).level(found.level)
    scale = charts.held_scale(test)
    lines = [
        Line(
            f"{human.rater} (n = {human.n:,})", charts.held(human, scale, test.epsilon),
            wording.number(human.difference),
        )
        for human in test.humans
    ]  # fmt: skip
    price = wording.number(test.epsilon)
    note = f"rater less model, by {level}; dashed: ε = {price}; filled: the model wins"
    return Plot(
        f"standing-in-{found.level}", rows(lines, figures.axis(scale, False), note),
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
        Line(
            name, figures.whisker(estimate, scale, False), wording.figure(estimate),
            before=GAP if first else 0,
        )
        for name, estimate, first in found
    ]  # fmt: skip
    drawing = rows(lines, figures.axis(scale, False), "agreement with the model")
    caption = " ".join(line for s in report.sway for line in conclusions.sway(report, s))
    return Plot("anchoring", drawing, "Agreement with and without the suggestion", caption)


def _over_time(report: Report, trends: Iterable[Trend]) -> Plot:
    names = wording.Names(report)
    title = "Agreement with the model over time"
    shown = [
        Panel(
            f"{rater}, {names.level(level)}", charts.trend(found, title),
            [
                Entry(
                    charts.key("curve", one.kind),
                    f"{wording.ANSWERS[one.kind]}, n = {len(one.issue_ids):,}",
                )
                for one in found
            ],
        )
        for rater, level, found in charts.panels(trends)
    ]  # fmt: skip
    caption = " ".join(conclusions.trend(report, trend) for trend in report.trends)
    return Plot("over-time", panels(shown), title, caption)


def _left_out(pair: Pair) -> str:
    return f"Left out: {wording.reasons(pair.excluded)}." if pair.excluded else ""
