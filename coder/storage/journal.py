"""Append-only JSON Lines whose lines are chained by hash, and that survive being killed.

An append is one write followed by fsync: once it returns, the lines are on disk. A line torn by a
crash is moved to ``<file>.torn`` before the next append, never parsed and never dropped. Each line
carries ``prev``, the SHA-256 of the line before it, so a changed or missing line can be named.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from coder.errors import RunError, StorageError
from coder.files.reading import LineTooLong, lines
from coder.records import Record, json_line

R = TypeVar("R", bound=Record)

_PREV = re.compile(rb',"prev":"[0-9a-f]{64}"')
"""Inside a text the quotes would be escaped."""

GENESIS = "0" * 64
"""What the first line of a journal names as the line before it."""


class Journal(Generic[R]):
    """One record type in one append-only file, written by one process at a time."""

    def __init__(self, path: Path, kind: type[R]) -> None:
        self.path = path
        self.kind = kind
        self._last: str | None = None
        self._lock = FileLock(path.with_name(path.name + ".lock"))

    @contextlib.contextmanager
    def writing(self, who: str) -> Iterator[None]:
        """Hold the file for writing; ``RunError`` when another process is writing to it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RunError(
                f"{self.path} is being written by another process",
                f"wait for the other {who} to end, or close it",
            ) from None
        except OSError as error:
            raise _storage(self.path, error) from error
        try:
            yield
        finally:
            self._lock.release()

    def __iter__(self) -> Iterator[R]:
        for _, record in self.numbered():
            yield record

    def numbered(self) -> Iterator[tuple[int, R]]:
        """Every whole line's number (from 1) and record; ``RunError`` names a damaged line."""
        written: dict[frozenset[str], set[str]] = {}
        for number, line in self._lines():
            try:
                record = self._record(line)
                # One set for all alike: apart they are the larger half of what records take.
                fields = record.model_fields_set
                shared = written.setdefault(frozenset(fields), fields)
                object.__setattr__(record, "__pydantic_fields_set__", shared)
                yield number, record
            except (ValueError, RecursionError) as error:
                raise self._damaged(number, error) from None

    def _record(self, line: bytes) -> R:
        """Read at once where the line is as :func:`chained` writes it; else, or to say what is
        wrong with it, by way of its fields."""
        with contextlib.suppress(ValueError):
            return self.kind.model_validate_json(_PREV.sub(b"", line, count=1))
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        fields.pop("prev", None)
        return self.kind.model_validate(fields)

    def append(self, records: Iterable[R]) -> None:
        """Write ``records`` in one write and fsync; on return they are on disk."""
        previous = self._last if self._last is not None else self._recover()
        chunk, previous = chained(previous, records)
        if not chunk:
            return
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.path, chunk)
        except OSError as error:
            # Half a line may have reached the disk: take it back, so every line there is whole.
            with contextlib.suppress(OSError):
                os.truncate(self.path, size)
            raise _storage(self.path, error) from error
        except BaseException:
            # A Ctrl-C between write and return: look at the file again before the next append.
            self._last = None
            raise
        self._last = previous

    def broken_line(self) -> int | None:
        """The first line whose ``prev`` is not the hash of the line before it, or ``None``."""
        previous = GENESIS
        for number, line in self._lines():
            try:
                named = json.loads(line).get("prev")
            except (ValueError, AttributeError, RecursionError):
                return number
            if named != previous:
                return number
            previous = hashlib.sha256(line).hexdigest()
        return None

    def tip(self) -> tuple[int, str]:
        """How many whole lines there are and the hash of the last, which stands for all of them."""
        number, line = 0, None
        for number, line in self._lines():  # noqa: B007
            pass
        return number, GENESIS if line is None else hashlib.sha256(line).hexdigest()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(self._read(), start=1):
            if line.endswith(b"\n"):  # else: torn by a crash, set aside by the next append
                yield number, line[:-1]

    def _read(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            try:
                yield from lines(file)
            except LineTooLong as error:
                raise self._damaged(error.number, error) from None

    def _damaged(self, number: int, error: Exception) -> RunError:
        what = f"not a {self.kind.__name__.lower()} record ({_first_line(error)})"
        return RunError(
            f"{self.path}:{number}: {what}",
            "restore the line from a backup or version control; nothing after it was changed",
        )

    def _recover(self) -> str:
        """Set a torn last line aside and return the hash of the last whole line."""
        if not self.path.exists():
            return GENESIS
        last, whole = GENESIS, 0
        for line in self._read():
            if not line.endswith(b"\n"):
                with self.path.with_name(self.path.name + ".torn").open("ab") as torn:
                    torn.write(line + b"\n")
                break
            last = hashlib.sha256(line[:-1]).hexdigest()
            whole += len(line)
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)
        return last


def chained(previous: str, records: Iterable[Record]) -> tuple[bytes, str]:
    """``records`` as lines that follow a line of this hash, and the hash of the last one."""
    chunk = bytearray()
    for record in records:
        fields: dict[str, Any] = {**record.model_dump(mode="json"), "prev": previous}
        line = json_line(fields).encode("utf-8")
        previous = hashlib.sha256(line).hexdigest()
        chunk += line + b"\n"
    return bytes(chunk), previous


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}",
        "free some space or fix the permissions and run the same command again; "
        "everything reported before is on disk",
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).split("\n", 1)[0]
