"""``coder clean``: sets aside what is no issue worth coding, counts it by rule, takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.cleaning.clean import Choices
    from coder.cleaning.model import Cleaning

RULES = (
    "pull-request", "bot", "empty", "template", "stale", "language", "duplicate", "near-duplicate",
)  # fmt: skip


@click.command("clean")
@click.argument("issues", metavar="ISSUES", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o",
    "--output",
    metavar="CLEANED.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the issues that stay go; replaced when it exists.",
)
@click.option(
    "--flag", multiple=True, type=click.Choice(RULES), help="Only count and name what RULE finds."
)
@click.option("--drop", multiple=True, type=click.Choice(RULES), help="Set aside what RULE finds.")
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="CODE",
    help="Set aside what is surely in another language; again for a further one.",
)
@click.option(
    "--near",
    type=float,
    metavar="SHARE",
    help="Overlap from which two issues are near-duplicates.  [default: 0.8]",
)
@click.option("--keep", multiple=True, metavar="ID", help="Take an issue back; again for another.")
@click.option("--undo", multiple=True, metavar="ID", help="Take a --keep back.")
@click.option("--list", "listed", is_flag=True, help="List what was set aside, and why.")
def command(
    issues: Path,
    output: Path | None,
    flag: tuple[str, ...],
    drop: tuple[str, ...],
    languages: tuple[str, ...],
    near: float | None,
    keep: tuple[str, ...],
    undo: tuple[str, ...],
    listed: bool,
) -> None:
    """Set aside what is no issue worth coding, and count it by rule.

    \b
      coder clean issues.jsonl -o clean.jsonl    clean a file
      coder clean clean.jsonl                    say again what was done
      coder clean clean.jsonl --list             list what was set aside
      coder clean clean.jsonl --keep ID          take an issue back

    \b
    Rules, in this order; the first that applies counts:
      pull-request    pull requests
      bot             written by a bot
      empty           nothing but a title, and nobody answered
      template        a template never filled in, and nobody answered
      stale           closed by a bot for inactivity; only flagged unless --drop
      language        with --language: surely in another one
      duplicate       title and body of an older issue
      near-duplicate  nearly those of an older issue

    Nothing is lost: CLEANED.set-aside.jsonl holds each issue in full, with its rule
    and the older issue that is kept for it.
    """
    from coder.errors import UsageError

    how = (*flag, *drop, *languages, *([near] if near is not None else []))
    if output is not None:
        if keep or undo or listed:
            raise UsageError(
                "--keep, --undo and --list are about a cleaned file",
                f"clean first, then: coder clean {output} --keep ID",
            )
        made = _clean(issues, output, _choices(flag, drop, languages, near))
        _show(output, made)
        return
    if how:
        raise UsageError("no file to write to", "add: -o CLEANED.jsonl")
    _cleaned(issues, keep, undo, listed)


def _cleaned(path: Path, keep: tuple[str, ...], undo: tuple[str, ...], listed: bool) -> None:
    """About a file that was cleaned: take back, list, or say what was done."""
    from coder.cleaning.files import read_record, take_back
    from coder.errors import UsageError

    if keep or undo:
        _show(path, take_back(path, keep, undo))
        return
    made = read_record(path)
    if made is None:
        raise UsageError(f"{path} was not made by coder clean", "to clean it: -o CLEANED.jsonl")
    if listed:
        _list(path)
    else:
        _show(path, made)


def _choices(
    flag: tuple[str, ...], drop: tuple[str, ...], languages: tuple[str, ...], near: float | None
) -> Choices:
    from coder.cleaning.clean import DROPS, Choices
    from coder.cleaning.duplicates import NEAR
    from coder.cleaning.model import Rule
    from coder.errors import UsageError

    if both := sorted({*flag} & {*drop}):
        raise UsageError(f"--flag and --drop exclude each other: {both[0]}", "give one of them")
    if Rule.LANGUAGE in (*flag, *drop) and not languages:
        raise UsageError("which language?", "add: --language en")
    codes = tuple(code for given in languages for code in given.lower().split(",") if code)
    drops = (DROPS | {Rule(rule) for rule in drop}) - {Rule(rule) for rule in flag}
    return Choices(drops, codes, NEAR if near is None else near)


def _clean(issues: Path, output: Path, choices: Choices) -> Cleaning:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from coder.cleaning.clean import clean
    from coder.cli.terminal import err_console

    bar = Progress(
        TextColumn("cleaning"), BarColumn(), TaskProgressColumn(), console=err_console,
        transient=True, disable=not err_console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("cleaning", total=1.0)
        return clean(issues, output, choices, lambda done: bar.update(task, completed=done))


def _show(path: Path, made: Cleaning) -> None:
    from coder.cleaning.files import ASIDE, FLAGGED
    from coder.cleaning.model import MEANING
    from coder.cli.terminal import console, safe
    from coder.sources.importing import sidecar
    from coder.text.spelling import plural, some

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    kept, of = made.output.issues or 0, made.input.issues or 0
    say(f"[bold]{safe(path)}[/]: {kept:,} of {plural(of, 'issue')} of {safe(made.input.file)}")
    aside = [count for count in made.rules if count.set_aside]
    if aside:
        say(f"Set aside: {sum(count.set_aside for count in aside):,}")
        for count in aside:
            say(f"{count.set_aside:>9,}  {MEANING[count.rule]} ({count.rule})")
    if made.kept:
        say(f"Kept by hand: {len(made.kept):,} ({safe(some([f.id for f in made.kept]))})")
    for count in made.rules:
        if count.found and not count.drops:
            say(f"Only flagged: {count.found:,} {MEANING[count.rule]} ({count.rule})")
    languages = ", ".join(f"{code} {count:,}" for code, count in made.languages.items())
    wanted = f"; kept: {', '.join(made.language)} and undetermined" if made.language else ""
    say(f"Languages: {safe(languages or 'none')} (und: not to be told){safe(wanted)}")
    if made.bot_comments:
        say(f"Comments by bots: {made.bot_comments:,}; they are no part of the coded text")
    if aside:
        say(f"In full, with rule and the issue kept instead: {safe(sidecar(path, ASIDE))}")
        say(f"To take one back: coder clean {safe(path)} --keep ID")
    if any(count.found and not count.drops for count in made.rules):
        say(f"Flagged ones: {safe(sidecar(path, FLAGGED))}")


def _list(path: Path) -> None:
    """What was set aside, a line each: rule, id, title, the issue that is kept for it."""
    from coder.cleaning.files import set_aside
    from coder.cli.terminal import plain_line

    for found in set_aside(path):
        instead = f"  kept: {found.of} ({found.detail})" if found.of else ""
        detail = f"  {found.detail}" if found.detail and not found.of else ""
        title = found.issue.title[:60]
        click.echo(plain_line(f"{found.rule:14}  {found.id}  {title}{detail}{instead}"))
