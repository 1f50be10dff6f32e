"""The lines of a text file, counted; a row that is too long is passed over and never held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

LARGEST_ROW = 16 << 20
"""Characters of the longest row that is read, over all of its lines."""

_CHUNK = 1 << 16


class RowTooLong(Exception):
    """The row that begins here is longer than ``LARGEST_ROW``; the line it is so in is passed."""

    def __init__(self) -> None:
        super().__init__(f"more than {LARGEST_ROW:,} characters")


class Lines(Iterator[str]):
    """The lines of ``text``, of which ``number`` were read; raises ``RowTooLong`` and goes on."""

    def __init__(self, text: TextIO) -> None:
        self.number = 0
        self._text = text
        self._room = LARGEST_ROW

    def begin_row(self) -> None:
        """The next line is the first one of a row."""
        self._room = LARGEST_ROW

    def __next__(self) -> str:
        line = self._text.readline(self._room + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > self._room:
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(_CHUNK)
            raise RowTooLong
        self._room -= len(line)
        return line
