"""What several verbs print: tables of 80 columns, where files went, and who is not to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from coder.proposers.budget import Price
    from coder.records import Estimate
    from coder.storage.run import Run
    from coder.study import Study

LONGEST = 150
"""Of the other runs' names in a folder's name; file systems allow 255 bytes."""


def table(title: str, first: str, *rest: str) -> Table:
    """A plain table: the first column may wrap, the others are right-aligned figures."""
    from rich import box
    from rich.table import Table

    made = Table(
        title=f"\n{title}" if title else None, title_justify="left", title_style="bold",
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    made.add_column(first, overflow="fold")
    for column in rest:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def short(estimate: Estimate) -> str:
    """``.63 [.55,.70]``: three of these fit into a row."""
    from coder.cli.terminal import safe
    from coder.report import wording

    interval = wording.interval(estimate).replace(", ", ",").replace("1.00", "1")
    return safe(f"{wording.number(estimate.value)} {interval}".strip())


def open_runs(study: Study, names: Sequence[str]) -> tuple[list[Run], dict[str, Price | None]]:
    """Runs by name, and the price of each one's model."""
    from coder.proposers.budget import find_price
    from coder.storage.run import Run

    runs = [Run.open(study.runs, name) for name in names]
    prices = {
        run.name: find_price(
            study.root,
            str(run.manifest.model.get("name", "")),
            str(run.manifest.model.get("base_url", "")),
        )
        for run in runs
    }
    return runs, prices


def folder_of(runs: Sequence[Run]) -> Path:
    """Where the files about several runs go: a folder of their own in the first one's report."""
    from coder.records import content_hash

    # No run's name holds a plus sign.
    others = "+".join(run.name for run in runs[1:])
    if len(others) > LONGEST:
        others = f"{others[:LONGEST]}-{content_hash('runs.v1', others)[:12]}"
    return runs[0].path / "report" / f"with-{others}"


def wrote(files: Sequence[Path]) -> None:
    """Say where files were put."""
    from coder.cli.terminal import console, safe

    console.print(f"\nWritten: {safe(files[0])}", soft_wrap=True)
    if files[1:]:
        console.print(f"Beside it: {', '.join(safe(file.name) for file in files[1:])}")


def warn_raters(run: Run) -> None:
    """Say who should not read what the model said of single issues, and what they may read."""
    from coder.cli.terminal import err_console, safe
    from coder.report.blind_view import still_blind
    from coder.report.wording import plural

    left = ", ".join(f"{rater} {count:,}" for rater, count in still_blind(run).items())
    if run.raters() and not left:
        return
    whom = (
        f"still labels blind ({left} of {plural(len(run.issues), 'issue')})"
        if left
        else ("is to label blind")
    )
    err_console.print(
        f"What the model said of single issues is in it: not for whoever {safe(whom)}."
    )
    err_console.print(f"For them: coder report {safe(run.name)} --for-raters", soft_wrap=True)
