"""Files that are no rows of text, told by their first bytes, with what to do about each."""

from __future__ import annotations

import re

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
