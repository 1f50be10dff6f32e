"""``coder merge``: takes another person's copy of a run into one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import open_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coder.storage.merge import Outcome

NAMED = 5
"""How many issues of a conflict are named; all are counted."""


@click.command("merge")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--into", "name", required=True, metavar="NAME", help="Your run.")
@click.option(
    "--take-both",
    is_flag=True,
    help="Where one rater worked in both copies: append theirs; the later answer counts.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
def command(folder: Path, name: str, take_both: bool, dry_run: bool) -> None:
    """Take another copy of a run into yours.

    FOLDER is the run's folder as another person has it. Their labels, decisions, assignments and
    adjudications come into run NAME. Nothing is overwritten: where one rater worked in both copies
    their file is kept beside yours and named, and the exit code is 4.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import RunError
    from coder.report.wording import plural
    from coder.storage.merge import What, merge

    run = open_run(name)
    merged = merge(run, folder, take_both=take_both, dry_run=dry_run)
    for outcome in merged.outcomes:
        for line in _said(outcome, run.path, dry_run):
            console.print(safe(line), soft_wrap=True)
    for rater, issue_id in merged.not_blind:
        console.print(
            safe(
                f"{rater}'s label of {issue_id} was withdrawn: it is not blind, the suggestion had "
                "been seen in the other copy"
            ),
            soft_wrap=True,
        )
    files = sum(o.what in (What.NEW, What.LONGER, What.JOINED) for o in merged.outcomes)
    lines = sum(o.lines for o in merged.outcomes)
    would = "would be " if dry_run else ""
    console.print(
        f"{plural(lines, 'line')} {would}taken into {plural(files, 'file')} of run {safe(name)}."
    )
    if merged.conflicts:
        many = len(merged.conflicts)
        raise RunError(
            f"{many} {'file is' if many == 1 else 'files are'} in conflict and as before; "
            f"everything else {would or 'is '}merged",
            "--take-both appends their lines, and the later answer to an issue counts; "
            "or talk it over and leave it",
        )
    console.print(f"Next: coder report {safe(name)}")


def _said(outcome: Outcome, here: Path, dry_run: bool) -> Iterator[str]:
    from coder.storage.merge import What

    if outcome.what is What.CONFLICT:
        yield f"CONFLICT {outcome.file}: {outcome.why}"
    elif outcome.what is not What.SAME:
        yield f"{outcome.file}: {outcome.what.value} ({outcome.lines:,} lines)"
    if outcome.about and outcome.what in (What.CONFLICT, What.JOINED):
        more = f" and {len(outcome.about) - NAMED} more" if len(outcome.about) > NAMED else ""
        yield f"  both about: {', '.join(outcome.about[:NAMED])}{more}"
    if outcome.kept and not dry_run:
        yield f"  theirs is kept as {outcome.kept.relative_to(here).as_posix()}"
    if outcome.torn:
        yield f"{outcome.file}: their last line was cut off and is left out"
