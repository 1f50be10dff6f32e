"""A row of somebody's file, and a row that could not be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coder.records import Record

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
