"""JSON and tables (CSV, TSV) -> rows, in constant memory, past whatever is broken.

Issues are found inside what an API or a webhook wraps around them: pages, connections, events,
exports. A row of a table whose cells do not fit its header is set aside, never shifted.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from coder.errors import InputError
from coder.sources.archive_events import is_event
from coder.sources.rows import TOO_LONG, Repeated, Row, SetAside, kind

LARGEST_ROW = 16 << 20
"""Characters of the longest row that is read, over all of its lines."""

_CHUNK_OF_LINE = 1 << 16


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
                line = self._text.readline(_CHUNK_OF_LINE)
            raise RowTooLong
        self._room -= len(line)
        return line


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


SUGGESTED = "suggestion_shown"
"""The column of tasks and rows that came with an answer: what is answered then is not blind."""
_WRAPPERS = ("data", "repository", "project", "search", "result", "results", "response", "payload")
"""Objects that hold no issue themselves, but may hold what does."""
_LISTS = ("nodes", "edges", "items", "issues", "results", "values", "records")
_ISSUE_KEYS = frozenset({"title", "body", "summary", "fields", "code", "label", "accept"})
"""An object with one of these is a row of its own."""
_DEEPEST = 8


def unwrapped(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that an object stands for: itself, unless it is known to be wrapped around others.

    Known are pages of REST searches (``items``), GraphQL connections (``nodes``, ``edges``), Jira's
    ``issues``, the ``issue`` of a webhook or of GH Archive's events, and objects keyed by id.
    """
    return [_as_row(found) for found in _inside(value, 0)]


def lists_inside(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[str]:
    """The paths to lists of objects in a row, for who has to say where its issues are."""
    for key, part in value.items() if depth < _DEEPEST else ():
        if isinstance(part, Mapping):
            yield from lists_inside(part, f"{path}{key}.", depth + 1)
        elif _objects(part):
            yield f"{path}{key}"


def _inside(value: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    if isinstance(value.get("data"), Mapping) and isinstance(value.get("annotations"), list):
        yield from _annotated(value)
        return
    if is_event(value):
        yield value  # what became of its issue, others tell too
        return
    event = value.get("payload") if isinstance(value.get("payload"), Mapping) else value
    issue = event.get("issue") if isinstance(event, Mapping) else None
    if isinstance(issue, Mapping) and not _ISSUE_KEYS.intersection(value):
        yield {**issue, "repo": _repository(value)} if _repository(value) else issue
        return
    if _ISSUE_KEYS.isdisjoint(value) and depth < _DEEPEST:
        for key in _LISTS:
            if _objects(value.get(key)):
                for part in value[key]:
                    node = part.get("node")
                    yield from _inside(node if isinstance(node, Mapping) else part, depth + 1)
                return
        for key in (*_WRAPPERS, "issues"):
            if isinstance(value.get(key), Mapping):
                yield from _inside(value[key], depth + 1)
                return
        if _by_id(value):
            yield from ({"id": key, **part} for key, part in value.items())
            return
    yield value


def _annotated(task: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A task of Label Studio: a row for each annotation, or one without a code."""
    data = task["data"]
    about = {
        "id": data.get("issue_id") or data.get("id") or task.get("id"),
        "url": data.get("url"),
        "title": data.get("title"),
        "body": data.get("text") or data.get("body"),
    }
    given = [one for one in task["annotations"] if isinstance(one, Mapping)]
    for one in [one for one in given if not one.get("was_cancelled")] or [{}]:
        who = one.get("completed_by")
        if isinstance(who, Mapping):
            who = who.get("email") or who.get("username") or who.get("id")
        codes = [
            code
            for result in one.get("result") or ()
            if isinstance(result, Mapping) and isinstance(result.get("value"), Mapping)
            for code in result["value"].get("choices") or ()
        ]
        shown = (
            data.get(SUGGESTED),
            *(task.get(key) for key in ("predictions", "total_predictions")),
        )
        taken = (one.get("parent_prediction"), one.get("prediction"))
        yield {**about, "code": codes or None, "who": who, SUGGESTED: any((*shown, *taken))}


def _repository(event: Mapping[str, Any]) -> str:
    """The repository that a webhook (``full_name``) or GH Archive (``name``) names."""
    for key in ("repository", "repo"):
        named = event.get(key)
        if isinstance(named, Mapping):
            return str(named.get("full_name") or named.get("name") or "")
    return ""


def _by_id(value: Mapping[str, Any]) -> bool:
    parts = list(value.values())
    return bool(parts) and all(
        isinstance(part, Mapping) and not {"title", "body"}.isdisjoint(part) for part in parts
    )


def _objects(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(v, dict) for v in value)


def _as_row(value: Mapping[str, Any]) -> dict[str, Any]:
    """A row by the names that issues go by: those of Jira are brought up out of ``fields``."""
    if _is_discussion(value):
        return _discussion(value)
    fields = value.get("fields")
    if not (isinstance(fields, Mapping) and "summary" in fields):
        return dict(value)
    comments = fields.get("comment")
    writer = fields.get("reporter") or fields.get("creator")
    return {
        "id": value.get("key") or value.get("id"),
        "url": value.get("self"),
        "title": fields.get("summary"),
        "body": _document(fields.get("description")),
        "labels": fields.get("labels"),
        "author": writer,
        "created_at": fields.get("created"),
        "closed_at": fields.get("resolutiondate"),
        "comments": [
            {**comment, "body": _document(comment.get("body"))}
            for comment in (comments or {}).get("comments", ())
            if isinstance(comment, Mapping)
        ],
    }


def _is_discussion(value: Mapping[str, Any]) -> bool:
    """Whether it is a discussion of Hugging Face, whose texts all stand among its events."""
    return "num" in value and not value.get("body") and _objects(value.get("events"))


def _discussion(value: Mapping[str, Any]) -> dict[str, Any]:
    """A discussion as an issue: its first comment is the body, a change of status its closing."""
    said = [one for one in value["events"] if one.get("type") == "comment"]
    texts = [
        {
            "author": one.get("author"),
            "created_at": one.get("created_at") or one.get("createdAt"),
            "body": one.get("content") or _latest(one.get("data")),
        }
        for one in said
    ]
    repo = value.get("repo_id") or value.get("repo")
    changes = [
        {
            "event": {"closed": "closed", "open": "reopened"}.get(
                str(one.get("new_status") or (one.get("data") or {}).get("status"))
            ),
            "created_at": one.get("created_at") or one.get("createdAt"),
            "actor": one.get("author"),
        }
        for one in value["events"]
        if one.get("type") == "status-change"
    ]
    closings = [one["created_at"] for one in changes if one["event"] == "closed"]
    return {
        "repo": repo.get("name") if isinstance(repo, Mapping) else repo,
        "number": value["num"],
        "url": value.get("url"),
        "title": value.get("title"),
        "body": texts[0]["body"] if texts else "",
        "comments": texts[1:],
        "author": value.get("author"),
        "created_at": value.get("created_at") or value.get("createdAt"),
        "closed_at": closings[-1] if closings and value.get("status") == "closed" else None,
        "events": changes,
        "is_pull_request": value.get("is_pull_request") or value.get("isPullRequest") or False,
    }


def _latest(data: Any) -> Any:
    held = data.get("latest") if isinstance(data, Mapping) else None
    return held.get("raw") if isinstance(held, Mapping) else None


def _document(value: object, depth: int = 0) -> str | None:
    """The text of Atlassian's document format; a plain text as it is."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or depth > 4 * _DEEPEST:
        return ""
    if isinstance(value.get("text"), str):
        return str(value["text"])
    parts = [_document(part, depth + 1) or "" for part in value.get("content") or ()]
    inline = value.get("type") in ("paragraph", "heading", "codeBlock")
    return ("" if inline else "\n\n").join(parts)


HEADER_WITHIN = 10
"""Lines; what a spreadsheet puts above the header is no longer."""


def read_table(text: TextIO, file: str, delimiter: str) -> Iterator[Row | SetAside]:
    """One row per record under a header line. ``InputError`` when the header cannot be used."""
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_ROW))
    lines = Lines(text)
    # Strict, because a lenient reader lets one unclosed quote silently swallow the rows after it.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = lines.number + 1
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, RowTooLong) as error:
            if header is None:
                raise InputError(
                    f"{file}:{line}: the header cannot be read: {error}",
                    "the first line of a table names its columns",
                ) from None
            after = lines.number - line
            lost = f"; it takes in the {after} lines after it" if after > 0 else ""
            reason = TOO_LONG if isinstance(error, RowTooLong) else "not valid CSV"
            yield SetAside(file=file, line=line, reason=reason, detail=f"{error}{lost}")
            continue
        if not any(cells):
            continue
        if header is None:
            # A title, a date or "sep=;" that a spreadsheet put above the names of the columns.
            if not (len(cells) > 1 and not any(cells[1:]) and line <= HEADER_WITHIN):
                header = [cell.strip() for cell in cells]
        elif len(cells) != len(header):
            detail = f"{len(cells)} cells under {len(header)} columns"
            yield SetAside(file=file, line=line, reason="wrong number of cells", detail=detail)
        else:
            yield Row(file, line, by_name(header, cells))


def by_name(header: Sequence[str], cells: Sequence[Any]) -> dict[str, Any]:
    """The cells by column, those of one name together."""
    row: dict[str, Any] = dict(zip(header, cells, strict=True))
    if len(row) < len(header):
        for name in {name for name in header if header.count(name) > 1}:
            row[name] = Repeated(c for n, c in zip(header, cells, strict=True) if n == name and c)
    return row
