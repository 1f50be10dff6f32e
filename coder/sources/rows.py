"""Rows: which column feeds which field, what a cell becomes, and rows that could not be taken.

Which column feeds which field is what ``--map`` says, else the names recognised without it.

What is changed on the way in, everywhere: ``\\r\\n`` and ``\\r`` become ``\\n``; NUL, lone
surrogates and bytes that are not UTF-8 become U+FFFD. All else is kept to the letter.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from coder.errors import InputError, UsageError
from coder.records import Comment, Issue, Record
from coder.sources.github import is_bot

TOO_LONG = "too long"


class SetAside(Record):
    """A row that was not taken, and why.

    ``line`` counts lines of the file from 1 and is where the row starts. ``reason`` is one of a
    few fixed phrases, so rows can be counted by it; ``detail`` is about this row.
    """

    file: str
    line: int
    reason: str
    detail: str = ""
    given: str = ""
    """What stood where something else was expected; rows alike are counted by it."""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.file}:{self.line}: {self.reason}{detail}"


class Repeated(list[str]):
    """What the columns of one name hold in a row, those that are empty left out."""


@dataclass(frozen=True)
class Row:
    """One row as it was found, with the line it starts on."""

    file: str
    line: int
    values: dict[str, Any]

    def set_aside(self, reason: str, detail: str = "", given: str = "") -> SetAside:
        return SetAside(file=self.file, line=self.line, reason=reason, detail=detail, given=given)


WRONG_TYPE = "wrong type"

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_LINE_END = re.compile("\r\n?")
_EPOCH = re.compile(r"-?\d{9,}(\.\d+)?")
_MILLISECONDS_FROM = 1e11  # as seconds this would be the year 5138
_COUNT = re.compile(r"\d+(?:\.0)?")
_WITH_MONTHS_NAME = (
    "%d/%b/%y %I:%M %p", "%d/%b/%y", "%d/%b/%Y %H:%M", "%d %b %Y %H:%M", "%d %b %Y",
    "%b %d, %Y", "%B %d, %Y", "%b %d, %Y %I:%M %p",
)  # fmt: skip
"""As Jira's tables and people write dates."""
_NO_DATE = ("", "nan", "nat", "none", "null")
_KINDS = {
    dict: "an object",
    list: "a list",
    Repeated: "several columns of one name",
    tuple: "several columns",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}
_NAMES = ("login", "username", "nameWithOwner", "full_name", "name", "displayName")
_CODE_KEYS = ("choices", "labels", "codes", "code", "accept", "name", "label", "id", "value")
"""Under which of its keys other programs' objects hold the code."""


class WrongType(Exception):
    """A cell holds something its field cannot be made of; the message says what."""


class Values:
    """Converts the cells of one row, counting what it had to give up."""

    def __init__(self, *, spelled_out: bool = True) -> None:
        """``spelled_out``: whether a text may spell out a list or an object."""
        self._unpacked = unpacked if spelled_out else lambda value: value
        self.bad_dates: list[str] = []
        """Those that were not understood, as they were written."""
        self.missing_comments = 0
        """Comments that the row counts and does not hold."""
        self.bad_text = False

    def text(self, value: Any, field: str) -> str:
        """A text; nothing and NaN are empty. Numbers are written out, 3.0 as 3.

        Several columns are joined by blank lines.
        """
        if isinstance(value, tuple):
            parts = [self.text(part, field) for part in value]
            return "\n\n".join(part for part in parts if part.strip())
        if is_nothing(value):
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise WrongType(f"{field} is {kind(value)}, not text")
        if _NO_TEXT.search(value):
            self.bad_text = True
            value = _NO_TEXT.sub("\ufffd", value)
        return _LINE_END.sub("\n", value) if "\r" in value else value

    def name(self, value: Any, field: str) -> str:
        """A login or repository: a text, or an object that holds one."""
        value = self._unpacked(value)
        if isinstance(value, dict):
            value = next((value[key] for key in _NAMES if value.get(key)), None)
        return self.text(value, field)

    def number(self, value: Any) -> int | None:
        """A whole number, also as ``"12"``, ``"#12"`` or ``12.0``."""
        if is_nothing(value) or value == "":
            return None
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"\s*#?[0-9]{1,18}(\.0)?\s*", value):
            return int(value.strip().removeprefix("#").removesuffix(".0"))
        shown = repr(value)[:40] if isinstance(value, str | float) else kind(value)
        raise WrongType(f"number is {shown}, not a whole number")

    def date(self, value: Any) -> datetime | None:
        """A time in UTC from ISO 8601 (UTC when no zone is given) or epoch (milli)seconds.

        Anything else is ``None`` and counted: a row is not lost for a date.
        """
        if is_nothing(value) or str(value).strip().lower() in _NO_DATE:
            return None
        try:
            return _date(value)
        except (ValueError, OverflowError, OSError):
            self.bad_dates.append(str(value)[:40])
            return None

    def labels(self, value: Any) -> tuple[str, ...]:
        """Labels from a list of texts or of ``{name}``, or a text split at commas or semicolons."""
        value = _nodes(self._unpacked(value))
        if is_nothing(value):
            return ()
        if isinstance(value, str):
            parts = (part.strip() for part in re.split("[,;]", value))
            return tuple(self.text(part, "labels") for part in parts if part)
        if not isinstance(value, list):
            raise WrongType(f"labels is {kind(value)}, not a list")
        return tuple(self.name(item, "labels") for item in value)

    def comments(self, value: Any) -> tuple[Comment, ...]:
        """Comments from a list of objects or texts; a mere count of comments is no comment, and
        remembered as such."""
        value = _nodes(self._unpacked(value))
        if is_nothing(value) or value == "":
            return ()
        if isinstance(value, int | float) or (isinstance(value, str) and _COUNT.fullmatch(value)):
            self.missing_comments = int(float(value))
            return ()
        if isinstance(value, str):
            return (self._comment(value),)
        if not isinstance(value, list):
            raise WrongType(f"comments is {kind(value)}, not a list")
        return tuple(self._comment(item) for item in value if item is not None)

    def count_missing(self, stated: Any, held: int) -> None:
        """Take note of how many of so many comments ``held`` are not all that a row states."""
        if isinstance(stated, int | float | str) and _COUNT.fullmatch(str(stated)):
            self.missing_comments = max(0, int(float(stated)) - held)

    def codes(self, value: Any) -> tuple[str, ...]:
        """The codes a cell holds: each of a list, that of an object, else its text as it is."""
        value = self._unpacked(value)
        if isinstance(value, dict):
            held = _first(value, *_CODE_KEYS)
            if held is None:
                raise WrongType(f"code is {kind(value)} without a code in it")
            value = held
        if isinstance(value, list | tuple):
            return tuple(code for item in value for code in self.codes(item))
        text = self.text(value, "code").strip()
        return (text,) if text else ()

    def _comment(self, value: Any) -> Comment:
        if isinstance(value, str):
            return self._jira_comment(value) or Comment(body=self.text(value, "comments"))
        if not isinstance(value, dict):
            raise WrongType(f"comments hold {kind(value)}, not comments")
        writer = next((value[key] for key in ("author", "user") if value.get(key)), None)
        author = self.name(writer, "comment author")
        described = (value, writer) if isinstance(writer, dict) else (value,)
        stated = value.get("bot")
        return Comment(
            author=author,
            body=self.text(_first(value, "body", "bodyText", "text"), "comment body"),
            created_at=self.date(_first(value, "created_at", "createdAt", "created")),
            bot=stated if isinstance(stated, bool) else is_bot(author, *described),
            author_role=self.text(
                _first(value, "author_role", "author_association", "authorAssociation"),
                "author role",
            ),
        )

    def _jira_comment(self, cell: str) -> Comment | None:
        """A cell of Jira's CSV export: date, author and text between semicolons."""
        when, *others = cell.split(";", 2)
        try:
            at = _date(when) if len(others) == 2 else None
        except (ValueError, OverflowError, OSError):
            at = None
        if at is None:
            return None
        return Comment(
            author=others[0].strip(), body=self.text(others[1], "comments"), created_at=at
        )


def is_nothing(value: Any) -> bool:
    """``None``, or the NaN that stands for it in exports of data frames."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


def _first(fields: Mapping[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _nodes(value: Any) -> Any:
    """The list inside GraphQL's ``{"nodes": [...]}`` or ``{"edges": [{"node": ...}]}``; the count
    where it has nothing but that."""
    if not isinstance(value, dict):
        return value
    if "edges" in value and "nodes" not in value:
        return [edge.get("node") for edge in value["edges"] or () if isinstance(edge, dict)]
    return value.get("nodes", value.get("totalCount", value))


def unpacked(value: Any) -> Any:
    """The list or object a table cell spells out as JSON or as Python does, else the cell."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list | dict) else value
    return value


def _moment(text: str) -> datetime:
    """ISO 8601, or a spelling with the month's name, which cannot be mistaken for the day."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        for spelling in _WITH_MONTHS_NAME:
            with contextlib.suppress(ValueError):
                return datetime.strptime(text, spelling)
        raise


def _date(value: Any) -> datetime:
    if isinstance(value, str):
        text = value.strip()
        if not _EPOCH.fullmatch(text):
            moment = _moment(text.removesuffix("UTC").rstrip())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)


ISSUE_FIELDS = (*Issue.model_fields, "code")
LABEL_FIELDS = (*Issue.model_fields, "code", "memo", "who")

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "issuekey", "issueid"),
    "repo": ("repo", "repository", "reponame", "repoid", "fullname", "namewithowner",
             "repositoryurl"),
    "number": ("number", "issuenumber", "num", "iid"),
    "url": ("htmlurl", "weburl", "issueurl", "url"),
    "title": ("title", "issuetitle", "summary"),
    "body": ("body", "issuebody", "description"),
    "comments": ("comments", "comment"),
    "labels": ("labels", "label"),
    "author": ("authorusername", "author", "user", "username", "login", "user.login",
               "author.login", "reporter"),
    "created_at": ("createdat", "created", "createdat(utc)"),
    "closed_at": ("closedat", "resolved", "closedat(utc)"),
    "comment_count": ("commentscount", "numcomments", "commentcount"),
}  # fmt: skip
"""Column names taken for a field, best first, compared without case, ``_``, ``-`` and spaces."""

LABEL_ALIASES: Mapping[str, tuple[str, ...]] = {
    **ALIASES,
    "id": ("issuekey", "issueid", "id"),  # a tool's own id of its lines may stand beside it
    "code": ("code", "codes", "label", "accept"),
    "memo": ("memo", "note"),
    "who": ("who", "annotator"),
}


class Columns:
    """Picks the fields out of rows, and remembers which mapped columns it has met.

    ``mapping`` is field -> column. A column may be a dotted path into nested objects
    (``discussion.body``), or several joined by commas, whose texts are joined by a blank line. A
    column that is really called so, dots and commas included, wins over both readings.
    """

    def __init__(
        self,
        mapping: Mapping[str, str],
        allowed: Sequence[str],
        aliases: Mapping[str, tuple[str, ...]] = ALIASES,
    ) -> None:
        for field in mapping:
            if field not in allowed:
                near = difflib.get_close_matches(field, allowed, 1)
                hint = f"did you mean {near[0]}?" if near else f"fields: {', '.join(allowed)}"
                raise UsageError(f"--map: there is no field {field!r}", hint)
        self.mapping = dict(mapping)
        self._aliases = {f: names for f, names in aliases.items() if f not in mapping}
        self._taken = {c for f, c in mapping.items() if f in ("code", "memo")}
        self._missing = {part for column in mapping.values() for part in column.split(",")}
        self._known: list[str] = []

    def pick(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields found in ``row``, with their values as they are there.

        Several columns come as a tuple of their values, which no JSON or CSV cell can be.
        """
        if not self._known:
            self._known = [*row, *(f"{k}.{n}" for k, v in row.items() if _is_map(v) for n in v)]
        fields = {field: self._mapped(row, column) for field, column in self.mapping.items()}
        folded = {fold(name): value for name, value in row.items() if name not in self._taken}
        for field, names in self._aliases.items():
            values = (folded[name] for name in names if name in folded)
            fields[field] = next((v for v in values if v is not None and v != ""), None)
        owner = folded.get("owner")
        repo = fields.get("repo")
        if isinstance(owner, str) and isinstance(repo, str) and owner and "/" not in repo:
            fields["repo"] = f"{owner}/{repo}"
        return fields

    def require_all_met(self) -> None:
        """``InputError`` when a mapped column was in no row at all: most likely misspelt."""
        if not self._missing or not self._known:
            return
        column = min(self._missing)
        near = difflib.get_close_matches(column, self._known, 1)
        known = f"columns: {', '.join(self._known[:30])}"
        raise InputError(
            f"--map: no row has a column {column!r}",
            f"did you mean {near[0]!r}? {known}" if near else known,
        )

    def _mapped(self, row: Mapping[str, Any], column: str) -> Any:
        if column in row:
            self._missing.difference_update(column.split(","))
            return row[column]
        parts = column.split(",")
        values = tuple(self._walk(row, part) for part in parts)
        return values[0] if len(parts) == 1 else values

    def _walk(self, row: Mapping[str, Any], path: str) -> Any:
        value: Any = row
        for name in (path,) if path in row else path.split("."):
            if not _is_map(value) or name not in value:
                return None
            value = value[name]
        self._missing.discard(path)
        return value


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """``FIELD=COLUMN`` arguments as field -> column. ``UsageError`` for anything else."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise UsageError(f"--map {pair}: not FIELD=COLUMN", "for example: --map title=summary")
        if field in mapping:
            raise UsageError(
                f"--map: {field!r} is given twice", f"join columns: --map {field}=first,second"
            )
        mapping[field] = column
    return mapping


@lru_cache(maxsize=1024)
def fold(name: str) -> str:
    """A column name as names are compared: ``createdAt``, ``Created At``, ``created_at``."""
    return "".join(c for c in name.casefold() if c not in "_- ")


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)
