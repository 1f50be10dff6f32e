"""The totals of an import and of a label file."""

from __future__ import annotations

from coder.records import Label, Record
from coder.sources.rows import SetAside


class ImportReport(Record):
    """Totals of one import; ``read == kept + duplicates + set_aside``.

    ``reasons`` counts the rows set aside by reason. ``first_set_aside`` and ``first_duplicates``
    hold the first few; ``set_aside_file`` (empty when not needed) holds all of both.
    ``ids_from`` says where the ids of so many issues came from.
    ``missing_comments`` are only counted in the files, by so many issues.
    ``same_text`` counts issues that were kept although an issue of another id has the same text.
    """

    out: str
    read: int
    kept: int
    duplicates: int
    set_aside: int
    reasons: dict[str, int]
    ids_from: dict[str, int]
    first_set_aside: tuple[SetAside, ...] = ()
    first_duplicates: tuple[SetAside, ...] = ()
    bad_dates: int = 0
    first_bad_dates: tuple[str, ...] = ()
    missing_comments: int = 0
    with_missing_comments: int = 0
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
