"""``coder codebook``: check a codebook's file, show it as a tree, make versions of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.codebook_suggest import suggest
from coder.cli.codebook_versions import bump, diff, migrate

if TYPE_CHECKING:
    from rich.tree import Tree

    from coder.records import Code, Codebook


@click.group("codebook")
def command() -> None:
    """Check and show codebooks, and make new versions of them."""


@command.command("check")
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Validate a codebook (a file, or a name) and name every problem by its line."""
    from coder.cli.terminal import console, plain_line, safe
    from coder.codebook import load as codebooks
    from coder.errors import CodebookError
    from coder.text.spelling import plural

    path = _find(name)
    book, problems = codebooks.check(path)
    if book is None:
        for problem in problems:
            click.echo(plain_line(f"{path}:{problem.line}: {problem.message}"), err=True)
        raise CodebookError(
            f"{path} has {plural(len(problems), 'problem')}", "correct and check again"
        )
    categories = len(book.children[None])
    per_unit = "one code per" if book.cardinality == "single" else "one or more codes per"
    none = "allowed" if book.allow_none else "not allowed"
    console.print(
        f"{safe(path)}: valid. {safe(book.name)} {safe(book.version)}: "
        f"{plural(categories, 'category')}, "
        f"{plural(len(book.codes) - categories, 'subcategory')}, {per_unit} {safe(book.unit)}, "
        f"'no code fits' {none}.",
        soft_wrap=True,
    )


@command.command("show")
@click.argument("name", required=False)
@click.option("--full", is_flag=True, help="Also include and exclude rules, examples and sources.")
def show(name: str | None, full: bool) -> None:
    """Show a codebook as a tree with definitions and sources."""
    from rich.tree import Tree

    from coder.cli.terminal import console, safe, safe_lines
    from coder.codebook import load as codebooks

    book = codebooks.load(_find(name))
    tree = Tree(f"[bold]{safe(book.name)}[/] {safe(book.version)} [dim]({safe(book.id)})[/]")
    if book.instructions:
        tree.add(safe_lines(book.instructions))
    if book.source:
        tree.add(f"[dim]source: {safe(book.source)}[/]")
    for code in book.children[None]:
        _branch(tree, book, code, full)
    console.print(tree)


def _branch(tree: Tree, book: Codebook, code: Code, full: bool) -> None:
    from coder.cli.terminal import safe, safe_lines

    head = f"[bold]{safe(code.name)}[/] [cyan]{safe(code.id)}[/]"
    node = tree.add(f"{head}\n{safe_lines(code.definition)}")
    if full:
        for rule in code.include:
            node.add(f"[green]include[/] {safe_lines(rule)}")
        for rule in code.exclude:
            node.add(f"[red]exclude[/] {safe_lines(rule)}")
        for example in code.examples:
            node.add(f"[dim]example[/] {safe_lines(example)}")
    if code.source and (full or code.parent is None):
        node.add(f"[dim]source: {safe(code.source)}[/]")
    for child in book.children.get(code.id, ()):
        _branch(node, book, child, full)


def _find(name: str | None) -> Path:
    from coder.files.resources import find
    from coder.study import Study

    study = Study.open()
    return find("codebook", name or study.settings.codebook, ".yaml", study.root)


for part in (diff, bump, migrate, suggest):
    command.add_command(part)
