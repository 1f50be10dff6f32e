"""Times by group as files: JSON for programs, CSV for a spreadsheet, LaTeX for a paper."""

from __future__ import annotations

from pathlib import Path

from coder.files.atomic_write import write_atomically
from coder.report import durations_words as words
from coder.report.durations_csv import COLUMNS, rows
from coder.report.durations_model import Durations
from coder.report.durations_tables import grids
from coder.report.escaping import LETTERS_DEFINED, csv_table, one_line
from coder.report.latex import draw
from coder.report.write import to_json


def write_durations(found: Durations, folder: Path) -> tuple[Path, ...]:
    """Write durations.json, .csv and .tex into ``folder``, and return their paths."""
    texts = {
        "durations.json": to_json(found),
        "durations.csv": csv_table(COLUMNS, rows(found)),
        "durations.tex": _latex(found),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return tuple(folder / name for name in texts)


def _latex(found: Durations) -> str:
    head = (
        f"% Times by {found.by} of run {one_line(found.run)}, made by coder durations.",
        r"% In the preamble: \usepackage{booktabs}, and for pdfLaTeX \usepackage[T1]{fontenc}",
        *(f"% {one_line(line)}" for line in words.about(found)),
        LETTERS_DEFINED,
    )
    return "\n".join(head) + "\n\n" + "\n".join(draw(grid) for grid in grids(found))
