"""An encoder that keeps its vectors on disk, so that no text is encoded twice in a study.

A file of SQLite, found by the hash of encoder and text. Derived: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from coder.errors import StorageError
from coder.retrieval.encoder import Encoder, TokenEncoder, TokenVectors, Vectors

FILE = "vectors.sqlite"
_BUSY_SECONDS = 30.0


def remembered(encoder: Encoder, path: Path) -> Encoder:
    """``encoder`` with its vectors kept at ``path``; one that tells of tokens still does."""
    if isinstance(encoder, TokenEncoder):
        return _RememberedTokens(encoder, path)
    return _Remembered(encoder, path)


class _Remembered:
    def __init__(self, encoder: Encoder, path: Path) -> None:
        self._encoder = encoder
        self._path = path
        self._open: sqlite3.Connection | None = None

    @property
    def id(self) -> str:
        return self._encoder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See :class:`coder.retrieval.encoder.Encoder`. Texts are encoded one by one: in a batch
        the last digits of a vector depend on the texts beside it."""
        keys = [self._key(text) for text in texts]
        try:
            with self._connection() as db:
                found = self._kept(db, keys)
            new = {
                key: self._encoder.encode([text])[0]
                for key, text in zip(keys, texts, strict=True)
                if key not in found
            }
            with self._connection() as db:
                rows = [(key, vector.tobytes()) for key, vector in new.items()]
                db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the vectors kept in {self._path} cannot be used: {error}", "delete that file"
            ) from error
        found |= new
        return np.array([found[key] for key in keys], dtype=np.float32)

    def _key(self, text: str) -> bytes:
        named = f"{self.id}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(named).digest()

    def _kept(self, db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        query = "SELECT vector FROM vectors WHERE key = ?"
        rows = ((key, db.execute(query, (key,)).fetchone()) for key in keys)
        return {key: np.frombuffer(row[0], dtype=np.float32) for key, row in rows if row}

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # See coder.proposers.answers: the change to WAL is not covered by SQLite's patience.
            lock = FileLock(self._path.with_name(self._path.name + ".lock"), timeout=_BUSY_SECONDS)
            with lock:
                self._open = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
                self._open.execute("PRAGMA journal_mode = WAL")
                self._open.execute("PRAGMA synchronous = NORMAL")
                columns = "key BLOB PRIMARY KEY, vector BLOB NOT NULL"
                self._open.execute(f"CREATE TABLE IF NOT EXISTS vectors ({columns})")
        return self._open


class _RememberedTokens(_Remembered):
    def __init__(self, encoder: TokenEncoder, path: Path) -> None:
        super().__init__(encoder, path)
        self._tokens = encoder

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """See :class:`coder.retrieval.encoder.TokenEncoder`; tokens are not kept."""
        return self._tokens.encode_tokens(texts)
