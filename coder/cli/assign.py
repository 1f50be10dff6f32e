"""``coder assign``: splits a run's issues among raters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import open_run, rater_name, run_names

if TYPE_CHECKING:
    from rich.table import Table

    from coder.records import Assignment
    from coder.review.assign import Split


@click.command("assign")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--raters", callback=rater_name, required=True, metavar="ANN,BEA,...", help="Who gets a part."
)
@click.option(
    "--overlap",
    type=float,
    default=0.2,
    show_default=True,
    help="The share of these issues that all raters review.",
)
@click.option(
    "--each",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many issues each rater gets; by default all issues are split.",
)
def command(name: str, raters: str, overlap: float, each: int | None) -> None:
    """Split the issues of run NAME among raters at random.

    From then on coder review shows each of them their own part. What somebody reviewed before
    stays, and the same arguments give the same parts.
    """
    from coder.cli.terminal import console, safe
    from coder.review.assign import assign, split
    from coder.review.queues import issue_ids

    run = open_run(name)
    people = [rater.strip() for rater in raters.split(",") if rater.strip()]
    made = split(issue_ids(run), people, overlap, each, run.manifest.seed)
    new = assign(run, made)
    console.print(_table(made, new))
    console.print(f"{_handed(made):,} issues of run {safe(name)}, {made.shared:,} for all of them.")
    if not new:
        console.print("They had these parts already; nothing was changed.")
    console.print(
        f"Next: coder review {safe(name)} --rater {safe(made.assignments[0].rater)}",
        soft_wrap=True,
    )


def _table(made: Split, new: tuple[Assignment, ...]) -> Table:
    from rich.table import Table

    from coder.cli.terminal import safe

    table = Table(box=None, pad_edge=False)
    table.add_column("Rater", overflow="fold")
    for column in ("Issues", "For all", "Alone"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in made.assignments:
        alone = len(one.issue_ids) - made.shared if len(made.assignments) > 1 else 0
        counts = (len(one.issue_ids), len(one.issue_ids) - alone, alone)
        state = "new" if one in new else "as before"
        table.add_row(safe(one.rater), *(f"{count:,}" for count in counts), state)
    return table


def _handed(made: Split) -> int:
    return len({issue_id for one in made.assignments for issue_id in one.issue_ids})
