"""``coder codebook``: check a codebook's file, show it as a tree, make versions of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names
from coder.cli.codebook_files import export, import_, new
from coder.cli.codebook_map import map_
from coder.cli.codebook_refine import refine
from coder.cli.codebook_suggest import suggest
from coder.cli.codebook_worth import worth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.tree import Tree

    from coder.codebook.changes import Diff
    from coder.records import Code, Codebook, CodeChange
    from coder.revision.migration import Effect
    from coder.storage.run import Run
    from coder.study import Study

SHOWN = 10
"""How many memos that ask for a change are named; all are counted."""
MANY = 4
"""From so many codes on, the same change of each is told in one line."""


@click.group("codebook")
def command() -> None:
    """Check, show, exchange and map codebooks; make new versions."""


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


@command.command("diff")
@click.argument("old")
@click.argument("new")
def diff(old: str, new: str) -> None:
    """Show what changed from OLD to NEW, code by code.

    Each is a file, a name, or NAME@VERSION for a version that coder codebook bump kept.
    """
    from coder.cli.terminal import console
    from coder.codebook import load as codebooks
    from coder.codebook.changes import compare
    from coder.revision import new_version as files
    from coder.study import Study

    study = Study.open()
    before, after = (codebooks.load(files.resolve(study, name)) for name in (old, new))
    found = compare(before, after)
    if not found:
        console.print("The two are the same, apart from their version.")
    _show_changes(found, before, after)


@command.command("bump")
@click.argument("name", required=False)
@click.option("--note", default="", help="Why, for the changelog.")
def bump(name: str | None, note: str) -> None:
    """Make what was edited in a codebook (a file, or a name) its next version.

    Raises the version in the file, in place, and adds what changed to NAME.CHANGELOG.md beside it.
    Every version is kept in .versions, so that there is something to compare the next one with.
    """
    from coder.study import Study

    bump_and_tell(Study.open(), _find(name), note)


def bump_and_tell(study: Study, path: Path, note: str) -> None:
    """Make the next version, and say what changed in it and who had asked for that."""
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.revision import new_version as files

    made = files.bump(study, path, note)
    if made.diff is None:
        console.print(
            f"There is no earlier {safe(made.version)} of {safe(path)} to compare with: it is kept "
            "as it is now. Edit it, then run the same command again.",
            soft_wrap=True,
        )
        return
    book = codebooks.load(path)
    for change in made.diff.changes:
        console.print(f"  {safe(files.sentence(change))}", soft_wrap=True)
    for what in made.diff.besides:
        console.print(f"  [dim]touches no answer: {safe(what)}[/]", soft_wrap=True)
    console.print(
        f"{safe(path)}: {safe(made.before)} -> {safe(made.version)}; told in "
        f"{safe(made.changelog)}.",
        soft_wrap=True,
    )
    asked = files.asked_for(study, book.id, made.diff)
    if asked:
        console.print("Memos that asked for changes of these codes:")
    for one in asked[:SHOWN]:
        memo = one.memo
        about = f" {', '.join(memo.codes)}" if memo.codes else ""
        console.print(
            f"  {safe(one.run)}, {safe(memo.rater)} on {safe(memo.issue_id)}: "
            f"{memo.change}{safe(about)}: {safe(' '.join(memo.memo.split()))}",
            soft_wrap=True,
        )
    if len(asked) > SHOWN:
        console.print(f"  ... and {len(asked) - SHOWN} more")
    for run in _runs_with(study.runs, book.id):
        console.print(f"Next: coder codebook migrate {safe(run)} --dry-run")


@command.command("migrate")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--to", "to", help="The codebook's file or name; by default the one the study is set to."
)
@click.option("--dry-run", is_flag=True, help="Show what would be stale, and change nothing.")
def migrate(name: str, to: str | None, dry_run: bool) -> None:
    """Let run NAME go on with a new version of its codebook.

    Answers whose codes were renamed, merged or moved are carried over; those whose code was split,
    removed or redefined are stale and have to be given again. Nothing that was written is changed:
    every answer stays, under the version it was given in.
    """
    from coder.cli.terminal import console, safe
    from coder.revision import migration
    from coder.revision import new_version as files
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    path = files.resolve(study, to or study.settings.codebook)
    planned, effects = migration.plan(run, path)
    show_effects(planned.changes, effects)
    stale = sum(sum(effect.stale.values()) for effect in effects)
    before = run.codebook.version
    if dry_run:
        console.print(
            f"Run {safe(name)} would go on with {safe(path)} (version "
            f"{safe(planned.to_version)}); it is at version {safe(before)} still.",
            soft_wrap=True,
        )
        return
    migration.migrate(run, path, planned)
    console.print(
        f"Run {safe(name)} goes on with version {safe(planned.to_version)}; it was at "
        f"{safe(before)}. {stale:,} answers are stale.",
        soft_wrap=True,
    )
    again = " --stale" if stale else ""
    console.print(f"Next: coder review {safe(name)} --rater YOU{again}")


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


def _show_changes(found: Diff, before: Codebook, after: Codebook) -> None:
    from coder.cli.terminal import console, safe, safe_lines
    from coder.revision.new_version import sentence

    target = {c.code: c.into[0] for c in found.changes if c.kind in ("renamed", "moved") and c.into}
    for line, changes in _grouped(found.changes):
        console.print(safe(line or sentence(changes[0])), soft_wrap=True)
        code = changes[0].code
        if line or changes[0].kind != "redefined" or code is None or code not in before.by_id:
            continue
        new = after.by_id[target.get(code, code)]
        for mark, style, text in _lines(before.by_id[code], new):
            console.print(f"    [{style}]{mark} {safe_lines(text)}[/]", soft_wrap=True)
    for what in found.besides:
        console.print(f"[dim]touches no answer: {safe(what)}[/]", soft_wrap=True)


def _grouped(changes: Sequence[CodeChange]) -> Iterable[tuple[str, list[CodeChange]]]:
    """The changes in order, with one line for those that are the same of many codes."""
    same: dict[tuple[str, str], list[CodeChange]] = {}
    for change in changes:
        same.setdefault((change.kind, change.note), []).append(change)
    for change in changes:
        alike = same[change.kind, change.note]
        if change.kind != "redefined" or len(alike) < MANY or "codebook's" not in change.note:
            yield "", [change]
        elif change is alike[0]:
            yield f"redefined {len(alike)} codes ({change.note})", alike


def _lines(before: Code, after: Code) -> Iterable[tuple[str, str, str]]:
    """What a code's meaning lost and gained, line by line."""
    from coder.codebook.changes import MEANING

    for field in MEANING:
        old, new = getattr(before, field), getattr(after, field)
        old, new = ([x] if isinstance(x, str) else list(x) for x in (old, new))
        yield from (("-", "red", f"{field}: {text}") for text in old if text not in new)
        yield from (("+", "green", f"{field}: {text}") for text in new if text not in old)


def show_effects(changes: Sequence[CodeChange], effects: Sequence[Effect]) -> None:
    """What each change makes stale, and then what is carried over, of whom."""
    from rich.table import Table

    from coder.cli.terminal import console, safe
    from coder.revision.new_version import sentence

    for line, alike in _grouped(changes):
        console.print(safe(line or sentence(alike[0])), soft_wrap=True)
        for effect in effects:
            if stale := sum(effect.stale[change] for change in alike):
                what = effect.what if stale > 1 else effect.what.removesuffix("s")
                console.print(f"    stale: {stale:,} {what} of {safe(effect.who)}")
    table = Table(box=None, pad_edge=False)
    columns = ["Whose", "What", "Carried over", "Stale"]
    before = any(effect.before for effect in effects)
    for number, column in enumerate([*columns, "Stale before"] if before else columns):
        table.add_column(column, justify="right" if number > 1 else "left")
    for effect in effects:
        counts = [effect.carried, sum(effect.stale.values())] + [effect.before] * before
        table.add_row(safe(effect.who), effect.what, *(f"{n:,}" for n in counts))
    console.print(table)


def _runs_with(runs: Path, codebook_id: str) -> list[str]:
    from coder.storage.run import Run

    found: list[Run] = [Run(file.parent) for file in sorted(runs.glob("*/manifest.json"))]
    return [run.name for run in found if run.manifest.codebook_id == codebook_id]


for verb in (new, import_, export, suggest, refine, worth, map_):
    command.add_command(verb)
