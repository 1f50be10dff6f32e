"""Labelled issues and codes near to an issue, by meaning and by words, joined by rank fusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import cached_property
from pathlib import Path

from coder.files.resources import PACKAGE
from coder.records import Codebook, Example, Issue, NearCode, Neighbour
from coder.retrieval.embedders import THREADS, Encoder, encode_texts, is_code, open_embedder
from coder.retrieval.embedding_cache import FILE, remembered
from coder.retrieval.near_duplicates import Duplicates
from coder.retrieval.search import Found, LexicalIndex, Ranked, Search, Text, searched_text
from coder.study import RetrievalSettings, Study
from coder.text.redaction import Redactor, authors, masked_codebook

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


SMOOTHING = 60
"""The k of reciprocal rank fusion, as its authors set it: the larger, the flatter."""


def fuse(rankings: Sequence[Ranked]) -> dict[str, float]:
    """Every ranked id with the mean over ``rankings`` of 61 / (60 + rank), the largest first.

    Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009), scaled so that 1 is first in
    every ranking. Ranks and not similarities are joined, because those of different searches have
    different scales. Ties are in the order of the rankings.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, (key, _) in enumerate(ranking, 1):
            share = (SMOOTHING + 1) / (SMOOTHING + rank) / len(rankings)
            scores[key] = scores.get(key, 0.0) + share
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def choose(
    candidates: Sequence[Neighbour],
    repos: Mapping[str, str],
    wanted: int,
    diversity: float,
    per_repository: int,
) -> list[Neighbour]:
    """At most ``wanted`` of ``candidates``, in the order chosen.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) where two labelled issues are
    alike as far as their codes are: each time the one with the largest
    ``(1 - diversity) * score - diversity * overlap``, overlap being the largest share of codes it
    has in common with one already chosen. No more than ``per_repository`` come from one repository
    (``repos``: issue id -> repository, empty where unknown); 0 is no limit.
    """
    left = list(candidates)
    overlap = {neighbour.issue_id: 0.0 for neighbour in left}
    taken: Counter[str] = Counter()
    chosen: list[Neighbour] = []
    while left and len(chosen) < wanted:
        best = max(left, key=lambda n: (1 - diversity) * n.score - diversity * overlap[n.issue_id])
        chosen.append(best)
        left.remove(best)
        repo = repos[best.issue_id]
        taken[repo] += 1
        if repo and taken[repo] == per_repository:
            left = [n for n in left if repos[n.issue_id] != repo]
        for n in left:
            overlap[n.issue_id] = max(overlap[n.issue_id], _overlap(n.codes, best.codes))
    return chosen


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Jaccard similarity of two sets of codes; "no code fits" is like itself alone."""
    if not one or not other:
        return float(not one and not other)
    a, b = set(one), set(other)
    return len(a & b) / len(a | b)


VOTERS = 2
"""So many times the issues to show are asked which codes are in doubt, the nearest first."""


def thread(issue: Issue) -> str:
    """What labelled issues have in common that are about the same thread: one web page, else one
    number of a repository."""
    page = issue.url.partition("#")[0].rstrip("/")
    if page:
        return page
    return f"{issue.repo}#{issue.number}" if issue.number is not None else issue.id


def contrast(
    candidates: Sequence[Neighbour],
    threads: Mapping[str, str],
    repos: Mapping[str, str],
    wanted: int,
    per_repository: int,
) -> list[Neighbour]:
    """Of each code in doubt the nearest labelled issue, at most ``wanted``, likelier codes first.

    In doubt are the codes of the nearest ``candidates``, each weighed by its scores: where all of
    them agree it is one code, and one issue is shown. A thread is counted and shown once. No more
    than ``per_repository`` come from one repository; 0 is no limit.
    """
    nearest: dict[str, Neighbour] = {}
    for candidate in sorted(candidates, key=lambda n: -n.score):
        nearest.setdefault(threads[candidate.issue_id], candidate)
    voters = list(nearest.values())[: VOTERS * wanted]
    weights: dict[tuple[str, ...], float] = {}
    for voter in voters:
        codes = tuple(sorted(voter.codes))
        weights[codes] = weights.get(codes, 0.0) + voter.score
    taken: Counter[str] = Counter()
    chosen: list[Neighbour] = []
    for codes, _ in sorted(weights.items(), key=lambda item: -item[1]):
        for voter in voters:
            repo = repos[voter.issue_id]
            full = per_repository and repo and taken[repo] == per_repository
            if tuple(sorted(voter.codes)) == codes and not full:
                chosen.append(voter)
                taken[repo] += 1
                break
    return chosen[:wanted]
