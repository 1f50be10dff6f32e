"""``coder multiverse``: would another prompt, model or retrieval have concluded the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import several_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.table import Table

    from coder.compare.model import Conclusion, Multiverse
    from coder.compare.wording import Names


@click.command("multiverse")
@several_runs
def command(runs: tuple[str, ...], output: Path | None) -> None:
    """Tell which conclusions hang on the settings of runs.

    The runs code the same issues with other prompts, models or retrieval. For each: the largest
    category, the order of all, and whether days to resolution differ between them. Writes
    multiverse.md and multiverse.json.
    """
    from coder.cli.printing import folder_of, open_runs, wrote
    from coder.compare import multiverse, write_multiverse
    from coder.study import Study

    study = Study.open()
    opened, prices = open_runs(study, runs)
    found = multiverse(opened, prices=prices)
    files = write_multiverse(found, output or folder_of(opened))
    _show(found)
    wrote(files)


def _show(found: Multiverse) -> None:
    from coder.cli.terminal import console, safe
    from coder.compare import wording

    names = wording.Names(found)
    letter = dict(zip((run.name for run in found.runs), wording.letters(99), strict=False))
    console.print(_runs(found, letter))
    for line in wording.codebooks(found):
        console.print(safe(line))
    for universe in found.universes:
        if universe.time.note:
            console.print(f"[dim]{letter[universe.run]}: {safe(universe.time.note)}[/]")
    console.print("\n[bold]Settings that differ[/]")
    for line in _settings(found, letter):
        console.print(line)
    for conclusion in found.conclusions:
        console.print(f"\n[bold]{wording.QUESTION[conclusion.name]}[/]")
        for line in _conclusion(conclusion, names, letter):
            console.print(line)
    if found.labels:
        console.print(
            f"\nCorrected by {found.labels:,} blind labels of {safe(found.rater)}, the same for "
            "every run, which is one reason why runs agree on it. The shares with their intervals "
            "are in the files."
        )
    console.print(f"\n[dim]{safe(wording.MULTIVERSE)}[/]")


def _runs(found: Multiverse, letter: Mapping[str, str]) -> Table:
    from coder.cli.printing import table
    from coder.cli.terminal import safe
    from coder.compare.wording import p_value
    from coder.report.wording import number

    shown = table(
        f"{found.shared:,} issues in all runs; days to resolution by Kruskal-Wallis",
        "run", "counted", "no code", "tested", "open", "stale", "H", "p", "epsilon²",
    )  # fmt: skip
    for universe in found.universes:
        time = universe.time
        shown.add_row(
            f"{letter[universe.run]} {safe(universe.run)}", f"{universe.answered:,}",
            f"{universe.none:,}", f"{time.n:,}", f"{time.open:,}", f"{time.stale:,}",
            "–" if time.h is None else f"{time.h:.1f}", p_value(time.p_value),
            number(time.epsilon_squared),
        )  # fmt: skip
    return shown


def _settings(found: Multiverse, letter: Mapping[str, str]) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.report.escaping import one_line

    for setting in found.settings:
        values = _grouped(setting.values, letter)
        said = "; ".join(f"{one_line(value, 50)} ({who})" for value, who in values.items())
        yield safe(f"{setting.name}: {said}")
    if not found.settings:
        yield "none: the runs were made alike"


def _conclusion(conclusion: Conclusion, names: Names, letter: Mapping[str, str]) -> Iterator[str]:
    from coder.cli.terminal import safe
    from coder.compare.wording import flips

    told = {run: names.value(conclusion, value) for run, value in conclusion.values.items()}
    for value, who in _grouped(told, letter).items():
        yield safe(f"  {who}: {value}")
    yield safe(f"  {flips(conclusion)}")
    for setting, (pairs, apart) in conclusion.by_setting.items():
        among = "1 pair" if pairs == 1 else f"{pairs:,} pairs"
        yield safe(f"  of {among} that differ in {setting} alone, {apart:,} disagree")


def _grouped(values: Mapping[str, str], letter: Mapping[str, str]) -> dict[str, str]:
    """Each value with the letters of the runs that have it."""
    found: dict[str, list[str]] = {}
    for run, value in values.items():
        found.setdefault(value, []).append(letter[run])
    return {value: ", ".join(who) for value, who in found.items()}
