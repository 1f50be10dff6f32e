"""Full-screen commands in pseudo-terminals: keys in, what was drawn out, and what the terminal is
left in.

Each command runs in a process of its own, forked from one that has already imported it.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import multiprocessing
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

WAIT = 30.0
STYLE = re.compile(rb"\x1b\[[0-9;:]*m")
ELSEWHERE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
MODES = (1049, 1000, 1003, 1015, 1006, 1004, 2004)
"""Alternate screen, four of the mouse, focus, bracketed paste."""


@functools.cache
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["coder.__main__", "coder.cli.screen.review", "coder.cli.screen.adjudicate", "coder.study"]
    )
    return context


class Screen:
    """A command on a terminal of its own."""

    def __init__(
        self,
        study: Path,
        *command: str,
        size: tuple[int, int] = (100, 30),
        before: Callable[[], None] = bool,
    ) -> None:
        """``before`` is called in the new process, ahead of the command."""
        self._ours, self._theirs = pty.openpty()
        columns, lines = size
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._before = termios.tcgetattr(self._theirs)
        self.raw = b""
        self.process: BaseProcess = forks().Process(
            target=_command, args=(str(study), os.ttyname(self._theirs), command, before)
        )
        self.process.start()

    @property
    def text(self) -> str:
        """All that was ever drawn, without how."""
        return ELSEWHERE.sub(b"\n", STYLE.sub(b"", self.raw)).decode(errors="replace")

    def keys(self, keys: str) -> None:
        """All of ``keys`` in one piece."""
        os.write(self._ours, keys.encode())

    def see(self, *words: str, after: int = 0) -> None:
        """Wait until ``words`` were drawn, from the character ``after`` of the text on."""
        self.until(lambda: all(word in self.text[after:] for word in words))

    def until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT
        while not holds():
            assert time.monotonic() < until, f"it did not come; what was drawn:\n{self.text}"
            self._read(0.05)

    def pause(self) -> None:
        """Give it time to draw."""
        self._read(0.3)

    def end(self, how: int) -> int:
        """Send a signal, or close the terminal (0), and wait; the exit code."""
        if how:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid or 0, how)
        else:
            self._read(0)
            os.close(self._ours)
            self._ours = -1
        return self.wait()

    def wait(self) -> int:
        """The exit code of a command that ends by itself."""
        until = time.monotonic() + WAIT
        while self.process.exitcode is None and time.monotonic() < until:
            self._read(0.02)
        assert self.process.exitcode is not None, "it has not ended"
        self._read(0)
        return self.process.exitcode

    def left_as_found(self) -> None:
        """Assert that the terminal is as it was before."""
        for mode in MODES:
            switched = re.findall(rb"\x1b\[\?%d([hl])" % mode, self.raw)
            assert switched and switched[-1] == b"l", f"mode {mode} is left on"
        assert re.findall(rb"\x1b\[\?25([hl])", self.raw)[-1] == b"h", "the cursor is hidden"
        assert self.raw.count(b"\x1b[<u") >= len(re.findall(rb"\x1b\[>\d+u", self.raw))
        assert termios.tcgetattr(self._theirs) == self._before

    def close(self) -> None:
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        for end in (self._ours, self._theirs):
            if end >= 0:
                os.close(end)

    def _read(self, seconds: float) -> None:
        if self._ours < 0:
            time.sleep(seconds)
            return
        while select.select([self._ours], [], [], seconds)[0]:
            self.raw += os.read(self._ours, 65536)
            seconds = 0


def _command(
    study: str, terminal: str, command: tuple[str, ...], before: Callable[[], None]
) -> None:
    os.setsid()
    tty = os.open(terminal, os.O_RDWR)  # the controlling one from now on
    for stream in (0, 1, 2):
        os.dup2(tty, stream)
    os.close(tty)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    for name in ("COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_THEME"):
        os.environ.pop(name, None)
    os.environ["TERM"] = "xterm-256color"
    os.chdir(study)
    from coder.__main__ import run

    before()
    sys.exit(run(list(command)))
