"""Who is shown the suggestion for which issue, and when: a draw that needs no state.

A random holdout of (rater, issue) pairs, chosen by a salted hash, tells how far suggestions sway
people.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from coder.records import Manifest, Mode


@dataclass(frozen=True)
class Shares:
    """The shares of (rater, issue) pairs that are coded before or without the suggestion.

    Each pair has two fixed uniform numbers. It is held out when the first is below ``holdout``,
    else coded blind first when the second is below ``blind``; so a share that is raised keeps all
    it had drawn, and holding out says nothing about what is blind among the rest.
    """

    blind: float = 0.0
    holdout: float = 0.0
    salt: str = ""

    def mode(self, rater: str, issue_id: str) -> Mode:
        if not (self.blind or self.holdout):
            return Mode.ASSISTED
        first, second = _uniform(self.salt, rater, issue_id)
        if first < self.holdout:
            return Mode.HOLDOUT
        return Mode.BLIND_FIRST if second < self.blind else Mode.ASSISTED


def salt(made: Manifest) -> str:
    """What makes the draw of a run differ from that of every other."""
    return f"{made.created_at.isoformat()}\0{made.seed}\0{made.data_hash}"


def _uniform(*parts: str) -> tuple[float, float]:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return (
        int.from_bytes(digest[:8], "big") / 2**64,
        int.from_bytes(digest[8:16], "big") / 2**64,
    )
