"""How fast a server is asked: fewer requests at a time when it is overloaded, so many a minute.

langchain's rate limiter counts requests only; tokens need a worst case that is corrected later, so
one small clock serves both.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.proposers.chat.stragglers import Stragglers
from coder.records import Usage

_POLL_SECONDS = 0.1
_ANSWERS_FOR_A_SLOT = 4
_BY_CHANCE = 5
"""So many refusals with no answer between them, or as many as there are slots, are no chance."""
_LAST_SLOT_PAUSE = 1.0
"""Seconds between two requests when even one at a time is refused."""


class Slots:
    """How many requests may be under way: one fewer for each that is refused, one more for every
    four that are answered, and for every one once as many in a row as there are slots were.

    So overload is a rate: more refusals than one in five bring the limit down for as long as they
    last, fewer leave it where it is, whatever it is. (Halved at each of them, as TCP does it, it
    would stay at a handful wherever some requests in a hundred are refused by chance.) A server
    that takes so many at a time and refuses the rest at once is left as many as it takes.
    """

    def __init__(self, most: int) -> None:
        self.lowest = self._most = most
        self._limit = float(most)
        self._held = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._answered_in_a_row = 0
        self._refused_in_a_row = 0
        self._opening: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        return math.ceil(self._limit)

    @property
    def half_empty(self) -> bool:
        """Nobody waits, and twice as many requests could be under way."""
        return not self._line and 2 * self._held <= self.limit

    @asynccontextmanager
    async def slot(self, again: bool = False) -> AsyncIterator[None]:
        """Waits for a slot and holds it.

        What is asked ``again`` goes before all that was not asked yet: what it is told decides how
        they are asked.
        """
        while not self._free or (self._line and not again):
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
        self._call_next()
        try:
            yield
        finally:
            self._held -= 1
            self._call_next()

    def answered(self) -> None:
        """A request was answered. That is known, and told, after its slot was given back."""
        self._refused_in_a_row = 0
        if self._opening:
            # What comes in meanwhile says nothing about how many can be under way at once.
            return
        self._answered_in_a_row += 1
        undisturbed = self._answered_in_a_row > max(self.limit, _ANSWERS_FOR_A_SLOT)
        gain = 1 if undisturbed else 1 / _ANSWERS_FOR_A_SLOT
        self._limit = min(self._most, self._limit + gain)
        self._call_next()

    def refused(self, retry_after: float | None) -> None:
        """A server that has more to do than it can did not take a request. ``retry_after`` is the
        seconds it asks to be left alone, if it said so: for all of them when it refuses one after
        the other."""
        self._answered_in_a_row = 0
        self._refused_in_a_row += 1
        self._limit = max(1 / _ANSWERS_FOR_A_SLOT, self._limit - 1)
        self.lowest = min(self.lowest, self.limit)
        if self._refused_in_a_row >= min(self._most, _BY_CHANCE):
            pause = _LAST_SLOT_PAUSE if self.limit == 1 else 0.0
            self._close_for(pause if retry_after is None else retry_after)

    def _close_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self._opening:
            until = max(until, self._opening.when())
            self._opening.cancel()
        self._opening = loop.call_at(until, self._open)

    def _open(self) -> None:
        self._opening = None
        self._call_next()

    @property
    def _free(self) -> bool:
        return self._opening is None and self._held < self.limit

    def _call_next(self) -> None:
        while self._line and self._free:
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


class RateLimit:
    """The limits on requests at a time, requests a minute and tokens a minute, together.

    To be used inside one event loop.
    """

    def __init__(self, concurrency: int, requests: int, tokens: int) -> None:
        self.slots = Slots(concurrency)
        self.stragglers = Stragglers()
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
