"""The report's figures as SVG and PDF files for a paper, drawn with matplotlib.

The same report gives the same bytes with the same matplotlib: no date, fixed ids. Text stays text,
also in PDF (TrueType, which publishers ask for). The colours are told apart without red and green
(Okabe & Ito 2008, https://jfly.uni-koeln.de/color/). What a figure shows, of how many, stands in
its file as title and description.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from coder.files.atomic_write import write_atomically
from coder.records import Estimate
from coder.report import charts, conclusions, sentences, wording
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
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"
_TENTATIVE, _RELIABLE = "#F6EAC6", "#D5EBD9"
_SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", BLUE])
_WIDE, _NARROW = 7.0, 3.4
"""Inches: the width of a page, and of one of two columns."""
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "coder",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
}


class Plot(NamedTuple):
    """A figure, the name of its files, and what it shows."""

    name: str
    figure: Figure
    title: str
    caption: str


def write_figures(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write every figure the report has data for, and return the files.

    Files of earlier figures that have none any more are removed. Raises ``StorageError`` when the
    disk is full.
    """
    written = []
    with rc_context(), warnings.catch_warnings():
        # A letter the font lacks is a box in the PDF; the SVG keeps it.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        rcdefaults()
        rcParams.update(_STYLE)
        for plot in _plots(report):
            for kind in FORMATS:
                file = folder / f"{plot.name}.{kind}"
                write_atomically(file, _bytes(plot, kind))
                written.append(file)
    for old in {file for kind in FORMATS for file in folder.glob(f"*.{kind}")} - set(written):
        old.unlink()
    return tuple(written)


def _bytes(plot: Plot, kind: str) -> bytes:
    metadata: dict[str, str | None] = {"Title": plot.title, "Creator": None}
    if kind == "svg":
        metadata |= {"Date": None, "Description": plot.caption}
    else:
        metadata |= {"CreationDate": None, "Producer": None, "Subject": plot.caption}
    out = io.BytesIO()
    plot.figure.savefig(out, format=kind, metadata=metadata)
    return out.getvalue()


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
    figure, axes = _rows(len(pairs), 0.36)
    axes.axvspan(wording.TENTATIVE, wording.RELIABLE, color=_TENTATIVE, lw=0)
    axes.axvspan(wording.RELIABLE, 1, color=_RELIABLE, lw=0)
    marks = {"κ": ("o", BLUE), "α": ("s", ORANGE), "AC1": ("D", "black")}
    for at, pair in enumerate(pairs):
        found = dict(wording.coefficients(pair))
        for step, (name, (mark, colour)) in enumerate(marks.items()):
            label = name if at == 0 else None
            _range(axes, at + (step - 1) * 0.22, found[name], mark, colour, label)
    labels = [f"{wording.title(p)}, {names.level(p.level)} (n = {p.n:,})" for p in pairs]
    _name_rows(axes, labels)
    axes.set_xlim(right=1)
    axes.axvline(0, color="black", lw=0.5)
    axes.set_xlabel("coefficient; shaded: tentative (.667), reliable (.8)")
    _legend(axes)
    how = " ".join((wording.interval_note(report), *wording.coefficient_notes(report, pairs)))
    return Plot("agreement", figure, "Agreement, blind labels only", how)


def _codes(report: Report, pair: Pair) -> Plot:
    names = wording.Names(report)
    used = [code for code in pair.per_code if code.support_left or code.support_right]
    figure, axes = _rows(len(used), 0.2)
    for at, code in enumerate(used):
        _range(axes, at, code.f1, "o", BLUE)
    _name_rows(axes, [f"{names.name(c.code)} ({c.support_right:,})" for c in used])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"F1 of {wording.title(pair)}, n = {pair.n:,}; in brackets: by {pair.right}")
    level = names.level(pair.level)
    return Plot(
        f"codes-{pair.level}", figure, f"F1 by {level}",
        f"{wording.title(pair)}, n = {pair.n:,}. {_left_out(pair)}",
    )  # fmt: skip


def _confusion(report: Report, pair: Pair) -> Plot:
    assert pair.confusion is not None
    names = wording.Names(report)
    matrix = pair.confusion.matrix
    columns = list(zip(*matrix, strict=True))
    used = [i for i, row in enumerate(matrix) if sum(row) or sum(columns[i])]
    size = 1.0 + 0.24 * len(used)
    figure = Figure(figsize=(max(_NARROW, size + 2.2), max(1.6, size)), layout="constrained")
    axes = figure.add_subplot()
    totals = {row: sum(columns[row]) or 1 for row in used}
    shares = [[matrix[column][row] / totals[row] for column in used] for row in used]
    edges = [at - 0.5 for at in range(len(used) + 1)]
    # A mesh of its own shapes: an image would be pixels.
    axes.pcolormesh(edges, edges, shares, cmap=_SHADES, vmin=0, vmax=1, ec="#DDDDDD", lw=0.4)
    for y, row in enumerate(used):
        for x, column in enumerate(used):
            if count := matrix[column][row]:
                light = shares[y][x] > 0.55
                axes.text(x, y, f"{count:,}", ha="center", va="center", fontsize=6,
                          color="white" if light else "black")  # fmt: skip
    ticks = range(len(used))
    axes.set_xticks(ticks, [str(at + 1) for at in ticks])
    rows = [names.name(pair.confusion.codes[i]) for i in used]
    axes.set_yticks(ticks, [f"{_short(name)}  {at + 1}" for at, name in enumerate(rows)])
    axes.set_ylim(len(used) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"columns: {pair.left}, rows: {pair.right}, n = {pair.n:,}")
    return Plot(
        f"confusion-{pair.level}", figure, f"Confusion by {names.level(pair.level)}",
        f"{pair.right} in rows, {pair.left} in columns, n = {pair.n:,}. {_left_out(pair)}",
    )  # fmt: skip


def _prevalence(report: Report, found: Corrected) -> Plot:
    names = wording.Names(report)
    used = conclusions.shown(found)
    figure, axes = _rows(len(used), 0.34)
    for at, share in enumerate(used):
        bars = [
            ("model's count", Estimate(value=share.model), GREY),
            ("labels alone", share.labels, ORANGE),
            ("corrected", share.corrected, BLUE),
        ]
        if found.sampling == "all":
            bars[1:] = [("that rater's count", share.corrected, BLUE)]
        for step, (name, estimate, colour) in enumerate(bars):
            y = at + (step - 1) * 0.26
            axes.barh(y, estimate.value or 0, 0.24, color=colour, label=name if at == 0 else None)
            _interval(axes, y, estimate, "black")
    _name_rows(axes, [names.name(share.code) for share in used])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(
        f"share of {report.coverage.issues:,} issues; n = {found.n:,} labels by {found.rater}"
    )
    _legend(axes)
    return Plot(
        f"prevalence-{found.level}", figure, f"Prevalence by {names.level(found.level)}",
        " ".join(conclusions.corrected(report, found)),
    )  # fmt: skip


def _reliability(report: Report, trust: ConfidenceQuality) -> Plot:
    stages = [("as the model gave it", trust.stated)]
    if trust.calibrated is not None:
        stages.append(("calibrated", trust.calibrated))
    figure = Figure(figsize=(_NARROW * len(stages), 3.2), layout="constrained")
    for at, (name, found) in enumerate(stages):
        axes = figure.add_subplot(1, len(stages), at + 1)
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
        most = max(b.right.n for b in found.bins)
        for b in found.bins:
            if b.right.value is not None:
                _upright(axes, b.confidence, b.right, BLUE)
                size = 6 + 40 * b.right.n / most
                axes.scatter([b.confidence], [b.right.value], s=size, color=BLUE, zorder=3)
        axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="confidence", ylabel="share right")
        _percent(axes, both=True)
        axes.set_title(f"{name}: n = {found.n:,}, ECE {wording.figure(found.ece)}")
    caption = " ".join(conclusions.confidence(report))
    return Plot("reliability", figure, "How far confidence and truth lie apart", caption)


def _workload(report: Report, trust: ConfidenceQuality) -> Plot:
    figure = Figure(figsize=(_NARROW, 2.6), layout="constrained")
    axes = figure.add_subplot()
    shares = [point.share for point in trust.workload]
    errors = [point.error for point in trust.workload]
    axes.fill_between(
        shares, [e.low or 0 for e in errors], [e.high or 0 for e in errors],
        color=BLUE, alpha=0.2, lw=0,
    )  # fmt: skip
    mark = "." if len(shares) == 1 else ""
    axes.plot(shares, [e.value or 0 for e in errors], color=BLUE, marker=mark)
    whole = trust.certificates[0].certificate
    axes.axhline(whole.epsilon, color=GREY, lw=0.8, ls="--")
    if whole.threshold is not None and whole.share is not None:
        axes.axvline(whole.share, color=ORANGE, label=f"certified: {whole.share:.0%}")
        _legend(axes)
    axes.set(xlim=(0, 1), xlabel="accepted unseen", ylabel="error among them")
    axes.set_ylim(0, charts.highest(trust.workload, whole))
    _percent(axes, both=True)
    axes.set_title(f"n = {trust.n:,} proposed codes")
    caption = f"{conclusions.half(trust)} {conclusions.certificate(report)}"
    return Plot("workload", figure, "What accepting unseen would mean", caption)


def _standing_in(report: Report, found: AltTestResult) -> Plot:
    test, level = found.test, wording.Names(report).level(found.level)
    figure, axes = _rows(len(test.humans), 0.25)
    for at, human in enumerate(test.humans):
        face = BLUE if human.rejected else "white"
        axes.plot([human.difference], [at], "o", color=BLUE, mfc=face, ms=5)
    axes.axvline(0, color="black", lw=0.5)
    axes.axvline(test.epsilon, color=GREY, lw=0.8, ls="--")
    _name_rows(axes, [f"{human.rater} (n = {human.n:,})" for human in test.humans])
    axes.set_xlabel(
        f"rater less model, by {level}; dashed: ε = {wording.number(test.epsilon)}; "
        "filled: the model wins"
    )
    return Plot(
        f"standing-in-{found.level}", figure, f"Alternative annotator test by {level}",
        " ".join(conclusions.stand_in(report, found)),
    )  # fmt: skip


def _anchoring(report: Report, swayed: Iterable[RaterAnchoring]) -> Plot:
    names = wording.Names(report)
    rows = [
        (f"{s.rater}, {names.level(s.level)}: {name} (n = {estimate.n:,})", estimate, colour)
        for s in swayed
        for name, estimate, colour in (
            ("with the suggestion", s.anchoring.assisted, ORANGE),
            ("without", s.anchoring.alone, BLUE),
            ("difference", s.anchoring.difference, "black"),
        )
    ]
    figure, axes = _rows(len(rows), 0.22)
    for at, (_, estimate, colour) in enumerate(rows):
        _range(axes, at, estimate, "o", colour)
    axes.axvline(0, color="black", lw=0.5)
    _name_rows(axes, [name for name, _, _ in rows])
    axes.set_xlabel("agreement with the model")
    caption = " ".join(line for s in report.sway for line in conclusions.sway(report, s))
    return Plot("anchoring", figure, "Agreement with and without the suggestion", caption)


_KINDS = {"blind": (BLUE, "o-", 0), "assisted": (ORANGE, "s--", 1), "revised": ("0.4", "D:", 2)}
"""Colour, mark and shift of each kind of answers, beside each other so that none hides another."""


def _over_time(report: Report, trends: Iterable[Trend]) -> Plot:
    names = wording.Names(report)
    panels = charts.panels(trends)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(_NARROW * columns, 2.0 * lines), layout="constrained")
    for at, (rater, level, found) in enumerate(panels):
        axes = figure.add_subplot(lines, columns, at + 1)
        for trend in found:
            colour, mark, shift = _KINDS[trend.kind]
            done, middles = shift * len(trend.issue_ids) / 90, []
            for block in trend.blocks:
                middles.append(done + block.agrees.n / 2)
                done += block.agrees.n
                _upright(axes, middles[-1], block.agrees, colour)
            values = [block.agrees.value or 0 for block in trend.blocks]
            label = f"{wording.ANSWERS[trend.kind]}, n = {len(trend.issue_ids):,}"
            axes.plot(middles, values, mark, color=colour, ms=3.5, label=label)
        axes.set(ylim=(-0.02, 1.02), xlabel="answers so far", ylabel="same as the model")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _percent(axes)
        axes.set_title(f"{rater}, {names.level(level)}")
        axes.legend(loc="lower right")
    caption = " ".join(conclusions.trend(report, trend) for trend in report.trends)
    return Plot("over-time", figure, "Agreement with the model over time", caption)


# --- what the figures share ---------------------------------------------------------------------


def _rows(count: int, height: float) -> tuple[Figure, Axes]:
    """A figure of ``count`` rows, the first on top, with room for their names."""
    figure = Figure(figsize=(_WIDE, 0.8 + height * count), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylim(count - 0.4, -0.6)
    return figure, axes


def _name_rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _short(name: str) -> str:
    return one_line(name, 60)


def _range(
    axes: Axes, y: float, estimate: Estimate, mark: str, colour: str, label: str | None = None
) -> None:
    _interval(axes, y, estimate, colour)
    if estimate.value is not None:
        axes.plot([estimate.value], [y], mark, color=colour, ms=3.5, ls="", label=label)


def _interval(axes: Axes, y: float, estimate: Estimate, colour: str) -> None:
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=1)


def _upright(axes: Axes, x: float, estimate: Estimate, colour: str) -> None:
    if estimate.low is not None and estimate.high is not None:
        axes.plot([x, x], [estimate.low, estimate.high], color=colour, lw=0.9)


def _percent(axes: Axes, both: bool = False) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if both:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)


def _left_out(pair: Pair) -> str:
    return f"Left out: {wording.reasons(pair.excluded)}." if pair.excluded else ""
