"""``coder codebook export|import|new``: codebooks for and from other programs, and from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import column_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder.records import Codebook

YAML = (".yaml", ".yml")
"""What a codebook's own file ends in; people edit it, so none is written over."""
SHOWN = 12
"""How many things that are not as they were are named; all are counted."""

_output = click.option(
    "-o", "--output", required=True, metavar="FILE", help="Where it goes.",
    type=click.Path(path_type=Path, dir_okay=False),
)  # fmt: skip


@click.command("export")
@click.argument("book")
@_output
def export(book: str, output: Path) -> None:
    """Write codebook BOOK for other programs.

    BOOK is a file or a name; FILE ends in .qdc, .csv, .xlsx or .yaml. A .qdc is a codebook of
    REFI-QDA, which ATLAS.ti, MAXQDA, NVivo and others open. What a format cannot hold is named.
    """
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.codebook.exchange import exported
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.revision.new_version import resolve
    from coder.study import Study
    from coder.text.spelling import plural

    read = codebooks.load(resolve(Study.open(), book))
    held, lost = exported(read, output)
    if output.suffix.lower() in YAML and output.exists():
        raise UsageError(f"{output} is there already", "choose another name, or remove it first")
    write_atomically(output, held)
    console.print(f"{safe(output)}: {plural(len(read.codes), 'code')}", soft_wrap=True)
    _tell("Not in it", lost)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_output
@click.option("--id", "book_id", help="The codebook's id; by default what the file gives.")
@click.option("--name", help="Its name; by default what the file gives.")
def import_(file: Path, output: Path, book_id: str | None, name: str | None) -> None:
    """Make a codebook of another program's FILE.

    A .qdc of REFI-QDA, or a table (.csv, .xlsx) with a row for each code. Columns of a table:
    id, parent (or category), name (or code), definition, include, exclude, examples. What is
    not as it was there is named.
    """
    from coder.codebook.drafting import own
    from coder.codebook.exchange import imported

    found = imported(file)
    _write(own(found.book, id=_checked(book_id), name=name), output)
    _tell("Not as it was there", found.notes)


@click.command("new")
@click.option(
    "--from", "origin", type=click.Path(path_type=Path), metavar="FILE",
    help="Labels, whose codes become codes; or a table of codes.",
)  # fmt: skip
@click.option("--column", metavar="COLUMN", help="Where the codes of a file of labels stand.")
@column_map("E.g. --map title=summary: whose titles become examples.")
@_output
def new(origin: Path | None, column: str | None, maps: tuple[str, ...], output: Path) -> None:
    """Begin a codebook, from nothing or from labels.

    Alone it is a skeleton to fill in. With --column every label of that column becomes a code,
    with how often it was given; "A > B" and "A/B" are code B in category A. Without it FILE is
    a table of codes, as for coder codebook import.
    """
    from coder.codebook.drafting import skeleton, slug
    from coder.codebook.exchange import imported
    from coder.errors import UsageError

    notes: Sequence[str] = ()
    if origin is None:
        if column or maps:
            raise UsageError("--column and --map say how a file is read", "add --from FILE")
        book = skeleton(slug(output.stem) or "codebook")
    elif column is None and not maps:
        found = imported(origin)
        book, notes = found.book, found.notes
    else:
        from coder.cli.codebook_from_labels import read

        found = read(origin, column, maps, slug(output.stem) or "codebook")
        book, notes = found.book, found.notes
    _write(book, output)
    _tell("Not as it was there", notes)


def _checked(book_id: str | None) -> str | None:
    from coder.codebook.load import is_id
    from coder.errors import UsageError

    if book_id is not None and not is_id(book_id):
        raise UsageError(f"{book_id!r} is no id", "use small letters, digits and . - _")
    return book_id


def _write(book: Codebook, output: Path) -> None:
    from coder.cli.terminal import console, safe
    from coder.codebook.writing import to_yaml
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.text.spelling import plural

    if output.suffix.lower() not in YAML:
        raise UsageError(f"{output}: a codebook is a YAML file", "let its name end in .yaml")
    if output.exists():
        raise UsageError(f"{output} is there already", "choose another name, or remove it first")
    write_atomically(output, to_yaml(book))
    categories = len(book.children[None])
    below = len(book.codes) - categories
    more = f", {plural(below, 'subcategory')}" if below else ""
    console.print(
        f"{safe(output)}: {safe(book.name)}, {plural(categories, 'category')}{more}", soft_wrap=True
    )
    console.print(f"Next: edit it, then: coder codebook check {safe(output)}", soft_wrap=True)


def _tell(head: str, notes: Sequence[str]) -> None:
    from coder.cli.terminal import err_console, safe

    for note in notes[:SHOWN]:
        err_console.print(f"{head}: {safe(note)}", soft_wrap=True)
    if len(notes) > SHOWN:
        err_console.print(f"... and {len(notes) - SHOWN:,} more")
