"""Finds what a codebook does not cover: groups of issues that its codes did not settle."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coder.codebook.changes import Codes, Stale
from coder.errors import ModelError, RunError
from coder.records import NONE_CODE, Action, Codebook, Issue, Proposal, Status
from coder.retrieval.embedders import Encoder, Vectors, encode_texts, normalised
from coder.retrieval.search import WORD, Text, code_text
from coder.revision.migration import Versions
from coder.storage.run import Run
from coder.text.structure import prose

FEWEST = 10
"""Fewer issues than this have no groups worth a code."""
MOST = 2000
"""Issues that are grouped at most; time and memory grow with their square."""
UNSURE = 0.1
"""The least confident tenth of what nobody has looked at yet counts as unsure."""
OFTEN, OFTEN_OF = 0.5, 3
"""A code is often corrected when people took another one for this share of its proposals, and so
many of them at least."""
NEAR = 0.4
"""A group whose nearest code is less similar (cosine) is put under no category."""
EXAMPLES = 3


class Reason(StrEnum):
    """Why an issue may need a code that is not there, the strongest reason first."""

    NONE = "none fits"
    CORRECTED = "often corrected"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Candidate:
    """A subcategory that could be added, and what speaks for it.

    ``nearest`` is the existing code its issues are nearest to, ``similarity`` the cosine to it.
    """

    code: str
    name: str
    definition: str
    parent: str | None
    words: tuple[str, ...]
    issues: tuple[Issue, ...]
    reasons: Counter[Reason]
    cohesion: float
    nearest: str
    similarity: float
    renamed: bool = False
    """Whether somebody gave it a name, or it goes by its words."""

    @property
    def examples(self) -> tuple[Issue, ...]:
        return self.issues[:EXAMPLES]


@dataclass(frozen=True)
class Suggestions:
    """``candidates``, the largest first; ``unlike`` issues of the ``pool`` are in no group."""

    pool: Mapping[str, Reason]
    left_out: int
    candidates: tuple[Candidate, ...]

    @property
    def unlike(self) -> int:
        return len(self.pool) - sum(len(one.issues) for one in self.candidates)


def suggest(run: Run, encoder: Encoder | None) -> Suggestions:
    """Candidate codes for what the codebook of ``run`` did not settle. Writes nothing.

    Raises ``RunError`` when there are too few such issues, ``ModelError`` without an embedder.
    """
    if encoder is None:
        raise ModelError(
            "issues are grouped by their meaning, which takes an embedder",
            'install the one of this package, or set retrieval.embedder = "minilm"',
        )
    found = unsettled(run)
    pool = dict(sorted(found.items(), key=lambda one: [*Reason].index(one[1]))[:MOST])
    if len(pool) < FEWEST:
        issues = "issue has" if len(pool) == 1 else "issues have"
        raise RunError(
            f"too little to group: {len(pool)} {issues} no code that fits, is unsure or was often "
            f"corrected, and groups take {FEWEST} or more",
            f"code more of run {run.name!r} first: coder review {run.name} --rater YOU",
        )
    issues_of = [run.issues[issue_id] for issue_id in run.issues if issue_id in pool]
    texts = [Text(issue.title, prose(issue)) for issue in issues_of]
    book = run.codebook
    codes = encoder.encode([code_text(code) for code in book.leaves])
    taken = set(book.by_id)
    candidates = []
    for one in group(texts, encode_texts(encoder, texts)):
        near = [round(float(cosine), 6) for cosine in codes @ one.middle]
        place = max(range(len(near)), key=lambda i: (near[i], -i))
        members = [issues_of[i] for i in one.members]
        made = _candidate(one, members, pool, book, book.leaves[place].id, near[place], taken)
        taken.add(made.code)
        candidates.append(made)
    return Suggestions(pool, len(found) - len(pool), tuple(candidates))


def unsettled(run: Run) -> dict[str, Reason]:
    """The run's issues that its codebook may not cover, in order, each with the reason for it."""
    versions = Versions(run)
    proposals = run.latest_proposals()
    said = _said(run, versions, proposals)
    proposed: dict[str, Codes] = {}
    for issue_id, proposal in proposals.items():
        carried = versions.carry(tuple(scored.code for scored in proposal.codes))
        if proposal.status.answered and not isinstance(carried, Stale):
            proposed[issue_id] = carried
    often = _often_corrected(said, proposed)
    unsure = _unsure({i: p for i, p in proposals.items() if i not in said})
    reasons: dict[str, Reason] = {}
    for issue_id in run.issues:
        answers, codes = said.get(issue_id, []), proposed.get(issue_id)
        if () in answers or (not answers and codes == ()):
            reasons[issue_id] = Reason.NONE
        elif codes and often.intersection(codes) and any(set(a) != set(codes) for a in answers):
            reasons[issue_id] = Reason.CORRECTED
        elif issue_id in unsure:
            reasons[issue_id] = Reason.UNSURE
    return reasons


def entries(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The candidates as a codebook spells codes."""
    return [
        {
            "id": one.code,
            **({"parent": one.parent} if one.parent else {}),
            "name": one.name,
            "definition": one.definition,
            "examples": [heading(issue) for issue in one.examples],
        }
        for one in candidates
    ]


def named(candidate: Candidate, name: str, definition: str) -> Candidate:
    """The candidate under a name that somebody gave it."""
    return replace(candidate, name=name, definition=definition, renamed=True)


# --- which issues -------------------------------------------------------------------------------


def _said(
    run: Run, versions: Versions, proposals: Mapping[str, Proposal]
) -> dict[str, list[Codes]]:
    """What people answered, by issue, in the codebook of now; what is stale counts for nothing."""
    said: dict[str, list[Codes]] = {}
    for rater in run.raters():
        found: dict[str, tuple[Codes, str]] = {}
        for issue_id, decision in run.decisions(rater).items():
            codes = decision.codes
            if decision.action in (Action.SKIP, Action.FLAG):
                continue
            if decision.action is Action.ACCEPT and not codes and issue_id in proposals:
                codes = tuple(scored.code for scored in proposals[issue_id].codes)
            found[issue_id] = (codes, decision.codebook_hash)
        for issue_id, label in run.labels(rater).items():
            found[issue_id] = (label.codes, label.codebook_hash)
        for issue_id, (codes, under) in found.items():
            carried = versions.carry(codes, under)
            if not isinstance(carried, Stale) and issue_id in run.issues:
                said.setdefault(issue_id, []).append(() if carried == (NONE_CODE,) else carried)
    return said


def _often_corrected(
    said: Mapping[str, list[Codes]], proposed: Mapping[str, Codes]
) -> frozenset[str]:
    answered: Counter[str] = Counter()
    corrected: Counter[str] = Counter()
    for issue_id, answers in said.items():
        for code in proposed.get(issue_id, ()):
            answered[code] += len(answers)
            corrected[code] += sum(code not in answer for answer in answers)
    return frozenset(
        code
        for code, times in corrected.items()
        if times >= OFTEN_OF and times >= OFTEN * answered[code]
    )


def _unsure(proposals: Mapping[str, Proposal]) -> set[str]:
    sure = {
        issue_id: min(scored.confidence or 0.0 for scored in ranked)
        for issue_id, proposal in proposals.items()
        if proposal.status in (Status.OK, Status.UNSURE)
        and (ranked := proposal.codes or proposal.runners_up[:1])
    }
    least = sorted(sure, key=lambda issue_id: (sure[issue_id], issue_id))
    return set(least[: int(len(least) * UNSURE)])


# --- what to call a group -----------------------------------------------------------------------


def _candidate(
    one: Group,
    members: list[Issue],
    pool: Mapping[str, Reason],
    book: Codebook,
    nearest: str,
    similarity: float,
    taken: set[str],
) -> Candidate:
    lineage = book.lineage(nearest)
    parent = lineage[-2].id if len(lineage) > 1 and similarity >= NEAR else None
    words = one.words or ("unnamed",)
    return Candidate(
        code=next(code for code in _ids(parent, words) if code not in taken),
        name=" / ".join(words[:3]),
        definition=f"Candidate found in {len(members)} issues, which have in common the words: "
        f"{', '.join(words)}. To be defined.",
        parent=parent,
        words=one.words,
        issues=tuple(members),
        reasons=Counter(pool[issue.id] for issue in members),
        cohesion=one.cohesion,
        nearest=nearest,
        similarity=round(similarity, 3),
    )


def _ids(parent: str | None, words: Sequence[str]) -> Iterator[str]:
    """Ids for a code, until one is free."""
    plain = [word for word in words if re.fullmatch(r"[a-z0-9]+", word)][:2]
    stem = f"{parent}." * (parent is not None) + ("-".join(plain) or "candidate")
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def heading(issue: Issue) -> str:
    """An issue in one line."""
    first = issue.title.strip() or issue.text.strip()
    return " ".join(first.split())[:160]


FAR = 0.8
"""Groups are joined while their texts are nearer to each other than this on average (1 - cosine,
what all texts have in common taken away). benchmarks/suggest.py shows what other values do."""
SMALLEST = 3
"""Texts that make a group; two that are alike are a coincidence."""
WORDS = 4
BESIDE = 0.25
"""What a word counts that is in a text and not in its title: threads hold words of many topics."""
_SHORTEST = 3


@dataclass(frozen=True)
class Group:
    """``members`` are places in the list that was grouped, the most typical first.

    ``cohesion`` is the mean cosine of its members with their middle; ``words`` are more common in
    it than elsewhere, the most distinctive first.
    """

    members: tuple[int, ...]
    cohesion: float
    words: tuple[str, ...]
    middle: Vectors


def group(texts: Sequence[Text], found: Vectors, far: float = FAR) -> list[Group]:
    """The groups among ``texts``, whose vectors are ``found``, the largest first.

    Texts that are like no other are in none. The same texts give the same groups.
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(texts) < SMALLEST:
        return []
    apart = np.asarray(normalised(found - found.mean(axis=0)), dtype=np.float64)
    distances = np.clip(1 - apart @ apart.T, 0, 2)
    np.fill_diagonal(distances, 0)
    labels = AgglomerativeClustering(
        None, linkage="average", metric="precomputed", distance_threshold=far
    ).fit_predict(distances)
    together = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    together = [members for members in together if len(members) >= SMALLEST]
    together.sort(key=lambda members: (-len(members), members[0]))
    said = [_words(text) for text in texts]
    return [_group(members, apart, found, said) for members in together]


def _group(
    members: NDArray[np.int64],
    apart: NDArray[np.float64],
    found: Vectors,
    said: list[dict[str, float]],
) -> Group:
    middle = apart[members].mean(axis=0)
    likeness = apart[members] @ (middle / max(float(np.linalg.norm(middle)), 1e-12))
    order = sorted(range(len(members)), key=lambda i: (-round(float(likeness[i]), 6), members[i]))
    return Group(
        members=tuple(int(members[i]) for i in order),
        cohesion=round(float(likeness.mean()), 3),
        words=_distinctive([said[i] for i in members], said),
        middle=normalised(found[members].mean(axis=0)),
    )


def _distinctive(
    inside: list[dict[str, float]], everywhere: list[dict[str, float]]
) -> tuple[str, ...]:
    """The words of a group by c-TF-IDF, counting texts: one long log must not name a group.

    Class-based TF-IDF as in Grootendorst, BERTopic (arXiv 2203.05794).
    """
    here, all_over = _sum(inside), _sum(everywhere)
    texts = Counter(word for words in inside for word in words)
    average = sum(here.values()) / len(inside)
    scores = {
        word: weight * math.log(1 + average / all_over[word])
        for word, weight in here.items()
        if texts[word] > 1
    }
    return tuple(sorted(scores, key=lambda word: (-round(scores[word], 9), word))[:WORDS])


def _sum(texts: list[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for words in texts:
        for word, weight in words.items():
            total[word] = total.get(word, 0.0) + weight
    return total


def _words(text: Text) -> dict[str, float]:
    """The words a text holds that mean something by themselves, and what each counts."""
    titled = _meaningful(text.title)
    return dict.fromkeys(_meaningful(text.body), BESIDE) | dict.fromkeys(titled, 1.0)


def _meaningful(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [
        word
        for word in dict.fromkeys(re.findall(WORD, text.casefold()))
        if word not in ENGLISH_STOP_WORDS
        and not word.isdecimal()
        and (len(word) >= _SHORTEST or not word.isascii())
    ]
