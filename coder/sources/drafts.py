"""Output files that appear under their name only once they are whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

from coder.errors import StorageError


class Draft:
    """A text file written beside ``path`` and moved over it by :meth:`publish`.

    Left without publishing, by an error or Ctrl-C, nothing remains of it and the old file stays.
    Nothing is created before the first :meth:`write`. Raises ``StorageError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: TextIO | None = None

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._draft.unlink(missing_ok=True)

    def write(self, text: str) -> None:
        try:
            if self._file is None:
                self._file = self._draft.open("w", encoding="utf-8", newline="\n")
            self._file.write(text)
        except OSError as error:
            raise self._failed(error) from error

    def publish(self) -> bool:
        """Put the file in its place; ``False`` when nothing was written to it."""
        if self._file is None:
            return False
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._draft.replace(self.path)
        except OSError as error:
            raise self._failed(error) from error
        self._file = None
        return True

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write {self.path}: {error.strerror or error}",
            "check that the folder exists, is writable and has space; nothing was changed",
        )
