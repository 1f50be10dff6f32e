"""What the rows of files become, one by one, before anything is said of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from coder.records import Issue
from coder.sources.files import opened
from coder.sources.issues import Imported, to_issue
from coder.sources.rows import ISSUE_FIELDS, Columns, SetAside


def read_issues(
    paths: Iterable[Path], mapping: Mapping[str, str] | None = None
) -> Iterator[Issue | SetAside]:
    columns = Columns(mapping or {}, ISSUE_FIELDS)
    for path in paths:
        with opened(path) as source:
            for row in source.rows():
                item = to_issue(row, columns)
                yield item.issue if isinstance(item, Imported) else item
    columns.require_all_met()
