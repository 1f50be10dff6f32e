"""Label files -> Labels: what people coded elsewhere, checked code by code and id by id."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coder.errors import CoderError, InputError
from coder.escaping import from_csv_cell
from coder.passes import people
from coder.records import NONE_CODE, Label
from coder.sources.columns import LABEL_ALIASES, LABEL_FIELDS, Columns
from coder.sources.files import opened
from coder.sources.issues import Imported, to_issue
from coder.sources.report import LabelReport
from coder.sources.rows import Row, SetAside
from coder.sources.values import WRONG_TYPE, Values, WrongType

_MOST_SET_ASIDE = 1_000_000
_SUGGESTED = 20
"""Looking for a similar id is slow in a large study; later unknown ids go without."""


@dataclass
class _Coded:
    """What the rows of one issue add up to."""

    row: Row
    codes: list[str] = field(default_factory=list)
    memos: list[str] = field(default_factory=list)

    def add(self, codes: Iterable[str], memos: Iterable[str]) -> None:
        self.codes += [code for code in dict.fromkeys(codes) if code not in self.codes]
        self.memos += [memo for memo in memos if memo not in self.memos]


def read_labels(
    path: Path,
    resolve: Callable[[str], str],
    *,
    rater: str,
    single: bool,
    issue_ids: Collection[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    codebook_hash: str = "",
) -> LabelReport:
    """The labels in ``path``: any file :mod:`coder.sources` reads with an id and a code column.

    Several codes stand in one cell, separated by ``;``, or in several rows of the same id; a
    ``memo`` column is optional. Without an id column an issue is known by the id that importing
    the same row would give it, so the file the issues came from can be the label file. ``resolve``
    gives a code's id or ``NONE_CODE`` and raises ``CoderError`` for anything else. ``NONE_CODE``
    alone becomes empty ``codes``.

    A ``who`` column, as ``coder label export`` writes it, names who gave a label: where it names
    ``rater``, only their rows are read, else all but those of somebody's second pass.

    Set aside, with line and reason: unknown codes, ids not in ``issue_ids`` (when given), rows
    without a code, "no code fits" beside a code and, when ``single``, two different codes for one
    issue; nothing of that issue is kept then. Raises ``InputError`` when there is no code column.
    """
    columns = Columns(mapping or {}, LABEL_FIELDS, LABEL_ALIASES)
    reader = _Reader(columns, resolve, issue_ids)
    set_aside: list[SetAside] = []
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
            if isinstance(row, SetAside):
                set_aside.append(row)
                continue
            item = reader.label(row)
            if isinstance(item, SetAside):
                set_aside.append(item)
                continue
            issue_id, codes, memo, who = item
            given.setdefault((issue_id, who), _Coded(row)).add(codes, [memo] if memo else [])
    columns.require_all_met()
    if read and not reader.has_code_column:
        raise InputError(f"{path} has no column 'code'", "name it: --map code=COLUMN")
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
        problem = _contradiction(coded.codes, single)
        if problem:
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
    return LabelReport(
        read=read,
        labels=tuple(labels),
        set_aside=tuple(sorted(set_aside, key=lambda row: row.line)),
    )


class _Reader:
    """Turns one row at a time into an issue id, its codes and a memo."""

    def __init__(
        self,
        columns: Columns,
        resolve: Callable[[str], str],
        issue_ids: Collection[str] | None,
    ) -> None:
        self._columns = columns
        self._resolve = resolve
        self._issue_ids = None if issue_ids is None else frozenset(issue_ids)
        self._suggestions = 0
        self.has_code_column = "code" in columns.mapping

    def label(self, row: Row) -> tuple[str, list[str], str, str] | SetAside:
        values = Values()
        try:
            fields = self._columns.pick(row.values)
            code, memo = values.code(fields["code"]), values.text(fields["memo"], "memo")
            who = from_csv_cell(values.text(fields["who"], "who").strip())
            given = values.text(fields["id"], "id").strip()
        except WrongType as error:
            return row.set_aside(WRONG_TYPE, str(error))
        self.has_code_column = self.has_code_column or bool(code)
        # Files that spreadsheets may open have a quote before what looks like a formula.
        memo = from_csv_cell(memo)
        if not self._knows(given):
            given = from_csv_cell(given)
        issue_id = self._issue_id(row, given)
        if not issue_id:
            return row.set_aside("no issue id")
        if self._issue_ids is not None and issue_id not in self._issue_ids:
            return row.set_aside("unknown issue", self._similar(issue_id))
        if not code:
            return row.set_aside("no code", issue_id)
        try:
            return issue_id, list(self._codes(code)), memo, who
        except CoderError as error:
            hint = f"; {error.hint}" if error.hint else ""
            return row.set_aside("unknown code", f"{issue_id}: {error.message}{hint}")

    def _issue_id(self, row: Row, given: str) -> str:
        if "id" in self._columns.mapping or (given and self._knows(given)):
            return given
        item = to_issue(row, self._columns)
        return item.issue.id if isinstance(item, Imported) else given

    def _knows(self, issue_id: str) -> bool:
        return self._issue_ids is None or issue_id in self._issue_ids

    def _codes(self, cell: str) -> Iterator[str]:
        """The codes in a cell; a code whose own name holds a semicolon is found first."""
        if ";" in cell:
            try:
                yield self._resolve(cell)
                return
            except CoderError:
                pass
        for part in cell.split(";"):
            if part.strip():
                yield self._resolve(part.strip())

    def _similar(self, issue_id: str) -> str:
        self._suggestions += 1
        if self._suggestions > _SUGGESTED:
            return issue_id
        near = difflib.get_close_matches(issue_id, self._issue_ids or (), 3, cutoff=0.8)
        # Another number is another issue, not a slip of the pen.
        same = [other for other in near if _digits(other) == _digits(issue_id)]
        return f"{issue_id}; did you mean {same[0]}?" if same else issue_id


def _digits(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _contradiction(codes: list[str], single: bool) -> str:
    if NONE_CODE in codes and len(codes) > 1:
        return "'no code fits' beside a code"
    if single and len(codes) > 1:
        return "several codes, but the codebook takes one"
    return ""
