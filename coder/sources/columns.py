"""Which column feeds which field: what ``--map`` says, else the names recognised without it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from coder.errors import InputError, UsageError
from coder.records import Issue

ISSUE_FIELDS = (*Issue.model_fields, "code")
LABEL_FIELDS = (*Issue.model_fields, "code", "memo", "who")

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "issueid", "issuekey"),
    "repo": ("repo", "repository", "reponame", "fullname", "namewithowner", "repositoryurl"),
    "number": ("number", "issuenumber", "num", "iid"),
    "url": ("htmlurl", "weburl", "issueurl", "url"),
    "title": ("title", "issuetitle", "summary"),
    "body": ("body", "issuebody", "description"),
    "comments": ("comments", "comment"),
    "labels": ("labels", "label"),
    "author": ("author", "user", "username", "login", "user.login", "author.login", "reporter"),
    "created_at": ("createdat", "created"),
    "closed_at": ("closedat", "resolved"),
    "comment_count": ("commentscount", "numcomments", "commentcount"),
}
"""Column names taken for a field, best first, compared without case, ``_``, ``-`` and spaces."""

LABEL_ALIASES: Mapping[str, tuple[str, ...]] = {
    **ALIASES,
    "code": ("code", "codes", "label", "accept"),
    "memo": ("memo", "note"),
    "who": ("who",),
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
