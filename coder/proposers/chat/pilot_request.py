"""A pilot request: what the first one is told decides how all others are asked, or that none is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SECONDS = 3.0
"""So long the others wait for the pilot at most: a refusal comes at once, an answer may not."""


class Pilot:
    """Lets one question at a time go, until one has been answered or has taken ``SECONDS``; from
    then on all. To be used inside one event loop."""

    def __init__(self) -> None:
        self._everyone = False
        self._under_way = False
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a question may be asked; left by an exception, it was not answered."""
        while self._under_way and not self._everyone:
            await self._changed.wait()
        if self._everyone:
            yield
            return
        self._under_way = True
        self._changed.clear()
        timer = asyncio.get_running_loop().call_later(SECONDS, self.let_everyone_go)
        try:
            yield
            self.let_everyone_go()
        finally:
            timer.cancel()
            self._under_way = False
            self._changed.set()

    def let_everyone_go(self) -> None:
        self._everyone = True
        self._changed.set()
