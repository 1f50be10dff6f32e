"""CSV and TSV -> rows; a row whose cells do not fit its header is set aside, never shifted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, TextIO

from coder.errors import InputError
from coder.sources.lines import LARGEST_ROW, Lines, RowTooLong
from coder.sources.rows import TOO_LONG, Repeated, Row, SetAside

_HEADER_WITHIN = 10
"""Lines."""


def read_table(text: TextIO, file: str, delimiter: str) -> Iterator[Row | SetAside]:
    """One row per record under a header line. ``InputError`` when the header cannot be used."""
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_ROW))
    lines = Lines(text)
    # Strict, because a lenient reader lets one unclosed quote silently swallow the rows after it.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = lines.number + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, RowTooLong) as error:
            if header is None:
                raise InputError(
                    f"{file}:{line}: the header cannot be read: {error}",
                    "the first line of a table names its columns",
                ) from None
            after = lines.number - line
            lost = f"; it takes in the {after} lines after it" if after > 0 else ""
            reason = TOO_LONG if isinstance(error, RowTooLong) else "not valid CSV"
            yield SetAside(file=file, line=line, reason=reason, detail=f"{error}{lost}")
            continue
        if not any(cells):
            continue
        if header is None:
            # A title, a date or "sep=;" that a spreadsheet put above the names of the columns.
            if not (len(cells) > 1 and not any(cells[1:]) and line <= _HEADER_WITHIN):
                header = [cell.strip() for cell in cells]
        elif len(cells) != len(header):
            detail = f"{len(cells)} cells under {len(header)} columns"
            yield SetAside(file=file, line=line, reason="wrong number of cells", detail=detail)
        else:
            yield Row(file, line, _by_name(header, cells))


def _by_name(header: list[str], cells: list[str]) -> dict[str, Any]:
    """The cells by column, those of one name together."""
    row: dict[str, Any] = dict(zip(header, cells, strict=True))
    if len(row) < len(header):
        for name in {name for name in header if header.count(name) > 1}:
            row[name] = Repeated(c for n, c in zip(header, cells, strict=True) if n == name and c)
    return row
