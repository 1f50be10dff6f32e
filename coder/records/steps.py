"""What a step that makes one file of others writes down, so that a file's history can be told."""

from __future__ import annotations

from coder.records.base import Record


class DataFile(Record):
    """A file as a step read or wrote it. ``file`` is its path as seen from the folder of the record
    that names it; ``sha256``, over its bytes, tells whether it still is that file."""

    file: str
    sha256: str
    issues: int | None = None
    """How many issues it holds; ``None`` where that was not counted."""
