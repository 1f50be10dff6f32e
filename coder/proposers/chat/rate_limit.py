"""Client-side rate limiting: adaptive (AIMD) concurrency, requests and tokens a minute, one clock.

A request holds its slot from the moment it leaves until its answer is there, and no longer: the
work before and after that must not keep a place at the server empty. langchain's rate limiter
counts requests only; tokens need a worst case that is corrected later, so one small clock serves
both.

Stragglers, requests so much slower than their fellows, are given up and asked again: a server that
loses a request in silence would else keep its place for the whole time limit. One that has become
slow for all must not be asked twice for it, so a request is only ever compared with those that were
sent after it and answered before it; or, where most places are empty, with the last ones, as the
server has room then.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from statistics import median

from coder.proposers.budget import Account
from coder.proposers.chat.failures import Straggling
from coder.records import Usage

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


_LOOK_SECONDS = 1.0

CONNECT_SECONDS = 15.0
"""A server that takes longer to be connected to is not there; an answer may take far longer."""


class Outdated(Exception):
    """What others were answered meanwhile has shown that this request must be put otherwise."""


class RequestSlot:
    """The way to the server for one request of one account."""

    def __init__(
        self,
        pace: RateLimit,
        account: Account,
        seconds: float,
        size: int,
        outdated: Callable[[], bool],
        next_first: bool,
    ) -> None:
        """``seconds`` is the time limit for the answer; waiting for one's turn is not in it.
        ``size`` is the number of characters asked about, without what is the same for all."""
        self.next_first = next_first
        """Whether the next request may leave before the answer to this one has been read: where
        many answers come at once, the places at the server would stand empty meanwhile."""
        self._pace = pace
        self._account = account
        self._seconds = seconds
        self._size = size
        self._outdated = outdated
        self.on_the_wire = False
        """Whether anything of the request may have reached the server."""
        self._sent: float | None = None
        self._took = 0.0
        self._given_up = False

    @property
    def passed(self) -> bool:
        """Whether the request has left; before that it has used nothing."""
        return self._sent is not None

    def answered(self) -> None:
        """To be told when the answer could be used: others are measured by it."""
        assert self._sent is not None
        self._pace.slots.answered()
        self._pace.stragglers.answered(self._sent, self._took, self._size)

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Held while the request is on the wire. Raises ``Outdated``, ``LimitReached``,
        ``TimeoutError`` and ``Straggling``."""
        assert self._sent is None, "one request, counted and paid for once"
        async with self._pace.slots.slot(again=self._account.attempts > 0):
            if self._outdated():
                raise Outdated
            async with self._pace.turn(self._account.worst):
                await self._account.reserve()
            self.on_the_wire = True
            loop = asyncio.get_running_loop()
            self._sent = loop.time()
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    self._looking = loop.call_later(SOONEST, self._look, limit)
                    yield
            except TimeoutError:
                if self._given_up:
                    raise Straggling("it took far longer than the others", lost=True) from None
                raise
            finally:
                self._looking.cancel()
                self._took = loop.time() - self._sent

    def _look(self, limit: asyncio.Timeout) -> None:
        """Gives the request up if it is a straggler, else looks again later."""
        if limit.expired():
            return
        assert self._sent is not None
        loop, before = asyncio.get_running_loop(), self._account.given_up
        half_empty = self._pace.slots.half_empty
        patience = self._pace.stragglers.patience(self._sent, self._size, before, half_empty)
        if loop.time() - self._sent < patience:
            self._looking = loop.call_later(_LOOK_SECONDS, self._look, limit)
            return
        self._given_up = True
        self._account.given_up += 1
        self._pace.stragglers.given_up += 1
        limit.reschedule(loop.time())


CURRENT: ContextVar[RequestSlot] = ContextVar("gate")
"""The gate for the request that is being made: between it and the wire lies a vendor's client."""
