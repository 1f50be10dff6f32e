"""Finds labelled issues and codes near to an issue: by meaning and by words, joined by rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import cached_property

from coder.files.resources import PACKAGE
from coder.records import Codebook, Example, Issue, NearCode, Neighbour
from coder.retrieval.base import Found, Ranked, Search
from coder.retrieval.contrast import contrast, thread
from coder.retrieval.duplicates import Duplicates
from coder.retrieval.embedders import is_code, open_embedder
from coder.retrieval.fusion import choose, fuse
from coder.study import RetrievalSettings, Study
from coder.text.redact import Redactor, masked_codebook
from coder.text.sensitive import authors

POOL = 50
"""The nearest labelled issues of each search among which those to show are chosen."""


class Retriever:
    """Looks things up for an issue. What it finds does not depend on the order of the examples."""

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
        self, issue: Issue, neighbours: int, definitions: int, contrasting: bool = False
    ) -> Found:
        """At most so many labelled issues and codes, never the issue itself or a near-duplicate.

        ``contrasting``: one labelled issue of each code in doubt and of each thread, so fewer where
        those near agree.
        """
        if not self._examples:
            neighbours = 0
        if not neighbours and not definitions:
            return Found()
        excluded = [twin.id for twin in self._duplicates.of(issue)] if neighbours else []
        pool = POOL if neighbours else 0
        text = _masked_text(issue) if self._masked else issue.text
        while True:
            found = {
                name: search.search(text, pool + len(excluded), self._codes)
                for name, search in self._searches.items()
            }
            near = self._neighbours({n: issues for n, (issues, _) in found.items()}, set(excluded))
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
        codes = _scored({name: codes for name, (_, codes) in found.items()})
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


def open_retriever(study: Study, codebook: Codebook, examples: Sequence[Example]) -> Retriever:
    """The retriever a study is set to; by words alone when it has no embedder."""
    from coder.retrieval.lexical import LexicalIndex

    settings = study.settings.retrieval
    # Code of others may send elsewhere what it is given.
    masked = study.settings.model.redact and is_code(settings.embedder)
    encoder = open_embedder(settings.embedder, study.root, masked=masked)
    searches: dict[str, Search] = {"lexical": LexicalIndex(codebook, examples)}
    if encoder is not None:
        # chromadb takes a .env of the folder it is imported in for its own.
        with chdir(PACKAGE):
            from coder.retrieval.index import LabelIndex

        book = masked_codebook(codebook, Redactor([])) if masked else codebook
        given = [_masked_example(e) for e in examples] if masked else examples
        dense = LabelIndex(study.cache / "chroma", encoder, book, given)
        searches = {"dense": dense, **searches}
    embedder = encoder.id if encoder else "lexical"
    return Retriever(codebook, examples, searches, settings, embedder, masked)


def _masked_text(issue: Issue) -> str:
    return Redactor([issue.text]).redact(issue.text, authors(issue))


def _masked_example(example: Example) -> Example:
    issue = Issue(id=example.issue.id, title=_masked_text(example.issue))
    return Example(issue=issue, codes=example.codes)


def _scored(rankings: Mapping[str, Ranked]) -> dict[str, dict[str, float]]:
    """The fused ranking: for each id its score, and its similarity in each search that found it."""
    similarities = {name: dict(ranking) for name, ranking in rankings.items()}
    return {
        key: {"score": round(score, 6)}
        | {name: known[key] for name, known in similarities.items() if key in known}
        for key, score in fuse(list(rankings.values())).items()
    }
