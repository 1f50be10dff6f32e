"""Arguments of many verbs: names of runs, which a shell completes, of raters and of issues."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.files.resources import study_root
from coder.text.spelling import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from coder.storage.run import Run

    F = TypeVar("F", bound=Callable[..., Any])


def run_names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """The runs of the study one stands in, for a shell that completes what is typed."""
    try:
        made = sorted(file.parent.name for file in (study_root() / "runs").glob("*/manifest.json"))
    except OSError:
        return []
    return [name for name in made if name.startswith(begun)]


def rater_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """A name as it is kept: letters composed, and nothing in it that nobody sees."""
    return None if name is None else visible(name)


def column_map(told: str) -> Callable[[F], F]:
    """Which columns of a file people made feed which fields."""
    return click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help=told)


def several_runs(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of a verb that holds runs against each other."""
    runs = click.argument(
        "runs", nargs=-1, required=True, metavar="RUN RUN...", shell_complete=run_names
    )
    output = click.option(
        "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
        help="Where the files go; by default a folder of their own in the first run's report.",
    )  # fmt: skip
    return runs(output(command))


def open_run(name: str, *, damaged: bool = False) -> Run:
    """The run of the study one stands in; ``damaged``: also one whose files are not whole."""
    from coder.storage.run import Run
    from coder.study import Study

    return Run.open(Study.open().runs, name, damaged=damaged)


def issue_id(run: Run, name: str) -> str:
    """The id of an issue given by any of its names."""
    from coder.errors import UsageError
    from coder.sources.github import IssueNames

    found = sorted(IssueNames(run.issues.values()).find(name))
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name!r} can be any of {', '.join(found[:4])}", "give one of these ids")
    raise UsageError(
        f"no issue of run {run.name!r} is called {name!r}",
        "an id, a URL or owner/repo#number is asked for",
    )
