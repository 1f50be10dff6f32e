"""Codes out of the labels that a file holds, for ``coder codebook new``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coder.codebook.drafting import Found

EXAMPLES = 3
"""Titles of issues that a code is given as examples."""
MOST = 500
"""Different labels; more are no codes but texts."""
NONE = ("none", "no code fits", "n/a", "na", "nan", "null", "-", "?")
"""Labels that name no code."""


def read(path: Path, column: str | None, maps: tuple[str, ...], book_id: str) -> Found:
    """A codebook of the labels in ``path``, the most frequent first."""
    from coder.codebook.drafting import from_labels, make
    from coder.errors import InputError
    from coder.records import Cardinality

    counts: Counter[str] = Counter()
    titles: dict[str, list[str]] = {}
    aside: Counter[str] = Counter()
    several = False
    for labels, title in _rows(path, column, maps, aside):
        several |= len(labels) > 1
        counts.update(labels)
        for label in labels:
            held = titles.setdefault(label, [])
            if title and title not in held and len(held) < EXAMPLES:
                held.append(title)
        if len(counts) > MOST:
            raise InputError(
                f"{path} holds more than {MOST} different labels in that column",
                "name the column of the codes with --column",
            )
    if not counts:
        raise InputError(f"{path} holds no label in that column", "name it with --column")
    return make(
        from_labels(dict(counts.most_common()), titles, path.name),
        [f"{count:,} × {why}" for why, count in aside.items()],
        id=book_id, name=path.stem,
        cardinality=Cardinality.MULTIPLE if several else Cardinality.SINGLE,
        source=f"Codes of the labels in {path.name}; to be defined.",
    )  # fmt: skip


def _rows(
    path: Path, column: str | None, maps: tuple[str, ...], aside: Counter[str]
) -> Iterator[tuple[list[str], str]]:
    """The labels of each row and the title of its issue; what has none is counted in ``aside``."""
    from coder.report.escaping import one_line
    from coder.sources.files import opened
    from coder.sources.labels import SEPARATOR
    from coder.sources.rows import (  # fmt: skip
        LABEL_ALIASES,
        LABEL_FIELDS,
        Columns,
        SetAside,
        Values,
        WrongType,
        parse_map,
    )

    mapping = parse_map(maps) | ({"code": column} if column else {})
    columns = Columns(mapping, LABEL_FIELDS, LABEL_ALIASES)
    with opened(path) as source:
        for row in source.rows():
            if isinstance(row, SetAside):
                aside["a row that cannot be read"] += 1
                continue
            fields, values = columns.pick(row.values), Values()
            try:
                cells = values.codes(fields["code"])
                title = one_line(values.text(fields["title"], "title"), 160)
            except WrongType:
                aside["a row that cannot be read"] += 1
                continue
            given = [part.strip() for cell in cells for part in cell.split(SEPARATOR)]
            labels = [label for label in given if label and label.casefold() not in NONE]
            if any(label and label.casefold() in NONE for label in given):
                aside["no code fits, which is no code"] += 1
            yield labels, title
    columns.require_all_met()
