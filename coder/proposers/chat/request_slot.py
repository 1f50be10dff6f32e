"""What a request passes on its way to a server: the pace, the caps, the clock.

It is held from the moment a request leaves until its answer is there, and no longer: the work
before and after that must not keep a place at the server empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from coder.proposers.budget import Account
from coder.proposers.chat.failures import Straggling
from coder.proposers.chat.rate_limit import RateLimit
from coder.proposers.chat.stragglers import SOONEST

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
