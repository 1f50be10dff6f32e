"""``coder report``: the agreement of a run, on the terminal and as files."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names
from coder.cli.printing import short, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from coder.records import Estimate
    from coder.report import Report
    from coder.report.model import Corrected, Pair
    from coder.report.wording import Names
    from coder.storage.run import Run
    from coder.study import Study

CONFUSIONS = 5
"""How many of the most frequent confusions the terminal shows; all are in the files."""


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    import json

    from coder.report import Report

    click.echo(json.dumps(Report.model_json_schema(mode="serialization"), indent=1))
    context.exit()


@click.command("report")
@click.argument("name", shell_complete=run_names)
@click.option("--figures", is_flag=True, help="Also draw the figures as SVG and PDF files.")
@click.option(
    "--appendix", is_flag=True, help="Also write the methods appendix of a paper, with its blanks."
)
@click.option(
    "--for-raters",
    is_flag=True,
    help="Leave out what was said of single issues, for people who still label blind.",
)
@click.option(
    "--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
    help="Print the JSON Schema of report.json and leave.",
)  # fmt: skip
def command(name: str, figures: bool, appendix: bool, for_raters: bool) -> None:
    """Report how far model and raters agree, and what follows.

    Shows the main figures of run NAME and writes runs/NAME/report/ as HTML, Markdown, JSON, CSV and
    LaTeX.
    """
    from coder.cli.printing import warn_raters
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.proposers.budget import find_price
    from coder.report import build_report, write_report
    from coder.report.blind_view import without_single_issues
    from coder.report.write import PAGE
    from coder.storage.run import Run
    from coder.study import Study

    if figures and not (find_spec("typst") and find_spec("font_roboto")):
        raise UsageError("--figures needs typst and Roboto", "pip install 'issue-coder[figures]'")
    study = Study.open()
    run = Run.open(study.runs, name)
    model = run.manifest.model
    price = find_price(study.root, str(model.get("name", "")), str(model.get("base_url", "")))
    settings = study.settings
    report = build_report(
        run, seed=settings.seed, price=price, study=study.name, **settings.report.model_dump()
    )
    folder = run.path / "report"
    first = not (folder / PAGE).exists()
    if for_raters:
        folder /= "for-raters"
        report = without_single_issues(report)
    files = write_report(report, folder)
    show(report)
    if first and not for_raters:
        warn_raters(run)
    console.print(f"\nReport: {safe(files[0])}", soft_wrap=True)
    beside = [file.name for file in files[1:] if file.parent == files[0].parent]
    console.print(f"Beside it: {safe(', '.join(beside))}, and tables/ as CSV")
    if figures:
        from coder.report.paper import FORMATS, write_figures

        drawn = write_figures(report, files[0].parent / "figures")
        console.print(f"Figures: {len(drawn) // len(FORMATS)}, as SVG and PDF in figures/")
    if appendix:
        _write_appendix(study, run, report)


def _write_appendix(study: Study, run: Run, report: Report) -> None:
    """``appendix.md`` and ``appendix.tex``, and a word on what the authors have to add."""
    from dataclasses import replace

    from coder.cli.asking import FILE
    from coder.cli.terminal import console, safe
    from coder.files.atomic_write import write_atomically
    from coder.records import Consent
    from coder.report import appendix, flow_text, methods
    from coder.report.flow import build_flows
    from coder.report.model import Choices
    from coder.report.stages import stage_before
    from coder.storage.journal import Journal

    settings = {"seed": study.settings.seed, **study.settings.report.model_dump()}
    before = stage_before(run, **settings)
    choices = Choices(**study.settings.report.model_dump(exclude={"draws"}))
    (flow,) = build_flows(study.runs, [run.name], choices)
    log = methods.logged(run, Journal(study.runs / FILE, Consent), before)
    log = replace(log, flow=flow_text.sentence(flow))
    files = {
        "appendix.md": appendix.appendix_markdown(report, log),
        "appendix.tex": appendix.appendix_latex(report, log),
    }
    for name, text in files.items():
        write_atomically(run.path / "report" / name, text)
    console.print(
        f"Methods appendix: {safe(', '.join(files))}. Of its entries "
        f"{appendix.blanks(report, log)} are for you to fill in; they begin with "
        f"{methods.BLANK.strip()!r}"
    )


def show(report: Report) -> None:
    """Print the report's main figures."""
    from coder.cli.terminal import console, safe
    from coder.report import sentences, wording

    names = wording.Names(report)
    console.print(f"[bold]{safe(sentences.headline_sentence(report))}[/]")
    console.print(_coverage(report))
    if report.usage:
        console.print(f"Used: {safe(wording.spent(report.usage))}.", soft_wrap=True)
    blind = sentences.between_first_passes(report)
    for line in sentences.too_few(blind):
        console.print(safe(line))
    if blind := sentences.enough(blind):
        console.print(_agreement(blind, names))
        if any(pair.mean_jaccard for pair in blind):
            console.print(_jaccard(blind, names))
        for line in sentences.baseline_notes(report):
            console.print(safe(line))
        _notes(wording.notes(report, blind))
        for guide in (
            wording.interval_note(report),
            f"base: {wording.BASELINE}",
            wording.READING_GUIDE,
            *wording.coefficient_notes(report, blind),
        ):
            console.print(f"[dim]{safe(guide)}[/]")
    for line in _left_out(blind):
        console.print(line)
    if report.resolved:
        resolved = [pair for pair in report.pairs if pair.kind == "resolved"]
        for line in sentences.too_few(resolved):
            console.print(safe(line))
        if resolved := sentences.enough(resolved):
            console.print(_agreement(resolved, names, "Against resolved labels"))
        console.print(safe(f"{sentences.resolved(report)} {wording.NOT_INDEPENDENT}"))
        _notes(wording.notes(report, resolved))
        for line in _left_out(resolved):
            console.print(line)
    if report.acceptance:
        console.print(_acceptance(report))
        _notes(wording.acceptance_notes(report)[1:])
        figures = ((wording.accepter(a), "", a.acceptance) for a in report.acceptance)
        _notes(wording.footnotes(figures))
    if report.expressed:
        console.print(_expressed(report))
        _notes([wording.EXPRESSED])
    if changes := wording.changes(report):
        console.print(safe(changes))
    _findings(report)
    if headline := sentences.headline(report):
        console.print(_per_code(headline, names))
        _notes(wording.code_notes(report, headline))
        for line in _confusions(headline, names):
            console.print(line)


def _notes(lines: Sequence[str]) -> None:
    from coder.cli.terminal import console, safe

    for line in lines:
        console.print(f"[dim]† {safe(line)}[/]")


def _coverage(report: Report) -> str:
    from coder.cli.terminal import safe
    from coder.report import sentences, wording

    cover = report.coverage
    statuses = ", ".join(f"{n:,} {wording.STATUS[s]}" for s, n in cover.by_status.items())
    leaked = f"{cover.leaked:,} leaked" if cover.leaked else "none leaked"
    issues = wording.plural(cover.issues, "issue")
    if sample := sentences.sample(report):
        issues += f", {sample}"
    lines = [f"{issues}: {statuses}; {leaked}."]
    for r in cover.raters:
        left = [wording.plural(r.blind_labels, "blind label")] if r.blind_labels else []
        if r.set_aside:
            left.append(f"set aside: {wording.reasons(r.set_aside)}")
        if r.not_in_run:
            left.append(f"{wording.plural(r.not_in_run, 'label')} of issues not in this run")
        if decided := wording.decisions(r):
            left.append(decided)
        lines.append(f"{r.rater}: {'; '.join(left) or 'nothing answered'}.")
    lines += sentences.warnings(report)
    return "\n".join(safe(line) for line in lines)


def _agreement(
    pairs: Sequence[Pair], names: Names, title: str = "Agreement, blind labels only"
) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    shown = table(
        title, "pair", "n", "agree", "base",
        "kappa", "alpha", "AC1",
    )  # fmt: skip
    level = ""
    for pair in sorted(pairs, key=lambda p: p.level):
        if pair.level != level:
            level = pair.level
            shown.add_row(f"[dim]by {names.level(pair.level)}[/]")
        percent = pair.percent_agreement.value
        # One for the row: with one at each figure the table would not fit into 80 columns.
        dagger = "†" if any(e.note for _, e in wording.coefficients(pair)) else ""
        shown.add_row(
            safe(
                f"{pair.left}, {pair.right}{dagger}" + (" intra-rater" if pair.intra_rater else "")
            ),
            f"{pair.n:,}",
            "–" if percent is None else f"{percent:.0%}",
            "–" if pair.majority_agreement is None else f"{pair.majority_agreement.value:.0%}",
            *(short(e) for e in (pair.cohen_kappa, pair.krippendorff_alpha, pair.gwet_ac1)),
        )
    return shown


def _jaccard(pairs: Sequence[Pair], names: Names) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    levels = list(dict.fromkeys(pair.level for pair in pairs))
    shown = table(
        "Mean Jaccard (alpha is MASI)",
        "pair", *(f"by {names.level(level)}" for level in levels),
    )  # fmt: skip
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        if pair.mean_jaccard is not None:
            found.setdefault(wording.title(pair), {})[pair.level] = short(pair.mean_jaccard)
    for who, cells in found.items():
        shown.add_row(safe(who), *(cells.get(level, "–") for level in levels))
    return shown


def _left_out(pairs: Sequence[Pair]) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report import wording

    shown = [pair for pair in pairs if pair.level == "category"]
    whose: dict[str, list[str]] = {}
    for pair in shown:
        if pair.excluded:
            whose.setdefault(wording.reasons(pair.excluded), []).append(wording.title(pair))
    for reasons, titles in whose.items():
        every = len(titles) == len(shown) > 1
        yield safe(f"Left out of {'every pair' if every else '; '.join(titles)}: {reasons}.")


def _acceptance(report: Report) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    shown = table(
        "Acceptance of proposals (assisted: not agreement)",
        "rater", "accept", "correct", "reject", "skip", "flag", "accepted",
    )  # fmt: skip
    for a in report.acceptance:
        counts = (a.accept, a.correct, a.reject, a.skip, a.flag)
        who = safe(wording.accepter(a))
        shown.add_row(who, *(f"{n:,}" for n in counts), _marked(a.acceptance))
    return shown


def _expressed(report: Report) -> Table:
    from coder.cli.terminal import safe

    shown = table(
        "Codes the model found stated, and codes it read between the lines",
        "rater", "answers", "in the text", "n", "same code, or accepted",
    )  # fmt: skip
    for e in report.expressed:
        who = safe(e.rater)
        shown.add_row(who, e.kind, e.expression, f"{e.share.n:,}", _marked(e.share))
    return shown


def _per_code(pair: Pair, names: Names) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    level = names.level(pair.level)
    shown = table(
        f"{level.capitalize()} by {level}: model against {safe(pair.right)}, n = {pair.n:,}",
        level, "model", safe(pair.right), "precision", "recall",
        "kappa" if pair.sets else "F1",
    )  # fmt: skip
    for code in pair.per_code:
        if code.support_left or code.support_right:
            shown.add_row(
                safe(names.name(code.code)),
                f"{code.support_left:,}",
                f"{code.support_right:,}",
                wording.number(code.precision.value),
                wording.number(code.recall.value),
                _marked(code.cohen_kappa if pair.sets else code.f1),
            )
    return shown


def _confusions(pair: Pair, names: Names) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report import wording

    for left, right, count in wording.confusions(pair)[:CONFUSIONS]:
        yield (
            f"{count:>5,} × model {safe(names.name(left))}, "
            f"{safe(pair.right)} {safe(names.name(right))}"
        )


def _marked(estimate: Estimate) -> str:
    return short(estimate) + ("†" if estimate.note else "")


def _findings(report: Report) -> None:
    """Print the conclusions in short, and the corrected counts by category where there are any."""
    from coder.cli.terminal import console, safe
    from coder.report import conclusions

    lines = list(conclusions.in_short(report))
    if lines:
        console.print("\n[bold]What may be concluded[/]")
    for about, said in lines:
        console.print(f"[bold]{safe(about)}.[/] {safe(said)}")
    for found in report.corrected:
        if found.level == "category" and (found.sampling != "all" or found.frame):
            _corrected(report, found)


def _corrected(report: Report, found: Corrected) -> None:
    from coder.cli.terminal import console, safe
    from coder.report import conclusions, wording

    names = wording.Names(report)
    level = names.level(found.level)
    frame = [f"in all {found.frame:,}"] if found.frame else []
    shares = table("Share of all issues", level, "model", "labels", "corrected", *frame)
    for share in conclusions.shown(found):
        alone = share.labels.value
        shares.add_row(
            safe(names.name(share.code)),
            f"{share.model:.1%}",
            "–" if alone is None else f"{alone:.1%}",
            conclusions.percent(share.corrected),
            *([conclusions.percent(share.frame)] if share.frame else []),
        )
    console.print(shares)
