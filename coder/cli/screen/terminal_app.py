"""A full-screen app that gives the terminal back however it ends, and tells why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.theme import Theme

from coder.errors import CoderError, Stopped

WIDE = 110
"""From this many columns on, the issue and what is said of it stand side by side."""

THEME = Theme(
    name="coder",
    dark=True,
    primary="#7aa2f7",
    secondary="#9fb3c8",
    accent="#e0af68",
    success="#9ece6a",
    warning="#e5c07b",
    error="#f7768e",
    foreground="#d5d9e0",
    background="#15171c",
    surface="#1b1e25",
    panel="#262a33",
)

STOPS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class TerminalApp(App[None]):
    """What the screens have in common: their look, and their end."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "interrupt", priority=True)]

    def __init__(self) -> None:
        # Textual chooses how to leave out colours here, before a theme can be set.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.failure: Exception | None = None
        self.stopped_by: int | None = None
        """The signal that asked for the end; Ctrl-C is one, too."""
        self._loop_here: asyncio.AbstractEventLoop | None = None
        self._uncovered = 0.0
        """When the last dialog went, by the clock of the keys."""

    def run_in_terminal(self) -> None:
        """Run until the person quits. Raises ``Stopped`` after a signal or Ctrl-C, and
        ``CoderError`` for whatever else ended it."""
        with self._signals_caught():
            try:
                self.run()
            except Exception as error:
                self.failure = self.failure or error
        if self.stopped_by is not None:
            raise Stopped(self.stopped_by)
        if self.failure is not None:
            raise _in_one_line(self.failure) from self.failure

    def on_load(self) -> None:
        self._loop_here = asyncio.get_running_loop()
        if self.stopped_by is not None:
            self.exit()

    def choose_theme(self) -> None:
        if self.no_color or self.console.color_system in ("standard", "windows"):
            # With no more than sixteen colours only the terminal's own are sure to be readable.
            self.theme = "ansi-dark"
        elif "TEXTUAL_THEME" not in os.environ:
            self.register_theme(THEME)
            self.theme = THEME.name

    def pop_screen(self) -> AwaitComplete:
        self._uncovered = events.Event().time
        return super().pop_screen()

    async def on_event(self, event: events.Event) -> None:
        typed = isinstance(event, events.InputEvent | events.Paste)
        if not (typed and self._misdirected(event)):
            await super().on_event(event)

    def _misdirected(self, event: events.Event) -> bool:
        """Whether it was typed at a dialog that has gone since, or at a screen that is ending."""
        interrupts = isinstance(event, events.Key) and event.key == "ctrl+c"
        early = event.time <= self._uncovered and not interrupts
        return early or self._exit or not self.is_running

    # --- the end --------------------------------------------------------------------------------

    def fail(self, error: CoderError) -> None:
        """End because of ``error``, such as an answer that cannot be stored."""
        self.failure = error
        self.exit()

    def action_interrupt(self) -> None:
        self.stop(signal.SIGINT)

    def stop(self, by: int) -> None:
        self.stopped_by = self.stopped_by or by
        self.exit()

    def hang_up(self) -> None:
        """End because the terminal has gone; may be called by any thread."""
        self._from_outside(signal.SIGHUP if hasattr(signal, "SIGHUP") else signal.SIGTERM)

    def _from_outside(self, by: int) -> None:
        if self._loop_here is None:
            self.stopped_by = by
        else:
            with contextlib.suppress(RuntimeError):  # closed: it has ended already
                self._loop_here.call_soon_threadsafe(self.stop, by)

    @contextlib.contextmanager
    def _signals_caught(self) -> Iterator[None]:
        def caught(number: int, _: FrameType | None) -> None:
            # The next one ends the process at once, should the screen be stuck.
            signal.signal(number, signal.SIG_DFL)
            self._from_outside(number)

        # Not the loop's own handlers: these come through while a terminal that does not read on
        # holds up the loop.
        before = {number: signal.signal(number, caught) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or error
        super()._handle_exception(error)
        self._exit_renderables.clear()  # every local variable, texts of issues among them

    def panic(self, *renderables: Any) -> None:
        """Textual's way out where it has only text to tell, as when it cannot read the keys."""
        self.failure = self.failure or RuntimeError("the terminal could not be used")
        super().panic(*renderables)
        self._exit_renderables.clear()

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if sys.platform != "win32":
            from textual.drivers.linux_driver import LinuxDriver

            if found is LinuxDriver:
                from coder.cli.screen.driver import TerminalDriver

                return TerminalDriver
        return found


def _in_one_line(error: Exception) -> CoderError:
    """What to tell of an error: a bug by the place in this package that it came by."""
    if isinstance(error, CoderError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    here = str(Path(__file__).parents[2])
    ours = [frame for frame in frames if frame.filename.startswith(here)]
    last = next(reversed(ours or frames), None)
    place = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    what = " ".join(str(error).split())[:200]
    return CoderError(
        f"the screen broke down ({type(error).__name__}{place}: {what})",
        "every answer that it took is kept; run the same command again to go on, "
        "and please report the line above",
    )
