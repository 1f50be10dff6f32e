"""Answers that the study has paid for, shared by its runs and found by the hash of the request.

A file of SQLite: langchain keeps such a cache in memory only, or in packages of their own, and
knows nothing of several samples of one request. Derived: it may be deleted at any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from coder.errors import StorageError
from coder.records import Call

FILE = "answers.sqlite"
_BUSY_SECONDS = 30.0


@dataclass(frozen=True)
class Kept:
    """An answer as it came."""

    raw_response: str
    finish_reason: str


class Answers:
    """Answers by the key of their request. Several processes may use the file at once."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """``read_only`` leaves no trace, not even an empty file where there is none."""
        self.path = path
        self._read_only = read_only
        self._open: sqlite3.Connection | None = None

    def find(self, key: str) -> Kept | None:
        if self._read_only and not self.path.is_file():
            return None
        with self._connection() as db:
            query = "SELECT raw, finish FROM answers WHERE key = ?"
            found = db.execute(query, (key,)).fetchone()
        return Kept(*found) if found else None

    def keep(self, calls: Iterable[Call]) -> None:
        """Keep what was answered; the first answer to a request stays. Failures are left out, and
        answers to a prompt that was not read whole: a larger window would make others."""
        rows = [
            (call.request["key"], call.raw_response, call.finish_reason)
            for call in calls
            if call.raw_response is not None and not (call.error or call.cached or call.prompt_cut)
        ]
        if rows:
            with self._connection() as db:
                db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction; what it has changed is written at the end."""
        try:
            if self._open is None:
                self._open = self._connect()
            with self._open as db:
                yield db
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the answers kept in {self.path} cannot be used: {error}",
                "delete that file, or use --no-cache",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        if self._read_only:
            # What another process is at stands in the file beside it; without one, SQLite would
            # make it to read.
            log = self.path.with_name(self.path.name + "-wal")
            how = "mode=ro" if log.is_file() else "mode=ro&immutable=1"
            return sqlite3.connect(f"{self.path.resolve().as_uri()}?{how}", uri=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite's own patience does not cover the change to WAL: two processes that open a new
        # file at once would find it locked.
        with FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_BUSY_SECONDS):
            db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS)
            db.execute("PRAGMA journal_mode = WAL")
            # No fsync for each answer: after a power cut it is asked for again, or is in the run.
            db.execute("PRAGMA synchronous = NORMAL")
            columns = "key TEXT PRIMARY KEY, raw TEXT NOT NULL, finish TEXT NOT NULL"
            db.execute(f"CREATE TABLE IF NOT EXISTS answers ({columns}) WITHOUT ROWID")
        return db
