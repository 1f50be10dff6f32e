"""How fast requests are sent: so many at once, as the server bears it, and so many a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """At most ``most`` requests at once, and fewer while the server is crowded.

    Additive increase, multiplicative decrease (Chiu and Jain 1989): a refusal halves the number, a
    round of answers adds one. Requests that were under way at that time do not halve it again.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.allowed = float(most)
        self.least = most
        """The fewest there have been."""
        self._busy = 0
        self._halvings = 0
        self._free = asyncio.Condition()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[int]:
        """A slot; gives how often the number had been halved when it was taken."""
        async with self._free:
            await self._free.wait_for(lambda: self._busy < int(self.allowed))
            self._busy += 1
        try:
            yield self._halvings
        finally:
            self._busy -= 1
            async with self._free:
                self._free.notify_all()

    def answered(self) -> None:
        self.allowed = min(float(self.most), self.allowed + 1 / self.allowed)

    def crowded(self, halvings: int) -> None:
        """The server refused a request that was sent after so many ``halvings``."""
        if halvings == self._halvings:
            self._halvings += 1
            self.allowed = max(1.0, self.allowed / 2)
            self.least = min(self.least, int(self.allowed))


class Pace:
    """So much a minute, evenly spread. langchain's limiter counts requests only, by polling."""

    def __init__(self, per_minute: int) -> None:
        """0: no limit."""
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def take(self, amount: float = 1) -> None:
        """Wait until ``amount`` may be used."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._next)
        self._next = start + amount * self._seconds
        if start > now:
            await asyncio.sleep(start - now)

    def give_back(self, amount: float) -> None:
        """So much of what was taken was not used."""
        self._next -= amount * self._seconds
