"""Opens an input file whatever it is packed in, and tells JSON from tables by looking at it."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from coder.errors import InputError
from coder.sources.json_rows import read_json_lines, read_json_values
from coder.sources.rows import Row, SetAside
from coder.sources.tables import read_table

_PEEK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BINARY = {b"PK\x03\x04": "a zip or Excel file", b"PAR1": "a Parquet file", b"%PDF": "a PDF"}
_JSON = re.compile(rb"\s*(\{|\[\s*[\[{\]])")
_STREAMED = re.compile(rb"\[|\{\s*$")
_DELIMITERS = (",", "\t", ";")


class Source:
    """An opened input file; get one from :func:`opened`."""

    def __init__(self, path: Path, raw: io.FileIO) -> None:
        self.path = path
        self._raw = raw
        packed: io.BufferedReader = io.BufferedReader(raw, _PEEK)
        # Not wrapped in another buffer: filling one would lose the rows just before a damage.
        self._stream: io.BufferedReader | gzip.GzipFile = (
            gzip.GzipFile(fileobj=packed) if packed.peek(2).startswith(_GZIP) else packed
        )

    @property
    def position(self) -> int:
        """Bytes read so far as they are on disk; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def rows(self) -> Iterator[Row | SetAside]:
        """Every row in file order. ``InputError`` when this is no file of rows at all."""
        line = 0
        try:
            for item in self._read():
                line = item.line
                yield item
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield SetAside(
                file=str(self.path),
                line=line + 1,
                reason="the compressed file is damaged from here on",
                detail=str(error),
            )
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def _read(self) -> Iterator[Row | SetAside]:
        name = str(self.path)
        head = self._stream.peek(_PEEK)
        self._refuse_other_encodings(head)
        head = head.removeprefix(_BOM)
        header = head.lstrip().split(b"\n", 1)[0]
        suffixes = [s.lower() for s in self.path.suffixes if s.lower() != ".gz"]
        suffix = suffixes[-1] if suffixes else ""
        if not head:
            return
        if _JSON.match(head) or suffix in (".json", ".jsonl", ".ndjson"):
            reader = read_json_values if _STREAMED.match(header) else read_json_lines
            with self._text(newline="\n") as text:
                yield from reader(text, name)
            return
        delimiter = _delimiter(header.decode("utf-8", "replace"))
        if delimiter is None and suffix not in (".csv", ".tsv"):
            raise InputError(
                f"{self.path} is neither JSON, JSON Lines, CSV nor TSV",
                "the first line of a table names its columns; JSON starts with { or [",
            )
        with self._text(newline="") as text:
            yield from read_table(text, name, delimiter or ",")

    def _text(self, newline: str) -> io.TextIOWrapper:
        # surrogateescape turns bytes that are not UTF-8 into lone surrogates, which the cells
        # replace and count like any other: one path for all broken characters.
        return io.TextIOWrapper(
            self._stream, encoding="utf-8-sig", errors="surrogateescape", newline=newline
        )

    def _refuse_other_encodings(self, head: bytes) -> None:
        if head.startswith(_UTF16):
            raise InputError(f"{self.path} is UTF-16, not UTF-8", "save it as UTF-8")
        for magic, kind in _BINARY.items():
            if head.startswith(magic):
                raise InputError(f"{self.path} is {kind}", "export it as CSV or JSON first")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Source]:
    """``path`` opened for reading. ``InputError`` when it is missing or unreadable."""
    try:
        raw = io.FileIO(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    with raw:
        try:
            source = Source(path, raw)
        except OSError as error:
            raise _unreadable(path, error) from error
        yield source


def _delimiter(header: str) -> str | None:
    """The delimiter the header line uses most outside quotes, or ``None`` without any."""
    bare = re.sub(r'"[^"]*"', "", header)
    best = max(_DELIMITERS, key=bare.count)
    return best if best in bare else None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot read {path}: {error.strerror or error}", "check the path and its permissions"
    )
