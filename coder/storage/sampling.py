"""How issues are drawn for a rater, and with what probability each came before them.

What a rater meets is a row of stints: a stint is all that one queue put before them without another
queue between. Three kinds of queue draw at random. ``random`` shuffles, so that its first k of N
issues are a simple random sample. ``uncertain`` gives every issue a clock ``E / w``, ``E`` drawn
from the exponential distribution and the weight ``w`` growing with the model's doubt, and shows the
issues as their clocks ring: doubtful ones early, and yet each with a known probability,
``1 - exp(-w t)`` by the time t (order sampling with exponential ranks: Rosén 1997, J. Stat. Plan.
Inference 62:135-158). ``by-code`` does the same with weights that are larger the rarer the code is
that the model gives, so that every code gets about as many labels. All other queues show what they
were asked for and draw nothing.

Labels that people gave elsewhere on a sample from ``coder sample`` are on record as if a queue
``sample`` had drawn them: each with the probability of its issue, anew when the sample grows.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

SAMPLE = "sample"
"""The queue of labels on a sample that was drawn to be coded elsewhere."""
LEAST_WEIGHT = 0.05
"""Of an issue the model has no doubt about: it comes late, and is not left out."""

_DRAWN = re.compile(
    r"(?P<order>random|uncertain|by-code|sample)(?: calibration=\d+)?(?: codebook=\d+)?"
    r"(?: part=(?P<share>[\d.e-]+)(?:#\d+)?)?(?: code=\S+)?(?: (?:repo|where)=.*)?"
)
"""The names of queues that draw; see ``name_of`` in :mod:`coder.review.queues`."""

_TELLS = re.compile(r"^[^/]*? (code|against)=")
"""Both stand before the repository, whose name may be anything."""


@dataclass(frozen=True)
class Draw:
    """How an issue came before a rater; the fields are those of a decision or a label."""

    queue: str
    chance: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True)
class Kind:
    """The order of a queue that draws, and the share of the issues it draws from."""

    order: str
    share: float

    @property
    def clocked(self) -> bool:
        """Whether issues come as their clocks ring, not in a shuffle."""
        return self.order not in ("random", SAMPLE)


class Drawn(Protocol):
    """What a label and a decision both say of how their issue was chosen."""

    @property
    def issue_id(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def chance(self) -> float: ...
    @property
    def weight(self) -> float: ...


def shuffled(issue_ids: Iterable[str], seed: int, salt: str = "") -> list[str]:
    """The ids in a random order, the same for all who ask with one ``seed`` and ``salt``.

    Each id has its place in the shuffle for itself, so ids that are added later come between the
    others and do not move them.
    """
    return sorted(issue_ids, key=lambda issue_id: _digest(seed, salt, issue_id))


def clocks(weights: Mapping[str, float], seed: int, salt: str = "") -> dict[str, float]:
    """When each issue comes: an exponential time with the issue's weight as its rate."""
    return {
        issue_id: -math.log(_uniform(_digest(seed, f"clock{salt}", issue_id))) / weight
        for issue_id, weight in weights.items()
    }


def weight_of(confidence: float) -> float:
    """How fast the clock of an issue runs, by the confidence in the least sure of its codes."""
    return max(1 - confidence, LEAST_WEIGHT)


def even_weights(strata: Mapping[str, str]) -> dict[str, float]:
    """Weights of issues by which each stratum (by issue) comes about as often as every other: 1 in
    the smallest, and less the larger a stratum is."""
    sizes = Counter(strata.values())
    least = min(sizes.values(), default=1)
    return {issue_id: least / sizes[stratum] for issue_id, stratum in strata.items()}


def random_draw(queue: str, place: int, total: int, share: float = 1.0) -> Draw:
    """The draw of the issue at ``place`` (from 1) of a shuffled queue: the k-th of N had come by
    then with k / N. ``share`` is the probability of being in the queue at all, as of a part."""
    return Draw(queue, share * place / total)


def clock_draw(queue: str, until: float, weight: float, share: float = 1.0) -> Draw:
    """The draw of an issue whose clock has rung; ``until`` is the clock of the issue *after* it,
    infinite for the last.

    Whoever stops after n issues then has the (n+1)-th clock on record, and that makes estimates
    exactly unbiased although it was n and not a time that was fixed: given all other clocks, an
    issue is among the first n when its own rings before the n-th of the others, which for those
    that are is the (n+1)-th of all (Cohen & Kaplan 2007, PODC, 225-234). By the n-th clock totals
    would come out about n / (n - 1) too large.
    """
    return Draw(queue, share * -math.expm1(-weight * until), weight)


def kind_of(queue: str) -> Kind | None:
    """How a queue draws by its name; ``None`` for one that draws nothing."""
    found = _DRAWN.fullmatch(queue)
    return Kind(found["order"], float(found["share"] or 1)) if found else None


def reveals_answers(queue: str) -> bool:
    """Whether an issue is in a queue of this name for what a model says about it."""
    return _TELLS.search(queue) is not None


def salt(queue: str, earlier: Sequence[tuple[str, Mapping[str, Draw]]]) -> str:
    """What makes the draws of a stint independent of those of the rater's earlier ones.

    Empty, and so the same draws for all raters, unless earlier ones depend on the same numbers:
    what is left of a shuffle is still shuffled, but what one limited to a code or a part has left
    is not, nor do clocks start anew.
    """
    kind = kind_of(queue)
    if kind is None:
        return ""
    used = [
        len(stint)
        for name, stint in earlier
        if (known := kind_of(name))
        and known.clocked == kind.clocked
        and (name != queue or kind.clocked)
    ]
    return f"{sum(used)}" if used else ""


def stints(met: Iterable[tuple[str, Draw]]) -> list[tuple[str, dict[str, Draw]]]:
    """What a rater met, cut where the queue changes. An issue belongs to where it was met first."""
    first: dict[str, Draw] = {}
    for issue_id, draw in met:
        first.setdefault(issue_id, draw)
    return [
        (queue, dict(several)) for queue, several in groupby(first.items(), lambda m: m[1].queue)
    ]


def limited(queue: str) -> bool:
    """Whether a queue that draws does so among some issues alone: those of a code or a repository,
    or that are screened in or out. (A part is drawn at random itself.)"""
    return any(f" {to}=" in queue for to in ("code", "repo", "where"))


def reached(
    records: Iterable[Drawn], *, whole: bool = False
) -> tuple[frozenset[str], dict[str, float]]:
    """What a rater met that was certain to come, and the probability with which each issue that
    was drawn was to come before them (inclusion probability).

    ``records`` are all that one rater wrote, oldest first; skips and flags say how far the queue
    had come as well as answers do. Estimates rest on the longest stint that drew at random. What
    was met before it is certain (1): the stint drew from the rest, so its issues stand for the
    rest. What was met after it is left out. Without any such stint both are empty: nothing can be
    said about the issues that were not met.

    The sum of ``y / probability`` over the issues estimates the total of ``y`` over all issues the
    queue could show (Horvitz & Thompson 1952, JASA 47:663-685); for a queue limited to a code or a
    repository these are the issues of that code or repository, so give the records on them alone.
    For the ``whole`` run such queues draw nothing.
    A share is that sum divided by the number of those issues; dividing by the sum of
    ``1 / probability`` instead is biased with few answers (a share of .40 came out at .43 with 15
    of 60 issues by their clocks, where the sum over 60 was right). All this holds where the rater
    stopped for a reason that does not lie in the answers: after a number of issues, or for lack of
    time.
    """
    met = [(r.issue_id, Draw(r.queue, r.chance, r.weight)) for r in records]
    parts = _together(stints(met), met)
    drawn = [
        at
        for at, (queue, _) in enumerate(parts)
        if kind_of(queue) and not (whole and limited(queue))
    ]
    if not drawn:
        return frozenset(), {}
    longest = max(drawn, key=lambda at: (len(parts[at][1]), at))
    before = frozenset(issue_id for _, part in parts[:longest] for issue_id in part)
    return before, _within(*parts[longest])


def _together(
    parts: list[tuple[str, dict[str, Draw]]], met: Iterable[tuple[str, Draw]]
) -> list[tuple[str, dict[str, Draw]]]:
    """The labels on one sample as one stint where its first is, each with its latest probability:
    a sample may come in several files, with other work between, and grow."""
    latest = {(i, draw.queue): draw for i, draw in met if draw.queue.startswith(SAMPLE)}
    whole: dict[str, dict[str, Draw]] = {}
    found = []
    for queue, part in parts:
        if not queue.startswith(SAMPLE):
            found.append((queue, part))
            continue
        if queue not in whole:
            whole[queue] = {}
            found.append((queue, whole[queue]))
        whole[queue] |= {i: latest[i, queue] for i in part}
    return found


def _within(queue: str, part: Mapping[str, Draw]) -> dict[str, float]:
    """The probabilities of the issues of one stint at its end."""
    kind = kind_of(queue)
    assert kind is not None
    if kind.order == SAMPLE:
        return {issue_id: draw.chance for issue_id, draw in part.items()}
    if kind.order == "random":
        return dict.fromkeys(part, max(draw.chance for draw in part.values()))
    end = max(_time(min(draw.chance / kind.share, 1.0), draw.weight) for draw in part.values())
    return {
        issue_id: kind.share * -math.expm1(-draw.weight * end) for issue_id, draw in part.items()
    }


def _time(chance: float, weight: float) -> float:
    return math.inf if chance == 1 else -math.log1p(-chance) / weight


def _digest(seed: int, salt: str, issue_id: str) -> bytes:
    text = f"{seed}\0{salt}\0{issue_id}" if salt else f"{seed}\0{issue_id}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _uniform(digest: bytes) -> float:
    """A number between 0 and 1, neither of them, from the first 52 bits of a digest."""
    return ((int.from_bytes(digest[:8], "big") >> 12) + 0.5) / (1 << 52)
