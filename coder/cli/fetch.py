"""``coder fetch``: issues of GitHub repositories, into one file that can be brought up to date."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

    from coder.fetch.api import Api
    from coder.fetch.fetching import SetAsideRepository, Snapshot, Tell

_NAME = re.compile(r"[\w-][\w.-]*/(?!\.{1,2}$)[\w.-]+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
SHOWN = 5


def _day(_: click.Context, __: click.Parameter, day: str) -> str:
    from datetime import datetime

    try:
        if day and (not _DAY.fullmatch(day) or not datetime.fromisoformat(day)):
            raise ValueError
    except ValueError:
        raise click.BadParameter("write it like 2024-01-31") from None
    return day


@click.command("fetch")
@click.argument("repositories", nargs=-1, metavar="OWNER/REPO...")
@click.option(
    "-o", "--output", required=True, metavar="ISSUES.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the issues go; brought up to date when it exists.",
)  # fmt: skip
@click.option(
    "--file", "listing", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="REPOS.txt", help="Repositories, one a line; # begins a remark.",
)  # fmt: skip
@click.option(
    "--since", default="", callback=_day, metavar="DAY", help="Opened on that day or later."
)
@click.option("--until", default="", callback=_day, metavar="DAY", help="Opened by that day.")
@click.option("--state", type=click.Choice(("all", "open", "closed")), default="all")
@click.option(
    "--label", "labels", multiple=True, help="With this label of the project; repeatable."
)
@click.option("--search", default="", metavar="QUERY", help="In GitHub's words for searches.")
@click.option("--pull-requests", is_flag=True, help="Keep pull requests among the issues.")
@click.option("--no-events", is_flag=True, help="Do not ask who closed and reopened them.")
@click.option(
    "--most", type=click.IntRange(min=1), default=1_000_000, show_default=True, metavar="N",
    help="Cut a repository off after N issues and pull requests, those changed longest ago.",
)  # fmt: skip
@click.option(
    "--from", "listed", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE", help="The issues a table, a list or a replication package names.",
)  # fmt: skip
def command(
    repositories: tuple[str, ...],
    output: Path,
    listing: Path | None,
    since: str,
    until: str,
    state: str,
    labels: tuple[str, ...],
    search: str,
    pull_requests: bool,
    no_events: bool,
    most: int,
    listed: Path | None,
) -> None:
    """Fetch issues from GitHub repositories.

    With comments, labels, reactions, and who closed and reopened them. A token is taken from
    GITHUB_TOKEN, GH_TOKEN, the study's .env or `gh auth token`; without one GitHub answers 60
    requests an hour. GITHUB_API_URL names a GitHub Enterprise server.

    The same command goes on where it was stopped; once it has finished, it asks for what changed.
    ISSUES.snapshot.json says what was asked, when, and what came of it.
    """
    import os
    import time

    from coder.cli.terminal import err_console
    from coder.errors import UsageError
    from coder.fetch.api import Api, access
    from coder.fetch.fetching import Wanted, fetch
    from coder.fetch.repository import Query
    from coder.study import Study

    names = _names(repositories, listing)
    if bool(names) == (listed is not None):
        raise UsageError("what to fetch is to be told once", "name repositories, or --from a list")
    study = Study.open()
    query = Query(since, labels, search, not no_events, pull_requests, most)
    wanted = Wanted(query, state, until)
    with _progress() as progress:
        task = progress.add_task("asking", total=len(names) or None)

        def on_wait(seconds: float, why: str) -> None:
            until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
            progress.update(task, description=f"{why}: waiting until {until}")
            if not err_console.is_terminal or seconds > 60:
                progress.console.print(f"{why}: waiting {seconds:,.0f} s, until {until}")

        api = Api(access(study, os.environ), on_wait, time.sleep)
        tell = _teller(progress, task, names)
        if listed is not None:
            _fetch_list(api, listed, output, tell)
            return
        snapshot = fetch(api, names, wanted, output, tell)
    _print(output, snapshot)


def _names(repositories: Sequence[str], listing: Path | None) -> list[str]:
    """The repositories, each once; a URL stands for what it names."""
    from coder.errors import UsageError
    from coder.files.reading import read_text
    from coder.sources.github import repo_from_url

    given = [*repositories]
    if listing is not None:
        lines = (line.partition("#")[0].strip() for line in read_text(listing).splitlines())
        given += [line for line in lines if line]
    found: dict[str, str] = {}
    for one in given:
        name = repo_from_url(one).removesuffix(".git").strip("/")
        if not _NAME.fullmatch(name):
            raise UsageError(f"{one!r} is no repository", "write it like owner/repo")
        found.setdefault(name.casefold(), name)
    return list(found.values())


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from coder.cli.terminal import err_console

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=err_console, transient=True, disable=not err_console.is_terminal,
    )  # fmt: skip


def _teller(progress: Progress, task: object, names: Sequence[str]) -> Tell:
    """Shows which repository is being read, and how much of it has come."""
    from collections import Counter

    from coder.cli.terminal import safe

    counts: Counter[tuple[str, str]] = Counter()

    def tell(name: str, kind: str, rows: int) -> None:
        counts[name, kind] += rows
        said = ", ".join(f"{counts[name, k]:,} {k}" for k in ("issues", "comments", "events"))
        at = names.index(name) if name in names else 0
        progress.update(task, description=f"{safe(name)}: {said}", completed=at)  # type: ignore[arg-type]

    return tell


def _fetch_list(api: Api, listed: Path, output: Path, tell: Tell) -> None:
    from coder.cli.terminal import console, safe
    from coder.fetch.listed import fetch_listed, read_list
    from coder.text.spelling import plural

    asked, bad = read_list(listed)
    count, missing = fetch_listed(api, asked, listed, output, tell)
    console.print(
        f"[bold]{safe(output)}[/]: {plural(count, 'issue')} of {len(asked):,} that "
        f"{safe(listed)} names, in {plural(api.calls, 'request')}",
        soft_wrap=True,
    )
    _say_set_aside(output, [*bad, *missing])


def _print(output: Path, made: Snapshot) -> None:
    from coder.cli.terminal import console, safe
    from coder.text.spelling import plural

    found = made.repositories
    console.print(
        f"[bold]{safe(output)}[/]: {plural(made.output.issues or 0, 'issue')} of "
        f"{len(found):,} {'repository' if len(found) == 1 else 'repositories'}, "
        f"{sum(one.comments for one in found):,} comments, "
        f"{sum(one.events for one in found):,} closings and reopenings; "
        f"{plural(made.calls, 'request')}",
        soft_wrap=True,
    )
    pulls, filtered = sum(f.pull_requests for f in found), sum(f.filtered for f in found)
    if pulls or filtered:
        console.print(f"not in it: {pulls:,} pull requests, {filtered:,} by the filters")
    for one in found:
        if one.name.casefold() != one.asked_as.casefold():
            console.print(f"{safe(one.asked_as)} is called {safe(one.name)} today", soft_wrap=True)
        for note in one.notes:
            console.print(f"[yellow]{safe(one.name)}[/]: {safe(note)}", soft_wrap=True)
    _say_set_aside(output, made.set_aside)
    console.print(f"Next: coder clean {safe(output)} -o clean.jsonl", soft_wrap=True)


def _say_set_aside(output: Path, found: Sequence[SetAsideRepository]) -> None:
    """Name what is not to be had on stderr; all of it is in a file beside ``output``."""
    from coder.cli.terminal import err_console, safe
    from coder.files.atomic_write import write_atomically

    file = output.with_name(f"{output.name.removesuffix('.jsonl')}.set-aside.jsonl")
    if not found:
        file.unlink(missing_ok=True)
        return
    write_atomically(file, "".join(one.to_json() + "\n" for one in found))
    err_console.print(f"Set aside: {len(found):,}; all of them: {safe(file)}", soft_wrap=True)
    for one in found[:SHOWN]:
        err_console.print(f"  {safe(one.name)}: {safe(one.reason)}", soft_wrap=True)
