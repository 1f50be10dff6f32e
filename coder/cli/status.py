"""``coder status``: who has done what in a run, and how far raters agree so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import open_run, run_names

if TYPE_CHECKING:
    from rich.table import Table

    from coder.records import Estimate
    from coder.report.status import PairStatus, RaterStatus, RunStatus


@click.command("status")
@click.argument("name", required=False, shell_complete=run_names)
def command(name: str | None) -> None:
    """Show who has done what in run NAME.

    Without one, how the whole study stands.

    For each rater what they answered and what is left; how many issues two or more of them coded,
    and how far their blind labels agree. Figures with intervals are in coder report.
    """
    from coder.cli.asking import how_many
    from coder.cli.terminal import console, safe
    from coder.records import Status
    from coder.report.sentences import FEWEST_SHARED, broken
    from coder.report.status import run_status
    from coder.text.spelling import plural, some

    if name is None:
        _whole_study()
        return
    run = open_run(name)
    found = run_status(run)
    if places := run.broken_chains():
        console.print(f"[yellow]{safe(broken(name, places))}[/]", soft_wrap=True)
    console.print(
        f"Run {safe(name)}: {plural(found.issues, 'issue')}, {found.met:,} answered by anyone, "
        f"{found.several:,} by two or more.",
        soft_wrap=True,
    )
    if found.failed:
        console.print(
            f"Without an answer of the model: {safe(how_many(Status.FAILED, found.failed))}; "
            "coder propose asks again.",
            soft_wrap=True,
        )
    if found.raters:
        console.print(_done(found.raters))
        console.print(_left(found.raters))
    if found.pairs:
        console.print(f"\nBlind labels by two or more: {plural(found.several_blind, 'issue')}")
        if enough := [pair for pair in found.pairs if pair.enough]:
            console.print(_agreement(enough))
        few = [f"{p.left} and {p.right} ({p.n:,})" for p in found.pairs if not p.enough]
        if few:
            line = f"Too few for a figure ({FEWEST_SHARED} are needed): {some(few)}"
            console.print(safe(line))
    if found.alpha is not None and found.alpha.n >= FEWEST_SHARED:
        alpha = _figure(found.alpha)
        console.print(f"Krippendorff's alpha of all: {alpha} (n = {found.alpha.n:,})")
    for note in dict.fromkeys(_undefined(found)):
        console.print(safe(note), soft_wrap=True)
    console.print(f"Next: {safe(_next(name, found))}", soft_wrap=True)


def _whole_study() -> None:
    """The stages of study.toml and the runs there are, on one screen."""
    from coder.cli.run import stage_table
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.pipeline import Pipeline
    from coder.report.status import study_runs
    from coder.study import Study

    study = Study.open()
    stages = Pipeline(study).statuses()
    runs = study_runs(study.runs)
    if not stages and not runs:
        raise UsageError(
            f"there is no run in {study.runs}",
            "make one with: coder propose; or change into the folder of your study",
        )
    if stages:
        console.print(stage_table(stages))
    if stages and runs:
        console.print()
    if runs:
        table = _table(("Run", "Codebook", "Model", "Issues", "Proposals", "Blind", "Decisions"))
        for one in runs:
            counts = (one.issues, one.proposals, one.labels, one.decisions)
            _row(table, one.name, safe(one.codebook), safe(one.model), *(f"{n:,}" for n in counts))
        console.print(table)
    for command in dict.fromkeys(status.to_type for status in stages if status.to_type):
        console.print(f"Next: {safe(command)}", soft_wrap=True)


def _done(raters: tuple[RaterStatus, ...]) -> Table:
    columns = ("Blind", "After it", "Assisted", "Flagged", "Skipped", "Memos", "Changes", "Stale")
    table = _table(("Rater", *columns))
    for one in raters:
        counts = (
            one.blind, one.revised, one.assisted, one.flagged, one.skipped, one.memos, one.changes,
            one.stale,
        )  # fmt: skip
        _row(table, one.rater, *(f"{count:,}" for count in counts))
    return table


def _left(raters: tuple[RaterStatus, ...]) -> Table:
    from coder.cli.review_words import duration

    table = _table(("Rater", "Assigned", "Done", "Left", "An issue", "Time left"))
    for one in raters:
        assigned = "all" if one.assigned is None else f"{one.assigned:,}"
        pace = "" if one.pace is None else duration(one.pace)
        time = "" if one.pace is None or not one.left else duration(one.pace * one.left)
        _row(table, one.rater, assigned, f"{one.done:,}", f"{one.left:,}", pace, time)
    return table


def _agreement(pairs: Sequence[PairStatus]) -> Table:
    table = _table(("Raters", "n", "Same", "Kappa", "Alpha"))
    for pair in pairs:
        share = pair.percent_agreement.value
        _row(
            table,
            f"{pair.left} and {pair.right}" + (" (intra-rater)" if pair.intra_rater else ""),
            f"{pair.n:,}",
            "-" if share is None else f"{share:.0%}",
            _figure(pair.cohen_kappa),
            _figure(pair.krippendorff_alpha),
        )
    return table


def _undefined(found: RunStatus) -> list[str]:
    """Why a figure is not there, once for each reason."""
    notes = []
    for pair in found.pairs:
        if not pair.enough:
            continue
        for what, figure in (
            ("same", pair.percent_agreement),
            ("kappa", pair.cohen_kappa),
            ("alpha", pair.krippendorff_alpha),
        ):
            if figure.value is None:
                notes.append(f"{pair.left} and {pair.right}, {what}: undefined, {figure.note}")
    return notes


def _next(name: str, found: RunStatus) -> str:
    """The most pressing thing to type."""
    for one in found.raters:
        if one.stale:
            return f"coder review {name} --rater {one.rater} --stale"
    assigned = [one for one in found.raters if one.left and one.assigned is not None]
    if assigned:
        return f"coder review {name} --rater {assigned[0].rater}"
    if not found.met:
        return f"coder review {name} --rater YOU"
    if found.unresolved:
        return f"coder adjudicate {name} --by YOU"
    return f"coder report {name}"


def _table(columns: tuple[str, ...]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(columns[0], overflow="fold", ratio=None)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _row(table: Table, who: str, *cells: str) -> None:
    from coder.cli.terminal import safe

    table.add_row(safe(who), *cells)


def _figure(figure: Estimate) -> str:
    return "-" if figure.value is None else f"{figure.value:.2f}".replace("0.", ".")
