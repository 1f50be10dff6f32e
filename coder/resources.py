"""Finds a study's files: a path as given, else the study folder's own, else the shipped ones."""

from __future__ import annotations

from pathlib import Path

from coder.errors import InputError

PACKAGE = Path(__file__).resolve().parent
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

    Raises ``InputError`` naming every name that would have worked.
    """
    given = Path(name)
    if given.is_file():
        return given
    folders = (root / kind, shipped(kind))
    for folder in folders:
        candidate = folder / f"{name}{suffix}"
        if candidate.is_file():
            return candidate
    known = sorted({p.name.removesuffix(suffix) for f in folders for p in f.glob(f"*{suffix}")})
    raise InputError(
        f"no {kind} called {name!r}",
        f"give a path to a file, or one of: {', '.join(known) or 'none found'}",
    )
