"""``coder audit figure``: the input lines a figure of the report comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from coder.records import Adjudication, Codebook, Decision, Label, Proposal
    from coder.report.model import Report
    from coder.report.trace import Figure
    from coder.storage.journal import Journal
    from coder.storage.run import Run

    Line = Proposal | Label | Decision | Adjudication

ISSUES = 15
"""How many issues are listed unless all are asked for."""


@click.command("figure")
@click.argument("name", shell_complete=run_names)
@click.argument("figure")
@click.option("--all", "everything", is_flag=True, help="List every issue, not only the first.")
def figure(name: str, figure: str, everything: bool) -> None:
    """Show which lines of run NAME a FIGURE of its report comes from.

    A figure is called, for example, kappa.model_vs_ann, f1.CODE.model_vs_ann, prevalence.CODE,
    trust, sway.ann or stand_in. An unknown name lists those there are.
    """
    from coder.cli.terminal import console, plain_line, safe
    from coder.report import build_report
    from coder.report.trace import find
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    # Without intervals: the figures and their lines are the same.
    report = build_report(run, **study.settings.report.model_dump() | {"draws": 0})
    found = find(report, figure)
    console.print(f"[bold]{safe(found.name)}[/]: {safe(found.value)}", soft_wrap=True)
    if found.code:
        console.print(
            f"Counted among these lines; listed are the issues for which one says "
            f"{safe(found.code)}."
        )
    lines = _lines(report, found)
    _files(report, lines)
    said = _said(run, lines, found.code)
    shown = list(said.items()) if everything else list(said.items())[:ISSUES]
    for issue_id, where in shown:
        for place, what in where:
            click.echo(plain_line(f"{place:28}  {issue_id}  {what}"))
    if len(said) > len(shown):
        console.print(f"[dim]... and {len(said) - len(shown):,} more issues: add --all[/]")


def _lines(report: Report, found: Figure) -> dict[str, set[int]]:
    from coder.report.trace import numbers

    traced = next(one for one in report.trace.figures if one.name == found.source)
    return {file: numbers(spelled) for file, spelled in traced.lines.items()}


def _files(report: Report, lines: dict[str, set[int]]) -> None:
    from coder.cli.printing import table
    from coder.cli.terminal import console, safe

    shown = table("", "file", "lines", "of", "hash of the last line")
    for file in report.trace.files:
        if file.file in lines:
            used = f"{len(lines[file.file]):,}"
            shown.add_row(safe(file.file), used, f"{file.lines:,}", file.hash[:12])
    console.print(shown)
    console.print()


def _said(run: Run, lines: dict[str, set[int]], code: str) -> dict[str, list[tuple[str, str]]]:
    """By issue, in the run's order: each line and what it says. With ``code`` only the issues of
    which some line says it."""
    book = run.codebook
    found: dict[str, list[tuple[str, str]]] = {}
    hits: set[str] = set()
    for file, wanted in lines.items():
        for number, record in _journal(run, file):
            if number in wanted:
                what, codes = _words(record, book)
                found.setdefault(record.issue_id, []).append((f"{file}:{number}", what))
                if code in codes or code in map(book.category, codes & book.by_id.keys()):
                    hits.add(record.issue_id)
    return {i: found[i] for i in run.issues if i in found and (not code or i in hits)}


def _journal(run: Run, file: str) -> Iterator[tuple[int, Line]]:
    folder, _, rest = file.rpartition("/")
    name = rest.removesuffix(".jsonl")
    if not folder:
        return (run.proposals if name == "proposals" else run.adjudications).numbered()
    journals: Mapping[str, Callable[[str], Journal[Any]]] = {
        "labels": run.label_journal,
        "decisions": run.decision_journal,
        "suggestions": run.suggestion_journal,
    }
    return journals[folder](name).numbered()


def _words(record: Line, book: Codebook) -> tuple[str, set[str]]:
    from coder.records import NONE_CODE, Decision, Label, Proposal
    from coder.report.wording import MODES, number

    if isinstance(record, Proposal):
        codes = {scored.code for scored in record.codes}
        if not record.status.answered:
            return record.status.value.replace("_", " "), codes
        said = "; ".join(
            f"{_path(scored.code, book)} ({number(scored.confidence)})" for scored in record.codes
        )
    else:
        codes = set(record.codes)
        said = "; ".join(_path(code, book) for code in record.codes)
    if isinstance(record, Decision):
        when = MODES[record.mode]
        said = f"{when}, {record.action.value}{': ' if said else ''}{said}"
    elif isinstance(record, Label):
        said = f"blind: {said or 'no code fits'}"
    return said or "no code fits", codes or {NONE_CODE}


def _path(code: str, book: Codebook) -> str:
    return book.path(code) if code in book.by_id or code == "none" else code
