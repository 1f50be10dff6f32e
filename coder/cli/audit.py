"""``coder audit``: what a run's files prove about it, and what its model says when asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import open_run, run_names
from coder.cli.figure import figure
from coder.cli.reask import injection, order

if TYPE_CHECKING:
    from rich.table import Table

    from coder.audit.log import Checked

SHOWN = 20
"""How many problems are named on the terminal; all of them are counted."""


@click.group("audit")
def command() -> None:
    """Prove that a run is sound.

    From its files: nothing was changed or lost, no model saw a label it must not see, and which
    lines a figure of the report comes from. By asking again: codes do not hang on the order of the
    options, or on what a text tells the model to do.
    """


command.add_command(order)
command.add_command(injection)
command.add_command(figure)


@command.command("log")
@click.argument("name", shell_complete=run_names)
def log(name: str) -> None:
    """Check every line of run NAME: the hash chain, and what one file says of another."""
    from coder.audit.log import check_log
    from coder.cli.terminal import console
    from coder.errors import RunError

    run = open_run(name, damaged=True)
    checked = check_log(run)
    console.print(_table(checked))
    problems = [problem for file in checked for problem in file.problems]
    _named([f"{problem.where}: {problem.message}" for problem in problems])
    if problems:
        broken = sum(bool(file.problems) for file in checked)
        raise RunError(
            f"the log of run {run.name!r} is broken, first at {problems[0].where}",
            f"{broken} of {len(checked)} files; restore them from a backup or version control",
        )
    lines = sum(file.lines for file in checked)
    console.print(f"The log is whole: {len(checked)} files, {lines:,} lines.")


@command.command("leakage")
@click.argument("name", shell_complete=run_names)
def leakage(name: str) -> None:
    """Check that no label reached the model that judged its issue or a near-duplicate."""
    from rich.table import Table

    from coder.audit.leakage import check_leakage
    from coder.cli.terminal import console
    from coder.errors import RunError
    from coder.retrieval.embedding_cache import FILE, KeptVectors
    from coder.study import Study

    run = open_run(name, damaged=True)
    study = Study.open()
    encoder = str(run.manifest.model.get("embedder") or run.manifest.model.get("encoder") or "")
    found = check_leakage(run, KeptVectors(encoder, study.cache / FILE))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    leaked = len({leak.issue_id for leak in found.leaks})
    for what, count in (
        ("issues", found.issues),
        ("with a proposal", found.proposed),
        ("labelled examples", found.examples),
        ("labels reserved for evaluation", found.reserved),
        ("issues labelled among them", found.labelled),
        ("issues with a near-duplicate among them", found.near_duplicates),
        ("issues that examples were kept away from", found.excluded),
        ("saved requests searched", found.requests),
        ("suggestions learnt from answers", found.suggestions),
        ("leaked", leaked),
        ("pairs to look at", len(found.doubtful)),
    ):
        table.add_row(what, f"{count:,}")
    console.print(table)
    _named([f"{leak.issue_id} <- {leak.example_id}: {leak.how}" for leak in found.leaks])
    if leaked:
        raise RunError(
            f"run {run.name!r}: labels may have reached the model for {leaked:,} of "
            f"{found.issues:,} issues",
            "leave these issues out of what you report, or propose again in a new run",
        )
    console.print("No label reached the model that judged its issue or a near-duplicate of it.")
    if found.doubtful:
        console.print(
            "A second test, letter by letter, finds these alike; if they are one text, leave them "
            "out of what you report:",
            soft_wrap=True,
        )
        _named([f"{pair.issue_id} ~ {pair.example_id}: {pair.how}" for pair in found.doubtful])


def _table(checked: list[Checked]) -> Table:
    from rich.table import Table

    from coder.cli.terminal import safe

    table = Table(box=None, pad_edge=False)
    table.add_column("File")
    table.add_column("Lines", justify="right")
    table.add_column("Found")
    table.add_column("Hash")
    for file in checked:
        if file.problems:
            state = f"[red]broken: {safe(file.problems[0].where)}[/]"
        else:
            state = f"[yellow]{safe(file.note)}[/]" if file.note else "[green]whole[/]"
        table.add_row(safe(file.file), f"{file.lines:,}", state, file.hash[:12])
    return table


def _named(lines: list[str]) -> None:
    from coder.cli.terminal import console, safe

    for line in lines[:SHOWN]:
        console.print(f"[red]{safe(line)}[/]", soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"[dim]... and {len(lines) - SHOWN:,} more[/]")
