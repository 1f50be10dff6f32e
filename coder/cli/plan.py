"""``coder plan``: how many more labels a figure needs, and how to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from coder.ratings.model import Level
    from coder.records import Codebook
    from coder.report.plan import Planned, PlannedFigure

BY_MODEL = "by what the model says"
_WAYS = {
    "random, labels alone": "random",
    "random, with the model's counts": "with model",
    BY_MODEL: "by model",
}


@click.command("plan")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--width", type=click.FloatRange(0, 2, min_open=True), default=0.1, show_default=True,
    help="How wide an interval may be, from its lower to its upper end.",
)  # fmt: skip
def command(name: str, width: float) -> None:
    """Tell how many labels run NAME needs for exact figures.

    For the kappa of model and rater, and for the share of each code, by way of drawing the issues.
    """
    from coder.cli.terminal import console, safe
    from coder.report.plan import plan
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    settings = study.settings
    found = plan(run, width, seed=settings.seed, **settings.report.model_dump())
    if not found.labels:
        from coder.agreement.planning import PILOT

        console.print(
            f"Run {safe(name)} has no blind labels a plan could be made from: label a random pilot "
            f"of {PILOT} issues or more first."
        )
    elif all(_complete(found, level) for level in found.told):
        console.print(
            f"All {found.issues:,} issues of run {safe(name)} have a blind label of "
            f"{safe(found.rater)}: every share is known, and there is nothing to plan."
        )
    else:
        _show(found, run.codebook)
    if found.certificates and not all(_complete(found, level) for level in found.told):
        _certificates(found, run.codebook, study.settings.report.certificate_epsilon)
    for line in _next(name, found):
        console.print(safe(line), soft_wrap=True)


def _certificates(found: Planned, book: Codebook, epsilon: float) -> None:
    from coder.cli.printing import table
    from coder.cli.terminal import console, safe

    shown = table(
        f"For a certificate of at most {epsilon:.0%} errors within a code",
        "code", "labels of it", "needed", "drawn at random",
    )  # fmt: skip
    for one in found.certificates:
        drawn = f"{one.drawn:,}" if one.drawn <= found.issues else "more than all"
        shown.add_row(safe(book.path(one.code)), f"{one.labels:,}", f"{one.needed:,}", drawn)
    console.print(shown)
    console.print(
        "[dim]needed: labels of issues in the code that would be accepted, none of them wrong; "
        "errors take more. drawn: how many of all issues bring so many, drawn at random.[/]"
    )


def _next(name: str, found: Planned) -> Iterator[str]:
    from coder.report.plan import cheapest

    if _complete(found, "category"):
        if _complete(found, "code") or "code" not in found.told:
            yield f"Next: coder report {name}"
            return
        yield f"Next, for categories: coder report {name}"
        yield (
            f"Next, for subcategories: coder label import FILE --rater {found.rater} --run {name}, "
            "with labels that name one"
        )
        return
    review = f"coder review {name} --rater {found.rater or 'YOU'}"
    categories = [figure for figure in found.figures if figure.level == "category"]
    if found.labels and cheapest(categories) == BY_MODEL:
        yield f"Next, for kappa: {review} --order random --blind"
        yield f"Next, for shares alone: {review} --order by-code --blind"
    else:
        yield f"Next: {review} --order random --blind"


def _complete(found: Planned, level: Level) -> bool:
    return 0 < found.issues <= found.told.get(level, 0)


def _show(found: Planned, book: Codebook) -> None:
    from coder.cli.terminal import console, safe

    console.print(
        f"{found.labels:,} of {found.issues:,} issues have a blind label of {safe(found.rater)}. "
        f"Labels in all for an interval {found.width:g} wide:"
    )
    nested = any(code.parent is not None for code in book.codes)
    levels: tuple[Level, ...] = ("category", "code")
    for level in levels:
        figures = [
            figure
            for figure in found.figures
            if figure.level == level
            and not (figure.figure == "prevalence" and _complete(found, level))
        ]
        if figures:
            noun = "code" if not nested else "category" if level == "category" else "subcategory"
            console.print(_table(figures, f"By {noun}", book))
            for line in _sentences(figures, found, level):
                console.print(safe(line))
    console.print()
    for line in _notes(found):
        console.print(f"[dim]{safe(line)}[/]")


def _table(figures: Sequence[PlannedFigure], title: str, book: Codebook) -> Table:
    from coder.cli.printing import short, table
    from coder.cli.terminal import safe
    from coder.records import NONE_CODE

    shown = table(title, "figure", "now", "width", *_WAYS.values())
    for figure in figures:
        needed = {one.sampling: one.needed for one in figure.plans}
        now = figure.now
        wide = None if now.low is None or now.high is None else now.high - now.low
        name = "no code fits" if figure.code == NONE_CODE else ""
        if figure.code and not name:
            name = book.by_id[figure.code].name
            if sum(code.name == name for code in book.codes) > 1:
                name = book.path(figure.code)
        cells = [needed.get(way) for way in _WAYS]
        if figure.figure == "kappa":
            cells[0] = figure.plans[0].needed
        shown.add_row(
            safe(name or "kappa"), short(now), "–" if wide is None else f"{wide:.2f}",
            *("–" if cell is None else f"{cell:,}" for cell in cells),
        )  # fmt: skip
    return shown


def _sentences(figures: Sequence[PlannedFigure], found: Planned, level: Level) -> Iterator[str]:
    from coder.report.plan import by_sampling

    have = found.told[level]
    if above := found.labels - have:
        yield (
            f"{above:,} of the {found.labels:,} labels name a category alone: those issues are not "
            "labelled by subcategory."
        )
    for one in figures:
        if one.figure == "kappa":
            made = one.plans[0]
            more = made.more
            note = f" ({made.note})" if made.note else ""
            if more is None:
                yield f"Kappa: it cannot be told how many{note}."
            elif more:
                yield f"Kappa: {more:,} more{note}."
            else:
                yield f"Kappa: none{note}." if note else "Kappa is as exact as that already."
    if _complete(found, level):
        yield "Every share is known: all issues are labelled, so there is nothing to estimate."
        return
    ways = by_sampling([one for one in figures if one.figure == "prevalence"])
    if not ways:
        return
    least = min(ways, key=lambda way: ways[way])
    more = max(0, ways[least] - have)
    if ways[least] >= found.issues and more:
        yield f"Every share: {more:,} more, which is every issue."
    elif more:
        others = "; ".join(f"{way}: {max(0, n - have):,}" for way, n in ways.items())
        yield f"Every share: cheapest is {least}, {more:,} more ({others})."
    else:
        yield "Every share is as exact as that already."


def _notes(found: Planned) -> Iterator[str]:
    notes = {one.note for figure in found.figures for one in figure.plans if one.note}
    if "all issues" in {part for note in notes for part in note.split("; ")}:
        yield "A figure that needs all issues cannot be had at this width from fewer."
    yield from (
        f"{note[0].upper()}{note[1:]}." for note in sorted(notes) if note.startswith("rough")
    )
    if found.uneven:
        yield "The labelled issues were not drawn evenly; the plan takes them for a random sample."
    yield (
        "with model: random labels correct the model's counts; by model: as many issues as is best "
        "are drawn among those the model gives the code and among the others, for one code at a "
        "time; --order by-code draws every category alike, which comes near it for rare ones and "
        "takes more labels for frequent ones. Kappa needs a random sample. Widths shrink with the "
        "square root of the labels: ask again when half of them are there."
    )
