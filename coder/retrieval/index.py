"""Finds labelled issues and codes that are near to an issue; the only importer of chromadb.

The index is a cache under the study's own: it may be deleted at any time. A collection is named by
the hash of everything in it and of the embedder that made it, so it cannot be stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coder.records import Code, Codebook, Example, Issue, Neighbour, content_hash
from coder.retrieval.duplicates import same_issue
from coder.retrieval.embedders import Embedder, open_embedder
from coder.study import Study

if TYPE_CHECKING:
    from langchain_chroma import Chroma

Vectors = NDArray[np.float32]

ADD_BATCH = 5000
"""Rows in one insert; chromadb takes at most 5,461."""
EMBED_BATCH = 256
HNSW: dict[str, Any] = {
    "space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200,
}  # fmt: skip
"""Set for recall: see ``benchmarks/`` for what is lost against exact search."""
_SPARE = 8
"""Neighbours fetched beyond those wanted, for the near-duplicates among them."""


@dataclass(frozen=True)
class Found:
    """What is near to an issue: ``examples`` and ``neighbours`` go together, the nearest first;
    ``excluded`` are labelled issues kept away because they are the issue or a near-duplicate;
    ``definitions`` are ids of codes."""

    neighbours: tuple[Neighbour, ...]
    examples: tuple[Example, ...]
    excluded: tuple[str, ...]
    definitions: tuple[str, ...]


class Retriever(Protocol):
    """Looks things up for an issue. ``embedder`` names what similarity means here."""

    embedder: str

    def look_up(self, issue: Issue, neighbours: int, definitions: int) -> Found:
        """At most so many labelled issues and codes, never the issue itself or a near-duplicate."""
        ...


def open_retriever(study: Study, codebook: Codebook, examples: Sequence[Example]) -> Retriever:
    """The retriever a study is set to; by words alone when it has no embedder."""
    embedder = open_embedder(study.settings.retrieval.embedder)
    if embedder is None:
        from coder.retrieval.lexical import LexicalIndex

        return LexicalIndex(codebook, examples)
    return LabelIndex(study.cache / "chroma", embedder, codebook, examples)


class LabelIndex:
    """Labelled issues and the codebook's definitions by meaning, kept on disk by chromadb."""

    def __init__(
        self, folder: Path, embedder: Embedder, codebook: Codebook, examples: Sequence[Example]
    ) -> None:
        self.embedder = embedder.id
        self._encoder = embedder
        self._examples = {example.issue.id: example for example in examples}
        self._labels = _Collection(
            folder, "labels", embedder,
            {issue_id: example.issue.text for issue_id, example in self._examples.items()},
        )  # fmt: skip
        self._codes = _Collection(
            folder, "codes", embedder, {code.id: code_text(code) for code in codebook.leaves}
        )

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
        """See :class:`Retriever`."""
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


def split_duplicates(
    issue: Issue, near: Sequence[Neighbour], examples: dict[str, Example]
) -> tuple[list[Neighbour], list[str]]:
    """``near`` without the issue and its near-duplicates, and the ids of those left out."""
    kept, excluded = [], []
    for neighbour in near:
        if same_issue(issue, examples[neighbour.issue_id].issue):
            excluded.append(neighbour.issue_id)
        else:
            kept.append(neighbour)
    return kept, excluded


def code_text(code: Code) -> str:
    """What of a code is compared with an issue: name, definition, what it includes, examples."""
    return "\n".join([f"{code.name}. {code.definition}", *code.include, *code.examples])


class _Collection:
    """Texts by id in one chromadb collection, made once and then opened."""

    def __init__(
        self, folder: Path, kind: str, embedder: Embedder, texts: dict[str, str]
    ) -> None:
        # Made of distinct texts: chromadb refuses a repeated id, and ids may hold anything.
        self._ids = list(texts)
        self._store: Chroma | None = None
        if texts:
            name = f"{kind}-{content_hash('index.v1', [embedder.id, HNSW, texts])[:40]}"
            self._store = _open_collection(folder, name, embedder, list(texts.values()))

    def nearest(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """The ids nearest to each row and their cosines, nearest first; ties in a fixed order."""
        k = min(k, len(self._ids))
        if self._store is None or k == 0:
            return [[] for _ in vectors]
        found = []
        for vector in vectors:
            rows = self._store.similarity_search_by_vector_with_relevance_scores(
                vector.tolist(), k=k
            )
            scored = [(int(str(doc.id)), round(1.0 - float(away), 6)) for doc, away in rows]
            scored.sort(key=lambda pair: (-pair[1], pair[0]))
            found.append([(self._ids[row], score) for row, score in scored])
        return found


def _open_collection(folder: Path, name: str, embedder: Embedder, texts: list[str]) -> Chroma:
    """The collection called ``name``, made when it is not there or not whole."""
    import chromadb
    from chromadb.config import Settings
    from filelock import FileLock
    from langchain_chroma import Chroma

    from coder.retrieval.chroma import CoderEmbeddings

    folder.mkdir(parents=True, exist_ok=True)
    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    function = CoderEmbeddings(embedder)
    # Processes that make one collection at the same time lose rows: one makes, the others wait.
    with FileLock(folder / "chroma.lock"):
        collection = client.get_or_create_collection(
            name, embedding_function=function, configuration={"hnsw": HNSW}
        )
        if collection.count() != len(texts):
            client.delete_collection(name)
            collection = client.create_collection(
                name, embedding_function=function, configuration={"hnsw": HNSW}
            )
            for start in range(0, len(texts), EMBED_BATCH):
                batch = texts[start : start + EMBED_BATCH]
                ids = [str(start + offset) for offset in range(len(batch))]
                collection.add(ids=ids, documents=batch, embeddings=embedder.encode(batch))
    return Chroma(
        collection_name=name,
        embedding_function=function,
        client=client,
        create_collection_if_not_exists=False,
    )
