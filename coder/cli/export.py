"""``coder export``: a run's coded data as a file for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from coder.cli.arguments import open_run, run_names


@click.command("export")
@click.argument("name", shell_complete=run_names)
@click.option(
    "-o", "--output", required=True, metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its ending tells the form: .csv, .xlsx, .parquet or .qdpx. Replaced when it exists.",
)  # fmt: skip
@click.option(
    "--to", "tool", type=click.Choice(("label-studio", "doccano")),
    help="For an annotation tool: JSON of tasks, or JSON Lines.",
)  # fmt: skip
@click.option(
    "--blind",
    is_flag=True,
    help="For an annotation tool: without suggestions and anybody's answers.",
)
@click.option("--wide", is_flag=True, help="A table: add a column of 0 and 1 for each code.")
def command(name: str, output: Path, tool: str | None, blind: bool, wide: bool) -> None:
    """Write the coded data of run NAME for other programs.

    .qdpx is a REFI-QDA project, for programs of qualitative analysis. The others are tables with a
    row an issue: what the model proposed, each rater's blind label and each rater's decision,
    what was resolved, the code that stands in the end and who stands behind it. What each column
    means is written beside it.
    """
    from coder.errors import UsageError
    from coder.exports.table_files import WRITERS

    if tool is not None:
        _write_tasks(name, output, tool, blind)
        return
    ending = output.suffix.lower()
    if ending == ".qdpx":
        _write_project(name, output)
        return
    if ending not in WRITERS:
        raise UsageError(
            f"{output} has no ending that tells its form",
            f"known are: {', '.join([*WRITERS, '.qdpx'])}",
        )
    _write_table(name, output, wide)


def _write_tasks(name: str, output: Path, tool: str, blind: bool) -> None:
    import json

    from coder.cli.terminal import console, safe
    from coder.escaping import json_text
    from coder.exports.annotation_tools import configuration, doccano_lines, tasks
    from coder.files.atomic_write import write_atomically
    from coder.ratings.delivered import FINAL, RunAnswers
    from coder.text.spelling import plural

    run = open_run(name)
    answers = RunAnswers(run)
    if tool == "doccano":
        lines = doccano_lines(answers, None if blind else answers.by(FINAL))
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    else:
        text = json.dumps([*tasks(answers, blind=blind)], ensure_ascii=False, indent=1) + "\n"
        beside = output.with_name(f"{output.stem}.config.xml")
        write_atomically(beside, configuration(run.codebook))
    write_atomically(output, json_text(text))
    console.print(f"[bold]{safe(output)}[/]: {plural(len(run.issues), 'task')}", soft_wrap=True)
    if tool != "doccano":
        console.print(f"the configuration of their project: {safe(beside)}", soft_wrap=True)
    if not blind:
        console.print(
            "Who opens a task sees what was answered: what comes back is no blind label. Tasks for "
            "blind coding: --blind",
            soft_wrap=True,
        )


def _write_project(name: str, output: Path) -> None:
    from coder.cli.terminal import console, safe
    from coder.exports.refi_qda import LOST, write_qdpx
    from coder.ratings.delivered import RunAnswers
    from coder.text.spelling import plural

    run = open_run(name)
    codings = write_qdpx(RunAnswers(run), output)
    console.print(
        f"[bold]{safe(output)}[/]: {plural(len(run.issues), 'text')}, {plural(codings, 'coding')}",
        soft_wrap=True,
    )
    console.print(f"The standard has no place for: {'; '.join(LOST)}.", soft_wrap=True)


def _write_table(name: str, output: Path, wide: bool) -> None:
    from collections import Counter

    from coder.cli.terminal import console, safe
    from coder.exports.table import table
    from coder.exports.table_files import WRITERS, write_dictionary
    from coder.ratings.delivered import FinalSource, RunAnswers
    from coder.report.certified import certified_threshold
    from coder.report.model import Choices
    from coder.study import Study
    from coder.text.spelling import plural

    run = open_run(name)
    choices = Choices(**Study.open().settings.report.model_dump(exclude={"draws"}))
    answers = RunAnswers(run)
    made = table(answers, certified=certified_threshold(answers, choices), wide=wide)
    WRITERS[output.suffix.lower()](made, output)
    beside = write_dictionary(made, output)
    console.print(
        f"[bold]{safe(output)}[/]: {plural(len(made.rows), 'issue')}, "
        f"{plural(len(made.columns), 'column')}; what they mean: {safe(beside)}",
        soft_wrap=True,
    )
    sources = Counter(next(c.values for c in made.columns if c.name == "final_source"))
    listed = [f"{sources[one.value]:,} {one.value}" for one in FinalSource if sources[one.value]]
    console.print(f"Final codes: {', '.join(listed)}", soft_wrap=True)
