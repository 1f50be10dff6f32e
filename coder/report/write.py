"""Puts a report on disk, in every format it has."""

from __future__ import annotations

import json
from pathlib import Path

from coder.escaping import json_text
from coder.files.atomic_write import write_atomically
from coder.records import Record
from coder.report import long_csv
from coder.report.disagreements import disagreements_csv
from coder.report.html import html
from coder.report.latex import latex
from coder.report.markdown import markdown
from coder.report.model import Report

PAGE = "report.html"


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the report into ``folder`` in every format, and return the paths, the page first.

    The same report gives the same bytes. Raises ``StorageError`` when the disk is full.
    """
    texts = {
        PAGE: html(report),
        "report.md": markdown(report),
        "report.json": to_json(report),
        "disagreements.csv": disagreements_csv(report),
        "tables.tex": latex(report),
        **{f"tables/{name}": text for name, text in long_csv.tables(report).items()},
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return tuple(folder / name for name in texts)


def to_json(report: Record) -> str:
    """A report as its JSON file holds it: each part, and each entry of a list, on a line."""
    parts = []
    for key, value in report.model_dump(mode="json").items():
        if isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in value) + "\n]"
        else:
            text = json.dumps(value, ensure_ascii=False)
        parts.append(f'"{key}": {text}')
    return json_text("{\n" + ",\n".join(parts) + "\n}\n")
