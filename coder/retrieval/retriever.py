"""Finds labelled issues and codes near to an issue: by meaning and by words, joined by rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import cached_property
from pathlib import Path

from coder.files.resources import PACKAGE
from coder.records import Codebook, Example, Issue, NearCode, Neighbour
from coder.retrieval.base import Found, Ranked, Search, Text, searched_text
from coder.retrieval.contrast import contrast, thread
from coder.retrieval.duplicates import Duplicates
from coder.retrieval.embedders import is_code, open_embedder
from coder.retrieval.embedding_cache import FILE, remembered
from coder.retrieval.encoder import THREADS, Encoder, encode_texts
from coder.retrieval.fusion import choose, fuse
from coder.study import RetrievalSettings, Study
from coder.text.redact import Redactor, masked_codebook
from coder.text.sensitive import authors

BATCH = 64
"""Texts encoded and kept together."""
POOL = 50
"""The nearest labelled issues of each search among which those to show are chosen."""


class Retriever:
    """Looks things up for issues. What it finds does not depend on the order of the examples."""

    def __init__(
        self,
        codebook: Codebook,
        examples: Sequence[Example],
        searches: Mapping[str, Search],
        settings: RetrievalSettings,
        embedder: str,
        masked: bool = False,
    ) -> None:
        """``searches`` are called as their similarities are in the records: dense, lexical.
        ``embedder`` names what "dense" rests on, for the manifest. ``masked``: issues are looked
        for without what is sensitive in them."""
        self.embedder = embedder
        self._codes = len(codebook.leaves)
        self._examples = {example.issue.id: example for example in examples}
        self._repos = {issue_id: e.issue.repo for issue_id, e in self._examples.items()}
        self._threads = {issue_id: thread(e.issue) for issue_id, e in self._examples.items()}
        self._searches = searches
        self._settings = settings
        self._masked = masked

    def look_up(
        self,
        issues: Sequence[Issue],
        neighbours: int,
        definitions: int,
        *,
        contrasting: bool = False,
    ) -> list[Found]:
        """For each issue at most so many labelled issues and codes, never the issue itself or a
        near-duplicate. What is found for one does not depend on the others.

        ``contrasting``: one labelled issue of each code in doubt and of each thread, so fewer where
        those near agree.
        """
        if not self._examples:
            neighbours = 0
        if not neighbours and not definitions:
            return [Found()] * len(issues)
        away = [[t.id for t in self._duplicates.of(i)] if neighbours else [] for i in issues]
        texts = [_masked_text(i) if self._masked else searched_text(i) for i in issues]
        pool = POOL if neighbours else 0
        found = self._search(texts, pool + max(map(len, away), default=0))
        return [
            self._found(text, rankings, set(excluded), pool, neighbours, definitions, contrasting)
            for text, rankings, excluded in zip(texts, found, away, strict=True)
        ]

    def encode_labelled(self, part: int, parts: int) -> None:
        """Encode one of so many parts of the labelled issues, so that several processes share the
        work: their vectors are kept."""
        for search in self._searches.values():
            if isinstance(search, _OpenedWhenAsked):
                search.encode_labelled(part, parts)

    def _search(self, texts: Sequence[Text], issues: int) -> list[dict[str, tuple[Ranked, Ranked]]]:
        """For each text what each search finds: labelled issues, codes."""
        found = {
            name: search.search(texts, issues, self._codes)
            for name, search in self._searches.items()
        }
        return [{name: ranked[row] for name, ranked in found.items()} for row in range(len(texts))]

    def _found(
        self,
        text: Text,
        rankings: Mapping[str, tuple[Ranked, Ranked]],
        excluded: set[str],
        pool: int,
        neighbours: int,
        definitions: int,
        contrasting: bool,
    ) -> Found:
        while True:
            # No deeper than it was asked for this issue: others in the batch may have had more.
            issues = {n: near[: pool + len(excluded)] for n, (near, _) in rankings.items()}
            near = self._neighbours(issues, excluded)
            if contrasting:
                most = self._settings.per_repository
                chosen = contrast(near, self._threads, self._repos, neighbours, most)
                break
            chosen = choose(
                near, self._repos, neighbours, self._settings.diversity,
                self._settings.per_repository,
            )  # fmt: skip
            if len(chosen) == neighbours or pool >= len(self._examples):
                break
            pool *= 4  # the cap has used up all that is near
            (rankings,) = self._search([text], pool + len(excluded))
        codes = _scored({name: codes for name, (_, codes) in rankings.items()})
        return Found(
            neighbours=tuple(chosen),
            examples=tuple(self._examples[neighbour.issue_id] for neighbour in chosen),
            excluded=tuple(sorted(excluded)),
            definitions=tuple(
                NearCode(code=code, **scores) for code, scores in list(codes.items())[:definitions]
            ),
        )

    @cached_property
    def _duplicates(self) -> Duplicates:
        return Duplicates([example.issue for example in self._examples.values()])

    def _neighbours(self, rankings: Mapping[str, Ranked], excluded: set[str]) -> list[Neighbour]:
        kept = {
            name: [(issue_id, score) for issue_id, score in ranking if issue_id not in excluded]
            for name, ranking in rankings.items()
        }
        return [
            Neighbour(issue_id=issue_id, codes=self._examples[issue_id].codes, **scores)
            for issue_id, scores in _scored(kept).items()
        ]


def open_retriever(
    study: Study, codebook: Codebook, examples: Sequence[Example], threads: int = THREADS
) -> Retriever:
    """The retriever a study is set to; by words alone when it has no embedder.

    Neither the embedder's model nor the index is opened before something is looked up.
    """
    from coder.retrieval.lexical import LexicalIndex

    settings = study.settings.retrieval
    # Code of others may send elsewhere what it is given.
    masked = study.settings.model.redact and is_code(settings.embedder)
    encoder = open_embedder(settings.embedder, study.root, masked=masked, threads=threads)
    searches: dict[str, Search] = {"lexical": LexicalIndex(codebook, examples)}
    if encoder is not None:
        kept = remembered(encoder, study.cache / FILE)
        book = masked_codebook(codebook, Redactor([])) if masked else codebook
        given = [_masked_example(e) for e in examples] if masked else examples
        dense = _OpenedWhenAsked(study.cache / "chroma", kept, book, given)
        searches = {"dense": dense, **searches}
    embedder = encoder.id if encoder else "lexical"
    return Retriever(codebook, examples, searches, settings, embedder, masked)


class _OpenedWhenAsked:
    """The dense search, which takes seconds to open: many runs never ask it."""

    def __init__(
        self, folder: Path, encoder: Encoder, codebook: Codebook, examples: Sequence[Example]
    ) -> None:
        self._made_of = (folder, encoder, codebook, examples)

    def encode_labelled(self, part: int, parts: int) -> None:
        _, encoder, _, examples = self._made_of
        texts = [searched_text(example.issue) for example in examples[part::parts]]
        for start in range(0, len(texts), BATCH):
            encode_texts(encoder, texts[start : start + BATCH])

    @cached_property
    def _index(self) -> Search:
        # chromadb takes a .env of the folder it is imported in for its own.
        with chdir(PACKAGE):
            from coder.retrieval.index import LabelIndex

        return LabelIndex(*self._made_of)

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        return self._index.search(texts, issues, codes)


def _masked_text(issue: Issue) -> Text:
    redactor, known, text = Redactor([issue.text]), authors(issue), searched_text(issue)
    return Text(redactor.redact(text.title, known), redactor.redact(text.body, known))


def _masked_example(example: Example) -> Example:
    text = _masked_text(example.issue)
    issue = Issue(id=example.issue.id, title=text.title, body=text.body)
    return Example(issue=issue, codes=example.codes)


def _scored(rankings: Mapping[str, Ranked]) -> dict[str, dict[str, float]]:
    """The fused ranking: for each id its score, and its similarity in each search that found it."""
    similarities = {name: dict(ranking) for name, ranking in rankings.items()}
    return {
        key: {"score": round(score, 6)}
        | {name: known[key] for name, known in similarities.items() if key in known}
        for key, score in fuse(list(rankings.values())).items()
    }
