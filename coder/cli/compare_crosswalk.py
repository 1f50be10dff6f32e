"""Agreement across two codebooks on the terminal, for ``coder compare --through``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder.compare.crosswalk import Across, AcrossCodebooks
    from coder.storage.run import Run
    from coder.study import Study

PAIRS = 8
"""Pairs of codes without a link that are shown of each answerer."""


def across(study: Study, runs: Sequence[Run], through: Path, folder: Path) -> None:
    """Hold two runs together by the crosswalk in ``through``, show it and write it."""
    from coder.cli.codebook_map import open_crosswalk, warn_unchecked
    from coder.cli.printing import wrote
    from coder.compare.crosswalk import compare_across
    from coder.compare.crosswalk_write import write_across
    from coder.errors import UsageError

    if len(runs) != 2:
        raise UsageError("a crosswalk holds two runs together", "name a run of each codebook")
    read, _, _ = open_crosswalk(study, through)
    settings = study.settings
    found = compare_across(
        runs[0], runs[1], read.crosswalk, draws=settings.report.draws, seed=settings.seed
    )
    files = write_across(found, folder)
    _show(found)
    warn_unchecked(read.crosswalk)
    wrote(files)


def _show(found: AcrossCodebooks) -> None:
    from coder.cli.terminal import console, safe
    from coder.compare.crosswalk_write import CAUTION

    console.print(
        f"{safe(found.left_run)} ({safe(found.left_codebook)}) and {safe(found.right_run)} "
        f"({safe(found.right_codebook)}) share {found.shared:,} issues.",
        soft_wrap=True,
    )
    if not found.across:
        console.print("Nobody, and no model, has coded one of them under both.")
    for one in found.across:
        _answerer(found, one)
    if found.across:
        console.print(f"\n[dim]{safe(CAUTION)}[/]")


def _answerer(found: AcrossCodebooks, one: Across) -> None:
    from coder.cli.printing import short, table
    from coder.cli.terminal import console, safe
    from coder.compare.crosswalk_write import aside, figures, sentences

    console.print()
    for line in sentences(found, one):
        console.print(safe(line), soft_wrap=True)
    shown = table("Translated", "into", "level", "n", "agree", "kappa")
    for held in one.translated:
        shown.add_row(safe(held.into), held.level, f"{held.n:,}", *map(short, figures(held)))
    console.print(shown)
    for into in dict.fromkeys(held.into for held in one.translated):
        if why := aside(next(held for held in one.translated if held.into == into)):
            console.print(f"Not translated into {safe(into)}: {safe(why)}.", soft_wrap=True)
    apart = [t for t in found.together if t.who == one.who and t.relation is None]
    for pair in apart[:PAIRS]:
        console.print(
            f"  [yellow]not linked[/] {safe(pair.left)} and {safe(pair.right)}: {pair.issues:,}"
        )
    if apart[PAIRS:]:
        console.print(f"  ... and {len(apart) - PAIRS:,} more pairs, all in crosswalk.csv")
