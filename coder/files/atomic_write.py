"""Files that appear under their name only once they are whole, whatever ends their writer."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from coder.errors import StorageError


class Draft:
    """A file written beside ``path`` and moved over it by :meth:`publish`.

    Left without publishing, by an error or Ctrl-C, nothing remains of it and the old file stays;
    what a killed process left is removed when the same file is written again. Nothing is created
    before the first :meth:`write`. Raises ``StorageError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Draft:
        for left in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.part"):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(left)
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

    def write(self, data: str | bytes) -> None:
        """Add a text, as UTF-8, or bytes."""
        try:
            if self._file is None:
                # Nobody else's: of an earlier process of this number, or a link laid there.
                self._draft.unlink(missing_ok=True)
                self._file = self._draft.open("xb")
                _hold(self._file)
            self._file.write(data.encode("utf-8") if isinstance(data, str) else data)
        except OSError as error:
            raise _failed(self.path, error) from error

    def publish(self) -> bool:
        """Put the file in its place; ``False`` when nothing was written to it."""
        if self._file is None:
            return False
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            if sys.platform == "win32":
                self._file.close()  # there, what is open cannot be moved
            self._draft.replace(self.path)
            self._file.close()
        except OSError as error:
            raise _failed(self.path, error) from error
        self._file = None
        return True


def write_atomically(path: Path, data: str | bytes) -> None:
    """Replace ``path`` by ``data`` all at once; a reader sees the old file or the new one."""
    with Draft(path) as draft:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failed(path, error) from error
        draft.write(data)
        draft.publish()


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}",
        "check that the folder exists, its permissions and the space that is left, and run the "
        "same command again; nothing was changed",
    )


if sys.platform == "win32":

    def _hold(file: BinaryIO) -> None:
        """Drafts are not told from abandoned ones there."""

    def _remove_if_abandoned(draft: Path) -> None:
        """Nothing is removed that may be in use."""

else:
    import fcntl

    def _hold(file: BinaryIO) -> None:
        """Until the file is closed or its writer ends, nobody takes it for abandoned."""
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _remove_if_abandoned(draft: Path) -> None:
        with draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an ``OSError`` where it is held
            draft.unlink()
