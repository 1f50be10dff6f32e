"""Bounded reading: small text files as a whole, large ones by lines, never more than a set size."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from coder.errors import InputError

LARGEST_TEXT = 4 << 20
"""Bytes of the largest settings file, codebook, prompt, price list or manifest."""
LONGEST_LINE = 128 << 20
"""Bytes of the longest line of a file of records; the largest issue that is imported fits in."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class LineTooLong(Exception):
    """A line is longer than ``LONGEST_LINE``; ``number`` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the line is longer than {LONGEST_LINE >> 20} MiB")
        self.number = number


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark; line ends become ``\\n``.

    Raises ``InputError`` for a file that is missing, larger than ``LARGEST_TEXT`` or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) > LARGEST_TEXT:
        raise InputError(
            f"{path} is larger than {LARGEST_TEXT >> 20} MiB", "check that this is the right file"
        )
    if data.startswith(_UTF16) or b"\0" in data:
        kind = "UTF-16, not UTF-8" if data.startswith(_UTF16) else "not UTF-8 text: it holds NULs"
        raise InputError(f"{path} is {kind}", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 text (byte 0x{data[error.start]:02x})", "save it as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unreadable(path: Path, error: OSError) -> InputError:
    """The error for a file that the system does not let us read."""
    return InputError(
        f"cannot read {path}: {error.strerror or error}", "check the path and its permissions"
    )


def read_toml(path: Path, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The tables of a TOML file, none when it is not there. Raises ``InputError``."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path), parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}", "correct that line") from None
    except RecursionError:
        message = f"{path} is not valid TOML: it is nested too deeply"
        raise InputError(message, "check that this is the right file") from None


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, each with its ``\\n``; the last one may be without.

    Raises ``LineTooLong`` before more than ``LONGEST_LINE`` bytes are held.
    """
    number = 1
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise LineTooLong(number)
        yield line
        number += 1
