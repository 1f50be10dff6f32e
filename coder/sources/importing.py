"""Files -> our own issues.jsonl: duplicates, conflicts and broken rows accounted for by line."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from coder.errors import InputError, UsageError
from coder.escaping import no_formula
from coder.files.atomic_write import Draft, write_atomically
from coder.files.hashing import as_data_file
from coder.records import DataFile, Record
from coder.sources.archive_events import ArchiveEvents
from coder.sources.files import opened
from coder.sources.issues import Imported, to_issue
from coder.sources.rows import ISSUE_FIELDS, Columns, SetAside

RECORD = ".import.json"
"""How the name of the record of an import ends."""
DUPLICATE = "duplicate"
CONFLICT = "same id, different content"

MOST_IN_VAIN = 1_000_000
"""Rows without an issue among them after which a file is given up: some kilobytes that unpack to
gigabytes of them would fill the disk with their list."""
_NAMED = 5
_OF_ROWS = re.compile(r"(?i)(?<!set-aside)\.(?:jsonl?|ndjson|csv|tsv|xlsx|parquet)(?:\.gz)?$")
_PROGRESS_EVERY = 100

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and in all, both as on disk; 0 in all when it is not known."""


class ImportRecord(Record):
    """What an import read and made, for whoever asks where a file is from; the counts are those of
    its :class:`ImportReport`."""

    format: int = 1
    inputs: tuple[DataFile, ...]
    output: DataFile
    read: int
    duplicates: int
    set_aside: int
    reasons: dict[str, int]


class ImportReport(Record):
    """Totals of one import; ``read == kept + duplicates + set_aside``.

    ``reasons`` counts the rows set aside by reason. ``first_set_aside`` and ``first_duplicates``
    hold the first few; ``set_aside_file`` (empty when not needed) holds all of both.
    ``ids_from`` says where the ids of so many issues came from.
    ``missing_comments`` are only counted in the files, by so many issues.
    ``same_text`` counts issues that were kept although an issue of another id has the same text.
    """

    out: str
    read: int
    kept: int
    duplicates: int
    set_aside: int
    reasons: dict[str, int]
    ids_from: dict[str, int]
    first_set_aside: tuple[SetAside, ...] = ()
    first_duplicates: tuple[SetAside, ...] = ()
    bad_dates: int = 0
    first_bad_dates: tuple[str, ...] = ()
    missing_comments: int = 0
    with_missing_comments: int = 0
    bad_text: int = 0
    same_text: int = 0
    first_same_text: tuple[str, ...] = ()
    labelled: int = 0
    labels_file: str = ""
    set_aside_file: str = ""


def import_issues(
    paths: Sequence[Path],
    out: Path,
    mapping: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
    encoding: str = "",
    pull_requests: bool = False,
) -> ImportReport:
    """Import every issue in ``paths`` into ``out``, one ``Issue.to_json()`` a line, in input order.

    A folder stands for the files of rows in it, by name. ``encoding`` is theirs where it is not
    UTF-8. ``pull_requests`` are kept, marked, if they are wanted.

    Beside ``out``, ``<stem>.import.json`` is written, which tells the files apart from others,
    ``<stem>.labels.csv`` (``id,code``) when ``mapping`` names a ``code``, and
    ``<stem>.set-aside.jsonl`` when a row was not kept. Each file is replaced at
    once, after everything was read; memory grows by three 8-byte digests an issue. Raises
    ``InputError`` when a file cannot be read, a mapped column is in no row, no row is an issue or
    ``MOST_IN_VAIN`` rows together are none,
    ``UsageError`` when an output is also an input, ``StorageError`` when it cannot be written.
    """
    columns = Columns(mapping or {}, ISSUE_FIELDS)
    paths = [file for path in paths for file in _files(path)]
    labels_path, aside_path = sidecar(out, ".labels.csv"), sidecar(out, ".set-aside.jsonl")
    _keep_inputs_safe(paths, (out, labels_path, aside_path, sidecar(out, RECORD)))
    tally = _Tally()
    with ExitStack() as stack:
        issues, labels, aside = (
            stack.enter_context(Draft(path)) for path in (out, labels_path, aside_path)
        )
        table = csv.writer(labels, lineterminator="\n")
        if "code" in columns.mapping:
            table.writerow(["id", "code"])
        for found in _each(paths, columns, encoding, pull_requests, on_progress):
            item = tally.judge(found)
            if isinstance(item, SetAside):
                aside.write(item.to_json() + "\n")
                if tally.in_vain > MOST_IN_VAIN:
                    raise InputError(
                        f"more than {MOST_IN_VAIN:,} rows of {item.file} in a row are no issues; "
                        f"the last: {item}",
                        "check that this is the right file, or leave these rows out",
                    )
                continue
            issues.write(item.json + "\n")
            if item.code:
                # To the letter but for formulas: the ids are looked up when it is read again.
                table.writerow([no_formula(item.issue.id), no_formula(item.code)])
        columns.require_all_met()
        if not aside.publish():
            aside_path.unlink(missing_ok=True)  # one of an earlier import would mislead
        if not tally.kept:
            raise _nothing_kept(paths, tally, aside_path)
        labels.publish()
        issues.publish()
    report = tally.report(
        out=str(out),
        labels_file=str(labels_path) if "code" in columns.mapping else "",
        set_aside_file=str(aside_path) if tally.duplicates or tally.reasons else "",
    )
    write_record(report, paths, out)
    return report


def write_record(report: ImportReport, paths: Sequence[Path], out: Path) -> None:
    """Write beside ``out`` what was read and made."""
    record = ImportRecord(
        inputs=tuple(as_data_file(path, out.parent) for path in paths),
        output=as_data_file(out, out.parent, report.kept),
        read=report.read,
        duplicates=report.duplicates,
        set_aside=report.set_aside,
        reasons=report.reasons,
    )
    write_atomically(sidecar(out, RECORD), record.to_json() + "\n")


def sidecar(out: Path, suffix: str) -> Path:
    """The file that stands beside ``out``: its name without ``.jsonl``, and ``suffix``."""
    return out.with_name(out.name.removesuffix(".jsonl") + suffix)


class _Tally:
    """Counts what was found, and decides about ids met before."""

    def __init__(self) -> None:
        self.kept = self.duplicates = 0
        self.in_vain = 0
        """Rows since the last issue."""
        self.reasons: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()
        self._ids_from: Counter[str] = Counter()
        self._first: dict[str, list[SetAside | str]] = {}
        """The first of a few totals, both by the report's fields."""
        self._content: dict[int, int] = {}
        self._texts: set[int] = set()

    def judge(self, found: Imported | SetAside) -> Imported | SetAside:
        """The issue if it is to be kept, else why not."""
        self.in_vain += 1
        if isinstance(found, SetAside):
            return self._set_aside(found)
        self.in_vain = 0
        issue = found.issue
        content = _digest(f"{found.json}\0{found.code}")
        first = self._content.get(_digest(issue.id))
        if first == content:
            detail = f"{issue.id} is the same as an earlier row"
            again = SetAside(file=found.file, line=found.line, reason=DUPLICATE, detail=detail)
            self.duplicates += 1
            self._remember("first_duplicates", again)
            return again
        if first is not None:
            detail = (
                f"{issue.id} came before with another text, date or code; the first is kept. "
                "If they are two units, map a column that tells them apart: --map id=COLUMN"
            )
            return self._set_aside(
                SetAside(file=found.file, line=found.line, reason=CONFLICT, detail=detail)
            )
        self._content[_digest(issue.id)] = content
        self._count_kept(found)
        return found

    def report(self, out: str, labels_file: str, set_aside_file: str) -> ImportReport:
        set_aside = self.reasons.total()
        return ImportReport(
            out=out,
            read=self.kept + self.duplicates + set_aside,
            kept=self.kept,
            duplicates=self.duplicates,
            set_aside=set_aside,
            reasons=dict(self.reasons.most_common()),
            ids_from=dict(self._ids_from.most_common()),
            labels_file=labels_file,
            set_aside_file=set_aside_file,
            **self._totals,
            **self._first,
        )

    def first_reason(self) -> str:
        return str(self._first.get("first_set_aside", [""])[0])

    def _set_aside(self, row: SetAside) -> SetAside:
        self.reasons[row.reason] += 1
        self._remember("first_set_aside", row)
        return row

    def _count_kept(self, found: Imported) -> None:
        self.kept += 1
        self._ids_from[found.id_from] += 1
        text = _digest(found.issue.text)
        same_text = text in self._texts
        self._totals.update(
            labelled=bool(found.code),
            bad_dates=len(found.bad_dates),
            missing_comments=found.missing_comments,
            with_missing_comments=bool(found.missing_comments),
            bad_text=found.bad_text,
            same_text=same_text,
        )
        self._remember("first_bad_dates", *found.bad_dates)
        if same_text:
            self._remember("first_same_text", found.issue.id)
        self._texts.add(text)

    def _remember(self, which: str, *items: SetAside | str) -> None:
        first = self._first.setdefault(which, [])
        first += items[: _NAMED - len(first)]


def _each(
    paths: Sequence[Path],
    columns: Columns,
    encoding: str,
    pull_requests: bool,
    on_progress: Progress | None,
) -> Iterator[Imported | SetAside]:
    """Every row of every file in turn, telling how far the reading has come."""
    total = sum(_size(path) for path in paths)
    done = 0
    events = ArchiveEvents()
    for path in paths:
        with opened(path, encoding) as source:
            for count, row in enumerate(source.rows()):
                if on_progress and count % _PROGRESS_EVERY == 0:
                    on_progress(done + source.position, total)
                if isinstance(row, SetAside) or not events.take(row):
                    yield to_issue(row, columns, pull_requests)
        done += _size(path)
    for row in events.rows():
        yield to_issue(row, columns, pull_requests)
    if on_progress:
        on_progress(done, total)


def _files(path: Path) -> list[Path]:
    """``path``, or the files of rows in it. ``InputError`` for a folder without any."""
    if not path.is_dir():
        return [path]
    found = [file for file in path.rglob("*") if file.is_file() and _OF_ROWS.search(file.name)]
    if not found:
        raise InputError(
            f"{path} holds no file of issues",
            "JSON, JSON Lines, CSV or TSV, gzipped or not; Excel or Parquet",
        )
    return sorted(found)


def _size(path: Path) -> int:
    """Bytes of a regular file, 0 of a pipe. ``InputError`` when there is none."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}", "check the path"
        ) from None


def _keep_inputs_safe(paths: Sequence[Path], outputs: Sequence[Path]) -> None:
    inputs = {path.resolve() for path in paths}
    for path in outputs:
        if path.resolve() in inputs:
            raise UsageError(f"{path} would be overwritten", "write to another file with -o")


def _nothing_kept(paths: Sequence[Path], tally: _Tally, aside: Path) -> InputError:
    names = ", ".join(str(path) for path in paths[:3])
    if tally.first_reason():
        return InputError(
            f"no row of {names} is an issue; first: {tally.first_reason()}",
            "name the columns that hold the issue, for example: --map title=summary; "
            f"every row and its reason is in {aside}",
        )
    return InputError(f"{names} holds no rows", "check that this is the right file")


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
