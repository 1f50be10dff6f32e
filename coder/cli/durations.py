"""``coder durations``: how long issues took, by code or by repository."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import rater_name, run_names

if TYPE_CHECKING:
    from coder.report.durations_model import Durations
    from coder.report.grids import Grid

GROUPS = ("category", "code", "repository")
PAIRS = 10
"""How many pairs of groups the terminal shows; all are in the files."""


def _groups(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    found = [*GROUPS, *run_names(context, parameter, begun)]
    return [name for name in found if name.startswith(begun)]


@click.command("durations")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--by", default="category", metavar="GROUPS", shell_complete=_groups, show_default=True,
    help="category, code, repository, or another run: its categories.",
)  # fmt: skip
@click.option(
    "--labels", default="final", metavar="WHOSE", callback=rater_name, show_default=True,
    help="final, resolved, model, or a rater: whose codes make the groups.",
)  # fmt: skip
@click.option(
    "--close", type=click.Choice(["last", "first"]), default="last", show_default=True,
    help="Which closing counts of issues that were opened again.",
)  # fmt: skip
@click.option(
    "--snapshot", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), metavar="DATE",
    help="When the data end; by default the day of coder fetch, or the latest date in them.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Where the files go; by default the run's report.",
)  # fmt: skip
@click.option("--figures", is_flag=True, help="Also draw boxes and curves as SVG and PDF files.")
def command(
    name: str,
    by: str,
    labels: str,
    close: str,
    snapshot: datetime | None,
    output: Path | None,
    figures: bool,
) -> None:
    """Tell how long issues took, and whether groups differ.

    Medians and tests by GROUPS for run NAME, open issues counted as censored, and what the model's
    errors do to the conclusion. Writes durations.json, .csv and .tex.
    """
    from datetime import UTC
    from importlib.util import find_spec

    from coder.cli.printing import wrote
    from coder.cli.terminal import console, err_console
    from coder.errors import UsageError
    from coder.ratings.delivered import RunAnswers
    from coder.report.durations import Asked, durations
    from coder.report.durations_write import write_durations
    from coder.storage.run import Run
    from coder.study import Study

    if figures and not (find_spec("typst") and find_spec("font_roboto")):
        raise UsageError("--figures needs typst and Roboto", "pip install 'issue-coder[figures]'")
    study = Study.open()
    run = Run.open(study.runs, name)
    coding = run if by in GROUPS else Run.open(study.runs, by)
    settings = study.settings
    asked = Asked.model_validate(
        {
            "by": by if by in GROUPS else "category", "labels": labels, "close": close,
            "snapshot": snapshot and snapshot.replace(tzinfo=UTC), "draws": settings.report.draws,
            "seed": settings.seed,
        }
    )  # fmt: skip
    with err_console.status("computing"):
        found = durations(run, asked, RunAnswers(coding))
    folder = output or run.path / "report"
    files = write_durations(found, folder)
    show(found)
    wrote(files)
    if figures:
        from coder.report.durations_paper import plots
        from coder.report.paper import FORMATS, write_plots

        drawn = write_plots(plots(found), folder / "durations")
        console.print(f"Figures: {len(drawn) // len(FORMATS)}, as SVG and PDF in durations/")


def show(found: Durations) -> None:
    """Print the tables and what they say."""
    from coder.cli.terminal import console, safe
    from coder.report import durations_tables as tables
    from coder.report import durations_words as words

    for line in words.about(found):
        console.print(safe(line))
    for outcome in words.outcomes(found):
        _print(tables.times(found, outcome), tables.tests(found, outcome))
        _print(tables.pairs(found, outcome, PAIRS))
        console.print(f"[bold]{safe(words.conclusion(found, outcome))}[/]")
    if found.by != "repository":
        if found.errors is not None and found.errors.figures:
            _print(tables.errors(found.errors))
        console.print(f"[bold]{safe(words.error_conclusion(found.errors))}[/]")


def _print(*grids: Grid) -> None:
    """Tables; where one is wider than the terminal, intervals stand below their figures."""
    from coder.cli.printing import table
    from coder.cli.terminal import console, safe

    for grid in (grid for grid in grids if grid.rows):
        shown = table(safe(grid.caption), *map(safe, grid.head))
        columns = zip(grid.head, *grid.rows, strict=True)
        wide = sum(2 + max(map(len, column)) for column in columns) > console.width
        for row in grid.rows:
            cells = [cell.partition(" [") if wide else (cell, "", "") for cell in row]
            shown.add_row(*(safe(a) + (f"\n{safe('[' + b)}" if b else "") for a, _, b in cells))
        console.print(shown)
        for note in grid.notes:
            console.print(f"[dim]{safe(note)}[/]")
