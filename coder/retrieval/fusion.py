"""Joins rankings into one, and chooses from it what to show. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coder.records import Neighbour
from coder.retrieval.base import Ranked

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
