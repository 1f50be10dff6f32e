"""Verdicts in words, tables and a figure, for every output."""

from __future__ import annotations

from coder.records import Codebook, Estimate
from coder.report import charts
from coder.report.grids import Grid
from coder.report.paper_drawing import Panel, Plot, panels
from coder.report.verdict import Delivery, Verdict, Verdicts
from coder.report.wording import figure
from coder.text.spelling import plural, some

TITLE = "What may be taken from the model"
CURVE = "Agreement of the data set as delivered, by how much of it people read"


def conclusions(found: Verdicts, book: Codebook) -> list[str]:
    """What follows, in sentences."""
    said = []
    for verdict, begin in (
        (Verdict.AUTOMATE, "May be automated"),
        (Verdict.REVIEW, "To be reviewed"),
        (Verdict.BY_HAND, "To be coded by hand"),
    ):
        codes = [
            f"{book.path(one.code)} (from {one.threshold:g} on)" if one.threshold is not None
            else book.path(one.code)
            for one in found.codes if one.verdict is verdict
        ]  # fmt: skip
        if codes:
            said.append(f"{begin}: {some(codes)}.")
    little = [one for one in found.codes if one.verdict is Verdict.TOO_LITTLE]
    if little:
        said.append(f"Too little evidence for {plural(len(little), 'code')}.")
    if best := _cheapest(found):
        hours = f", {best.hours:.1f} hours" if best.hours is not None else ""
        said.append(
            f"Read by people from the least sure on, {best.read:,} of {found.issues:,} issues"
            f"{hours} bring the data set to {figure(best.agreement)} agreement with a blind label."
        )
    return said + [f"{note[0].upper()}{note[1:]}." for note in found.notes]


def _cheapest(found: Verdicts) -> Delivery | None:
    """The least reading that cannot be told from two people's agreement."""
    wanted = found.people.low if found.people.low is not None else found.people.value
    if wanted is None:
        return None
    reached = (d for d in found.curve if (d.agreement.value or 0) >= wanted)
    return next(reached, None)


def codes(found: Verdicts, book: Codebook) -> Grid:
    """A row a code: the verdict, and what it rests on."""
    return Grid(
        "verdict",
        f"{TITLE}, code by code",
        ("code", "verdict", "from", "labels", "missing", "precision", "recall", "F1", "two people"),
        tuple(
            (
                book.path(one.code), one.verdict.value,
                "–" if one.threshold is None else f"{one.threshold:g}",
                f"{one.positives:,}", "–" if one.missing is None else f"{one.missing:,}",
                *map(figure, (one.precision, one.recall, one.model, one.ceiling)),
            )
            for one in found.codes
        ),
        numeric_from=2,
        notes=(
            "from: the confidence from which on a certificate holds; missing: labels that hold the "
            "code, for a certificate at this share of errors; two people: F1 of one against the "
            "other.",
        ),
    )  # fmt: skip


def delivery(found: Verdicts) -> Grid:
    """The curve as a table."""
    return Grid(
        "delivered",
        CURVE,
        ("read by people", "of all", "confidence below", "hours", "agreement"),
        tuple(
            (
                f"{d.read:,}", f"{d.read / found.issues:.0%}", f"{d.threshold:.2f}",
                "–" if d.hours is None else f"{d.hours:.1f}", figure(d.agreement),
            )
            for d in found.curve
        ),
        numeric_from=0,
        notes=(f"two people agree in {figure(found.people)}.",),
    )  # fmt: skip


def plot(found: Verdicts) -> Plot | None:
    """The curve as a figure of a paper; ``None`` without any label."""
    points = [d for d in found.curve if d.agreement.value is not None]
    if len(points) < 2:
        return None
    frame = charts.Frame()
    ends = [(d.read / found.issues, d.agreement) for d in points]
    band = [(x, _end(a, a.high)) for x, a in ends] + [(x, _end(a, a.low)) for x, a in ends[::-1]]
    line = [(x, a.value or 0.0) for x, a in ends]
    ticks = [(t / 4, f"{t / 4:.0%}") for t in range(5)]
    parts = [
        frame.axes("read by people", "agreement", ticks),
        frame.line(band, "band"),
        frame.line(line, "curve"),
    ]
    if found.people.value is not None:
        parts.append(frame.line([(0, found.people.value), (1, found.people.value)], "ideal"))
    words = f"{found.issues:,} issues; dashed: two people"
    if found.seconds is not None:
        words += f"; all of it: {found.issues * found.seconds / 3600:.0f} hours"
    drawing = panels([Panel(words, charts.chart(parts, CURVE))])
    return Plot("delivered", drawing, CURVE, CURVE)


def _end(found: Estimate, end: float | None) -> float:
    return (found.value or 0.0) if end is None else end
