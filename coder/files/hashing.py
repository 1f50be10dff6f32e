"""The hash by which a file is known again, and a file as the record of a step names it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from coder.files.reading import unreadable
from coder.records import DataFile

_UP = 3
"""Folders up at most: from a run to what stands beside its study."""


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, as ``sha256sum`` prints it; empty for a pipe, whose bytes
    are gone. Raises ``InputError`` where it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def as_data_file(path: Path, folder: Path, issues: int | None = None) -> DataFile:
    """``path`` as a record in ``folder`` names it: from there if it is near, else by its name
    alone, which says nothing of whose machine it is on."""
    try:
        seen = Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # on another drive
        seen = Path(path.name)
    near = seen.parts.count(os.pardir) <= _UP
    file = seen.as_posix() if near else path.name
    return DataFile(file=file, sha256=sha256_of(path), issues=issues)
