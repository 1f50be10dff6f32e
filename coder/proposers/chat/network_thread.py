"""The network on a thread of its own: so many requests made ready, answers as they come.

Everything else (files, prompts, parsing) stays on the caller's thread, so nothing needs a lock.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Generic, Self, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

LOOKAHEAD = 64
"""Requests made ready beyond those that may be in flight, so that no slot waits for the caller.
With one slot there are none: a server that keeps the last prompt is asked all there is about it
first."""
_CLOSING_SECONDS = 5.0
_POLL_SECONDS = 0.5


class NetworkThread(Generic[Q, A]):
    """Answers requests concurrently. A context manager; leaving it drops what is in flight.

    ``connect`` is entered on the network's thread and gives the coroutine function that answers
    one request, and lets as many of them through at a time as it may: all start at once.
    Whatever it raises comes out of :meth:`receive`.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Callable[[Q], Awaitable[A]]]],
        limit: int,
    ) -> None:
        self._connect = connect
        self._limit = limit
        self._done: queue.SimpleQueue[tuple[Q, A | BaseException] | None] = queue.SimpleQueue()
        self._held: list[tuple[Q, A]] = []
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # A daemon: a server that does not let go must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="coder-network", daemon=True)
        self.busy = 0
        """Requests sent whose answer has not been received."""

    def __enter__(self) -> Self:
        self._thread.start()
        failure = self._ready.get()
        if failure is not None:
            raise failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_CLOSING_SECONDS)

    @property
    def room(self) -> bool:
        """Whether another request may be made ready."""
        return self.busy < self._limit + min(self._limit - 1, LOOKAHEAD)

    @property
    def has_idle(self) -> bool:
        """Whether fewer requests are under way than may be."""
        return self.busy < self._limit

    def send(self, request: Q) -> None:
        self.busy += 1
        self._loop.call_soon_threadsafe(self._start, request)

    def wake(self) -> None:
        """Have :meth:`receive` return, though nothing may have been answered. From any thread."""
        self._done.put(None)

    def receive(self) -> list[tuple[Q, A]]:
        """All requests that have been answered, at least one unless it was woken. Blocks, but not
        against Ctrl-C.

        Until :meth:`acknowledge` they count as not received: a Ctrl-C may come in between.
        """
        while not (self._held and self._done.empty()):
            try:
                done = self._done.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if done is None:
                break
            request, answer = done
            if isinstance(answer, BaseException) and self._held:
                # First what was answered before it; it comes out the next time.
                self._done.put((request, answer))
                break
            self.busy -= 1
            if isinstance(answer, BaseException):
                raise answer
            self._held.append((request, answer))
        return self._held

    def acknowledge(self) -> None:
        """The answers received last are safe."""
        self._held = []

    def completed(self) -> list[tuple[Q, A]]:
        """What was answered and not acknowledged, to be saved once the wire is closed."""
        found, self._held = self._held, []
        while not self._done.empty():
            done = self._done.get_nowait()
            if done is not None and not isinstance(done[1], BaseException):
                found.append((done[0], done[1]))
        return found

    def _start(self, request: Q) -> None:
        task = self._loop.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Q) -> None:
        try:
            answer: A | BaseException = await self._ask(request)
        except Exception as error:
            answer = error
        self._done.put((request, answer))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        try:
            async with self._connect() as ask:
                self._ask = ask
                self._ready.put(None)
                await self._stop.wait()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
        except Exception as error:
            self._ready.put(error)
