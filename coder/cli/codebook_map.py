"""``coder codebook map``: a crosswalk between two codebooks, drafted, checked and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.asking import send_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder.codebook.crosswalk import Crosswalk, Read
    from coder.codebook.crosswalk_check import Checked
    from coder.records import Codebook
    from coder.study import Study

ENDINGS = (".md", ".tex", ".csv", ".svg", ".pdf")


@click.command("map")
@click.argument("books", nargs=-1, metavar="A B")
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The crosswalk that is drafted (.yaml); with --check what is shown, by its ending: "
    ".md, .tex, .csv, .svg or .pdf. Repeatable.",
)  # fmt: skip
@click.option("--model", help="A chat model that drafts; by default the embedder does.")
@click.option(
    "--check", "checking", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Check a crosswalk and show it.",
)  # fmt: skip
@click.option("--edit", is_flag=True, help="Before that, open it in your editor ($EDITOR).")
@send_to
def map_(
    books: tuple[str, ...],
    outputs: tuple[Path, ...],
    model: str | None,
    checking: Path | None,
    edit: bool,
    send_to: tuple[str, ...],
) -> None:
    """Draft, check or show a crosswalk of two codebooks.

    It says what each code of A is in B: same, narrower, broader, related, or none. It is
    drafted by what the codes mean, for people to edit: coder codebook map A B -o FILE.
    Then --check FILE names unknown codes and contradictions, says how much of both is covered, and
    shows it; A and B are found by their ids, or given as files or names.
    """
    from coder.errors import UsageError
    from coder.revision.new_version import resolve
    from coder.study import Study

    study = Study.open(model={"name": model})
    if edit and checking is None:
        raise UsageError("--edit opens a crosswalk that is there", "name it: --check FILE --edit")
    if checking is not None:
        checking = find_crosswalk(study, checking)
        if edit:
            click.edit(filename=str(checking))
        if len(books) not in (0, 2):
            raise UsageError("both codebooks are named, or none", "A and B, in the file's order")
        _check(study, checking, books, outputs)
        return
    if len(books) != 2 or len(outputs) != 1:
        raise UsageError(
            "two codebooks and where their crosswalk goes are asked for",
            "coder codebook map A B -o a-b.yaml",
        )
    from coder.codebook import load as codebooks

    left, right = (codebooks.load(resolve(study, name)) for name in books)
    if left.id == right.id:
        raise UsageError(
            f"both codebooks have the id {left.id!r}",
            f"how two versions differ is shown by: coder codebook diff {books[0]} {books[1]}",
        )
    _draft(study, left, right, outputs[0], send_to if model else None)


def _draft(
    study: Study, left: Codebook, right: Codebook, output: Path, asked: Sequence[str] | None
) -> None:
    from coder.cli.terminal import console, safe
    from coder.codebook.crosswalk import Read, to_yaml
    from coder.codebook.crosswalk_check import check
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically

    if output.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(f"{output}: a crosswalk is a YAML file", "let its name end in .yaml")
    if output.exists():
        raise UsageError(f"{output} is there already", "choose another name, or remove it first")
    drafted = (
        _by_embedder(study, left, right)
        if asked is None
        else _by_model(study, left, right, output, asked)
    )
    write_atomically(output, to_yaml(drafted, left, right))
    read = Read(drafted, tuple(range(len(drafted.links))))
    _show(drafted, left, right, check(read, left, right))
    console.print(
        f"\nDrafted, not decided: edit {safe(output)}, name yourself under `checked`, then: "
        f"coder codebook map --check {safe(output)}",
        soft_wrap=True,
    )


def _by_embedder(study: Study, left: Codebook, right: Codebook) -> Crosswalk:
    from coder.cli.asking import agree_to_run
    from coder.retrieval.embedders import open_embedder
    from coder.revision.crosswalk_draft import draft

    agree_to_run(study, 0)
    return draft(left, right, open_embedder(study.settings.retrieval.embedder, study.root))


def _by_model(
    study: Study, left: Codebook, right: Codebook, output: Path, send_to: Sequence[str]
) -> Crosswalk:
    from coder.cli.asking import agree_to_send, say_used
    from coder.cli.terminal import err_console, safe
    from coder.errors import UsageError
    from coder.proposers.chat.crosswalk_links import draft_links
    from coder.records import Call
    from coder.storage.journal import Journal

    if study.settings.model.name == "embedded":
        raise UsageError("the built-in classifier drafts nothing", "leave --model away")
    agree_to_send(study, [], send_to, what=f"the texts of codebooks {left.id} and {right.id}")
    calls = Journal(output.with_name(f"{output.stem}.calls.jsonl"), Call)
    asking = err_console.status(f"Asking about {len(left.leaves)} codes")
    with calls.writing("coder codebook map"), asking:
        made = draft_links(study, left, right, calls)
    say_used(study, calls, "crosswalk")
    if aside := made.set_aside:
        why = ", ".join(f"{n} × {safe(reason)}" for reason, n in aside.most_common())
        err_console.print(f"Of the model's answers {aside.total()} set aside: {why}.")
    return made.crosswalk


def _check(study: Study, path: Path, names: Sequence[str], outputs: Sequence[Path]) -> None:
    from coder.cli.terminal import plain_line
    from coder.codebook import crosswalk as crosswalks
    from coder.codebook.crosswalk_check import check, spelled
    from coder.errors import InputError, UsageError
    from coder.files.reading import read_text
    from coder.text.spelling import plural

    for output in outputs:
        if output.suffix.lower() not in ENDINGS:
            raise UsageError(
                f"{output}: nothing of a crosswalk is shown in such a file",
                f"let its name end in one of: {', '.join(ENDINGS)}",
            )
    read, problems = crosswalks.parse(read_text(path))
    if read is not None:
        left, right = find_books(study, read.crosswalk, names)
        checked = check(read, left, right)
        problems = list(checked.problems)
    for line in spelled(problems, path):
        click.echo(plain_line(line), err=True)
    if read is None or problems:
        raise InputError(
            f"{path} has {plural(len(problems), 'problem')}", "correct and check again"
        )
    _show(read.crosswalk, left, right, checked)
    for output in outputs:
        _write(read.crosswalk, left, right, checked, output)


def open_crosswalk(study: Study, path: Path) -> tuple[Read, Codebook, Codebook]:
    """The crosswalk in ``path``, or called so, and its codebooks. ``InputError`` unless valid."""
    from coder.codebook import crosswalk as crosswalks
    from coder.codebook.crosswalk_check import check
    from coder.errors import InputError

    path = find_crosswalk(study, path)
    read = crosswalks.load(path)
    left, right = find_books(study, read.crosswalk)
    if problems := check(read, left, right).problems:
        raise InputError(
            f"{path}:{problems[0].line}: {problems[0].message}",
            f"see all problems with: coder codebook map --check {path}",
        )
    return read, left, right


def find_crosswalk(study: Study, path: Path) -> Path:
    """A crosswalk by its file, or by its name in codebook/crosswalks, the study's or shipped."""
    from coder.files.resources import find

    return find("codebook/crosswalks", str(path), ".yaml", study.root)


def warn_unchecked(crosswalk: Crosswalk) -> None:
    """Say how many links along which labels are translated nobody has looked at."""
    from coder.cli.terminal import err_console
    from coder.codebook.crosswalk import Relation

    held = [k for k in crosswalk.links if k.relation not in (Relation.NONE, Relation.RELATED)]
    if drafted := sum(not link.checked for link in held):
        err_console.print(
            f"[yellow]Of the {len(held):,} links that tell a code from a part of one, {drafted:,} "
            "name nobody who has checked them since they were drafted.[/]",
            soft_wrap=True,
        )


def find_books(
    study: Study, crosswalk: Crosswalk, names: Sequence[str] = ()
) -> tuple[Codebook, Codebook]:
    """The codebooks of a crosswalk, by ``names`` or by their ids, in the study or shipped."""
    from coder.codebook import load as codebooks
    from coder.revision.new_version import resolve

    sides = (crosswalk.left.codebook, crosswalk.right.codebook)
    left, right = (codebooks.load(resolve(study, name)) for name in names or sides)
    return left, right


def _show(crosswalk: Crosswalk, left: Codebook, right: Codebook, checked: Checked) -> None:
    from rich import box
    from rich.padding import Padding
    from rich.table import Table

    from coder.cli.terminal import console, safe
    from coder.report.crosswalk import grid

    drawn = grid(crosswalk, left, right, checked)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for at, head in enumerate(drawn.head):
        shown.add_column(safe(head), overflow="fold", ratio=(4, None, 4, 5)[at], no_wrap=at == 1)
    category = before = ""
    for code, relation, other, note in drawn.rows:
        above, _, name = code.rpartition(" > ")
        if above and above != category:
            shown.add_row(f"[bold]{safe(above)}[/]")
        # What has several links is named once.
        name = "" if code == before and above else name
        category, before = above, code
        shown.add_row(
            Padding(safe(name), (0, 0, 0, 2 if above else 0)), relation, safe(other),
            f"[dim]{safe(note)}[/]",
        )  # fmt: skip
    console.print(shown)
    for note in drawn.notes:
        console.print(safe(note), soft_wrap=True)
    for book, side in ((left, checked.left), (right, checked.right)):
        for code in side.open:
            console.print(f"[yellow]nothing is said of[/] {safe(book.id)}: {safe(code)}")


def _write(
    crosswalk: Crosswalk, left: Codebook, right: Codebook, checked: Checked, output: Path
) -> None:
    from coder.cli.terminal import console, safe
    from coder.files.atomic_write import write_atomically
    from coder.report import crosswalk as shown

    table = shown.grid(crosswalk, left, right, checked)
    kind = output.suffix.lower()
    held: str | bytes
    if kind in (".svg", ".pdf"):
        held = _drawn(crosswalk, left, right, checked, kind)
    elif kind == ".csv":
        held = shown.as_csv(crosswalk, left, right)
    else:
        held = shown.markdown(table) if kind == ".md" else shown.latex(table)
    write_atomically(output, held)
    console.print(f"Written: {safe(output)}", soft_wrap=True)


def _drawn(
    crosswalk: Crosswalk, left: Codebook, right: Codebook, checked: Checked, kind: str
) -> bytes:
    from importlib.util import find_spec

    from coder.errors import UsageError
    from coder.report.crosswalk_figure import plot

    made = plot(crosswalk, left, right, checked)
    if kind == ".svg":
        return made.drawing.svg(made.title, made.caption).encode()
    if not (find_spec("typst") and find_spec("font_roboto")):
        raise UsageError("a PDF needs typst and Roboto", "pip install 'issue-coder[figures]'")
    from coder.report.paper import pdf

    return pdf(made)
