"""Zip archives of other people: unpacked within bounds, and never outside the folder named."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from coder.errors import InputError

MOST_BYTES = 4 << 30
"""Unpacked, all members of an archive together."""
MOST_MEMBERS = 100_000
_BLOCK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def unpack(archive: Path, into: Path, most_bytes: int = MOST_BYTES) -> list[str]:
    """Unpack ``archive`` into the folder ``into`` and return the names of its files.

    ``InputError`` for what is no archive, is damaged, unpacks to more than ``most_bytes``, whatever
    its own list says, or has a member that would lie elsewhere.
    """
    left = most_bytes
    names: list[str] = []
    for name, blocks in members(archive):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for block in blocks:
                left -= len(block)
                if left < 0:
                    raise _bad(archive, f"it unpacks to more than {most_bytes:,} bytes")
                file.write(block)
        names.append(name)
    return names


def require_bounded(archive: Path, most_bytes: int = MOST_BYTES) -> None:
    """``InputError`` for an archive that states to unpack to more than ``most_bytes``. No member
    gives more than it states: reading one that lies ends there."""
    try:
        with zipfile.ZipFile(archive) as file:
            size = sum(member.file_size for member in file.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise _bad(archive, str(error)) from None
    if size > most_bytes:
        raise _bad(archive, f"it unpacks to more than {most_bytes:,} bytes")


def members(archive: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file of ``archive`` by its name, with its bytes, which are read before the next one."""
    try:
        with zipfile.ZipFile(archive) as file:
            found = [info for info in file.infolist() if not info.is_dir()]
            if len(found) > MOST_MEMBERS:
                raise _bad(archive, f"it has more than {MOST_MEMBERS:,} files")
            seen: set[str] = set()
            for info in found:
                name = _safe_name(archive, info)
                if name.casefold() in seen:
                    raise _bad(archive, f"it has {name!r} twice")
                seen.add(name.casefold())
                with file.open(info) as member:
                    yield name, _blocks(archive, member)
    except _DAMAGE as error:
        raise _bad(archive, str(error) or "it is damaged") from None
    except OSError as error:
        raise InputError(f"cannot read {archive}: {error.strerror or error}", "") from None


def _blocks(archive: Path, member: IO[bytes]) -> Iterator[bytes]:
    # Its errors reach whoever reads the blocks, not :func:`members`.
    try:
        while block := member.read(_BLOCK):
            yield block
    except _DAMAGE as error:
        raise _bad(archive, str(error) or "it is damaged") from None


def _safe_name(archive: Path, info: zipfile.ZipInfo) -> str:
    name = PurePosixPath(info.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or "\0" in info.filename:
        raise _bad(archive, f"its file {info.filename!r} would lie outside of it")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _bad(archive, f"its file {info.filename!r} is a link")
    return name.as_posix()


def _bad(archive: Path, why: str) -> InputError:
    return InputError(f"{archive} cannot be unpacked: {why}", "ask for it again")
