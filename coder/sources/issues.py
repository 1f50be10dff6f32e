"""Rows -> issues: what a row must hold to be an issue, and what its id is.

An issue's id is the column mapped to ``id``, else a column called ``id`` unless it is the one that
GitHub's API gives, else ``owner/repo#number``, else its URL, else that id after all, else ``repo:``
and 12 digits of the hash of repository, title, body and creation time. Rows of our own files keep
their id. An id of the form ``owner/repo#number`` tells repository and number where no column does.
"""

from __future__ import annotations

import codecs
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from coder.errors import InputError
from coder.files.reading import LineTooLong, lines
from coder.records import Issue, content_hash
from coder.sources.archive_events import is_event
from coder.sources.files import opened
from coder.sources.github import (
    is_database_id,
    is_pull_request,
    issue_at_gitlab,
    issue_from_url,
    place_in_id,
    repo_from_url,
)
from coder.sources.json_and_csv import lists_inside
from coder.sources.particulars import particulars
from coder.sources.rows import WRONG_TYPE, Columns, Row, SetAside, Values, WrongType, fold

_OWN_FIELDS = frozenset(Issue.model_fields)
_ALWAYS_WRITTEN = frozenset(Issue(id="-").model_dump())
_NAMES = frozenset({"id", "issueid", "issuekey", "nodeid"})
"""Columns, folded, that say what an issue is called."""
_MESSAGE_KEYS = 4
"""A server's message has no more keys."""


@dataclass(frozen=True)
class Imported:
    """An issue as read and where, the code its row carried ("" without one), what was given up."""

    issue: Issue
    id_from: str
    file: str
    line: int
    code: str
    bad_dates: tuple[str, ...]
    missing_comments: int
    bad_text: bool

    @cached_property
    def json(self) -> str:
        """The line the issue is written as."""
        return self.issue.to_json()


def load_issues(path: Path) -> list[Issue]:
    """The issues in our own ``issues.jsonl``, strictly: ``InputError`` with the first bad line."""
    return [issue for _, issue in each_issue(path)]


def each_issue(path: Path) -> Iterator[tuple[int, Issue]]:
    """One issue of ``load_issues`` at a time, with the byte at which its line begins."""
    hint = "make this file with: coder import FILE... -o issues.jsonl"
    ids: set[str] = set()
    at = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(lines(file), start=1):
                try:
                    issue = _strict(line, f"{path}:{number}", hint)
                except InputError:
                    if number == 1:
                        _refuse_what_is_not_imported(path, line)
                    raise
                if issue.id in ids:
                    raise InputError(f"{path}:{number}: the id {issue.id!r} is there twice", hint)
                ids.add(issue.id)
                yield at, issue
                at += len(line)
    except OSError as error:
        if path.is_dir():
            raise InputError(
                f"{path} is a folder: coder import it first", _import_of(path)
            ) from None
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint) from None
    except LineTooLong as error:
        raise InputError(f"{path}:{error.number}: not an issue: {error}", hint) from None


def _refuse_what_is_not_imported(path: Path, first: bytes) -> None:
    """``InputError`` with the command that imports ``path``, when that is what it lacks."""
    if not path.is_file():
        return  # what comes through a pipe is gone
    with opened(path) as source:
        kind = source.kind()
    if kind and not (kind == "JSON" and _is_ours(first)):
        what = "JSON that coder did not write" if kind == "JSON" else kind
        raise InputError(f"{path} is {what}: coder import it first", _import_of(path)) from None


def _is_ours(line: bytes) -> bool:
    """Whether a line that is no issue was one before it was damaged."""
    try:
        found = json.loads(line)
    except ValueError:
        return line.startswith(b'{"author":"')
    return isinstance(found, dict) and found.keys() >= _ALWAYS_WRITTEN


def _import_of(path: Path) -> str:
    """The command that imports ``path``, into a file that is not there yet."""
    stem = path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0]
    made = path.with_name(f"{stem or path.name}.jsonl")
    while made.exists():
        made = made.with_name(f"{made.stem}-imported.jsonl")
    return shlex.join(["coder", "import", str(path), "-o", str(made)])


def _strict(line: bytes, where: str, hint: str) -> Issue:
    if not line.endswith(b"\n"):
        raise InputError(f"{where}: the last line is cut off", hint)
    try:
        return Issue.model_validate_json(line.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        what = f"{field}: {first['msg']}" if field else first["msg"]
        raise InputError(f"{where}: not an issue: {what}", hint) from None


def to_issue(
    row: Row | SetAside, columns: Columns, pull_requests: bool = False
) -> Imported | SetAside:
    """One row as an issue, or why it is none; a row already set aside stays so. Pull requests are
    none unless ``pull_requests`` are wanted."""
    if isinstance(row, SetAside):
        return row
    try:
        return _to_issue(row, columns, pull_requests)
    except WrongType as error:
        return row.set_aside(WRONG_TYPE, str(error))
    except ValidationError as error:
        first = error.errors()[0]
        return row.set_aside(WRONG_TYPE, f"{first['loc'][0]}: {first['msg']}")


def _to_issue(row: Row, columns: Columns, pull_requests: bool) -> Imported | SetAside:
    if is_pull_request(row.values) and not pull_requests:
        return row.set_aside("pull request")
    if is_event(row.values):
        return row.set_aside("an event that is about no issue")
    own = _ALWAYS_WRITTEN <= row.values.keys() <= _OWN_FIELDS
    fields, values = columns.pick(row.values), Values(spelled_out=not own)
    title, body = values.text(fields["title"], "title"), values.text(fields["body"], "body")
    if not (title.strip() or body.strip()):
        return row.set_aside("neither title nor body", _where_else(row.values))
    repo, number, url = _place(fields, values, guess=not own)
    created_at = values.date(fields["created_at"])
    given = values.text(fields["id"], "id").strip()
    column = columns.mapping.get("id", "id")
    named = own or "id" in columns.mapping
    if named and not given:
        return row.set_aside("no id", f"column {column!r} is empty")
    foreign = not own and (
        is_database_id(given, row.values, number is not None)
        or (given.isdigit() and issue_at_gitlab(url) is not None)
    )
    if named or (given and not foreign):
        issue_id, id_from = given, f"column {column!r}"
    elif repo and number is not None:
        issue_id, id_from = f"{repo}#{number}", "owner/repo#number"
    elif url.strip():
        issue_id, id_from = url.strip(), "the URL"
    elif given:
        issue_id, id_from = given, f"column {column!r}"
    else:
        text_hash = content_hash("row.v1", [repo, title, body, str(created_at or "")])
        issue_id, id_from = f"repo:{text_hash[:12]}", "the text, by its hash"
    if not (own or repo or number is not None) and (place := place_in_id(issue_id)):
        repo, number = place
    comments = values.comments(fields["comments"])
    values.count_missing(fields["comment_count"], len(comments))
    issue = Issue(
        id=issue_id,
        repo=repo,
        number=number,
        url=url,
        title=title,
        body=body,
        comments=comments,
        labels=values.labels(fields["labels"]),
        author=values.name(fields["author"], "author"),
        created_at=created_at,
        closed_at=values.date(fields["closed_at"]),
        other_names=_other_names(row.values, own, issue_id, given),
        **particulars(row.values, values),
    )
    return Imported(
        issue=issue,
        id_from=id_from,
        file=row.file,
        line=row.line,
        code=";".join(values.codes(fields.get("code"))),
        bad_dates=tuple(values.bad_dates),
        missing_comments=values.missing_comments,
        bad_text=values.bad_text,
    )


def _other_names(row: Mapping[str, Any], own: bool, issue_id: str, given: str) -> tuple[str, ...]:
    """What the row calls its issue beside its id; ``owner/repo#number`` and the URL go without
    saying."""
    if own:
        return tuple(map(str, row.get("other_names") or ()))
    said = [given, *(str(row[name]) for name in row if fold(name) in _NAMES and row[name])]
    return tuple(dict.fromkeys(name for name in map(str.strip, said) if name not in ("", issue_id)))


def _where_else(row: Mapping[str, Any]) -> str:
    """What a row that is no issue holds instead, for its reader to go on from."""
    message = row.get("message") or row.get("error") or row.get("errors")
    if isinstance(message, str) and len(row) <= _MESSAGE_KEYS:
        return f"a server's message: {message[:200]}"
    lists = list(lists_inside(row))[:5]
    return f"lists inside it: {', '.join(lists)}; take the one with the issues out" if lists else ""


def _place(fields: Mapping[str, Any], values: Values, guess: bool) -> tuple[str, int | None, str]:
    """Repository, number and URL; with ``guess``, a GitHub URL supplies what is missing."""
    repo, url = values.name(fields["repo"], "repo"), values.text(fields["url"], "url")
    number = values.number(fields["number"])
    if guess:
        repo = repo_from_url(repo)
        named = issue_from_url(url) or issue_at_gitlab(url)
        if named:
            repo, number = repo or named[0], named[1] if number is None else number
    return repo, number, url
