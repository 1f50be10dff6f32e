"""Dense search: labelled issues and codes by meaning, in chromadb, which is imported here alone.

The index is a cache under the study's own: it may be deleted at any time. A collection is named by
the hash of everything in it and of the embedder that made it, so it cannot be stale; its files are
fingerprinted, as chromadb ends the whole process over some that are cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import chromadb
from chromadb.api import ClientAPI
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.models.Collection import Collection
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import ChromaError
from filelock import FileLock

from coder.errors import StorageError
from coder.files.atomic_write import write_atomically
from coder.records import Codebook, Example, content_hash
from coder.retrieval.embedders import Encoder, Vectors, encode_texts
from coder.retrieval.search import Ranked, Text, code_text, searched_text

T = TypeVar("T")

# The .env of the current folder is the study's, and says nothing to chromadb.
Settings.model_config["env_file"] = None

LOCK = "chroma.lock"
BATCH = 256
"""Texts embedded and inserted together; chromadb takes at most 5,461 rows."""
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200,
}  # fmt: skip
"""Set for recall: nothing was lost against exact search on 1,500 real issues (recall@10 1.0)."""

_DAMAGE = (ChromaError, OSError, ValueError, sqlite3.Error)
"""What chromadb raises over files that are damaged or gone; a ``ValueError``, too, where its own
tables are missing."""


class LabelIndex:
    """Labelled issues and the codebook's definitions by meaning, kept on disk by chromadb.

    What is on disk is made again where it was damaged or removed, also while this is in use; where
    that cannot be, ``StorageError`` is raised.
    """

    def __init__(
        self, folder: Path, encoder: Encoder, codebook: Codebook, examples: Sequence[Example]
    ) -> None:
        self._folder = folder
        self._encoder = encoder
        labels = {example.issue.id: searched_text(example.issue) for example in examples}
        codes = {code.id: Text(code_text(code), "") for code in codebook.leaves}
        self._labels = _Collection("labels", encoder, labels)
        self._codes = _Collection("codes", encoder, codes)
        self._made_again_if_damaged(self._open)

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        """See :class:`coder.retrieval.search.Search`; similarities are cosines of the vectors."""
        vectors = encode_texts(self._encoder, texts)
        near, fitting = self._made_again_if_damaged(
            lambda: (self._labels.nearest(vectors, issues), self._codes.nearest(vectors, codes))
        )
        return list(zip(near, fitting, strict=True))

    def _open(self) -> None:
        with _alone_with(self._folder):
            if not is_sealed(self._folder, LOCK):
                _clear(self._folder)
            client = chromadb.PersistentClient(_as_utf8(self._folder), _settings())
            for collection in (self._labels, self._codes):
                collection.open(client)
            seal(self._folder, LOCK)

    def _made_again_if_damaged(self, use: Callable[[], T]) -> T:
        try:
            return use()
        except _DAMAGE:
            pass
        try:
            with _alone_with(self._folder):
                _clear(self._folder)
            self._open()
            return use()
        except _DAMAGE as error:
            raise StorageError(
                f"the index in {self._folder} cannot be used: {error}",
                "delete that folder and run the same command again; or go without it: "
                'retrieval.embedder = "none"',
            ) from error


class _Collection:
    """Texts by id in one chromadb collection, made once and then opened."""

    def __init__(self, kind: str, encoder: Encoder, texts: dict[str, Text]) -> None:
        # Rows are numbered: ids of issues may hold anything, chromadb's may not. They are sorted,
        # so that the same texts in another order are the same collection. A blank text has no
        # direction, so it is near to nothing.
        kept = {key: text for key, text in sorted(texts.items()) if text.whole.strip()}
        written = {key: [text.title, text.body] for key, text in kept.items()}
        self._name = f"{kind}-{content_hash('index.v4', [encoder.id, HNSW, written])[:40]}"
        self._ids = list(kept)
        self._texts = list(kept.values())
        self._encoder = encoder
        self._collection: Collection | None = None

    def open(self, client: ClientAPI) -> None:
        """The collection of that name, made when it is not there."""
        if not self._ids:
            return
        # Without a function of its own the database never encodes: it is given vectors.
        made = client.get_or_create_collection(
            self._name, embedding_function=None, configuration={"hnsw": HNSW}
        )
        # Counting also loads it, now that its files are known to be whole: were they removed before
        # the first search, chromadb would find the rest of the rows alone, and say nothing.
        if 0 < made.count() != len(self._ids):
            client.delete_collection(self._name)
            made = client.create_collection(
                self._name, embedding_function=None, configuration={"hnsw": HNSW}
            )
        if made.count() == 0:
            for start in range(0, len(self._texts), BATCH):
                batch = self._texts[start : start + BATCH]
                ids = [str(row) for row in range(start, start + len(batch))]
                made.add(ids=ids, embeddings=encode_texts(self._encoder, batch))
        self._collection = made

    def nearest(self, vectors: Vectors, k: int) -> list[Ranked]:
        """For each vector (n, d) the nearest ids and their cosines, nearest first; ties by id."""
        k = min(k, len(self._ids))
        found: list[Ranked] = [[] for _ in vectors]
        # A blank text has no direction.
        asked = [row for row, vector in enumerate(vectors) if vector.any()]
        if self._collection is None or k == 0 or not asked:
            return found
        answer = self._collection.query(
            query_embeddings=vectors[asked], n_results=k, include=["distances"]
        )
        for row, ids, distances in zip(
            asked, answer["ids"], answer["distances"] or [], strict=True
        ):
            scored = [(int(i), 1.0 - float(d)) for i, d in zip(ids, distances, strict=True)]
            scored.sort(key=lambda pair: (-pair[1], pair[0]))
            found[row] = [(self._ids[i], round(cosine, 6)) for i, cosine in scored]
        return found


def _settings() -> Settings:
    """chromadb's defaults. By itself it reads the environment and the .env of the folder one is in:
    a study's .env could name a server to send texts to, and code to run."""
    return Settings.model_construct(anonymized_telemetry=False)


@contextmanager
def _alone_with(folder: Path) -> Iterator[None]:
    """Processes that make one database or collection at the same time fail or lose rows: one makes,
    the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        yield


def _clear(folder: Path) -> None:
    # chromadb keeps an opened database by its path, also one that it failed to open.
    SharedSystemClient.clear_system_cache()
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _as_utf8(folder: Path) -> str:
    """The path as chromadb takes it, whatever the locale makes of its bytes."""
    return os.fsencode(folder).decode("utf-8")


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
