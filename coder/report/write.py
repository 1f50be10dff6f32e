"""Puts a report on disk, in every format it has."""

from __future__ import annotations

import json
from pathlib import Path

from coder.journal import write_atomically
from coder.records import Record
from coder.report.html import html
from coder.report.markdown import markdown
from coder.report.model import Report
from coder.report.table import disagreements_csv


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write ``folder``/report.html, .md, .json and disagreements.csv, and return their paths.

    The same report gives the same bytes. Raises ``StorageError`` when the disk is full.
    """
    texts = {
        "report.html": html(report),
        "report.md": markdown(report),
        "report.json": to_json(report),
        "disagreements.csv": disagreements_csv(report),
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
    return "{\n" + ",\n".join(parts) + "\n}\n"
