"""Textual's driver for a terminal that may go away while it is drawn on."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message


class TerminalDriver(LinuxDriver):
    """Tells its app when the terminal has gone: not everybody gets a signal then."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._file: Any = _Output(self._file)
        self._hang_up = app.hang_up
        threading.Thread(target=self._watch, name="terminal-watch", daemon=True).start()

    def run_input_thread(self) -> None:
        vars(linux_driver)["XTermParser"] = _OneTime  # made in there, by that name
        super().run_input_thread()

    def _watch(self) -> None:
        terminal = select.poll()
        terminal.register(self.fileno, 0)  # that it has gone is told unasked
        if any(event & select.POLLHUP for _, event in terminal.poll()):
            self._hang_up()


class _OneTime(XTermParser):
    """Gives keys that were read together the time at which they were. By a time of their own the
    last of them could be later than what the first one did, and be taken for an answer to it."""

    def feed(self, data: str) -> Iterable[Message]:
        read = events.Event().time
        for message in super().feed(data):
            message.time = read
            yield message


class _Output:
    """What the screen is drawn on. Without this the thread that draws would die with the terminal,
    and the app would wait for it for ever."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with self._while_there():
            self._file.write(text)

    def flush(self) -> None:
        with self._while_there():
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    @contextlib.contextmanager
    def _while_there(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # What is still to be written, by anybody, goes nowhere: Python's last flush, too.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for output in (1, 2):
                os.dup2(nowhere, output)
            os.close(nowhere)
