"""How fast a server is asked: fewer requests at a time when it is overloaded, so many a minute.

langchain's rate limiter counts requests only; tokens need a worst case that is corrected later, so
one small clock serves both.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.records import Usage

_POLL_SECONDS = 0.1


class Slots:
    """How many requests may be under way: half as many after an overload, then one more each time
    as many as that have succeeded in a row (additive increase, multiplicative decrease)."""

    def __init__(self, most: int) -> None:
        self.limit = self.lowest = self.most = most
        self._held = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._row = 0
        self._cuts = 0

    @asynccontextmanager
    async def slot(self, again: bool = False) -> AsyncIterator[int]:
        """Waits for a slot and holds it; what it gives is to be told with a failure.

        What is asked ``again`` goes before all that was not asked yet: what it is told decides how
        they are asked.
        """
        while self._held >= self.limit or (self._line and not again):
            turn = asyncio.get_running_loop().create_future()
            (self._line.appendleft if again else self._line.append)(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn in self._line:
                    self._line.remove(turn)
                else:
                    self._call_next()
                raise
            again = True
        self._held += 1
        try:
            yield self._cuts
        finally:
            self._held -= 1
            self._call_next()

    def succeeded(self) -> None:
        """A request was answered."""
        self._row += 1
        if self._row < self.limit or self.limit == self.most:
            return
        self._row = 0
        self.limit += 1
        self._call_next()

    def failed(self, overloaded: bool, cuts: int) -> None:
        """A request got no answer that can be used. That is known, and told, after its slot was
        given back; ``cuts`` is what that slot gave."""
        self._row = 0
        # What was under way at the last cut says nothing about the limit since.
        if overloaded and cuts == self._cuts:
            self._cuts += 1
            self.limit = max(1, self.limit // 2)
            self.lowest = min(self.lowest, self.limit)

    def _call_next(self) -> None:
        while self._line and self._held < self.limit:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return


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
    async def turn(self, worst: Usage) -> AsyncIterator[None]:
        """Waits until a request may be sent by the rates, to be entered while a slot is held. One
        is in it at a time, in order, whatever else its request may have to wait for."""
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
