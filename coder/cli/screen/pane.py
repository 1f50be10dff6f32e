"""A pane of text that says when there is more of it than is seen."""

from __future__ import annotations

from collections.abc import Iterator

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static


class Pane(VerticalScroll):
    """Holds ``widgets``; its last line says where more is, and with which keys to get there."""

    def __init__(self, *widgets: Widget, keys: str, name: str) -> None:
        super().__init__(id=name)
        self._widgets = widgets
        self._keys = keys

    def compose(self) -> Iterator[Widget]:
        yield from self._widgets
        yield Static(classes="more")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._say()

    def watch_virtual_size(self, _: Size) -> None:
        self.call_after_refresh(self._say)

    def on_resize(self) -> None:
        self.call_after_refresh(self._say)

    def _say(self) -> None:
        if not self.is_mounted:
            return
        line = self.query_one(".more", Static)
        line.display = self.max_scroll_y > 0
        where = ["below"] if round(self.scroll_y) < self.max_scroll_y else []
        where += ["above"] if round(self.scroll_y) > 0 else []
        line.update(f"more {' and '.join(where)}: {self._keys}")
