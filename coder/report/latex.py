"""The report's tables for a paper, with the rules of the booktabs package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from coder.report import durations_tables, grids
from coder.report.conclusions import few_compared
from coder.report.escaping import LETTERS_DEFINED, one_line
from coder.report.escaping import latex as text
from coder.report.grids import Grid
from coder.report.model import Pair, Report
from coder.report.sentences import between_first_passes, enough, together, too_few
from coder.report.wording import Names, interval_note

SIZES = (
    (r"\footnotesize", 78, 2.8),
    (r"\scriptsize\setlength{\tabcolsep}{2pt}", 90, 1.1),
)
"""How tables are set, the larger letters first: in letters how much a line of an article (345 pt)
holds, and the gap between two columns."""
NARROWEST, KEPT, SLACK = 12, 20, 1.06
"""In letters: of a table that is too wide, columns wider than the second are wrapped, to no less
than their longest word if that lies between the two. The last is for letters wider than most."""


def latex(report: Report) -> str:
    """``tables.tex``: each table stands alone; every text is escaped."""
    pairs = between_first_passes(report)
    head = (
        f"% Tables of run {one_line(report.run.name)}"
        + (f" of {one_line(report.study)}" if report.study else "")
        + ", made by coder report.",
        r"% In the preamble: \usepackage{booktabs}, and for pdfLaTeX \usepackage[T1]{fontenc}",
        f"% {one_line(interval_note(report))}",
        *(f"% {one_line(line)}" for line in too_few(pairs) if not enough(pairs)),
        LETTERS_DEFINED,
    )
    return "\n".join(head) + "\n\n" + "\n".join(draw(grid) for grid in _grids(report))


def _grids(report: Report) -> Iterator[Grid]:
    pairs = between_first_passes(report)
    shown = enough(pairs)
    found: list[Grid] = []
    for level in dict.fromkeys(pair.level for pair in shown):
        whole = grids.agreement(report, [pair for pair in pairs if pair.level == level])
        found.append(_agreement(whole, Names(report).level(level)))
    if shown:
        found.append(grids.left_out(report, shown))
    if together(report):
        found.append(grids.together(report))
    found += [_narrow(report, pair) for pair in shown]
    found += grids.corrected(report) or grids.prevalence(report)
    if report.trust is not None and not few_compared(report.trust):
        found += [
            grids.reliability(report.trust),
            grids.certificates(report, report.trust),
            grids.workload(report.trust),
        ]
    if report.acceptance:
        found.append(grids.acceptance(report))
    if report.expressed:
        found.append(grids.expressed(report))
    if report.sway:
        found.append(grids.sway(report))
    found += [grids.stand_in(report, one) for one in report.stand_in]
    if report.durations is not None:
        found += durations_tables.grids(report.durations)
    yield from (grid for grid in found if grid.rows)


def _agreement(whole: Grid, level: str) -> Grid:
    """The pairs at one level, without what has no room here: the level, the baseline's code, and
    the sentence that reads alpha."""
    grid = _without(_short(_without(whole, len(whole.head) - 1), (4,), " ("), 1)
    return Grid(
        f"{grid.name}-{level}", f"{grid.caption}, by {level}", grid.head, grid.rows, 1, grid.notes
    )


def _narrow(report: Report, pair: Pair) -> Grid:
    """A pair's codes with the intervals of F1 and kappa alone, so that it fits a page."""
    return _short(grids.per_code(report, pair), (3, 4), " [")


def _short(grid: Grid, columns: Sequence[int], end: str) -> Grid:
    """Some columns up to ``end`` alone."""
    rows = tuple(
        tuple(cell.split(end)[0] if column in columns else cell for column, cell in enumerate(row))
        for row in grid.rows
    )
    return Grid(grid.name, grid.caption, grid.head, rows, grid.numeric_from, grid.notes)


def _without(grid: Grid, column: int) -> Grid:
    def cut(row: Sequence[str]) -> tuple[str, ...]:
        return (*row[:column], *row[column + 1 :])

    rows = tuple(cut(row) for row in grid.rows)
    return Grid(grid.name, grid.caption, cut(grid.head), rows, grid.numeric_from, grid.notes)


def draw(grid: Grid) -> str:
    """One ``table`` environment, as wide as a page of an article at most."""
    size, line, widths = _fitted(grid)
    columns = "l" * grid.numeric_from + "r" * (len(grid.head) - grid.numeric_from)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{text(grid.caption)}}}",
        rf"  \label{{tab:{_slug(grid.name)}}}",
        f"  {size}",
        rf"  \begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"    \toprule",
        _row(_cells(grid.head, grid.numeric_from, widths, line)),
        r"    \midrule",
        *(_row(_cells(row, grid.numeric_from, widths, line)) for row in grid.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\smallskip {text(note)}" for note in grid.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _fitted(grid: Grid) -> tuple[str, int, dict[int, float]]:
    """The size of a table's letters, how many a line holds, and the width in letters of columns
    whose cells are wrapped. A head is wrapped where it is wider than its column."""
    columns = list(zip(*grid.rows, strict=True))
    heads = [max(map(len, head.split() or [""])) for head in grid.head]
    natural = [max(head, *map(len, cells)) for head, cells in zip(heads, columns, strict=True)]
    long = {
        at: min(max(NARROWEST, *(len(word) for cell in columns[at] for word in cell.split())), KEPT)
        for at, width in enumerate(natural)
        if width > KEPT
    }
    kept = sum(width for at, width in enumerate(natural) if at not in long)
    wanted = {at: natural[at] - least for at, least in long.items()}
    rooms = [line - kept - gap * (len(natural) - 1) - sum(long.values()) for _, line, gap in SIZES]
    fits = next((at for at, room in enumerate(rooms) if room >= 0), len(SIZES) - 1)
    (size, line, _), room = SIZES[fits], rooms[fits]
    share = min(1.0, max(room, 0) / max(1, sum(wanted.values())))
    widths = {at: long[at] + more * share for at, more in wanted.items()} if share < 1 else {}
    over = {
        at: natural[at]
        for at, head in enumerate(grid.head)
        if at not in widths and len(head) > natural[at]
    }
    return size, line, widths | over


def _cells(
    row: Sequence[str], numeric_from: int, widths: Mapping[int, float], line: int
) -> list[str]:
    found = []
    for column, cell in enumerate(row):
        made = text(cell)
        if column >= numeric_from:
            made = re.sub(r"-(?=[.\d])", "$-$", made)
        if len(cell) > widths.get(column, len(cell)):
            side = r"\raggedleft" if column >= numeric_from else r"\raggedright"
            width = SLACK * widths[column] / line
            made = rf"\parbox[t]{{{width:.2f}\linewidth}}{{{side} {made}\strut}}"
        found.append(made)
    return found


def _row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
