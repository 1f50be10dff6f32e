"""``coder import``: other people's files in, one issues.jsonl out, every row accounted for."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import column_map

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coder.sources.importing import ImportReport

_LONGEST_PART = 60
"""Letters of a user's name in the name of a file."""


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
@click.option("--pull-requests", is_flag=True, help="Keep them among the issues, marked.")
@click.option("--encoding", default="", metavar="NAME", help="Of the files; UTF-8 as it comes.")
def command(
    files: tuple[Path, ...],
    output: Path,
    maps: tuple[str, ...],
    pull_requests: bool,
    encoding: str,
) -> None:
    """Bring in issues from files or folders.

    JSON Lines, JSON, CSV or TSV, gzipped or not; Excel (.xlsx) and Parquet; a folder stands for
    all such files in it. Or one REFI-QDA project (.qdpx), with its codebook and what its users
    coded.

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

    if any(file.suffix.lower() == ".qdpx" for file in files):
        _import_project(files, output)
        return
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
            pull_requests,
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


def _import_project(files: tuple[Path, ...], output: Path) -> None:
    """A REFI-QDA project: issues, its codebook, and a file of labels for each of its users."""
    from coder.cli.terminal import console, err_console, safe
    from coder.codebook.writing import to_yaml
    from coder.errors import InputError, UsageError
    from coder.files.atomic_write import write_atomically
    from coder.report.export import labels_csv
    from coder.sources.importing import sidecar
    from coder.sources.refi_qda import read_qdpx
    from coder.text.spelling import plural

    if len(files) != 1:
        raise UsageError("a project is imported alone", "name one .qdpx")
    if output.resolve() == files[0].resolve():
        raise UsageError(f"{output} would be overwritten", "write to another file with -o")
    found = read_qdpx(files[0])

    def say(path: Path, what: str) -> None:
        console.print(f"[bold]{safe(path)}[/]: {what}", soft_wrap=True)

    if found.book is not None:
        path, text = sidecar(output, ".codebook.yaml"), to_yaml(found.book)
        if path.exists() and path.read_bytes() != text.encode():
            raise UsageError(f"{path} is there already", "choose another -o, or remove it first")
        write_atomically(path, text)
        say(path, plural(len(found.book.codes), "code"))
    if not found.issues:
        raise InputError(
            f"{files[0]} holds no text that can be coded",
            "; ".join(f"{n:,} {what}" for what, n in found.set_aside.items())
            or "it has no sources",
        )
    write_atomically(output, "".join(issue.to_json() + "\n" for issue in found.issues))
    say(output, plural(len(found.issues), "issue"))
    for user, part in _file_parts(found.coded).items():
        coded = found.coded[user]
        path = sidecar(output, f".labels.{part}.csv")
        rows = ((issue_id, one.codes, one.memo, user) for issue_id, one in coded.items())
        write_atomically(path, labels_csv(rows))
        say(path, f"{plural(len(coded), 'issue')} coded by {safe(user)}")
    if found.coded:
        console.print(
            "coder label import takes such a file for blind labels: import those of people who had "
            "seen no suggestion.",
            soft_wrap=True,
        )
    for what, count in found.set_aside.items():
        err_console.print(f"[yellow]Not taken:[/] {count:,} {safe(what)}", soft_wrap=True)
    for note in found.notes:
        err_console.print(f"Note: {safe(note)}", soft_wrap=True)


def _file_parts(users: Iterable[str]) -> dict[str, str]:
    """For each user a part of a file's name; no two the same, also where letters have no case."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for user in users:
        plain = re.sub(r"[^\w-]+", "-", user)[:_LONGEST_PART].strip("-") or "unknown"
        numbered = (plain if n == 1 else f"{plain}-{n}" for n in itertools.count(1))
        part = next(one for one in numbered if one.casefold() not in taken)
        taken.add(part.casefold())
        found[user] = part
    return found
