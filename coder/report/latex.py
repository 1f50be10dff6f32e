"""The report's tables for a paper, with the rules of the booktabs package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from coder.report import grids
from coder.report.grids import Grid
from coder.report.inert import latex as text
from coder.report.inert import one_line
from coder.report.model import Pair, Report
from coder.report.sentences import between_first_passes
from coder.report.wording import interval_note


def latex(report: Report) -> str:
    """``tables.tex``: each table stands alone; every text is escaped."""
    head = (
        f"% Tables of run {one_line(report.run.name)}, made by coder report.",
        "% In the preamble: \\usepackage{booktabs}",
        f"% {one_line(interval_note(report))}",
    )
    return "\n".join(head) + "\n\n" + "\n".join(draw(grid) for grid in _grids(report))


def _grids(report: Report) -> Iterator[Grid]:
    pairs = between_first_passes(report)
    found: list[Grid] = []
    if pairs:
        whole = grids.agreement(report, pairs)
        # The reading of alpha is a sentence: it has no room here and stands in the report.
        found += [_without(whole, len(whole.head) - 1), grids.left_out(report, pairs)]
    if report.together:
        found.append(grids.together(report))
    found += [_narrow(report, pair) for pair in pairs]
    found += grids.corrected(report) or grids.prevalence(report)
    if report.trust is not None:
        found += [grids.reliability(report.trust), grids.workload(report.trust)]
    if report.acceptance:
        found.append(grids.acceptance(report))
    if report.sway:
        found.append(grids.sway(report))
    found += [grids.stand_in(report, one) for one in report.stand_in]
    yield from (grid for grid in found if grid.rows)


def _narrow(report: Report, pair: Pair) -> Grid:
    """A pair's codes with the intervals of F1 and kappa alone, so that it fits a page."""
    grid = grids.per_code(report, pair)
    rows = tuple(
        tuple(cell.split(" [")[0] if column in (3, 4) else cell for column, cell in enumerate(row))
        for row in grid.rows
    )
    return Grid(grid.name, grid.caption, grid.head, rows, grid.numeric_from, grid.notes)


def _without(grid: Grid, column: int) -> Grid:
    def cut(row: Sequence[str]) -> tuple[str, ...]:
        return (*row[:column], *row[column + 1 :])

    rows = tuple(cut(row) for row in grid.rows)
    return Grid(grid.name, grid.caption, cut(grid.head), rows, grid.numeric_from, grid.notes)


def draw(grid: Grid) -> str:
    """One ``table`` environment."""
    columns = "l" * grid.numeric_from + "r" * (len(grid.head) - grid.numeric_from)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{text(grid.caption)}}}",
        rf"  \label{{tab:{_slug(grid.name)}}}",
        r"  \footnotesize",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        _row([text(cell) for cell in grid.head]),
        r"    \midrule",
        *(_row(_cells(row, grid.numeric_from)) for row in grid.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\smallskip {text(note)}" for note in grid.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Sequence[str], numeric_from: int) -> list[str]:
    return [
        re.sub(r"-(?=[.\d])", "$-$", text(cell)) if column >= numeric_from else text(cell)
        for column, cell in enumerate(row)
    ]


def _row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
