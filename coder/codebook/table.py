"""Codebooks as tables, for spreadsheets: one row a code; CSV, and Excel's .xlsx with openpyxl."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coder.codebook.drafting import MOST, Draft, Found, in_tree_order, make, slug
from coder.codebook.load import is_id
from coder.errors import InputError, UsageError
from coder.escaping import csv_cell, from_csv_cell
from coder.files.reading import read_text
from coder.records import Cardinality, Codebook
from coder.text.spelling import fold, plural, some

COLUMNS = (
    "id", "parent", "name", "definition", "include", "exclude", "examples", "source", "replaces",
    "guid", "color",
)  # fmt: skip
_OF_BOOK = ("id", "name", "version", "unit", "cardinality", "allow_none", "instructions", "source")
_LISTS = ("include", "exclude", "examples", "replaces")
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "codeid", "key", "abbreviation"),
    "name": ("name", "code", "codename", "label", "tag", "path", "subcategory", "title", "theme"),
    "parent": ("parent", "category", "parentid", "group", "maincategory", "parentcode"),
    "definition": ("definition", "description", "meaning", "explanation"),
    "include": ("include", "inclusion", "includes", "inclusioncriteria", "whentouse"),
    "exclude": ("exclude", "exclusion", "excludes", "exclusioncriteria", "whennottouse"),
    "examples": ("examples", "example", "quotes", "quote"),
    "source": ("source", "reference"),
    "replaces": ("replaces",),
    "guid": ("guid",),
    "color": ("color", "colour"),
}
_HEADER_WITHIN = 10
"""Rows that may stand above the names of the columns."""
_LARGEST_SHEET = 64 << 20
"""Bytes of all that a spreadsheet's archive unpacks to."""
_MISSING = "pip install 'issue-coder[tables]'"
_CELL = 32_767
"""Characters that a cell of a spreadsheet holds."""

Rows = Sequence[Sequence[str]]


def to_rows(book: Codebook) -> list[list[str]]:
    """A row of texts for each code, below the names of the columns; several of a kind stand on
    lines of their own."""
    made = [list(COLUMNS)]
    for code in book.codes:
        values = [getattr(code, column) for column in COLUMNS]
        made.append(["\n".join(v) if isinstance(v, tuple) else v or "" for v in values])
    return made


def to_csv(book: Codebook) -> str:
    """The codes as CSV; the codebook's own fields have no place in it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(csv_cell, row) for row in to_rows(book)])
    return out.getvalue()


def to_xlsx(book: Codebook) -> bytes:
    """The codes as a spreadsheet, and the codebook's own fields on a second sheet."""
    _need_openpyxl()
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    workbook = Workbook()
    for title, rows in (("codes", to_rows(book)), ("codebook", _about(book))):
        sheet = workbook.active if title == "codes" else workbook.create_sheet()
        assert sheet is not None
        sheet.title = title
        for at, row in enumerate(rows, 1):
            for across, text in enumerate(row, 1):
                cell = sheet.cell(at, across)
                cell.value = csv_cell(text)[:_CELL]
                cell.data_type = "s"
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                if at == 1 and title == "codes":
                    cell.font = Font(bold=True)
        for column, width in zip("ABCDEFG", (28, 22, 28, 60, 40, 40, 40), strict=True):
            sheet.column_dimensions[column].width = width if title == "codes" else 28
    held = io.BytesIO()
    workbook.save(held)
    return held.getvalue()


def read_back(book: Codebook, suffix: str) -> Codebook:
    """What a table of ``book`` gives when it is read."""
    rows = [[from_csv_cell(csv_cell(cell)) for cell in row] for row in to_rows(book)]
    about = {field: text for field, text in _about(book) if suffix == ".xlsx"}
    return _made(rows, about, book.id, []).book


def read_table(path: Path) -> Found:
    """The codebook in a table of codes. Raises ``InputError`` where it has none."""
    if path.suffix.lower() == ".xlsx":
        rows, about, others = _sheets(path)
        return _made(rows, about, path.stem, others)
    return _made(_csv_rows(path), {}, path.stem, [])


def _about(book: Codebook) -> list[tuple[str, str]]:
    return [(field, str(getattr(book, field))) for field in _OF_BOOK]


def _made(rows: Rows, about: Mapping[str, str], stem: str, others: Sequence[str]) -> Found:
    header, columns = _header(rows)
    notes = [f"above the names of the columns, {plural(header, 'row')} not read"] * bool(header)
    notes += [f"sheets not read: {some(others)}"] * bool(others)
    unknown = [name for name in rows[header] if name.strip() and _field(name) is None]
    notes += [f"columns not read: {some(unknown)}"] * bool(unknown)
    cells = [
        {field: row[at].strip() if at < len(row) else "" for field, at in columns.items()}
        for row in rows[header + 1 :]
    ]
    # Where a category is named once for several rows, by merged cells, the later ones are empty.
    if "parent" in columns and not fold(rows[header][columns["parent"]]).startswith("parent"):
        filled = _fill_down(cells)
        notes += [f"{plural(filled, 'row')} put into the category above"] * bool(filled)
    return make(_drafts(cells), notes, **_book_fields(about, stem))


def _fill_down(cells: Sequence[dict[str, str]]) -> int:
    above, filled = "", 0
    for one in cells:
        if one["name"] and not one["parent"] and above:
            one["parent"] = above
            filled += 1
        above = one["parent"]
    return filled


def _book_fields(about: Mapping[str, str], stem: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": slug(stem) or "codebook", "name": stem}
    fields |= {key: value for key, value in about.items() if key in _OF_BOOK and value}
    if not is_id(fields["id"]):
        fields["id"] = slug(fields["id"]) or "codebook"
    fields["allow_none"] = about.get("allow_none", "True").casefold() in ("true", "yes", "1")
    if fields.get("cardinality", "single") not in list(Cardinality):
        del fields["cardinality"]
    return fields


def _header(rows: Rows) -> tuple[int, dict[str, int]]:
    """Which row names the columns, and the place of each field: of the first rows the one that
    names most, one of them what codes are called."""
    best: tuple[int, dict[str, int]] = (0, {})
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        places: dict[str, int] = {}
        for place, name in enumerate(row):
            if (field := _field(name)) is not None:
                places.setdefault(field, place)
        if "name" not in places and "id" in places:
            places["name"] = places["id"]
        # Two rows of names stand right below each other.
        repeated = len(best[1]) > 1 and at == best[0] + 1 and places.keys() >= best[1].keys()
        if "name" in places and len(places) >= len(best[1]) + (not repeated):
            best = at, places
    if not best[1]:
        raise InputError(
            "no column of it is called name, code or label",
            f"the first row names the columns, of: {', '.join(COLUMNS)}",
        )
    return best


def _field(name: str) -> str | None:
    plain = "".join(c for c in fold(name) if c.isalnum())
    return next((field for field, names in _ALIASES.items() if plain in names), None)


def _drafts(cells: Iterable[dict[str, str]]) -> list[Draft]:
    """A draft for each row; a category that has no row of its own is made where it is named, and a
    row that has no name but a category is about that."""
    read = []
    for one in cells:
        if not one["name"]:
            one |= {"name": one.get("id") or one.get("parent", ""), "parent": ""}
        read += [one] if one["name"] else []
    known = {fold(one[key]) for one in read for key in ("id", "name") if one.get(key)}
    drafts: list[Draft] = []
    place: dict[str, int] = {}
    while read:
        left = []
        for one in read:
            above = fold(one.get("parent", ""))
            if above and above not in place:
                if above in known and above != fold(one["name"]):
                    left.append(one)
                    continue
                place[above] = len(drafts)
                drafts.append(Draft(one["parent"]))
            at = len(drafts)
            drafts.append(_draft(one, place[above] if above else None))
            for key in ("id", "name"):
                if one.get(key):
                    place.setdefault(fold(one[key]), at)
        if len(left) == len(read):
            names = some([one["name"] for one in left])
            raise InputError(f"these codes are each other's parents: {names}", "correct the table")
        read = left
    return in_tree_order(drafts)


def _draft(one: Mapping[str, str], parent: int | None) -> Draft:
    fields: dict[str, Any] = {key: one.get(key, "") for key in ("source", "guid", "color")}
    for key in _LISTS:
        items = (item.strip().removeprefix("- ") for item in one.get(key, "").split("\n"))
        fields[key] = tuple(filter(None, items))
    return Draft(one["name"], one.get("definition", ""), one.get("id", ""), parent, fields)


# --- files ----------------------------------------------------------------------------------------


def _csv_rows(path: Path) -> list[list[str]]:
    text = read_text(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"it is not a table: {error}", "save it as CSV again") from None
    return _filled([[from_csv_cell(cell) for cell in row] for row in rows])


def _sheets(path: Path) -> tuple[list[list[str]], dict[str, str], list[str]]:
    """The rows of the first sheet with codes, the fields of the sheet ``codebook``, and the names
    of sheets that are neither."""
    _need_openpyxl()
    from openpyxl import load_workbook

    _check_archive(path)
    sheets: dict[str, list[list[str]]] = {}
    try:
        workbook = load_workbook(path, read_only=True, data_only=True)
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()  # stated ones may be anything
            sheets[sheet.title] = _cells(sheet.iter_rows(values_only=True))
        workbook.close()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"it is no spreadsheet: {error}", "save it as .xlsx again") from None
    about = {row[0]: row[1] for row in sheets.pop("codebook", []) if len(row) > 1}
    for title, rows in sheets.items():
        try:
            _header(rows)
        except InputError:
            continue
        return rows, about, [other for other in sheets if other != title]
    _header([])
    raise AssertionError("no header was found in no rows")


def _cells(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    return _filled([["" if v is None else from_csv_cell(str(v)) for v in row] for row in rows])


def _filled(rows: Iterable[list[str]]) -> list[list[str]]:
    """The rows that hold something."""
    found = [row for row in rows if any(cell.strip() for cell in row)]
    if len(found) > MOST + _HEADER_WITHIN:
        raise InputError(f"it has more than {MOST:,} rows", "check that this is the right file")
    return found


def _check_archive(path: Path) -> None:
    """``InputError`` for an archive that unpacks to more than any codebook does. No member gives
    more than it states: reading one that lies ends there."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"it is no spreadsheet: {error}", "save it as .xlsx again") from None
    if size > _LARGEST_SHEET:
        raise InputError(
            f"it unpacks to {size >> 20:,} MiB, more than {_LARGEST_SHEET >> 20}",
            "check that this is the right file",
        )


def _need_openpyxl() -> None:
    if find_spec("openpyxl") is None:
        raise UsageError("spreadsheets (.xlsx) need openpyxl", f"{_MISSING}, or use CSV")
