"""Verdicts as files: JSON, CSV, Markdown and LaTeX, and the curve as a figure."""

from __future__ import annotations

from pathlib import Path

from coder.files.atomic_write import write_atomically
from coder.records import Codebook
from coder.report import verdict_words as words
from coder.report.escaping import LETTERS_DEFINED, csv_table, one_line
from coder.report.latex import draw
from coder.report.markdown import drawn
from coder.report.verdict import Verdicts
from coder.report.write import to_json


def write_verdicts(found: Verdicts, book: Codebook, folder: Path) -> tuple[Path, ...]:
    """Write verdict.json, .csv, .md and .tex, and verdict.svg where there is a curve."""
    grids = (words.codes(found, book), words.delivery(found))
    said = words.conclusions(found, book)
    texts = {
        "verdict.json": to_json(found),
        "verdict.csv": csv_table(grids[0].head, grids[0].rows),
        "verdict.md": "\n\n".join([f"# {words.TITLE}", *said, *map(drawn, grids)]) + "\n",
        "verdict.tex": "\n".join(
            [*(f"% {one_line(line)}" for line in said), LETTERS_DEFINED, *map(draw, grids)]
        ),
    }
    if (plot := words.plot(found)) is not None:
        texts["verdict.svg"] = plot.drawing.svg(plot.title, plot.caption)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return tuple(folder / name for name in texts)
