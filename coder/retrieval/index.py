"""Finds labelled issues and codes that are near to an issue; the only importer of chromadb.

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

from coder.records import Codebook, Example, Issue, Neighbour, content_hash
from coder.retrieval.base import Found, code_text, split_duplicates
from coder.retrieval.chroma import CoderEmbeddings
from coder.retrieval.encoder import Encoder, Vectors

BATCH = 256
"""Texts embedded and inserted together; chromadb takes at most 5,461 rows."""
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200,
}  # fmt: skip
"""Set for recall: nothing was lost against exact search on 1,500 real issues (recall@10 1.0)."""
_SPARE = 8
"""Neighbours fetched beyond those wanted, for the near-duplicates among them."""


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
        self.embedder = encoder.id
        self._encoder = encoder
        self._examples = {example.issue.id: example for example in examples}
        texts = {issue_id: example.issue.text for issue_id, example in self._examples.items()}
        codes = {code.id: code_text(code) for code in codebook.leaves}
        self._labels = _Collection(folder, "labels", setting, encoder, texts)
        self._codes = _Collection(folder, "codes", setting, encoder, codes)

    def nearest(self, vectors: Vectors, k: int) -> list[list[Neighbour]]:
        """The ``k`` nearest labelled issues of each row of ``vectors`` (n, d), nearest first.

        Nothing is excluded here; :meth:`look_up` does that. Scores are cosines.
        """
        return [
            [Neighbour(issue_id=i, codes=self._examples[i].codes, score=s) for i, s in row]
            for row in self._labels.nearest(vectors, k)
        ]

    def nearest_codes(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """The ``k`` codes whose definitions are nearest to each row, as (id, cosine)."""
        return self._codes.nearest(vectors, k)

    def look_up(self, issue: Issue, neighbours: int, definitions: int) -> Found:
        """See :class:`coder.retrieval.base.Retriever`."""
        if not (definitions or (neighbours and self._examples)):
            return Found()
        vector = self._encoder.encode([issue.text])
        found: list[Neighbour] = []
        excluded: list[str] = []
        wanted = neighbours + _SPARE if neighbours else 0
        while wanted:
            near = self.nearest(vector, wanted)[0]
            found, excluded = split_duplicates(issue, near, self._examples)
            if len(found) >= neighbours or len(near) < wanted:
                break
            wanted *= 4
        chosen = found[:neighbours]
        codes = self.nearest_codes(vector, definitions)[0] if definitions else []
        return Found(
            neighbours=tuple(chosen),
            examples=tuple(self._examples[near.issue_id] for near in chosen),
            excluded=tuple(excluded),
            definitions=tuple(code for code, _ in codes),
        )


class _Collection:
    """Texts by id in one chromadb collection, made once and then opened."""

    def __init__(
        self, folder: Path, kind: str, setting: str, encoder: Encoder, texts: dict[str, str]
    ) -> None:
        # Rows are numbered: ids of issues may hold anything, chromadb's may not. A blank text has
        # no direction, so it is near to nothing.
        kept = {key: text for key, text in sorted(texts.items()) if text.strip()}
        self._ids = list(kept)
        self._store: Chroma | None = None
        if kept:
            name = f"{kind}-{content_hash('index.v2', [encoder.id, HNSW, kept])[:40]}"
            function = CoderEmbeddings(setting, encoder)
            self._store = _open(folder, name, function, list(kept.values()))

    def nearest(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """The ids nearest to each row and their cosines, nearest first; ties in a fixed order."""
        return [self._nearest(vector, min(k, len(self._ids))) for vector in vectors]

    def _nearest(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        if self._store is None or k == 0 or not vector.any():
            return []
        rows = self._store.similarity_search_by_vector_with_relevance_scores(vector.tolist(), k=k)
        scored = [(int(str(document.id)), 1.0 - float(distance)) for document, distance in rows]
        scored.sort(key=lambda pair: (-pair[1], pair[0]))
        return [(self._ids[row], round(cosine, 6)) for row, cosine in scored]


def _open(folder: Path, name: str, function: CoderEmbeddings, texts: list[str]) -> Chroma:
    """The collection called ``name``, made when it is not there or not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    # Processes that make one collection at the same time lose rows: one makes, the others wait.
    with FileLock(folder / "chroma.lock"):
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
