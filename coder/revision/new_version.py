"""Makes a new version of a codebook: raises its number in place, and keeps the one before it.

<folder of the codebook>/NAME.yaml             the codebook, edited by hand
                         NAME.CHANGELOG.md     what changed from version to version
                         .versions/ID@VERSION.yaml   each version as it was
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from coder.codebook import load as codebooks
from coder.codebook.changes import Diff, compare
from coder.errors import CodebookError, InputError, UsageError
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.files.resources import find, require_inside, shipped
from coder.records import NONE_CODE, Action, Change, Codebook, CodeChange, Decision, now
from coder.storage.run import Run
from coder.study import Study

KEPT = ".versions"
_NUMBERED = re.compile(r"([\w.+-]*?)(\d+(?:\.\d+)*)")
_SHALLOW = ("added", "moved")
"""Kinds of change after which every code that was there means what it meant."""


@dataclass(frozen=True)
class Bumped:
    """A version that was made; ``diff`` is ``None`` when it is the first one that is kept."""

    before: str
    version: str
    diff: Diff | None
    changelog: Path | None = None


@dataclass(frozen=True)
class Asked:
    """A rater's memo that asks for a change of the codebook."""

    run: str
    memo: Decision


def bump(study: Study, path: Path, note: str = "") -> Bumped:
    """Raise the version of the codebook in ``path``, and say in its changelog what changed.

    The first time there is nothing to compare with: the codebook is kept as it is. Raises
    ``UsageError`` when nothing changed, ``CodebookError`` when its version cannot be raised.
    """
    ours = shipped("codebook").resolve()
    if path.resolve().parent == ours != (study.root / "codebook").resolve():
        raise UsageError(
            f"{path} comes with coder and is not yours to change",
            f"copy it into {study.root / 'codebook'} and edit the copy",
        )
    book = codebooks.load(path)
    if not _NUMBERED.fullmatch(book.version):
        raise CodebookError(
            f"version {book.version!r} of {path} does not end in a number",
            'write one such as "1"',
        )
    earlier = version_file(study, path, book.id, book.version)
    if earlier is None:
        _keep(path, book)
        return Bumped(book.version, book.version, None)
    before = codebooks.load(earlier)
    diff = compare(before, book)
    if before.hash == book.hash:
        raise UsageError(
            f"{path} is what version {book.version} was: nothing changed",
            "edit it first; what an earlier version was is shown by: coder codebook diff",
        )
    version = raised(book.version, diff)
    with path.open(encoding="utf-8-sig", newline="") as file:
        text = file.read()
    edited = _with_version(text, version, path)
    made, _ = codebooks.parse(edited)
    if made is None or made.hash != book.changed(version=version).hash:
        raise CodebookError(
            f"the version in {path} cannot be raised in place", f'write it by hand: "{version}"'
        )
    _keep(earlier, before, beside=path)
    changelog = path.with_name(f"{path.stem}.CHANGELOG.md")
    entry = _entry(version, diff, note)
    write_atomically(changelog, _with_entry(changelog, book, entry))
    write_atomically(path, edited)
    _keep(path, made)
    return Bumped(book.version, version, diff, changelog)


def resolve(study: Study, name: str) -> Path:
    """The file for a codebook: a path, a name, or ``NAME@VERSION`` for a version of it.

    Raises ``InputError`` where there is none.
    """
    base, at, version = name.rpartition("@")
    if not at or Path(name).is_file():
        return find("codebook", name, ".yaml", study.root)
    path = find("codebook", base, ".yaml", study.root)
    book = codebooks.load(path)
    found = version_file(study, path, book.id, version)
    if found is None and book.version == version:
        found = path
    if found is None:
        copies = (path.parent / KEPT).glob(f"{book.id}@*.yaml")
        kept = sorted(copy.stem.rpartition("@")[2] for copy in copies)
        raise InputError(
            f"version {version!r} of codebook {book.id!r} was not kept",
            f"kept: {', '.join(kept) or 'none'}; coder codebook bump keeps every version it makes",
        )
    return found


def version_file(study: Study, path: Path, codebook_id: str, version: str) -> Path | None:
    """Where that version is kept: beside ``path``, else in the last run that was made with it."""
    kept = _copy(path, codebook_id, version)
    if kept.is_file():
        return kept
    runs = [Run(file.parent) for file in study.runs.glob("*/manifest.json")]
    runs = [run for run in runs if run.manifest.codebook_id == codebook_id]
    for run in sorted(runs, key=lambda run: run.manifest.created_at, reverse=True):
        if run.manifest.codebook_version == version:
            return run.path / "codebook.yaml"
        for step in run.history:
            if step.to_version == version:
                return run.path / step.file
    return None


def asked_for(study: Study, codebook_id: str, diff: Diff) -> list[Asked]:
    """The memos of all runs that ask for a change and concern what ``diff`` changed, in order."""
    touched = {change.code for change in diff.changes} | {
        code for change in diff.changes for code in change.into
    }
    grown = any(change.kind in ("added", "split") for change in diff.changes)
    found = [
        Asked(run.name, memo)
        for run in (Run(file.parent) for file in sorted(study.runs.glob("*/manifest.json")))
        if run.manifest.codebook_id == codebook_id
        for rater in run.raters()
        for memo in _open_memos(run, rater)
        if touched.intersection(memo.codes) or (memo.change is Change.NEW and grown)
    ]
    return sorted(found, key=lambda one: one.memo.at)


def raised(version: str, diff: Diff) -> str:
    """The number after ``version``.

    Of several numbers the first is raised when a code does not mean any more what it meant, the
    second when codes were added or moved, the last when no answer is touched.
    """
    match = _NUMBERED.fullmatch(version)
    assert match is not None
    numbers = [int(number) for number in match[2].split(".")]
    real = [change for change in diff.changes if change.code != NONE_CODE]
    deep = any(change.kind not in _SHALLOW for change in real)
    place = 0 if deep else 1 if diff.changes else 2
    place = min(place, len(numbers) - 1)
    numbers[place:] = [numbers[place] + 1, *(0 for _ in numbers[place + 1 :])]
    return match[1] + ".".join(map(str, numbers))


def sentence(change: CodeChange) -> str:
    """One change as the changelog and the terminal tell it."""
    if change.kind == "added":
        return f"added {', '.join(change.into)}"
    if change.code == NONE_CODE:
        what = "not an answer any more" if change.kind == "removed" else "to be thought over"
        return f"'no code fits' is {what} ({change.note})"
    into = change.into if change.kind not in ("moved", "redefined") else ()
    into = () if into == (change.code,) else into
    note = f" ({change.note})" if change.note else ""
    return f"{change.kind} {change.code}" + (f" into {', '.join(into)}" if into else "") + note


def _open_memos(run: Run, rater: str) -> Iterator[Decision]:
    log = list(run.decision_journal(rater))
    undone = {record.undoes for record in log}
    for record in log:
        if record.action is Action.MEMO and record.change and record.id not in undone:
            yield record


def _copy(path: Path, codebook_id: str, version: str) -> Path:
    copy = path.parent / KEPT / f"{codebook_id}@{version}.yaml"
    require_inside(path.parent, copy)
    return copy


def _keep(path: Path, book: Codebook, beside: Path | None = None) -> None:
    copy = _copy(beside or path, book.id, book.version)
    if not copy.exists():
        write_atomically(copy, read_text(path))


def _with_version(text: str, version: str, path: Path) -> str:
    """``text`` with that version and every other character as it was."""
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    for key, value in root.value:
        if key.value == "version":
            start, end = value.start_mark.index, value.end_mark.index
            quote = text[start] if text[start] in "\"'" else ""
            return f"{text[:start]}{quote}{version}{quote}{text[end:]}"
    if root.flow_style:
        raise CodebookError(f"{path} has no version", f'add one: "{version}"')
    _, named = next(pair for pair in root.value if pair[0].value == "id")
    at = text.index("\n", named.end_mark.index) + 1
    newline = "\r\n" if text[at - 2 : at] == "\r\n" else "\n"
    return f'{text[:at]}version: "{version}"{newline}{text[at:]}'


def _entry(version: str, diff: Diff, note: str) -> str:
    lines = [f"## {version} - {now():%Y-%m-%d}", ""]
    lines += [note.strip(), ""] if note.strip() else []
    lines += [f"- {sentence(change)}" for change in diff.changes]
    lines += [f"- touches no answer: {what}" for what in diff.besides]
    return "\n".join(lines) + "\n"


def _with_entry(changelog: Path, book: Codebook, entry: str) -> str:
    """The changelog with ``entry`` before the earlier ones."""
    text = read_text(changelog) if changelog.exists() else ""
    first = re.search(r"^## ", text, re.MULTILINE)
    if first:
        return f"{text[: first.start()]}{entry}\n{text[first.start() :]}"
    head = text.rstrip() or f"# Changes of {book.name}"
    return f"{head}\n\n{entry}"
