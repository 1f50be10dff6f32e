"""Read-ahead: prompts made ready before the server has room for them, in a process of their own.

Looking up and composing take milliseconds of python an issue, or tens of them where a text must be
encoded; in this process they would stand between an answer and the next request. The process is
:mod:`coder.proposers.chat.read_ahead_worker`.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from coder.errors import CoderError, ModelError
from coder.proposers.chat.strategy import Prepared
from coder.records import Codebook, Example, Issue
from coder.study import Study

T_co = TypeVar("T_co", covariant=True)

BATCH = 16
"""Issues looked up together."""
LEAST = 200
"""Issues from which on a process is worth the seconds that it takes to start."""
PROCESSES = 2
"""Each encodes with its share of the processors, in threads that do not wait for each other."""
LONG_SECONDS = 10.0
_POLL_SECONDS = 0.5


class Setup(NamedTuple):
    """What the process makes its strategy of."""

    study: Study
    codebook: Codebook
    examples: Sequence[Example]
    compatible: bool
    share: tuple[int, int] = (0, 1)
    """Which process of how many: each encodes its share of the labelled issues."""


class Source(Protocol[T_co]):
    """Gives one thing after the other, each as soon as it is ready."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        ...

    def take(self) -> T_co | None:
        """The next one, if it is ready."""
        ...

    def wait(self) -> None:
        """Block until another one is ready or nothing more will come; not against Ctrl-C."""
        ...


class AtOnce(Source[T_co]):
    """What an iterator gives, made when it is taken."""

    def __init__(self, items: Iterator[T_co]) -> None:
        self._items = items
        self._next: T_co | None = next(items, None)

    @property
    def has_ended(self) -> bool:
        return self._next is None

    def take(self) -> T_co | None:
        item, self._next = self._next, None
        if item is not None:
            self._next = next(self._items, None)
        return item

    def wait(self) -> None:
        """Whatever there is can be taken now."""


class HeldUp:
    """How long the server has waited for prompts, of the time since the first of them."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._began = monotonic()

    @contextmanager
    def counting(self, is_idle: bool) -> Iterator[None]:
        """Count the time inside, if the server could do with more requests."""
        began = monotonic()
        try:
            yield
        finally:
            self._waited += is_idle * (monotonic() - began)

    @property
    def is_long(self) -> bool:
        """Whether that is most of the time, of ten seconds or more."""
        taken = monotonic() - self._began
        return taken > LONG_SECONDS and self._waited > taken / 2


class ReadAhead(Source[tuple[Issue, T_co]]):
    """Issues, in order, and what ``begin`` makes of each with what was prepared for it. A context
    manager.

    At most ``most`` issues and a batch are prepared and not yet taken. ``wake`` is called, from
    threads of its own, each time that more may be taken. What goes wrong in a process comes out of
    :meth:`take`.
    """

    def __init__(
        self,
        setup: Setup,
        issues: Iterable[Issue],
        most: int,
        wake: Callable[[], None],
        begin: Callable[[Issue, Prepared], T_co],
        processes: int = PROCESSES,
    ) -> None:
        self._begin = begin
        self._issues = iter(issues)
        self._sent: deque[tuple[Sequence[Issue], Worker]] = deque()
        self._ready: deque[tuple[Issue, Prepared]] = deque()
        self._batches = max(2 * processes, -(-most // BATCH))
        shares = ((number, processes) for number in range(processes))
        self._workers = [Worker(setup._replace(share=share), wake) for share in shares]
        self._turns = cycle(self._workers)

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        for _ in range(self._batches):
            self._send_batch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.stop()

    @property
    def has_ended(self) -> bool:
        return not (self._sent or self._ready)

    def take(self) -> tuple[Issue, T_co] | None:
        if not self._ready:
            self._fetch(0)
        if not self._ready:
            return None
        issue, prepared = self._ready.popleft()
        return issue, self._begin(issue, prepared)

    def wait(self) -> None:
        while not (self._ready or self.has_ended):
            self._fetch(_POLL_SECONDS)

    def _fetch(self, seconds: float) -> None:
        if not self._sent:
            return
        issues, worker = self._sent[0]
        came = worker.receive(seconds)
        if came is not None:
            self._sent.popleft()
            self._ready.extend(zip(issues, came, strict=True))
            self._send_batch()

    def _send_batch(self) -> None:
        if batch := list(islice(self._issues, BATCH)):
            worker = next(self._turns)
            self._sent.append((batch, worker))
            worker.send(batch)


class Worker:
    """One process that prepares batches, in the order they are sent in."""

    def __init__(self, setup: Setup, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._out.put(tuple(setup))
        self._came: queue.SimpleQueue[list[Prepared] | CoderError | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name="coder-read-ahead", daemon=True)
            for work in (self._read, self._write)
        ]

    def start(self) -> None:
        # Not multiprocessing, whose children look for modules in the current folder, which is a
        # study and may be anybody's; and a Ctrl-C in the terminal must not reach it.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "coder.proposers.chat.read_ahead_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._out.put(None)
        self.process.kill()
        # Both end now that nobody is at the other end of the pipes.
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        self.process.wait()

    def send(self, batch: Sequence[Issue]) -> None:
        self._out.put(batch)

    def receive(self, seconds: float) -> list[Prepared] | None:
        """What was prepared for the next batch, if it comes within so many seconds."""
        try:
            came = self._came.get(seconds > 0, seconds)
        except queue.Empty:
            return None
        if isinstance(came, CoderError):
            raise came
        if came is None:
            raise ModelError(
                f"the process that makes prompts ready has ended (exit code {self.process.wait()})",
                "free some memory and run the same command again",
            )
        return came

    def _write(self) -> None:
        """Not on the caller's thread: the process reads a batch when it is done with the last."""
        assert self.process.stdin is not None
        # What it said before it ended, or that it has, is read in its turn.
        with suppress(OSError, ValueError):
            while (value := self._out.get()) is not None:
                pickle.dump(value, self.process.stdin, pickle.HIGHEST_PROTOCOL)
                self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                self._came.put(pickle.load(self.process.stdout))
                self._wake()
        except (EOFError, OSError, pickle.UnpicklingError, ValueError):
            self._came.put(None)
            self._wake()
