"""An encoder that keeps its vectors on disk, so that no text is encoded twice in a study.

A file of SQLite, found by the hash of encoder and text. Derived: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coder.files.sqlite_cache import SqliteCache
from coder.retrieval.embedders import Encoder, LeftOut, TokenEncoder, Vectors, normalised
from coder.retrieval.search import Text

FILE = "vectors.sqlite"
_COLUMNS = "key BLOB PRIMARY KEY, vector BLOB NOT NULL"
MOST_VARIABLES = 900
"""In one query; older versions of SQLite take no more than 999."""

LOG = logging.getLogger(__name__)


def remembered(encoder: Encoder, path: Path) -> Encoder:
    """``encoder`` with its vectors kept at ``path``; one that tells of parts still does."""
    if isinstance(encoder, TokenEncoder):
        return _RememberedTokens(encoder, path)
    return _Remembered(encoder, path)


class KeptVectors:
    """Vectors that an encoder made earlier; encodes nothing and leaves no trace."""

    def __init__(self, encoder_id: str, path: Path) -> None:
        self._id = encoder_id
        self._cache = SqliteCache(path, "vectors", _COLUMNS, read_only=True)

    def cosine(self, one: Text, other: Text) -> float | None:
        """Of two texts, each encoded as :func:`coder.retrieval.embedders.encode_texts` does it;
        ``None`` where one of them has not been."""
        said = [one.title, one.body, other.title, other.body]
        keys = [_key(self._id, text) for text in said]
        found = self._cache.use(lambda db: _kept(db, keys)) or {}
        if not all(key in found or not text.strip() for key, text in zip(keys, said, strict=True)):
            return None
        nothing = np.zeros(1, dtype=np.float32)
        a, b, c, d = (found.get(key, nothing) for key in keys)
        return float(normalised(a + b) @ normalised(c + d))


class _Remembered:
    def __init__(self, encoder: Encoder, path: Path) -> None:
        self._encoder = encoder
        self._cache = SqliteCache(path, "vectors", _COLUMNS)

    @property
    def id(self) -> str:
        return self._encoder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See :class:`coder.retrieval.embedders.Encoder`."""
        keys = [_key(self.id, text) for text in texts]
        found = self._cache.use(lambda db: _kept(db, keys)) or {}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if new:
            LOG.info("encoded %d texts, %d were kept", len(new), len(found))
            made = dict(zip(new, self._encoder.encode(list(new.values())), strict=True))
            rows = [(key, vector.tobytes()) for key, vector in made.items()]
            query = "INSERT OR IGNORE INTO vectors VALUES (?, ?)"
            self._cache.use(lambda db: db.executemany(query, rows))
            found |= made
        return np.array([found[key] for key in keys], dtype=np.float32)


def _key(encoder_id: str, text: str) -> bytes:
    named = f"{encoder_id}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(named).digest()


def _kept(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
    rows = _rows(db, keys).items()
    return {key: np.frombuffer(row, dtype=np.float32) for key, row in rows}


def _rows(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), MOST_VARIABLES):
        some = keys[start : start + MOST_VARIABLES]
        marks = ", ".join("?" * len(some))
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"
        found |= dict(db.execute(query, some))
    return found


class _RememberedTokens(_Remembered):
    def __init__(self, encoder: TokenEncoder, path: Path) -> None:
        super().__init__(encoder, path)
        self._parts = encoder

    def encode_without(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[LeftOut]:
        """See :class:`coder.retrieval.embedders.TokenEncoder`; all of it is kept."""
        keys = [_key(self.id, text) for text in texts]
        parts = [
            _key(f"{self.id}\0without {list(s)}", t) for t, s in zip(texts, spans, strict=True)
        ]
        found = self._cache.use(lambda db: _rows(db, [*keys, *parts])) or {}
        at = {key: i for i, key in enumerate(parts) if key not in found or keys[i] not in found}
        if at:
            new = [texts[i] for i in at.values()], [spans[i] for i in at.values()]
            for i, made in zip(at.values(), self._parts.encode_without(*new), strict=True):
                # What was kept first stays: the same issue has the same last digits ever after.
                found.setdefault(keys[i], made.mean.tobytes())
                found[parts[i]] = made.without.tobytes()
            rows = [(key, found[key]) for i in at.values() for key in (keys[i], parts[i])]
            query = "INSERT OR IGNORE INTO vectors VALUES (?, ?)"
            self._cache.use(lambda db: db.executemany(query, rows))
        means = [np.frombuffer(found[key], dtype=np.float32) for key in keys]
        return [
            LeftOut(mean, np.frombuffer(found[key], dtype=np.float16).reshape(-1, len(mean)))
            for mean, key in zip(means, parts, strict=True)
        ]
