"""``coder report``: the agreement of a run, on the terminal and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from coder.records import Estimate
    from coder.report import Report
    from coder.report.model import Pair
    from coder.report.wording import Names

CONFUSIONS = 5
"""How many of the most frequent confusions the terminal shows; all are in the files."""


@click.command("report")
@click.argument("name")
def command(name: str) -> None:
    """Show how far the model and the raters of run NAME agree, and write runs/NAME/report/."""
    from coder.cli.terminal import console, safe
    from coder.proposers.prices import find_price
    from coder.report import build_report, write_report
    from coder.store import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    model = run.manifest.model
    price = find_price(study.root, str(model.get("name", "")), str(model.get("base_url", "")))
    settings = study.settings
    report = build_report(run, draws=settings.report.draws, seed=settings.seed, price=price)
    files = write_report(report, run.path / "report")
    show(report)
    console.print(f"\nReport: {safe(files[0])}", soft_wrap=True)
    console.print(f"Beside it: {', '.join(safe(file.name) for file in files[1:])}")


def show(report: Report) -> None:
    """Print the report's main figures."""
    from coder.cli.terminal import console, safe
    from coder.report import wording

    names = wording.Names(report)
    console.print(f"[bold]{safe(wording.headline_sentence(report))}[/]")
    console.print(_coverage(report))
    if report.usage:
        console.print(f"Used: {safe(wording.spent(report.usage))}.", soft_wrap=True)
    blind = [pair for pair in report.pairs if pair.kind == "blind"]
    if any(pair.n for pair in blind):
        console.print(_agreement(blind))
        for pair in blind:
            if pair.mean_jaccard is not None:
                jaccard = f"Mean Jaccard of {wording.title(pair)}: "
                console.print(safe(jaccard) + _figure(pair.mean_jaccard) + " (alpha is MASI)")
        console.print(f"[dim]{safe(wording.interval_note(report))}[/]")
        console.print(f"[dim]{safe(wording.READING_GUIDE)}[/]")
    for line in _left_out(blind):
        console.print(line)
    for note in wording.notes(pair for pair in blind if pair.n):
        console.print(f"[dim]{safe(note)}[/]")
    if report.acceptance:
        console.print(_acceptance(report))
    if headline := wording.headline(report):
        console.print(_per_code(headline, names))
        for line in _confusions(headline, names):
            console.print(line)


def _coverage(report: Report) -> str:
    from coder.cli.terminal import safe
    from coder.report import wording

    cover = report.coverage
    statuses = ", ".join(f"{n:,} {wording.STATUS[s]}" for s, n in cover.by_status.items())
    leaked = f"{cover.leaked:,} leaked" if cover.leaked else "none leaked"
    lines = [f"{wording.plural(cover.issues, 'issue')}: {statuses}; {leaked}."]
    for r in cover.raters:
        left = [wording.plural(r.blind_labels, "blind label")] if r.blind_labels else []
        if r.set_aside:
            left.append(f"set aside: {wording.reasons(r.set_aside)}")
        if r.not_in_run:
            left.append(f"{wording.plural(r.not_in_run, 'label')} of issues not in this run")
        if r.decisions:
            left.append(wording.plural(r.decisions, "assisted decision"))
        lines.append(f"{r.rater}: {'; '.join(left)}.")
    return safe("\n".join(lines))


def _agreement(pairs: Sequence[Pair]) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    table = _table("Agreement, blind labels only", "pair", "n", "agree", "kappa", "alpha", "AC1")
    level = ""
    for pair in sorted(pairs, key=lambda p: p.level):
        if pair.level != level:
            level = pair.level
            table.add_row(f"[dim]by {wording.LEVEL[pair.level]}[/]")
        percent = pair.percent_agreement.value
        table.add_row(
            safe(f"{pair.left}, {pair.right}"),
            f"{pair.n:,}",
            "–" if percent is None else f"{percent:.0%}",
            *(_figure(e) for e in (pair.cohen_kappa, pair.krippendorff_alpha, pair.gwet_ac1)),
        )
    return table


def _left_out(pairs: Sequence[Pair]) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report import wording

    for pair in pairs:
        if pair.level == "category" and pair.excluded:
            who = wording.title(pair)
            yield safe(f"Left out of {who}: {wording.reasons(pair.excluded)}.")


def _acceptance(report: Report) -> Table:
    from coder.cli.terminal import safe

    table = _table(
        "Acceptance of proposals (assisted: not agreement)",
        "rater", "accept", "correct", "reject", "skip", "flag", "accepted",
    )  # fmt: skip
    for a in report.acceptance:
        counts = (a.accept, a.correct, a.reject, a.skip, a.flag)
        table.add_row(safe(a.rater), *(f"{n:,}" for n in counts), _figure(a.acceptance))
    return table


def _per_code(pair: Pair, names: Names) -> Table:
    from coder.cli.terminal import safe
    from coder.report import wording

    table = _table(
        f"Category by category: model against {safe(pair.right)}, n = {pair.n:,}",
        "category", "model", safe(pair.right), "precision", "recall",
        "kappa" if pair.sets else "F1",
    )  # fmt: skip
    for code in pair.per_code:
        if code.support_left or code.support_right:
            table.add_row(
                safe(names.name(code.code)),
                f"{code.support_left:,}",
                f"{code.support_right:,}",
                wording.number(code.precision.value),
                wording.number(code.recall.value),
                _figure(code.cohen_kappa if pair.sets else code.f1),
            )
    return table


def _confusions(pair: Pair, names: Names) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report import wording

    for left, right, count in wording.confusions(pair)[:CONFUSIONS]:
        yield (
            f"{count:>5,} × model {safe(names.name(left))}, "
            f"{safe(pair.right)} {safe(names.name(right))}"
        )


def _table(title: str, first: str, *rest: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        pad_edge=False, show_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column(first, overflow="fold")
    for column in rest:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _figure(estimate: Estimate) -> str:
    from coder.cli.terminal import safe
    from coder.report import wording

    return safe(wording.figure(estimate).replace(", ", ","))
