"""``coder import``: other people's files in, one issues.jsonl out, every row accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import column_map

if TYPE_CHECKING:
    from coder.sources.importing import ImportReport


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="ISSUES.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the issues go; replaced when it exists.",
)
@column_map("Which column feeds a field; repeatable. See below.")
@click.option("--encoding", default="", metavar="NAME", help="Of the files; UTF-8 as it comes.")
def command(files: tuple[Path, ...], output: Path, maps: tuple[str, ...], encoding: str) -> None:
    """Bring in issues from files or folders.

    JSON Lines, JSON, CSV or TSV, gzipped or not; a folder stands for all such files in it.

    Data of GitHub's API, of `gh issue list --json` and of most exports is recognised as it is.
    Other columns are named with --map:

    \b
      --map title=summary                      a column
      --map body=discussion.body               inside a nested object
      --map body=question,discussion.body      several, joined by a blank line
      --map code=label                         codes given before: written to
                                               ISSUES.labels.csv

    Fields: id, repo, number, url, title, body, comments, labels, author, created_at, closed_at.
    Rows that are not issues are listed with their line in ISSUES.set-aside.jsonl.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from coder.cli.terminal import err_console
    from coder.sources.importing import import_issues
    from coder.sources.rows import parse_map

    mapping = parse_map(maps)
    bar = Progress(
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(),
        console=err_console,
        transient=True,
        disable=not err_console.is_terminal,
    )
    with bar:
        task = bar.add_task("reading", total=None)
        report = import_issues(
            files,
            output,
            mapping,
            lambda done, total: bar.update(task, completed=done, total=total or None),
            encoding,
        )
    _print(report)


def _print(report: ImportReport) -> None:
    from coder.cli.terminal import console, safe
    from coder.text.spelling import plural

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    say(f"[bold]{safe(report.out)}[/bold]: {plural(report.kept, 'issue')}")
    if report.labels_file:
        say(
            f"{safe(report.labels_file)}: {plural(report.labelled, 'label')}, "
            "for coder label import or coder propose --labels"
        )
    say(
        f"{plural(report.read, 'row')} read: {report.kept:,} kept, "
        f"{report.duplicates:,} duplicate, {report.set_aside:,} set aside"
    )
    for reason, n in report.reasons.items():
        say(f"  {n:,} {safe(reason)}")
    for row in (*report.first_set_aside, *report.first_duplicates):
        say(f"    [dim]{safe(row)}[/dim]")
    if report.kept:
        ids = "; ".join(f"{safe(source)} ({n:,})" for source, n in report.ids_from.items())
        say(f"ids from {ids if len(report.ids_from) > 1 else safe(next(iter(report.ids_from)))}")
    if report.set_aside_file:
        say(f"  all of them: {safe(report.set_aside_file)}")
    if report.bad_dates:
        say(
            f"[yellow]{plural(report.bad_dates, 'date')} not understood[/yellow], left empty: "
            f"{safe(', '.join(report.first_bad_dates))}"
            f"{' ...' if report.bad_dates > len(report.first_bad_dates) else ''}"
        )
    if report.missing_comments:
        say(
            f"[yellow]{plural(report.missing_comments, 'comment')} missing[/yellow]: "
            f"{plural(report.with_missing_comments, 'issue')} count comments that are not in the "
            "file; what people wrote there is not coded"
        )
    if report.bad_text:
        say(
            f"[yellow]{plural(report.bad_text, 'issue')} with characters that are not text"
            "[/yellow]: replaced by U+FFFD"
        )
    if report.same_text:
        say(
            f"[yellow]{plural(report.same_text, 'issue')} with the text of an earlier one"
            f"[/yellow], kept: {safe(', '.join(report.first_same_text))}"
            f"{' ...' if report.same_text > len(report.first_same_text) else ''}"
        )
