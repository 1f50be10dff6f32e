"""The hash by which a file is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from coder.files.reading import unreadable


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
