"""A second test for near-duplicates, by other means than the first: edit similarity and cosine.

Retrieval and the first test of ``coder audit leakage`` find near-duplicates by shingles; what those
are blind to, both would miss. Here the nearest labelled issues by words, and those that the model
was shown, are compared letter by letter, and by their vectors where these are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from coder.records import Codebook, Example, Issue
from coder.retrieval.embedding_cache import KeptVectors
from coder.retrieval.search import LexicalIndex, searched_text

CHARACTERS = 4_000
"""Compared of each text."""
EDITED = 0.8
"""Least share of characters that two texts have in common, in order (1 - indel distance over both
lengths), at which somebody should look at them."""
ALIKE = 0.95
"""Least cosine at which somebody should."""
POOL, NEAREST = 50, 3
BATCH = 64


@dataclass(frozen=True)
class LookAlike:
    """An issue and a labelled one that was not kept away from its model, and may have been to."""

    issue_id: str
    example_id: str
    how: str


def look_alikes(
    issues: Sequence[Issue],
    examples: Mapping[str, Example],
    seen: Mapping[str, Iterable[str]],
    vectors: KeptVectors | None,
) -> list[LookAlike]:
    """Pairs of an issue and an example among those ``seen`` by its model (issue id -> example ids)
    that are alike by edit similarity or, where ``vectors`` has both, by cosine."""
    some = [issue for issue in issues if seen.get(issue.id)]
    if not some:
        return []
    nobody = Codebook(id="none", name="None", codes=())
    index = LexicalIndex(nobody, list(examples.values()))
    found: list[LookAlike] = []
    for start in range(0, len(some), BATCH):
        batch = some[start : start + BATCH]
        texts = [searched_text(issue) for issue in batch]
        near = index.search(texts, POOL, 0)
        for issue, (ranked, _) in zip(batch, near, strict=True):
            allowed = set(seen[issue.id])
            likely = [i for i, _ in ranked if i in allowed][:NEAREST]
            for example_id in dict.fromkeys([*likely, *sorted(allowed)[:NEAREST]]):
                if how := _alike(issue, examples[example_id].issue, vectors):
                    found.append(LookAlike(issue.id, example_id, how))
    return found


def _alike(issue: Issue, example: Issue, vectors: KeptVectors | None) -> str:
    from rapidfuzz.fuzz import ratio

    one, other = searched_text(issue), searched_text(example)
    shared = ratio(one.whole[:CHARACTERS].strip(), other.whole[:CHARACTERS].strip()) / 100
    if shared >= EDITED:
        return f"{shared:.0%} of their characters are the same"
    cosine = vectors.cosine(one, other) if vectors is not None else None
    if cosine is not None and cosine >= ALIKE:
        return f"the cosine of their vectors is {cosine:.2f}"
    return ""
