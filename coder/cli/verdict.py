"""``coder verdict``: what may be taken from the model, code by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from rich.table import Table

    from coder.records import Codebook
    from coder.report.verdict import Verdicts


@click.command("verdict")
@click.argument("name", shell_complete=run_names)
def command(name: str) -> None:
    """Tell what may be taken from the model of run NAME.

    For each code: automate above a certified confidence, review, code by hand, or too little
    evidence, with how far two people agree beside it. And how far the data set as delivered agrees
    with a blind label, by how much of it people read.
    """
    from coder.cli.terminal import console, safe
    from coder.ratings.delivered import RunAnswers
    from coder.report import build_report
    from coder.report.verdict import verdicts
    from coder.report.verdict_words import conclusions
    from coder.report.verdict_write import write_verdicts
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    settings = study.settings
    report = build_report(run, seed=settings.seed, study=study.name, **settings.report.model_dump())
    found = verdicts(RunAnswers(run), report)
    for line in conclusions(found, run.codebook):
        console.print(safe(line), soft_wrap=True)
    console.print()
    console.print(_table(found, run.codebook))
    files = write_verdicts(found, run.codebook, run.path / "report")
    console.print(f"\n{safe(files[0])}; beside it: {', '.join(f.name for f in files[1:])}")


def _table(found: Verdicts, book: Codebook) -> Table:
    from coder.cli.printing import table
    from coder.cli.terminal import safe
    from coder.report.verdict import Verdict

    shown = table("", "code", "verdict", "from", "labels", "missing", "F1", "two people")
    colour = {
        Verdict.AUTOMATE: "green", Verdict.REVIEW: "yellow", Verdict.BY_HAND: "red",
        Verdict.TOO_LITTLE: "dim",
    }  # fmt: skip
    for one in found.codes:
        shown.add_row(
            safe(book.by_id[one.code].name),
            f"[{colour[one.verdict]}]{one.verdict.value}[/]",
            "" if one.threshold is None else f"{one.threshold:g}",
            f"{one.positives:,}",
            "" if one.missing is None else f"{one.missing:,}",
            _short(one.model.value),
            _short(one.ceiling.value),
        )
    return shown


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("0.", ".", 1)
