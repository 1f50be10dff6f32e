"""JSON Lines and JSON lists -> rows, in constant memory, past whatever is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from coder.sources.envelopes import unwrapped
from coder.sources.lines import LARGEST_ROW, Lines, RowTooLong
from coder.sources.rows import TOO_LONG, Row, SetAside
from coder.sources.values import kind

NOT_JSON = "not valid JSON"
NOT_OBJECT = "not a JSON object"

_CHUNK = 1 << 18
_BETWEEN = re.compile(r"[ \t\r\n,\[\]]*")
_LONGEST_TOKEN = 64
"""No JSON token but a string or a number is longer; an error this near the end may be a cut."""

_DECODER = json.JSONDecoder(strict=False)  # raw tabs inside strings are common and harmless


def read_json_lines(text: TextIO, file: str, before: int = 0) -> Iterator[Row | SetAside]:
    """One object a line, or several glued together; lines end at ``\\n`` only. A broken line costs
    that line alone. ``before`` is how many lines of the file were read already."""
    lines = Lines(text)
    lines.number = before
    while True:
        lines.begin_row()
        number = lines.number + 1
        try:
            line = next(lines)
        except StopIteration:
            return
        except RowTooLong as error:
            yield SetAside(file=file, line=number, reason=TOO_LONG, detail=str(error))
            continue
        content = line.strip("\ufeff \t\r\n")
        if not content:
            continue
        try:
            values = list(_glued(content))
        except (ValueError, RecursionError) as error:
            detail = _explain(error)
            if isinstance(error, json.JSONDecodeError):
                detail += f", column {error.colno}"
            if not line.endswith("\n"):
                detail = f"the last line, maybe cut off: {detail}"
            yield SetAside(file=file, line=number, reason=NOT_JSON, detail=detail)
        else:
            for value in values:
                yield from _rows(value, file, number)


def _glued(content: str) -> Iterator[Any]:
    """The values on one line, which nothing need separate. ``ValueError`` if one is broken."""
    at = 0
    while at < len(content):
        value, end = _DECODER.raw_decode(content, at)
        if at and not isinstance(value, dict):
            raise json.JSONDecodeError("Extra data", content, at)
        yield value
        at = _BETWEEN.match(content, end).end()  # type: ignore[union-attr]


def read_json_values(text: TextIO, file: str, before: int = 0) -> Iterator[Row | SetAside]:
    """The objects of one list, of nested or of several lists, or several indented objects.

    These are what ``gh issue list --json`` and ``gh api --paginate [--slurp]`` print. Nothing
    marks where an object ends but its own syntax, so reading stops at the first broken one, and
    what is left of the file is set aside as one. ``before`` lines of the file were read already.
    """
    buffer, at, line, open_lists, ended = "", 0, 1 + before, 0, False
    while True:
        start = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]
        between = buffer[at:start]
        open_lists += between.count("[") - between.count("]")
        line += between.count("\n")
        at = start
        if at == len(buffer) and ended:
            break
        try:
            value, end = _DECODER.raw_decode(buffer, at)
        except (ValueError, RecursionError) as error:
            if ended or not _maybe_cut(error, buffer, at):
                detail = f"{_explain(error)}; the rest of the file was not read"
                yield SetAside(file=file, line=line, reason=NOT_JSON, detail=detail)
                return
            # Growing by what is there already keeps re-reading one huge object linear.
            more = text.read(max(_CHUNK, len(buffer) - at))
            buffer, at, ended = buffer[at:] + more, 0, not more
            continue
        yield from _rows(value, file, line)
        line += buffer.count("\n", at, end)
        at = end
    if open_lists > 0:
        detail = "the list is never closed: rows may be missing"
        yield SetAside(file=file, line=line, reason=NOT_JSON, detail=detail)


def _rows(value: Any, file: str, line: int) -> Iterator[Row | SetAside]:
    if isinstance(value, dict):
        yield from (Row(file, line, found) for found in unwrapped(value))
    else:
        yield SetAside(file=file, line=line, reason=NOT_OBJECT, detail=f"found {kind(value)}")


def _maybe_cut(error: Exception, buffer: str, at: int) -> bool:
    """Whether more input could still make sense of what stands at ``at``."""
    if len(buffer) - at > LARGEST_ROW or not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos > len(buffer) - _LONGEST_TOKEN


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
