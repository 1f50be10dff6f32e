"""Codebooks in the formats of other programs, by a file's ending: out and in, losses named."""

from __future__ import annotations

from pathlib import Path

from coder.codebook import load as codebooks
from coder.codebook import qdc, table
from coder.codebook.drafting import Found
from coder.codebook.guids import code_guid
from coder.codebook.writing import to_yaml
from coder.errors import CodebookError, InputError, UsageError
from coder.files.reading import LARGEST_TEXT, unreadable
from coder.records import Code, Codebook

FOREIGN = (".qdc", ".csv", ".xlsx")
FORMATS = (*FOREIGN, ".yaml")


def exported(book: Codebook, path: Path) -> tuple[str | bytes, tuple[str, ...]]:
    """What a file called ``path`` holds of ``book``, and what reading it does not give back."""
    kind = _kind(path, FORMATS)
    if kind == ".yaml":
        return to_yaml(book), ()
    if kind == ".qdc":
        held = qdc.to_qdc(book)
        return held, _differences(book, qdc.read_qdc(held, book.id).book)
    back = table.read_back(book, kind)
    return (table.to_csv if kind == ".csv" else table.to_xlsx)(book), _differences(book, back)


def imported(path: Path) -> Found:
    """The codebook in ``path``. Raises ``InputError`` where it holds none; a file in YAML is one
    already."""
    kind = _kind(path, FORMATS)
    if kind == ".yaml":
        return Found(codebooks.load(path))
    try:
        found = qdc.read_qdc(_bytes(path), path.stem) if kind == ".qdc" else table.read_table(path)
    except CodebookError:
        raise
    except InputError as error:
        if str(path) in error.message:
            raise
        raise InputError(f"{path}: {error.message}", error.hint) from None
    return found


def _kind(path: Path, among: tuple[str, ...]) -> str:
    kind = {".yml": ".yaml"}.get(path.suffix.lower(), path.suffix.lower())
    if kind not in among:
        raise UsageError(
            f"{path}: a codebook's file does not end in {path.suffix or 'nothing'!r}",
            f"it ends in one of: {', '.join(among)}",
        )
    return kind


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) > LARGEST_TEXT:
        raise InputError(
            f"{path} is larger than {LARGEST_TEXT >> 20} MiB", "check that this is the right file"
        )
    return data


def _differences(book: Codebook, back: Codebook) -> tuple[str, ...]:
    """What of ``book`` is not in ``back``, code by code."""
    lost = [f"{code.id}: all of it" for code in book.codes if code.id not in back.by_id]
    for ours in book.codes:
        if (theirs := back.by_id.get(ours.id)) is not None:
            fields = [f for f in Code.model_fields if getattr(ours, f) != getattr(theirs, f)]
            if code_guid(book, ours) == code_guid(back, theirs):
                fields = [field for field in fields if field != "guid"]
            lost += [f"{ours.id}: {', '.join(fields)}"] if fields else []
    if not lost and [code.id for code in book.codes] != [code.id for code in back.codes]:
        lost.append("the order of the codes")
    of_book = [f for f in Codebook.model_fields if f != "codes"]
    lost += [f"the codebook's {f}" for f in of_book if getattr(book, f) != getattr(back, f)]
    return tuple(lost)
