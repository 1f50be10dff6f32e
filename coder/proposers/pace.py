"""How fast a server is asked: fewer requests at a time when it is overloaded, so many a minute.

langchain's rate limiter counts requests only; tokens need a worst case that is corrected later, so
one small clock serves both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.proposers.failures import Transient
from coder.records import Usage

_POLL_SECONDS = 0.1


class Slots:
    """How many requests may be under way: half as many after an overload, then one more each time
    as many as that have succeeded in a row (additive increase, multiplicative decrease)."""

    def __init__(self, most: int) -> None:
        self.limit = self.lowest = self.most = most
        self._free = asyncio.Semaphore(most)
        self._owed = 0
        """Slots that are to go when they are next given back or asked for."""
        self._row = 0
        self._cuts = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for a slot and holds it; what the body raises tells how the server fares."""
        await self._free.acquire()
        while self._owed:
            self._owed -= 1
            await self._free.acquire()
        cuts = self._cuts
        try:
            yield
        except Transient as error:
            self._row = 0
            # What was under way at the last cut says nothing about the limit since.
            if error.overloaded and cuts == self._cuts:
                self._shrink()
            raise
        else:
            self._succeeded()
        finally:
            if self._owed:
                self._owed -= 1
            else:
                self._free.release()

    def _shrink(self) -> None:
        fewer = max(1, self.limit // 2)
        self._owed += self.limit - fewer
        self._cuts += 1
        self.limit = fewer
        self.lowest = min(self.lowest, fewer)

    def _succeeded(self) -> None:
        self._row += 1
        if self._row < self.limit or self.limit == self.most:
            return
        self._row = 0
        self.limit += 1
        if self._owed:
            self._owed -= 1
        else:
            self._free.release()


class Rate:
    """Something that may be used up so often a minute, evenly: no burst at the beginning.

    Over any minute at most ``per_minute`` and the last amount taken. 0 is no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may be taken."""
        return max(0.0, self._next - now)

    def take(self, now: float, amount: int) -> None:
        self._next = max(now, self._next) + amount * self._seconds

    def correct(self, amount: int) -> None:
        """What was taken turned out to be so much more, or less."""
        self._next += amount * self._seconds


class Pace:
    """The limits on requests at a time, requests a minute and tokens a minute, together.

    To be used inside one event loop.
    """

    def __init__(self, concurrency: int, requests: int, tokens: int) -> None:
        self.slots = Slots(concurrency)
        self._requests = Rate(requests)
        self._tokens = Rate(tokens)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def request(self, worst: Usage) -> AsyncIterator[None]:
        """Holds the request in its body back until it may be sent."""
        async with self.slots.slot():
            async with self._turn:
                while wait := max(r.wait(time.monotonic()) for r in (self._requests, self._tokens)):
                    # Not all at once: answers that come meanwhile correct the rate of tokens.
                    await asyncio.sleep(min(wait, _POLL_SECONDS))
                self._requests.take(time.monotonic(), 1)
                self._tokens.take(time.monotonic(), _tokens(worst))
            yield

    def used(self, worst: Usage, usage: Usage | None) -> None:
        """What a request really used; ``None`` leaves it at its worst case."""
        if usage is not None:
            self._tokens.correct(_tokens(usage) - _tokens(worst))


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
