"""Draws issues at random from a file: simple or stratified; a larger draw holds the smaller one.

Each issue has its place in the shuffle of its stratum for itself, and the places in a sample are
given to strata one by one by their size (Sainte-Laguë's divisors), so that the first n issues drawn
are the same whatever is drawn after them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from coder.errors import InputError, UsageError
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.records import Issue, Label, Sampling
from coder.storage.run import data_hash
from coder.storage.sampling import SAMPLE, shuffled

Allocation = Literal["proportional", "equal", "neyman"]
ALL = "all"
"""The one stratum of a simple random sample."""


@dataclass(frozen=True)
class Drawn:
    """The issues drawn, in the order of the frame, each with its stratum."""

    issues: list[Issue]
    stratum: dict[str, str]
    sampling: Sampling

    def chance(self, issue_id: str) -> float:
        """The inclusion probability of an issue of the frame."""
        of, drawn = self.sampling.strata[self.stratum[issue_id]]
        return drawn / of


def draw(
    frame: Sequence[Issue],
    size: int,
    *,
    name: str,
    seed: int,
    strata: Mapping[str, str] | None = None,
    by: str = "",
    allocation: Allocation = "proportional",
    spread: Mapping[str, float] | None = None,
    where: str = "",
    reason: str = "",
) -> Drawn:
    """``size`` issues of ``frame`` at random; ``strata`` gives each issue's, and ``by`` says what
    they are.

    ``equal`` gives every stratum as many places, as far as it has issues; ``neyman`` gives them by
    its size times its ``spread``, which makes the estimate of the whole most exact (Neyman 1934,
    J. R. Stat. Soc. 97:558-625).
    """
    if not 0 < size <= len(frame):
        raise UsageError(
            f"{size:,} issues cannot be drawn from {len(frame):,}", "give a size between the two"
        )
    stratum = {issue.id: ALL if strata is None else strata[issue.id] for issue in frame}
    members: dict[str, list[str]] = {}
    for issue_id, group in stratum.items():
        members.setdefault(group, []).append(issue_id)
    sizes = {group: len(ids) for group, ids in members.items()}
    spread = {group: round((spread or {}).get(group, 0), 6) for group in sorted(sizes)}
    weights: Mapping[str, float] = dict.fromkeys(sizes, 1)
    if allocation != "equal":
        weights = {g: of * (spread[g] if allocation == "neyman" else 1) for g, of in sizes.items()}
    places = _places(sizes, weights, size)
    taken = {
        issue_id
        for group, ids in members.items()
        for issue_id in shuffled(ids, seed, f"sample{group}")[: places[group]]
    }
    found = [issue for issue in frame if issue.id in taken]
    sampling = Sampling(
        frame=name,
        frame_hash=data_hash(frame),
        data_hash=data_hash(found),
        issues=len(frame),
        size=size,
        by=by,
        allocation=allocation,
        seed=seed,
        strata={group: (sizes[group], places[group]) for group in sorted(members)},
        spread=spread if allocation == "neyman" else {},
        members={i.id: stratum[i.id] for i in found} if len(members) > 1 else {},
        where=where,
        reason=reason,
    )
    return Drawn(found, stratum, sampling)


def _places(sizes: Mapping[str, int], weights: Mapping[str, float], size: int) -> dict[str, int]:
    """How many of each stratum by its weight, its own size at most; ties go by name."""
    places = dict.fromkeys(sizes, 0)

    def next_place(group: str) -> tuple[float, str]:
        return -weights[group] / (2 * places[group] + 1), group

    waiting = [next_place(group) for group in sizes]
    heapq.heapify(waiting)
    for _ in range(size):
        _, group = heapq.heappop(waiting)
        places[group] += 1
        if places[group] < sizes[group]:
            heapq.heappush(waiting, next_place(group))
    return places


def by_repository(issues: Sequence[Issue]) -> dict[str, str]:
    return {issue.id: issue.repo or "(no repository)" for issue in issues}


def by_month(issues: Sequence[Issue]) -> dict[str, str]:
    """The month each was opened in, ``2025-03``."""
    return {
        issue.id: issue.created_at.strftime("%Y-%m") if issue.created_at else "(no date)"
        for issue in issues
    }


def drawn_labels(
    given: Sequence[Label], standing: Mapping[str, Label], sampling: Sampling, sample: Iterable[str]
) -> list[Label]:
    """The labels that were ``given``, and those ``standing`` on the same sample, with how their
    issues were drawn: where only some of a stratum's are labelled, these are taken for random.

    What a review showed, or another sample, keeps how it came there.
    """
    said = {label.issue_id: label for label in given}
    queue = f"{SAMPLE} where={sampling.where}" if sampling.where else SAMPLE
    elsewhere = {i for i, label in standing.items() if label.queue not in ("", queue)}
    known = {i: said.get(i) or standing[i] for i in sample if i in said or i in standing}
    labelled = Counter(sampling.stratum(i) for i in known)
    drawn = {
        i: label.model_copy(update={"queue": queue, "chance": labelled[group] / of})
        for i, label in known.items()
        if i not in elsewhere
        for group in (sampling.stratum(i),)
        for of in (sampling.strata[group][0],)
    }
    return [label for i, label in said.items() if i not in drawn] + list(drawn.values())


# --- on disk ------------------------------------------------------------------------------------


def sidecar(sample: Path, suffix: str = ".json") -> Path:
    """Where it is told how the issues in the file ``sample`` were drawn."""
    return sample.with_name(f"{sample.name.removesuffix('.jsonl')}.sampling{suffix}")


def write_sampling(sample: Path, sampling: Sampling) -> None:
    write_atomically(sidecar(sample), sampling.model_dump_json(indent=2) + "\n")


def read_sampling(sample: Path, issues: Sequence[Issue] | None = None) -> Sampling | None:
    """How ``sample`` was drawn, ``None`` where nothing tells; of ``issues``, if they are given, and
    not of others that stood in the file before. ``InputError`` for a record that cannot be read."""
    path = sidecar(sample)
    if not path.is_file():
        return None
    try:
        found = Sampling.model_validate_json(read_text(path))
    except ValueError:
        raise InputError(
            f"{path} tells of no sample", f"draw {sample} again: coder sample"
        ) from None
    return None if issues is not None and data_hash(issues) != found.data_hash else found
