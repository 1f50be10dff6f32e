"""``coder compare``: what the models of several runs say of each other, and who is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import several_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from coder.compare.model import Against, Comparison, Flip, RunPair
    from coder.compare.wording import Names
    from coder.ratings.model import ExclusionReason, Level

FLIPS = 10
"""How many flipped issues of a pair the terminal shows; all are in the files."""
CODES = 12
"""How many codes of a pair the terminal shows, those whose F1 differs most."""


@click.command("compare")
@several_runs
@click.option(
    "--through", type=click.Path(path_type=Path, dir_okay=False), metavar="CROSSWALK",
    help="Hold two runs together that are coded with different codebooks (coder codebook map).",
)  # fmt: skip
def command(runs: tuple[str, ...], output: Path | None, through: Path | None) -> None:
    """Compare the models of runs on the same issues.

    Each pair: how far they agree, who agrees better with blind labels, and the issues that flipped.
    Writes compare.md, compare.json and flips.csv. With --through, how far the codes that the same
    issues have under two codebooks are linked, and agree once they are translated.
    """
    from coder.cli.printing import folder_of, open_runs, warn_raters, wrote
    from coder.compare import compare, write_comparison
    from coder.study import Study

    study = Study.open()
    opened, prices = open_runs(study, runs)
    settings = study.settings
    if through is not None:
        from coder.cli.compare_crosswalk import across

        across(study, opened, through, output or folder_of(opened))
        return
    found = compare(opened, prices=prices, draws=settings.report.draws, seed=settings.seed)
    folder = output or folder_of(opened)
    first = not folder.exists()
    files = write_comparison(found, folder)
    _show(found)
    wrote(files)
    if first:
        warn_raters(opened[0])


def _show(comparison: Comparison) -> None:
    from coder.cli.terminal import console, safe
    from coder.compare import wording

    names = wording.Names(comparison)
    letter = dict(zip((run.name for run in comparison.runs), wording.letters(99), strict=False))
    console.print(members(comparison))
    for line in wording.codebooks(comparison):
        console.print(safe(line))
    for pair in comparison.pairs:
        ours, theirs = letter[pair.left], letter[pair.right]
        console.print(f"\n[bold]{ours} {safe(pair.left)} and {theirs} {safe(pair.right)}[/]")
        console.print(safe(wording.same_issues(pair)))
        console.print(safe(wording.apart(pair, names)))
        for line in wording.too_few(pair, names):
            console.print(safe(line))
        if told := wording.enough(pair):
            headline = max(told, key=lambda a: (a.level == "category", a.n))
            console.print(safe(wording.verdict(pair, headline, names)))
            for level in dict.fromkeys(found.level for found in told):
                console.print(_against(told, level, names, ours, theirs))
            console.print(_per_code(headline, names, ours, theirs))
            console.print(
                f"[dim]{ours}:{theirs} counts the issues on which only one of them is right; p is "
                "McNemar's exact test.[/]"
            )
        for line in wording.notes(pair):
            console.print(safe(line))
        for text in _flipped(pair, names, ours, theirs):
            console.print(text)
    how = comparison.resampling
    console.print(
        f"[dim]In brackets: {how.confidence:.0%} intervals by {how.draws:,} paired draws. "
        f"{safe(wording.CAUTION)}[/]"
    )


def members(found: Comparison) -> Table:
    """The runs, each with the letter it has in the tables."""
    from coder.cli.printing import table
    from coder.cli.terminal import safe
    from coder.compare.wording import letters
    from coder.proposers.budget import money

    shown = table("", "run", "issues", "shared", "answered", "leaked", "learnt from", "cost")
    for letter, run in zip(letters(len(found.runs)), found.runs, strict=True):
        shown.add_row(
            f"{letter} {safe(run.name)}", f"{run.issues:,}", f"{run.shared:,}",
            f"{run.answered:,}", f"{_leaked(run.left_out):,}", f"{run.learnt_from:,}",
            money(run.usage.cost) if run.usage else "–",
        )  # fmt: skip
    return shown


def _leaked(left_out: dict[ExclusionReason, int]) -> int:
    from coder.ratings.model import ExclusionReason

    return left_out.get(ExclusionReason.LEAKED, 0)


def _against(told: Sequence[Against], level: Level, names: Names, ours: str, theirs: str) -> Table:
    from coder.cli.printing import short, table
    from coder.cli.terminal import safe
    from coder.compare.wording import p_value

    shown = table(
        f"By blind labels, {names.level(level)}: kappa with each model",
        "rater", "n", ours, theirs, f"{ours} - {theirs}", f"{ours}:{theirs}", "p",
    )  # fmt: skip
    for found in told:
        if found.level == level:
            kappa = found.kappa.left.value is not None
            change = found.kappa if kappa else found.right
            test = found.mcnemar
            shown.add_row(
                safe(found.rater) + ("" if kappa else " (share right)"), f"{found.n:,}",
                short(change.left), short(change.right), short(change.difference),
                f"{test.only_left:,}:{test.only_right:,}", p_value(test.p_value),
            )  # fmt: skip
    return shown


def _per_code(found: Against, names: Names, ours: str, theirs: str) -> Table:
    from coder.cli.printing import short, table
    from coder.cli.terminal import safe

    codes = sorted(found.per_code, key=lambda c: -abs(c.f1.difference.value or 0))
    level = names.level(found.level)
    shown = table(
        f"F1 of each {level} by {safe(found.rater)}'s labels, largest difference first",
        level, "labels", ours, theirs, f"{ours} - {theirs}",
    )  # fmt: skip
    for code in codes[:CODES]:
        change = code.f1
        shown.add_row(
            safe(names.name(code.code)), f"{code.labels:,}", short(change.left),
            short(change.right), short(change.difference),
        )  # fmt: skip
    return shown


def _flipped(pair: RunPair, names: Names, ours: str, theirs: str) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report.escaping import one_line
    from coder.report.wording import plural

    if not pair.flips:
        yield "No issue is coded differently."
        return
    yield f"\n[bold]{plural(len(pair.flips), 'issue')} coded differently[/]"
    for flip in pair.flips[:FLIPS]:
        yield safe(one_line(f"{flip.issue_id}  {flip.title}", 78))
        for who, codes in ((ours, flip.left), (theirs, flip.right), *flip.labels.items()):
            said = f"{who}: {names.codes(codes)}{_right(flip, codes, who)}"
            yield "    " + safe(one_line(said, 74))
    if len(pair.flips) > FLIPS:
        yield f"[dim]... and {len(pair.flips) - FLIPS:,} more in flips.csv[/]"


def _right(flip: Flip, codes: tuple[str, ...], who: str) -> str:
    if who in flip.labels:
        return ""
    agree = [rater for rater, label in flip.labels.items() if set(label) == set(codes)]
    return f"  = {', '.join(agree)}" if agree else ""
