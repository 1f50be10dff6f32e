"""An event loop whose clock jumps to whatever is due next: an hour of waiting takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class VirtualTime(asyncio.SelectorEventLoop):
    """For what waits for time alone: nobody outside is heard."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        selector = self._selector  # type: ignore[attr-defined]
        listen = selector.select

        def jump(timeout: float | None) -> object:
            assert timeout is not None, "everybody waits for somebody else"
            self._now += timeout
            return listen(0)

        selector.select = jump

    def time(self) -> float:
        return self._now


def run(main: Coroutine[object, object, T]) -> T:
    """What ``main`` comes to; an error if it would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        return runner.run(main)
