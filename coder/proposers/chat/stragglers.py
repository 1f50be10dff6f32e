"""Stragglers: requests so much slower than their fellows that they are given up and asked again.

A server that loses a request in silence would else keep its place for the whole time limit. One
that has become slow for all must not be asked twice for it, so a request is only ever compared with
those that were sent after it and answered before it; or, where most places are empty, with the last
ones, as the server has room then.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median

SOONEST = 3.0
"""Seconds; sooner nothing is given up, however fast the others are."""
_TIMES = 3
"""A straggler takes so many times as long as all but a twentieth of its fellows; twice as long
again for each time that one was given up before for the same answer."""
_LOSES = 0.02
"""A server of whose requests so many straggle loses them by chance; elsewhere one that straggles
twice is slow for a reason of its own, and gets its time."""
_SEVERAL = 3
_FELLOWS = 20
_REMEMBERED = 200


@dataclass(frozen=True)
class _Answered:
    sent: float
    seconds: float
    size: int


class Stragglers:
    """Learns from answered requests after how long one that is under way is a straggler."""

    def __init__(self) -> None:
        self._last: deque[_Answered] = deque(maxlen=_REMEMBERED)
        self._answered = 0
        self.given_up = 0

    def answered(self, sent: float, seconds: float, size: int) -> None:
        """A request was answered ``seconds`` after it was ``sent`` (by any one clock); ``size`` is
        the length of what was asked, in any one unit."""
        self._answered += 1
        self._last.append(_Answered(sent, seconds, size))

    def patience(self, sent: float, size: int, given_up: int, half_empty: bool) -> float:
        """After how many seconds a request is a straggler that was ``sent`` then, where so many
        were ``given_up`` before for the same answer; infinite while nobody can tell."""
        fellows = [a for a in self._last if half_empty or a.sent >= sent]
        by_chance = self.given_up >= max(_SEVERAL, _LOSES * self._answered)
        if len(fellows) < _FELLOWS or (given_up and not by_chance):
            return math.inf
        # Like is compared with like: long questions may take longer, or may not.
        fellows.sort(key=lambda a: a.size, reverse=True)
        at_least_half = sum(2 * a.size >= size for a in fellows)
        fellows = fellows[: max(_FELLOWS, at_least_half)]
        longer = max(1.0, size / max(1, median(a.size for a in fellows)))
        seconds = sorted(a.seconds for a in fellows)
        usual = seconds[math.ceil(0.95 * len(seconds)) - 1] * longer
        return max(SOONEST, _TIMES * usual) * 2.0**given_up
