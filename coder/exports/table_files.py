"""A flat table as a file: CSV, Excel or Parquet, with the meaning of its columns beside it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coder.errors import UsageError
from coder.escaping import inert
from coder.exports.table import Cell, Column, Table
from coder.files.atomic_write import Draft, write_atomically
from coder.report.escaping import csv_table

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS, _MOST_CHARACTERS = 1_048_575, 32_767
"""Of an Excel sheet, below its head; and of a cell."""
_TYPES = {"text": "string", "integer": "Int64", "number": "Float64", "time": "datetime64[us, UTC]"}


def write_csv(table: Table, path: Path) -> None:
    """Times as ISO 8601; a cell that a spreadsheet would run begins with ``'``."""
    rows = [tuple(_written(cell) for cell in row) for row in table.rows]
    write_atomically(path, csv_table(table.names, rows))


def write_parquet(table: Table, path: Path) -> None:
    """Typed columns, times in UTC, no answer as null."""
    _require("pyarrow", "Parquet")
    with Draft(path) as draft:
        draft.write(frame(table).to_parquet(index=False))
        draft.publish()


def write_xlsx(table: Table, path: Path) -> None:
    """One sheet whose head stays in sight; every text is a text, none a formula."""
    _require("openpyxl", "Excel files")
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    rows = table.rows
    if len(rows) > _MOST_ROWS:
        raise UsageError(
            f"{len(rows):,} issues are more than a sheet can hold", "write .csv or .parquet"
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("coded")
    sheet.freeze_panes = "B2"

    def cell(value: Cell, bold: bool = False) -> Any:
        if isinstance(value, str):
            text = inert(value).replace("\r", "")[:_MOST_CHARACTERS]
            made = WriteOnlyCell(sheet, text)
            made.data_type = "s"
        else:
            made = WriteOnlyCell(sheet, _written(value) if isinstance(value, datetime) else value)
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(name, bold=True) for name in table.names])
    for row in rows:
        sheet.append([cell(value) for value in row])
    with Draft(path) as draft:
        whole = io.BytesIO()
        book.save(whole)
        draft.write(whole.getvalue())
        draft.publish()


WRITERS = {".csv": write_csv, ".parquet": write_parquet, ".xlsx": write_xlsx}


def write_dictionary(table: Table, path: Path) -> Path:
    """What each column of the table in ``path`` means, as a CSV beside it; returns where."""
    beside = path.with_name(f"{path.stem}.dictionary.csv")
    rows = [(c.name, c.kind, c.meaning, str(_filled(c))) for c in table.columns]
    write_atomically(beside, csv_table(("column", "type", "meaning", "filled"), rows))
    return beside


def frame(table: Table) -> pd.DataFrame:
    """The table with a type for every column; no answer is ``NA``."""
    _require("pandas", "data frames")
    import pandas as pd

    return pd.DataFrame(
        {c.name: pd.array(list(c.values), dtype=_TYPES[c.kind]) for c in table.columns}
    )


def _filled(column: Column) -> int:
    return sum(value is not None for value in column.values)


def _written(cell: Cell) -> str | int | float | None:
    return cell.astimezone(UTC).isoformat() if isinstance(cell, datetime) else cell


def _require(module: str, what: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise UsageError(
            f"{what} need {module}, which is not installed",
            "pip install 'issue-coder[tables]'; CSV needs nothing more",
        )
