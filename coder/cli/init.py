"""``coder init``: makes a study folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Make a study folder.

    It holds study.toml, codebook/, prompts/ and runs/. Codebooks and prompts are copied, so the
    study keeps the versions it started with. Nothing that is already there is changed.
    """
    import shutil

    from coder.cli.terminal import console, safe
    from coder.errors import InputError
    from coder.files.resources import STUDY_FILE, TEMPLATE, shipped

    if (folder / STUDY_FILE).exists():
        raise InputError(
            f"{folder} already is a study folder", f"edit {folder / STUDY_FILE}, or choose another"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", "choose another name for the study folder")
    for kind, pattern in (("codebook", "*.yaml"), ("prompts", "*.jinja")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for source in sorted(shipped(kind).glob(pattern)):
            target = folder / kind / source.name
            if not target.exists():
                shutil.copyfile(source, target)
    (folder / "runs").mkdir(exist_ok=True)
    for name in ("env.example", "gitignore"):
        if not (folder / f".{name}").exists():
            shutil.copyfile(TEMPLATE / name, folder / f".{name}")
    # Last, so that a folder with a study.toml is a whole study folder.
    shutil.copyfile(TEMPLATE / STUDY_FILE, folder / STUDY_FILE)
    console.print(f"Made the study folder {safe(folder.resolve().name)}. Next:", soft_wrap=True)
    if folder.resolve() != Path.cwd():
        console.print(f"  cd {safe(folder)}", soft_wrap=True)
    console.print("  set your codebook in study.toml (now: ptm-reuse)")
    console.print("  coder import YOUR_ISSUES.jsonl -o issues.jsonl")
    console.print("  coder propose issues.jsonl --run first")
