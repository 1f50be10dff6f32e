"""Answers that any run of a study has paid for, by the hash of everything that changes them.

In a database of its own because langchain's core keeps answers in memory only, and its persistent
caches store parsed messages: here it is the raw answer that counts, and only a real one.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from coder.records import Call

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, raw TEXT NOT NULL, finish_reason TEXT NOT NULL, call TEXT NOT NULL
) WITHOUT ROWID
"""
_WAIT = 30.0
"""Seconds to wait for another process that is writing."""


class AnswerCache:
    """May be deleted at any time: answers of a run are in the run's own log as well.

    One that cannot be read or written is the same as none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._there = False

    def get(self, key: str) -> tuple[str, str, str] | None:
        """Raw answer, finish reason, and the id of the call that was paid; ``None`` if unknown."""
        if not self._there and not self._path.is_file():
            return None
        try:
            with closing(self._open()) as database:
                question = "SELECT raw, finish_reason, call FROM answers WHERE key = ?"
                found = database.execute(question, (key,)).fetchone()
        except sqlite3.Error:
            return None
        return (str(found[0]), str(found[1]), str(found[2])) if found else None

    def put(self, key: str, call: Call) -> None:
        """Keep the answer of ``call``. A call without one is not kept: it is asked again."""
        if call.raw_response is None or call.error:
            return
        row = (key, call.raw_response, call.finish_reason, call.id)
        try:
            with closing(self._open()) as database, database:
                database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", row)
        except (sqlite3.Error, OSError):
            return

    def _open(self) -> sqlite3.Connection:
        if not self._there:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_WAIT)
        if not self._there:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_TABLE)
            self._there = True
        # Losing the last answers in a power cut costs asking again, not what people decided.
        database.execute("PRAGMA synchronous = OFF")
        return database
