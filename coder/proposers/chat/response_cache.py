"""Answers that the study has paid for, shared by its runs and found by the hash of the request.

A file of SQLite: langchain keeps such a cache in memory only, or in packages of their own, and
knows nothing of several samples of one request. Derived: it may be deleted at any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coder.files.sqlite_cache import SqliteCache
from coder.records import Call

FILE = "answers.sqlite"
_COLUMNS = "key TEXT PRIMARY KEY, raw TEXT NOT NULL, finish TEXT NOT NULL"


@dataclass(frozen=True)
class CachedResponse:
    """An answer as it came."""

    raw_response: str
    finish_reason: str


class ResponseCache:
    """Answers by the key of their request. Several processes may use the file at once."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """``read_only`` leaves no trace, not even an empty file where there is none."""
        self._cache = SqliteCache(path, "answers", _COLUMNS, read_only=read_only)
        self._keys: set[str] | None = None

    def find(self, key: str) -> CachedResponse | None:
        """The answer under ``key``, if there was one when the first was looked for.

        Most keys are new. Asking SQLite for each lets go of python's lock, which the network then
        holds for longer than the search takes.
        """
        if self._keys is None:
            rows = self._cache.use(lambda db: db.execute("SELECT key FROM answers").fetchall())
            self._keys = {key for (key,) in rows or ()}
        if key not in self._keys:
            return None

        def find(db: sqlite3.Connection) -> CachedResponse | None:
            query = "SELECT raw, finish FROM answers WHERE key = ?"
            found = db.execute(query, (key,)).fetchone()
            return CachedResponse(*found) if found else None

        return self._cache.use(find)

    def keep(self, calls: Iterable[Call]) -> None:
        """Keep what was answered; the first answer to a request stays. Failures are left out, and
        answers to a prompt that was not read whole: a larger window would make others."""
        rows = [
            (call.request["key"], call.raw_response, call.finish_reason)
            for call in calls
            if call.raw_response is not None and not (call.error or call.cached or call.prompt_cut)
        ]
        if rows:
            query = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)"
            self._cache.use(lambda db: db.executemany(query, rows))

    def close(self) -> None:
        self._cache.close()
