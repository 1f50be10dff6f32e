"""Label files -> Labels: what people coded elsewhere, checked code by code and issue by issue."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coder.errors import CoderError, InputError
from coder.escaping import from_csv_cell
from coder.records import NONE_CODE, Label, Record
from coder.sources.files import opened
from coder.sources.github import IssueNames, is_number, repo_from_url
from coder.sources.issues import Imported, to_issue
from coder.sources.json_and_csv import SUGGESTED
from coder.sources.rows import (
    LABEL_ALIASES,
    LABEL_FIELDS,
    WRONG_TYPE,
    Columns,
    Row,
    SetAside,
    Values,
    WrongType,
    fold,
)
from coder.storage.intra_rater import people
from coder.text.spelling import visible

ASSISTED, MODEL_USER = "(assisted)", "model (proposed)"
"""How other programs are told whose codes are no blind labels; a rater cannot be called so."""
SEPARATOR = ";"
"""Between several codes in one cell."""

_MOST_SET_ASIDE = 1_000_000
_SUGGESTED = 20
"""Looking for a similar id is slow in a large study; later unknown ids go without."""
_LOOKED_AT = 50
"""So many rows of a file without a code column are searched for what to name."""
_NOT_ACCEPTED = ("reject", "ignore")
"""What Prodigy writes under ``answer`` where the annotator did not agree with what it shows."""
_MARKS = ("1", "1.0", "x", "true", "yes", "y", "✓")
_NO_MARKS = ("", "0", "0.0", "false", "no", "n", "-")
_NO_LABEL = ("", "n/a", "na", "nan", "null", "-", "?")
_WRONG_SEPARATORS = re.compile(r"[/|,\n+&]")

Resolve = Callable[[str], str]


class LabelReport(Record):
    """The labels found in one file, in file order, and the rows set aside."""

    read: int
    labels: tuple[Label, ...]
    set_aside: tuple[SetAside, ...]


@dataclass
class _Coded:
    """What the rows of one issue add up to."""

    row: Row
    codes: list[str] = field(default_factory=list)
    memos: list[str] = field(default_factory=list)

    def add(self, codes: Iterable[str], memos: Iterable[str]) -> None:
        self.codes += [code for code in dict.fromkeys(codes) if code not in self.codes]
        self.memos += [memo for memo in memos if memo not in self.memos]


@dataclass(frozen=True)
class _Said:
    """What one row says."""

    row: Row
    issue_id: str
    codes: tuple[str, ...]
    memo: str
    who: str


def read_labels(
    path: Path,
    resolve: Resolve,
    issues: IssueNames,
    *,
    rater: str,
    single: bool,
    mapping: Mapping[str, str] | None = None,
    one_hot: bool = False,
    codebook_hash: str = "",
) -> LabelReport:
    """The labels in ``path``: any file :mod:`coder.sources` reads with an id and a code column.

    Several codes stand in one cell, as a list or separated by ``;``, or in several rows of the same
    issue; with ``one_hot`` each code is a column of its own, marked where it was given. A ``memo``
    column is optional. An issue goes by any of its names; where a row has none, by the id that
    importing it would give, so the file the issues came from can be the label file. ``resolve``
    gives a code's id or ``NONE_CODE`` and raises ``CoderError`` for anything else. ``NONE_CODE``
    alone becomes empty ``codes``.

    A ``who`` column, as ``coder label export`` writes it, names who gave a label: where it names
    ``rater``, only their rows are read, else all but those of somebody's second pass.

    Set aside, with line and reason: unknown codes, what is no name of one of ``issues``, rows
    without a code, what an annotator did not accept, "no code fits" beside a code and, when
    ``single``, two different codes for one issue; nothing of that issue is kept then. Raises
    ``InputError`` when there is no code column.
    """
    columns = Columns(mapping or {}, LABEL_FIELDS, LABEL_ALIASES)
    reader = _Reader(columns, resolve, issues, one_hot)
    set_aside: list[SetAside] = []
    given, read = _given(path, reader, set_aside)
    reader.require_columns(path)
    raters = {who for _, who in given}
    wanted = {rater} if rater in raters else {*people(raters)}
    found: dict[str, _Coded] = {}
    for (issue_id, who), coded in given.items():
        if who in wanted:
            found.setdefault(issue_id, _Coded(coded.row)).add(coded.codes, coded.memos)
        else:
            reason = "another rater's" if rater in raters else "a second pass"
            set_aside.append(coded.row.set_aside(reason, f"{issue_id}: {who}"))
    labels: list[Label] = []
    for issue_id, coded in found.items():
        if problem := _contradiction(coded.codes, single):
            set_aside.append(coded.row.set_aside(problem, f"{issue_id}: {', '.join(coded.codes)}"))
            continue
        labels.append(
            Label(
                issue_id=issue_id,
                rater=rater,
                codes=tuple(code for code in coded.codes if code != NONE_CODE),
                memo="\n".join(coded.memos),
                codebook_hash=codebook_hash,
                source=path.name,
            )
        )
    set_aside.sort(key=lambda row: row.line)
    return LabelReport(read=read, labels=tuple(labels), set_aside=tuple(set_aside))


def _given(
    path: Path, reader: _Reader, set_aside: list[SetAside]
) -> tuple[dict[tuple[str, str], _Coded], int]:
    """What the file says of each issue, by whom, and how many rows it has; what cannot be taken
    is added to ``set_aside``."""
    given: dict[tuple[str, str], _Coded] = {}
    read = 0
    with opened(path) as source:
        for row in source.rows():
            read += 1
            if len(set_aside) > _MOST_SET_ASIDE:
                raise InputError(
                    f"more than {_MOST_SET_ASIDE:,} rows of {path} are no labels; "
                    f"first: {set_aside[0]}",
                    "check that this is the right file, and leave out rows without a code",
                )
            item = row if isinstance(row, SetAside) else reader.label(row)
            if isinstance(item, SetAside):
                set_aside.append(item)
            else:
                coded = given.setdefault((item.issue_id, item.who), _Coded(item.row))
                coded.add(item.codes, [item.memo] if item.memo else [])
    return given, read


class _Reader:
    """Turns one row at a time into what it says."""

    def __init__(
        self, columns: Columns, resolve: Resolve, issues: IssueNames, one_hot: bool
    ) -> None:
        self._columns = columns
        self._resolve = resolve
        self._issues = issues
        self._one_hot = one_hot
        self._suggestions = 0
        self.has_codes = one_hot or "code" in columns.mapping
        self.rows_without: list[Row] = []
        """The first rows that have no code column."""

    def label(self, row: Row) -> _Said | SetAside:
        values = Values()
        try:
            fields = self._columns.pick(row.values)
            cells = self._marked(row) if self._one_hot else values.codes(fields["code"])
            # Files that spreadsheets may open have a quote before what looks like a formula.
            memo = from_csv_cell(values.text(fields["memo"], "memo"))
            who = visible(from_csv_cell(values.text(fields["who"], "who")))
            found = self._issue(row, fields, values)
        except WrongType as error:
            return row.set_aside(WRONG_TYPE, str(error))
        self._note_columns(row)
        if isinstance(found, SetAside):
            return found
        answer = str(row.values.get("answer", "")).casefold()
        if answer in _NOT_ACCEPTED and "answer" not in self._columns.mapping.values():
            return row.set_aside("not accepted by the annotator", f"{found}: {answer}", answer)
        if who == MODEL_USER or who.endswith(f" {ASSISTED}"):
            return row.set_aside("not blind: given with a suggestion in sight", f"{found}: {who}")
        if cells and row.values.get(SUGGESTED):
            return row.set_aside("not blind: a suggestion came with the task", found)
        try:
            codes = tuple(code for cell in cells for code in self._codes(cell))
        except CoderError as error:
            spelling = "; ".join(cells)
            hint = f"; {error.hint}" if error.hint else ""
            return row.set_aside("unknown code", f"{found}: {error.message}{hint}", spelling)
        if not codes:
            return row.set_aside("no code", found, "; ".join(cells))
        return _Said(row, found, codes, memo, who)

    def require_columns(self, path: Path) -> None:
        """``InputError`` when a mapped column was in no row, or no column holds codes."""
        self._columns.require_all_met()
        if self.rows_without and not self.has_codes:
            raise InputError(f"{path} has no column 'code'", self._hint())

    def _hint(self) -> str:
        first, *_ = self.rows_without
        named = [name for name in first.values if self._is_code(name)]
        if len(named) > 1:
            return f"codes are columns of their own here ({', '.join(named[:3])}, ...): --one-hot"
        held = [name for name in first.values if self._holds_codes(name)]
        if held:
            each = ", ".join(held[:5])
            return f"columns that hold codes: {each}; name one: --map code={held[0]}"
        return "name it: --map code=COLUMN"

    def _note_columns(self, row: Row) -> None:
        if self.has_codes:
            return
        self.has_codes = any(fold(name) in LABEL_ALIASES["code"] for name in row.values)
        if not self.has_codes and len(self.rows_without) < _LOOKED_AT:
            self.rows_without.append(row)

    def _is_code(self, text: str) -> bool:
        try:
            self._resolve(text)
        except CoderError:
            return False
        return True

    def _holds_codes(self, column: str) -> bool:
        cells = [str(row.values.get(column) or "").strip() for row in self.rows_without]
        filled = [cell for cell in cells if cell]
        return bool(filled) and all(self._is_code(cell) for cell in filled)

    def _marked(self, row: Row) -> tuple[str, ...]:
        """The columns of a one-hot row that are codes and marked."""
        marked = []
        for name, value in row.values.items():
            if not self._is_code(name):
                continue
            mark = visible(str("" if value is None else value)).casefold()
            if mark in _MARKS:
                marked.append(name)
            elif mark not in _NO_MARKS:
                raise WrongType(f"{name} is {mark[:20]!r}, neither 1 nor 0")
        return tuple(marked)

    def _issue(self, row: Row, fields: Mapping[str, Any], values: Values) -> str | SetAside:
        """The id of the issue that a row is about. Its id counts first, exactly as it is; then
        what cannot be mistaken, repository and number or URL; then its id as people write it."""
        given = visible(values.text(fields["id"], "id"))
        if given not in self._issues.ids:
            given = from_csv_cell(given)
        names = [given] if given in self._issues.ids else [*_places(fields, values), given]
        for name in filter(None, names):
            found = self._issues.find(name)
            if len(found) == 1:
                return next(iter(found))
            if found:
                which = ", ".join(sorted(found)[:3])
                return row.set_aside("several issues go by this name", f"{name}: {which}", name)
        item = None if "id" in self._columns.mapping else to_issue(row, self._columns)
        if isinstance(item, Imported) and item.issue.id in self._issues.ids:
            return item.issue.id
        if not any(names):
            return row.set_aside("no issue id")
        name = next(filter(None, (given, *names)))
        return row.set_aside("unknown issue", self._similar(name), name)

    def _codes(self, cell: str) -> Iterator[str]:
        """The codes in a cell; a code whose own name holds a semicolon is found first."""
        cell = visible(cell)
        if not self._is_code(cell):
            cell = from_csv_cell(cell)
        if SEPARATOR in cell and self._is_code(cell):
            yield self._resolve(cell)
            return
        for part in map(str.strip, cell.split(SEPARATOR)):
            if part.casefold() in _NO_LABEL and not self._is_code(part):
                continue
            yield self._code(part)

    def _code(self, text: str) -> str:
        try:
            return self._resolve(text)
        except CoderError as error:
            parts = [part for part in _WRONG_SEPARATORS.split(text) if part.strip()]
            if len(parts) > 1 and all(self._is_code(part) for part in parts):
                raise InputError(
                    f"{text!r} is several codes", f"separate them by {SEPARATOR!r}"
                ) from None
            raise error from None

    def _similar(self, name: str) -> str:
        if is_number(name) and not self._issues.one_repository:
            return f"{name}: a number alone, and the issues are of several repositories"
        self._suggestions += 1
        if self._suggestions > _SUGGESTED:
            return name
        near = difflib.get_close_matches(name, self._issues.ids, 3, cutoff=0.8)
        # Another number is another issue, not a slip of the pen.
        same = [other for other in near if _digits(other) == _digits(name)]
        return f"{name}; did you mean {same[0]}?" if same else name


def _places(fields: Mapping[str, Any], values: Values) -> Iterator[str]:
    """What a row's other columns call its issue."""
    repo, number = values.name(fields["repo"], "repo"), values.number(fields["number"])
    if repo and number is not None:
        yield f"{repo_from_url(repo)}#{number}"
    yield values.text(fields["url"], "url")


def _digits(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _contradiction(codes: list[str], single: bool) -> str:
    if NONE_CODE in codes and len(codes) > 1:
        return "'no code fits' beside a code"
    if single and len(codes) > 1:
        return "several codes, but the codebook takes one"
    return ""
