"""``coder init``: makes a study folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

COPIED = (("codebook", "*.yaml"), ("codebook/crosswalks", "*.yaml"), ("prompts", "*.jinja"))
"""What a study gets of the shipped files: folders, and which files of them."""


class _Chosen(NamedTuple):
    """The codebook of a new study: what it is called there, and its YAML."""

    name: str
    text: str


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--codebook",
    metavar="FILE",
    help="Code with this one: a file (.yaml, .qdc, .csv, .xlsx) or a name.",
)
def command(folder: Path, codebook: str | None) -> None:
    """Make a study folder.

    It holds study.toml, codebook/, prompts/ and runs/. Codebooks and prompts are copied, so the
    study keeps the versions it started with. Nothing that is already there is changed.
    """
    import json
    import shutil

    from coder.cli.terminal import console, safe
    from coder.errors import InputError
    from coder.files.atomic_write import write_atomically
    from coder.files.reading import read_text
    from coder.files.resources import STUDY_FILE, TEMPLATE, shipped

    if (folder / STUDY_FILE).exists():
        raise InputError(
            f"{folder} already is a study folder", f"edit {folder / STUDY_FILE}, or choose another"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", "choose another name for the study folder")
    chosen = _chosen(codebook) if codebook else None
    for kind, pattern in COPIED:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for source in sorted(shipped(kind).glob(pattern)):
            target = folder / kind / source.name
            if not target.exists():
                shutil.copyfile(source, target)
    (folder / "runs").mkdir(exist_ok=True)
    for name in ("env.example", "gitignore"):
        if not (folder / f".{name}").exists():
            shutil.copyfile(TEMPLATE / name, folder / f".{name}")
    settings = read_text(TEMPLATE / STUDY_FILE)
    if chosen is not None:
        write_atomically(folder / "codebook" / f"{chosen.name}.yaml", chosen.text)
        settings = settings.replace('"ptm-reuse"', json.dumps(chosen.name, ensure_ascii=False), 1)
    # Last, so that a folder with a study.toml is a whole study folder.
    write_atomically(folder / STUDY_FILE, settings)
    console.print(f"Made the study folder {safe(folder.resolve().name)}. Next:", soft_wrap=True)
    if folder.resolve() != Path.cwd():
        console.print(f"  cd {safe(folder)}", soft_wrap=True)
    if chosen is None:
        console.print("  set your codebook in study.toml (now: ptm-reuse)")
    console.print("  coder import YOUR_ISSUES.jsonl -o issues.jsonl")
    console.print("  coder propose issues.jsonl --run first")


def _chosen(name: str) -> _Chosen:
    """The codebook in a file, another program's too, or a shipped one. YAML stays as it is."""
    from coder.cli.terminal import err_console, safe
    from coder.codebook import load as codebooks
    from coder.codebook.exchange import FOREIGN, imported
    from coder.codebook.writing import to_yaml
    from coder.files.reading import read_text
    from coder.files.resources import find
    from coder.study import Study

    path = Path(name)
    if path.suffix.lower() in FOREIGN:
        found = imported(path)
        for note in found.notes:
            err_console.print(f"Not as it was there: {safe(note)}", soft_wrap=True)
        return _Chosen(found.book.id, to_yaml(found.book))
    path = find("codebook", name, ".yaml", Study.open().root)
    book = codebooks.load(path)
    return _Chosen(path.stem or book.id, read_text(path))
