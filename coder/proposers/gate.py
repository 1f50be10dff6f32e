"""What a request passes on its way to a server: the pace, the caps, the clock.

It is held from the moment a request leaves until its answer is there, and no longer: the work
before and after that must not keep a place at the server empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from coder.proposers.pace import Pace
from coder.proposers.spending import Account

CONNECT_SECONDS = 15.0
"""A server that takes longer to be connected to is not there; an answer may take far longer."""


class Outdated(Exception):
    """What others were answered meanwhile has shown that this request must be put otherwise."""


class Gate:
    """The way to the server for one request of one account."""

    def __init__(
        self,
        pace: Pace,
        account: Account,
        seconds: float,
        outdated: Callable[[], bool],
        next_first: bool,
    ) -> None:
        """``seconds`` is the time limit for the answer; waiting for one's turn is not in it."""
        self.next_first = next_first
        """Whether the next request may leave before the answer to this one has been read: where
        many answers come at once, the places at the server would stand empty meanwhile."""
        self._pace = pace
        self._account = account
        self._seconds = seconds
        self._outdated = outdated
        self.cuts: int | None = None
        """What the slots told when the request left; ``None`` before that, and then it has used
        nothing."""
        self.on_the_wire = False
        """Whether anything of the request may have reached the server."""

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Held while the request is on the wire. Raises ``Outdated``, ``LimitReached`` and
        ``TimeoutError``."""
        assert self.cuts is None, "one request, counted and paid for once"
        async with self._pace.slots.slot(again=self._account.attempts > 0) as cuts:
            if self._outdated():
                raise Outdated
            async with self._pace.turn(self._account.worst):
                await self._account.reserve()
            self.cuts = cuts
            self.on_the_wire = True
            async with asyncio.timeout(self._seconds):
                yield


CURRENT: ContextVar[Gate] = ContextVar("gate")
"""The gate for the request that is being made: between it and the wire lies a vendor's client."""
