"""Spreadsheets (.xlsx) and Parquet files -> rows, as the readers of text give them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from coder.errors import InputError, UsageError
from coder.files.archives import require_bounded
from coder.sources.json_and_csv import HEADER_WITHIN, by_name
from coder.sources.rows import LABEL_ALIASES, Row, SetAside, fold

_MISSING = "pip install 'issue-coder[tables]', or export it as CSV"
_BROKEN = (KeyError, ValueError, TypeError, EOFError, OSError, SyntaxError, BadZipFile, zlib.error)
"""What the reader of spreadsheets raises for one that is damaged."""
_KNOWN = frozenset(name for names in LABEL_ALIASES.values() for name in names)


def read_xlsx(path: Path) -> Iterator[Row | SetAside]:
    """The rows of every sheet; ``line`` is the row of its sheet, whose name stands by the file's.

    The header is the row, among the first, with most names of known columns: titles and a second
    row of headings above it are passed. ``InputError`` where the file cannot be read.
    """
    _need("openpyxl", "spreadsheets (.xlsx)")
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    require_bounded(path)
    try:
        with path.open("rb") as file:
            book = load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # stated ones may be anything
                yield from _sheet(sheet.iter_rows(values_only=True), f"{path}[{sheet.title}]")
    except (*_BROKEN, InvalidFileException) as error:
        raise InputError(
            f"{path} cannot be read as a spreadsheet: {error}", "save it again, or as CSV"
        ) from None


def _sheet(rows: Iterator[Sequence[Any]], file: str) -> Iterator[Row | SetAside]:
    first = [[_cell(value) for value in row] for _, row in zip(range(HEADER_WITHIN), rows)]  # noqa: B905
    found = [sum(fold(str(c)) in _KNOWN for c in row if isinstance(c, str)) for row in first]
    at = found.index(max(found)) if any(found) else _first_wide(first)
    if at is None:
        return
    header = [str(cell or "").strip() for cell in first[at]]
    line = at + 1
    for row in [*first[at + 1 :], *([_cell(v) for v in row] for row in rows)]:
        line += 1
        if any(cell not in (None, "") for cell in row):
            cells = [*row, *[None] * (len(header) - len(row))]
            named = [(n, c) for n, c in zip(header, cells, strict=False) if n]
            yield Row(file, line, by_name([n for n, _ in named], [c for _, c in named]))


def _first_wide(rows: Sequence[Sequence[Any]]) -> int | None:
    """The first row with several cells filled."""
    wide = (i for i, row in enumerate(rows) if sum(c not in (None, "") for c in row) > 1)
    return next(wide, None)


def read_parquet(path: Path) -> Iterator[Row | SetAside]:
    """The rows of a Parquet file; ``line`` counts them from 1."""
    _need("pyarrow", "Parquet files")
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        line = 0
        for batch in file.iter_batches(batch_size=1000):
            for values in batch.to_pylist():
                line += 1
                yield Row(str(path), line, {key: _cell(v) for key, v in values.items()})
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}", "export it again") from None


def _cell(value: Any) -> Any:
    """What a cell holds as JSON would: times as texts."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return [_cell(item) for item in value]
    if isinstance(value, dict):
        return {key: _cell(item) for key, item in value.items()}
    return value


def _need(module: str, what: str) -> None:
    if find_spec(module) is None:
        raise UsageError(f"{what} need {module}, which is not installed", _MISSING)
