"""Finds a study's files: a path as given, else the study folder's own, else the shipped ones."""

from __future__ import annotations

import os
from pathlib import Path

from coder.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]
STUDY_FILE = "study.toml"
TEMPLATE = PACKAGE / "template"
"""What ``coder init`` copies; the repository's own root holds the same files."""


def shipped(kind: str) -> Path:
    """The folder of shipped ``prompts`` or ``codebook`` files.

    A wheel carries them inside the package; a source checkout has them beside it.
    """
    packaged = PACKAGE / f"_{kind}"
    return packaged if packaged.is_dir() else PACKAGE.parent / kind


def study_root(start: Path | None = None) -> Path:
    """The nearest folder at or above ``start`` with a study.toml, else ``start`` itself."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / STUDY_FILE).is_file():
            return folder
    return here


def find(kind: str, name: str, suffix: str, root: Path) -> Path:
    """The file for ``name``: an existing path, or ``<root>/<kind>/<name><suffix>``, or shipped.

    Raises ``InputError`` naming every name that would have worked, and for a name or a link that
    leads out of the study.
    """
    given = Path(name)
    if given.is_file():
        return given
    folders = (root / kind, shipped(kind))
    for folder in folders:
        candidate = folder / f"{name}{suffix}"
        if candidate.is_file():
            require_inside(folder.parent, candidate)
            return candidate
    known = sorted({p.name.removesuffix(suffix) for f in folders for p in f.glob(f"*{suffix}")})
    raise InputError(
        f"no {kind} called {name!r}",
        f"give a path to a file, or one of: {', '.join(known) or 'none found'}",
    )


def require_inside(root: Path, path: Path) -> None:
    """``InputError`` where ``path`` leads out of ``root``, by its name or by a link."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{path} is a link that leads nowhere", "remove it") from None
    if not target.is_relative_to(root.resolve()):
        raise InputError(
            f"{path} leads out of {root}, to {target}",
            "a study keeps its files in its own folder: copy it there",
        )


def require_own(root: Path, folder: Path) -> None:
    """``InputError`` where something in ``folder``, however deep, leads out of ``root`` or is
    neither a file nor a folder. A folder that came from somebody else could have files of this
    machine read or written through links."""
    require_inside(root, folder)
    pending, known = [folder.resolve()], set[Path]()
    while pending:
        here = pending.pop()
        if here in known or not here.is_dir():
            continue
        known.add(here)
        with os.scandir(here) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_symlink():
                    require_inside(root, path)
                    pending.append(path.resolve())
                elif entry.is_dir():
                    pending.append(path)
                elif not entry.is_file():
                    raise InputError(f"{path} is neither a file nor a folder", "remove it")
