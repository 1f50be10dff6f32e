"""Opens an input file whatever it is packed in, and tells by looking at it what kind it is.

JSON, tables, spreadsheets and Parquet are read; archives and databases are refused with what to do.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from coder.errors import InputError, UsageError
from coder.files.reading import unreadable
from coder.sources.json_and_csv import HEADER_WITHIN, read_json_lines, read_json_values, read_table
from coder.sources.rows import Row, SetAside
from coder.sources.sheets import read_parquet, read_xlsx

_PEEK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_COMMENTS = re.compile(r"(?:[ \t]*(?://|#)[^\n]*\n)+(?=\s*[\[{])")
"""Lines before the JSON itself, as hand-made files have them."""
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}")
_ACCENTED = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff](?![\x80-\xff])|[\xc0-\xff](?=[a-z])")
"""A letter of Windows-1252 in a word."""
_JSON = re.compile(r"\s*(\{|\[\s*[\[{\]])")
_STREAMED = re.compile(r"\[|\{\s*$")
_DELIMITERS = (",", "\t", ";")


class Source:
    """An opened input file; get one from :func:`opened`."""

    def __init__(self, path: Path, raw: io.FileIO, encoding: str) -> None:
        self.path = path
        self._encoding = encoding
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
            raise unreadable(self.path, error) from error

    def kind(self) -> str:
        """What its rows are written as: ``a CSV``, ``a TSV``, ``JSON``; empty when that cannot be
        told. ``InputError`` when it is no file of rows at all."""
        try:
            peeked = self._stream.peek(_PEEK)
        except (EOFError, zlib.error, OSError):
            return ""
        if _binary(peeked):
            return "a Parquet file" if peeked.startswith(b"PAR1") else "an Excel file"
        self._refuse_other_kinds(peeked)
        head = peeked.removeprefix(_BOM).decode(self._encoding or "utf-8", "replace")
        if _JSON.match(head):
            return "JSON"
        delimiter = _delimiter(head)
        if self.path.suffix.lower() == ".tsv" or delimiter == "\t":
            return "a TSV"
        return "a CSV" if self.path.suffix.lower() == ".csv" or delimiter else ""

    def _read(self) -> Iterator[Row | SetAside]:
        name = str(self.path)
        peeked = self._stream.peek(_PEEK)
        if binary := _binary(peeked):
            yield from binary(self.path)
            return
        self._refuse_other_kinds(peeked)
        head = peeked.removeprefix(_BOM).decode(self._encoding or "utf-8", "replace")
        suffixes = [s.lower() for s in self.path.suffixes if s.lower() != ".gz"]
        suffix = suffixes[-1] if suffixes else ""
        if not head:
            return
        comments = _COMMENTS.match(head)
        start = head[comments.end() :] if comments else head
        if _JSON.match(start) or suffix in (".json", ".jsonl", ".ndjson"):
            header = start.lstrip().split("\n", 1)[0]
            reader = read_json_values if _STREAMED.match(header) else read_json_lines
            before = comments.group().count("\n") if comments else 0
            with self._text(newline="\n") as text:
                for _ in range(before):
                    text.readline()
                yield from reader(text, name, before)
            return
        delimiter = _delimiter(head)
        if delimiter is None and suffix not in (".csv", ".tsv"):
            raise InputError(
                f"{self.path} is neither JSON, JSON Lines, CSV nor TSV",
                "the first line of a table names its columns; JSON starts with { or [",
            )
        with self._text(newline="") as text:
            yield from read_table(text, name, delimiter or ",")

    def _text(self, newline: str) -> io.TextIOWrapper:
        # surrogateescape turns bytes that are not of the encoding into lone surrogates, which the
        # cells replace and count like any other: one path for all broken characters.
        encoding = self._encoding or "utf-8-sig"
        return io.TextIOWrapper(
            self._stream, encoding=encoding, errors="surrogateescape", newline=newline
        )

    def _refuse_other_kinds(self, head: bytes) -> None:
        if other := other_kind(head):
            kind, hint = other
            raise InputError(f"{self.path} is {kind}", hint)
        if not self._encoding and (found := _other_encoding(head)):
            kind, encoding = found
            raise InputError(f"{self.path} is {kind}, not UTF-8", f"add: --encoding {encoding}")


def _binary(head: bytes) -> Callable[[Path], Iterator[Row | SetAside]] | None:
    """What reads a spreadsheet or a Parquet file, by its first bytes."""
    if head.startswith(b"PAR1"):
        return read_parquet
    other = other_kind(head)
    return read_xlsx if other is not None and other[0] == "an Excel file" else None


def _other_encoding(head: bytes) -> tuple[str, str] | None:
    """What a file is written in that is not UTF-8, in words and as ``--encoding`` takes it."""
    if head.startswith(_UTF16):
        return "UTF-16", "utf-16"
    if 3 * head[1::2].count(0) > len(head[1::2]):
        return "UTF-16 without a byte-order mark", "utf-16-le"
    if 3 * head[::2].count(0) > len(head[::2]) > 0:
        return "UTF-16 without a byte-order mark", "utf-16-be"
    # Bytes that are broken, and no letters of words, are replaced and counted instead.
    if _ACCENTED.search(head) and not _MULTIBYTE.search(head):
        return "probably Windows-1252", "cp1252"
    return None


@contextlib.contextmanager
def opened(path: Path, encoding: str = "") -> Iterator[Source]:
    """``path`` opened for reading; ``encoding`` is UTF-8 unless one is named. ``InputError`` when
    it is missing or unreadable, ``UsageError`` when there is no such encoding."""
    _check_encoding(encoding)
    try:
        raw = io.FileIO(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with raw:
        try:
            source = Source(path, raw, encoding)
        except OSError as error:
            raise unreadable(path, error) from error
        yield source


def _check_encoding(name: str) -> None:
    try:
        "".encode(name or "utf-8")
    except (LookupError, ValueError):
        raise UsageError(
            f"there is no encoding {name!r}", "for example: --encoding cp1252, --encoding utf-16"
        ) from None


def _delimiter(head: str) -> str | None:
    """The delimiter that one of the first lines uses most outside quotes, ``None`` without any."""
    lines = re.sub(r'"[^"]*"', "", head).lstrip().split("\n", HEADER_WITHIN)[:HEADER_WITHIN]
    first = lines[0]
    if any(delimiter in first for delimiter in _DELIMITERS):
        lines = [first]
    counts = {d: max(line.count(d) for line in lines) for d in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else None


_EXPORT = "export it as CSV or JSON first"
_UNPACK = "unpack it first, or pack it with gzip instead"
_ARCHIVE = "unpack it, and give the folder: coder import FOLDER -o issues.jsonl"
_MAGIC = {
    b"PAR1": ("a Parquet file", _EXPORT),
    b"ARROW1": ("an Arrow file", _EXPORT),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel file of old", _EXPORT),
    b"SQLite format 3\0": ("an SQLite database", _EXPORT),
    b"\x89HDF\r\n": ("an HDF5 file", _EXPORT),
    b"RDX": ("an R data file", _EXPORT),
    b"X\n\0\0": ("an R data file", _EXPORT),
    b"\x80\x04\x95": ("a pickle of Python's", _EXPORT),
    b"\x80\x05\x95": ("a pickle of Python's", _EXPORT),
    b"%PDF": ("a PDF", _EXPORT),
    b"BZh": ("packed with bzip2", _UNPACK),
    b"\xfd7zXZ\0": ("packed with xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _ARCHIVE),
    b"Rar!\x1a": ("a rar archive", _ARCHIVE),
}
_TAR = slice(257, 262)
_HTML = re.compile(rb"\s*<(?:!doctype html|html|head)\b", re.IGNORECASE)


def other_kind(head: bytes) -> tuple[str, str] | None:
    """What a file is that holds no rows of text, by its first bytes, and what to do about it."""
    if head.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in head or b"xl/" in head:
            return "an Excel file", _EXPORT
        if b"opendocument" in head[:200]:
            return "an OpenDocument file", _EXPORT
        return "a zip archive", _ARCHIVE
    if head[_TAR] == b"ustar":
        return "a tar archive", _ARCHIVE
    if _HTML.match(head):
        return (
            "an HTML page, not data",
            "a download that failed looks so; open it in a browser to see what it says",
        )
    return next((found for magic, found in _MAGIC.items() if head.startswith(magic)), None)
