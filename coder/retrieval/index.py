"""Finds labelled issues and codes by meaning; with its embedder the only importer of chromadb.

The index is a cache under the study's own: it may be deleted at any time. A collection is named by
the hash of everything in it and of the embedder that made it, so it cannot be stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import chromadb
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.config import Settings
from filelock import FileLock
from langchain_chroma import Chroma

from coder.records import Codebook, Example, content_hash
from coder.retrieval.base import Ranked, code_text
from coder.retrieval.chroma import CoderEmbeddings
from coder.retrieval.encoder import Encoder, Vectors

BATCH = 256
"""Texts embedded and inserted together; chromadb takes at most 5,461 rows."""
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200,
}  # fmt: skip
"""Set for recall: nothing was lost against exact search on 1,500 real issues (recall@10 1.0)."""


class LabelIndex:
    """Labelled issues and the codebook's definitions by meaning, kept on disk by chromadb."""

    def __init__(
        self,
        folder: Path,
        setting: str,
        encoder: Encoder,
        codebook: Codebook,
        examples: Sequence[Example],
    ) -> None:
        """``setting`` is what ``encoder`` was opened by, so that a collection can be reopened."""
        self._encoder = encoder
        labels = {example.issue.id: example.issue.text for example in examples}
        codes = {code.id: code_text(code) for code in codebook.leaves}
        self._labels = _Collection(folder, "labels", setting, encoder, labels)
        self._codes = _Collection(folder, "codes", setting, encoder, codes)

    def search(self, text: str, issues: int, codes: int) -> tuple[Ranked, Ranked]:
        """See :class:`coder.retrieval.base.Search`; similarities are cosines of the vectors."""
        vector = self._encoder.encode([text])[0]
        return self._labels.nearest(vector, issues), self._codes.nearest(vector, codes)


class _Collection:
    """Texts by id in one chromadb collection, made once and then opened."""

    def __init__(
        self, folder: Path, kind: str, setting: str, encoder: Encoder, texts: dict[str, str]
    ) -> None:
        # Rows are numbered: ids of issues may hold anything, chromadb's may not. They are sorted,
        # so that the same texts in another order are the same collection. A blank text has no
        # direction, so it is near to nothing.
        kept = {key: text for key, text in sorted(texts.items()) if text.strip()}
        self._ids = list(kept)
        self._store: Chroma | None = None
        if kept:
            name = f"{kind}-{content_hash('index.v2', [encoder.id, HNSW, kept])[:40]}"
            function = CoderEmbeddings(setting, encoder)
            self._store = _open(folder, name, function, list(kept.values()))

    def nearest(self, vector: Vectors, k: int) -> Ranked:
        """The ids nearest to a vector (d,) and their cosines, nearest first; ties by id."""
        k = min(k, len(self._ids))
        if self._store is None or k == 0 or not vector.any():
            return []
        rows = self._store.similarity_search_by_vector_with_relevance_scores(vector.tolist(), k=k)
        scored = [(int(str(document.id)), 1.0 - float(distance)) for document, distance in rows]
        scored.sort(key=lambda pair: (-pair[1], pair[0]))
        return [(self._ids[row], round(cosine, 6)) for row, cosine in scored]


def _settings() -> Settings:
    """chromadb's defaults. By itself it reads the environment and the .env of the folder one is in:
    a study's .env could name a server to send texts to, and code to run."""
    return Settings.model_construct(anonymized_telemetry=False)


def _open(folder: Path, name: str, function: CoderEmbeddings, texts: list[str]) -> Chroma:
    """The collection called ``name``, made when it is not there or not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    # Processes that make one database or collection at the same time fail or lose rows: one makes,
    # the others wait.
    with FileLock(folder / "chroma.lock"):
        client = chromadb.PersistentClient(str(folder), _settings())
        there = name in {collection.name for collection in client.list_collections()}
        if there and client.get_collection(name, function).count() != len(texts):
            client.delete_collection(name)
            there = False
        if not there:
            collection = client.create_collection(
                name, embedding_function=function, configuration={"hnsw": HNSW}
            )
            for start in range(0, len(texts), BATCH):
                batch = texts[start : start + BATCH]
                ids = [str(row) for row in range(start, start + len(batch))]
                collection.add(ids=ids, documents=batch)
    return Chroma(
        collection_name=name,
        embedding_function=function,
        client=client,
        create_collection_if_not_exists=False,
    )
