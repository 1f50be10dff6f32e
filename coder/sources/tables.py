"""CSV and TSV -> rows; a row whose cells do not fit its header is set aside, never shifted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from coder.errors import InputError
from coder.sources.lines import LARGEST_ROW, Lines, RowTooLong
from coder.sources.rows import TOO_LONG, Row, SetAside


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
            header = _header(cells, file)
        elif len(cells) != len(header):
            detail = f"{len(cells)} cells under {len(header)} columns"
            yield SetAside(file=file, line=line, reason="wrong number of cells", detail=detail)
        else:
            yield Row(file, line, dict(zip(header, cells, strict=True)))


def _header(cells: list[str], file: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{file}: two columns are called {twice[0]!r}", "rename one of them")
    return names
