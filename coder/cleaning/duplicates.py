"""Issues said twice: in the same words, or in nearly the same, by their title and body."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from coder.cleaning.model import Rule
from coder.records import Issue
from coder.retrieval.near_duplicates import Sketches, overlap
from coder.text.structure import prose

NEAR = 0.8
"""Overlap from which two issues are near-duplicates. Of pairs above it in 15,207 real issues hardly
any were about two things; of those between 0.6, from which an issue may leak another's label, and
0.8 most were: one request made for each of many products, or one template barely filled in."""

Repeats = dict[int, tuple[Rule, int, float]]
"""By place: the rule, the older place that is kept, how alike they are."""


class Repetitions:
    """Finds, over a whole file, the issues that repeat an older one. Texts are read when two are
    compared, and not held; what is compared is what the author wrote, without the comments."""

    def __init__(self) -> None:
        self._sketches = Sketches()
        self._exact: dict[int, bytes] = {}

    def add(self, place: int, issue: Issue) -> None:
        """Take note of the issue (without comments) that stands at ``place``."""
        self._exact[place] = _digest(issue)
        self._sketches.add(place, issue)

    def among(
        self, order: Sequence[int], read: Callable[[int], Issue], near: float = NEAR
    ) -> Repeats:
        """Those that repeat another one of ``order``, which has the oldest first."""
        found: Repeats = {}
        oldest: dict[bytes, int] = {}
        for place in order:
            first = oldest.setdefault(self._exact[place], place)
            if first != place:
                found[place] = (Rule.DUPLICATE, first, 1.0)

        def alike(one: int, other: int) -> float:
            return _alike(read(one), read(other))

        left = [place for place in order if place not in found]
        for place, (of, share) in self._sketches.repeated(left, alike, near).items():
            found[place] = (Rule.NEAR_DUPLICATE, of, share)
            # What says the same as this one is like the same older one.
        return {
            place: (rule, found[of][1] if of in found else of, share)
            for place, (rule, of, share) in found.items()
        }


def _alike(one: Issue, other: Issue) -> float:
    """How alike two issues are in the part in which they are least: their titles, what they say,
    and all they hold. One template makes whole texts alike, one error message what is said."""
    return min(
        overlap(one.title, other.title),
        overlap(prose(one), prose(other)),
        overlap(f"{one.title}\n{one.body}", f"{other.title}\n{other.body}"),
    )


def _digest(issue: Issue) -> bytes:
    text = " ".join(f"{issue.title}\n{issue.body}".split())
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
