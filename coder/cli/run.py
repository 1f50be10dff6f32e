"""``coder run``: the stages of study.toml, one after the other, as far as people have got."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from coder.pipeline import Pipeline, Stage, StageStatus


@click.command("run")
@click.argument("until", required=False, metavar="[STAGE]")
@click.option("--dry-run", is_flag=True, help="Only say what is due and what waits.")
@click.option("--again", multiple=True, metavar="STAGE", help="Run this stage though it is done.")
def command(until: str | None, dry_run: bool, again: tuple[str, ...]) -> None:
    """Run the stages of study.toml that are due.

    All of them, or up to STAGE.

    \b
      [stages.clean]
      command = "clean issues.jsonl -o clean.jsonl"
      [stages.by-hand]
      wait = { run = "screening", raters = 2, labels = 100, resolved = true }

    A stage is due when it was never run, when what it makes is gone, or when what it takes has
    changed. Stages that wait for people say so; what does not hang on them goes on. Stopped at any
    moment, the same command goes on.
    """
    from coder.cli.terminal import console, err_console, safe
    from coder.errors import UsageError
    from coder.pipeline import Pipeline, StageState
    from coder.study import Study

    study = Study.open()
    pipeline = Pipeline(study)
    names = [stage.name for stage in pipeline.stages]
    if not names:
        raise UsageError("study.toml names no stages", "see: coder run --help")
    for name in (*again, *([until] if until else [])):
        if name not in names:
            raise UsageError(f"there is no stage {name!r}", f"stages: {', '.join(names)}")
    if dry_run:
        console.print(stage_table(pipeline.statuses()))
        return
    last = names.index(until) if until else len(names) - 1
    with pipeline.journal.writing("coder run"), contextlib.chdir(study.root):
        for at, stage in enumerate(pipeline.stages[: last + 1]):
            status = pipeline.statuses()[at]
            if status.state is StageState.DUE or (
                stage.name in again and status.state is StageState.DONE and not stage.wait
            ):
                head = (
                    f"[bold]{at + 1}/{len(names)} {safe(stage.name)}[/] coder {safe(stage.command)}"
                )
                err_console.print(head, soft_wrap=True)
                _execute(pipeline, stage)
    found = pipeline.statuses()
    console.print(stage_table(found))
    for status in found:
        if status.to_type:
            console.print(f"Next: {safe(status.to_type)}", soft_wrap=True)


def _execute(pipeline: Pipeline, stage: Stage) -> None:
    from coder.cli.main import cli

    takes, began, start = pipeline.taken(stage), time.time_ns(), time.monotonic()
    code = cli.main([*stage.words], prog_name="coder", standalone_mode=False)
    if code:
        raise SystemExit(code)
    pipeline.record(stage, takes, time.monotonic() - start, began)


def stage_table(found: list[StageStatus]) -> Table:
    """Each stage with how it stands and why."""
    from rich.table import Table

    from coder.cli.terminal import safe

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    colour = {"done": "green", "due": "yellow", "waits": "magenta", "blocked": "dim"}
    for status in found:
        state = status.state.value
        table.add_row(safe(status.stage.name), f"[{colour[state]}]{state}[/]", safe(status.why))
    return table
