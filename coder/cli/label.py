"""``coder label``: brings labels that people gave elsewhere into a run, and takes labels out."""

from __future__ import annotations

from pathlib import Path

import click

from coder.cli.arguments import rater_name, run_names


@click.group("label")
def command() -> None:
    """Bring blind human labels into a run, or out of it."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rater", callback=rater_name, required=True, help="Who gave these labels.")
@click.option(
    "--run",
    "name",
    required=True,
    shell_complete=run_names,
    help="The run whose issues they are about.",
)
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="E.g. --map code=rater1")
@click.option("--one-hot", is_flag=True, help="Each code is a column, marked 1 where it was given.")
def import_labels(file: Path, rater: str, name: str, maps: tuple[str, ...], one_hot: bool) -> None:
    """Import blind labels from FILE: CSV or JSONL with id, code and optionally memo.

    Blind means: given before the rater saw any suggestion. An issue goes by its id, its URL or
    owner/repo#number. Several codes are separated by ";", or stand in a list or in several rows. A
    code is understood by id, name or full path; "none" means that no code fits.
    Importing the same file again changes nothing.
    """
    from coder.cli.labels import SHOWN, read_label_file, show_set_aside
    from coder.cli.terminal import console, err_console, safe
    from coder.errors import InputError
    from coder.storage.run import Run
    from coder.study import Study

    run = Run.open(Study.open().runs, name)
    report = read_label_file(file, run.codebook, run.issues, rater, maps, one_hot)
    outcome = run.add_labels(rater, report.labels)
    show_set_aside(report, file)
    if outcome.not_blind:
        where = {f"in run {look.run} as {look.rater}" for look in outcome.not_blind.values()}
        err_console.print(
            f"Not blind, set aside: {len(outcome.not_blind):,} on issues whose suggestion "
            f"{safe(rater)} had already seen, {safe(' and '.join(sorted(where)))} "
            f"({safe(', '.join([*outcome.not_blind][:SHOWN]))})",
            soft_wrap=True,
        )
    if not report.labels:
        raise InputError(
            f"{file} holds no usable label for run {name!r}",
            "its issues must be those of the run and its codes those of the run's codebook"
            if any(row.reason.startswith("unknown ") for row in report.set_aside)
            else "why is said above, for each row",
        )
    changed = f", {outcome.changed:,} of them changing an earlier one" if outcome.changed else ""
    known = f"; {len(outcome.unchanged):,} were there already" if outcome.unchanged else ""
    console.print(
        f"{_count(len(outcome.added), 'blind label')} by {safe(rater)} added to run {safe(name)}"
        f"{changed}{known}. {_count(report.read, 'row')} read, "
        f"{len(report.set_aside):,} set aside.",
        soft_wrap=True,
    )
    console.print(f"Next: coder report {safe(name)}")


@command.command("export")
@click.argument("name", shell_complete=run_names)
@click.option("--rater", callback=rater_name, help="Only this rater's labels.")
@click.option("--resolved", is_flag=True, help="What raters agree on, and what was adjudicated.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the labels go; replaced when it exists.",
)
def export_labels(name: str, rater: str | None, resolved: bool, output: Path) -> None:
    """Write blind labels of run NAME as CSV: id, code, memo, who.

    Those of all raters, of one, or the resolved ones. `coder label import` reads the file back.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.report.export import blind_rows, labels_csv, resolved_rows
    from coder.storage.run import Run
    from coder.study import Study

    run = Run.open(Study.open().runs, name)
    if rater and resolved:
        raise UsageError("--rater and --resolved exclude each other", "give one of them")
    raters = run.raters()
    if rater and rater not in raters:
        raise UsageError(
            f"run {name!r} has no rater {rater!r}", f"raters: {', '.join(raters) or 'none'}"
        )
    if resolved:
        rows = list(resolved_rows(run))
    else:
        rows = [row for who in ([rater] if rater else raters) for row in blind_rows(run, who)]
    write_atomically(output, labels_csv(rows))
    console.print(f"{safe(output)}: {_count(len(rows), 'label')}", soft_wrap=True)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
