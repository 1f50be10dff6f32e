"""What reading a file leaves behind: rows set aside with their reason, and the totals."""

from __future__ import annotations

from coder.records import Label, Record


class SetAside(Record):
    """A row that was not taken, and why.

    ``line`` counts lines of the file from 1 and is where the row starts. ``reason`` is one of a
    few fixed phrases, so rows can be counted by it; ``detail`` is about this row.
    """

    file: str
    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.file}:{self.line}: {self.reason}{detail}"


class ImportReport(Record):
    """Totals of one import; ``read == kept + duplicates + set_aside``.

    ``reasons`` counts the rows set aside by reason. ``first_set_aside`` and ``first_duplicates``
    hold the first few; ``set_aside_file`` (empty when not needed) holds all of both.
    ``same_text`` counts issues that were kept although an issue of another id has the same text.
    """

    out: str
    read: int
    kept: int
    duplicates: int
    set_aside: int
    reasons: dict[str, int]
    first_set_aside: tuple[SetAside, ...] = ()
    first_duplicates: tuple[SetAside, ...] = ()
    bad_dates: int = 0
    bad_text: int = 0
    same_text: int = 0
    first_same_text: tuple[str, ...] = ()
    labelled: int = 0
    labels_file: str = ""
    set_aside_file: str = ""


class LabelReport(Record):
    """The labels found in one file, in file order, and the rows set aside."""

    read: int
    labels: tuple[Label, ...]
    set_aside: tuple[SetAside, ...]
