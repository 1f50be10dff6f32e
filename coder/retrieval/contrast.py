"""Chooses labelled issues that set the codes in doubt against each other. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coder.records import Issue, Neighbour

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
