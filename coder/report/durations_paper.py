"""Times by group as figures of a paper; see :mod:`coder.report.paper`."""

from __future__ import annotations

from collections.abc import Iterator

from coder.report import durations_charts as charts
from coder.report import durations_words as words
from coder.report.durations_model import Durations, Outcome
from coder.report.paper_drawing import Entry, Line, Panel, Plot, panels, rows, short


def plots(found: Durations) -> Iterator[Plot]:
    """Boxes and curves of each kind of time."""
    for outcome in words.outcomes(found):
        if charts.boxed(outcome):
            yield _boxes(found, outcome)
        if charts.curved(outcome):
            yield _curves(found, outcome)


def _boxes(found: Durations, outcome: Outcome) -> Plot:
    groups = charts.boxed(outcome)
    scale = charts.box_scale(groups)
    lines = [
        Line(f"{short(group.name)} ({group.n:,})", charts.box(group, scale),
             words.spell(group.median))
        for group in groups
    ]  # fmt: skip
    title = f"{words.TITLE[outcome.of]} by {found.by}"
    note = f"box: middle half; line: 90%; n {words.ENDED[outcome.of]}; median days"
    caption = " ".join([words.conclusion(found, outcome), *words.about(found)])
    drawing = rows(lines, charts.time_axis(scale), note)
    return Plot(f"durations-{outcome.of}-boxes", drawing, title, caption)


def _curves(found: Durations, outcome: Outcome) -> Plot:
    title = f"{words.TITLE[outcome.of]} by {found.by}, Kaplan-Meier"
    legend = [
        Entry(charts.curve_key(at), f"{short(group.name)}, n = {group.n + group.censored:,}")
        for at, group in enumerate(charts.curved(outcome))
    ]
    caption = " ".join([words.curves_shown(outcome), *words.about(found)])
    panel = Panel(words.censored(outcome), charts.curves(outcome, title), legend)
    return Plot(f"durations-{outcome.of}-curves", panels([panel]), title, caption)
