"""Fingerprints of the files in a folder, so that a damaged cache is found before it is opened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from coder.files.atomic_write import write_atomically

FILE = "fingerprints.json"


def seal(folder: Path, *apart: str) -> None:
    """Note what the files in ``folder`` are; those called ``apart`` do not count."""
    write_atomically(folder / FILE, json.dumps(_found(folder, apart), indent=1) + "\n")


def is_sealed(folder: Path, *apart: str) -> bool:
    """Whether the files in ``folder`` are what they were when they were sealed, to the byte."""
    try:
        noted = json.loads((folder / FILE).read_bytes())
        return bool(noted == _found(folder, apart))
    except (OSError, ValueError, RecursionError):
        return False


def _found(folder: Path, apart: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name != FILE and path.name not in apart and not path.is_dir():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "blake2b").hexdigest()
            found[path.relative_to(folder).as_posix()] = digest
    return found
