"""A table of SQLite as a cache: several processes share it, and damage costs its rows, no more."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from coder.errors import StorageError

T = TypeVar("T")

_BUSY_SECONDS = 30.0
_DAMAGE = (
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_ERROR,
)  # fmt: skip
"""What SQLite says of a file that was cut off, overwritten, moved away, or is another's."""


class SqliteCache:
    """A file with one table, which may be deleted at any time and is made when it is needed."""

    def __init__(self, path: Path, table: str, columns: str, *, read_only: bool = False) -> None:
        """``read_only`` leaves no trace, not even an empty file where there is none."""
        self.path = path
        self._table = table
        self._columns = columns
        self._read_only = read_only
        self._open: sqlite3.Connection | None = None

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What ``work`` gives inside a transaction, over an empty table where the old one was
        damaged, which is kept beside it; ``None`` where ``read_only`` finds nothing whole.

        Raises ``StorageError`` when the file cannot be used nor made again.
        """
        if self._read_only and not self.path.is_file():
            return None
        try:
            try:
                return self._transaction(work)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _DAMAGE:
                    raise
            if self._read_only:
                return None
            self._make_again()
            return self._transaction(work)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the cache {self.path} cannot be used: {error}",
                "delete that file, or free some space, and run the same command again",
            ) from error

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._open is None:
            self._open = self._connect()
        with self._open as db:
            return work(db)

    def _connect(self) -> sqlite3.Connection:
        if self._read_only:
            # What another process is at stands in the file beside it; without one, SQLite would
            # make it to read.
            how = "mode=ro" if self._beside("-wal").is_file() else "mode=ro&immutable=1"
            return sqlite3.connect(f"{self.path.resolve().as_uri()}?{how}", uri=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path}: {error.strerror or error}",
                "check that the folder exists, its permissions and the space that is left, and "
                "run the same command again",
            ) from error
        # SQLite's own patience does not cover the change to WAL: two processes that open a new
        # file at once would find it locked.
        with self._alone():
            db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                # No fsync for each row: after a power cut it is made once more.
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute(f"CREATE TABLE IF NOT EXISTS {self._table} ({self._columns})")
            except BaseException:
                db.close()
                raise
        return db

    def _make_again(self) -> None:
        """Put the file aside unless it is whole, as once another process has done the same."""
        self.close()
        with self._alone():
            if self.path.exists() and not self._is_whole():
                self.path.replace(self._beside(".damaged"))
                for suffix in ("-wal", "-shm"):
                    self._beside(suffix).unlink(missing_ok=True)

    def _is_whole(self) -> bool:
        """Whether every row of the file can be read."""
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as db:
                names = ", ".join(column.split()[0] for column in self._columns.split(", "))
                for _ in db.execute(f"SELECT {names} FROM {self._table}"):
                    pass
                return bool(db.execute("PRAGMA quick_check").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False

    def _alone(self) -> FileLock:
        return FileLock(self._beside(".lock"), timeout=_BUSY_SECONDS)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)
