"""``coder audit order`` and ``coder audit injection``: a run's model, asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names
from coder.cli.asking import Command, agree_to_send, capped, how_many, say_used, send_to

if TYPE_CHECKING:
    from rich.table import Table

    from coder.audit.injection import Compared
    from coder.audit.order import Ordered, Place
    from coder.audit.reask import Codes, Heard, Reasker
    from coder.proposers.budget import Caps
    from coder.records import Codebook, Estimate, Issue, Proposal
    from coder.storage.run import Run
    from coder.study import Study

SHOWN = 20
"""How many rows a table holds; all are counted."""
QUOTED = 60
"""Characters of a suspicious stretch in a table."""


def asking(command: Command) -> Command:
    """The options of a command that asks a model."""
    options = (
        click.option("--base-url", help="The server that the run asked, if study.toml names none."),
        send_to,
        click.option(
            "--control/--no-control", default=True, help="Also ask the very same again (default)."
        ),
        capped(
            "Stop before this audit exceeds this.",
            "The same for its tokens.",
            "The same for its requests.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("injection")
@click.argument("name", shell_complete=run_names)
@asking
def injection(
    name: str, base_url: str | None, send_to: tuple[str, ...], control: bool, caps: Caps
) -> None:
    """Ask again with text aimed at the model masked.

    Finds the issues of run NAME whose text speaks to a model and asks the run's model about them
    with that text masked. The answers are kept beside the run and never become part of it.
    """
    from coder.audit import injection as audit
    from coder.audit.reask import CONTROL, Reasker
    from coder.cli.terminal import console, safe
    from coder.errors import RunError

    study, run = _open(name, base_url)
    found = audit.flagged(run)
    console.print(f"Issues whose text speaks to a model: {len(found):,} of {len(run.issues):,}.")
    if not found:
        console.print("There is nothing to mask: nobody was asked.")
        return
    asker = Reasker(study, run, audit.NAME, caps)
    _agree(asker, [one.issue for one in found], send_to)
    plan = {audit.MASKED: [one.masked for one in found]}
    if control:
        plan[CONTROL] = [one.issue for one in found]
    with _progress(asker, plan, study) as heard:
        compared = audit.compare(asker, found, control, heard)
    console.print(_flips(run.first_codebook, compared, control))
    asked = [one for one in compared if one.flipped is not None]
    console.print(f"With it masked the code changes in {_of([o.flipped for o in compared])}.")
    if control:
        noise = _of([one.varied for one in compared])
        console.print(f"Asked the very same again it changes in {noise}: noise.")
    obeyed = [one for one in asked if one.obeyed]
    if obeyed:
        ids = ", ".join(one.flagged.issue.id for one in obeyed[:3])
        raise RunError(
            f"run {run.name!r}: {len(obeyed):,} of {len(asked):,} codes are what the text asks for "
            f"and go when that is masked: {safe(ids)}{' ...' if len(obeyed) > 3 else ''}",
            "code these issues by hand, or leave them out of what you report",
        )
    console.print("No code goes with the text that names it.")


@click.command("order")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--permute",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="In how many other orders to ask.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="About how many issues, drawn at random.",
)
@asking
def order(
    name: str,
    permute: int,
    sample: int,
    base_url: str | None,
    send_to: tuple[str, ...],
    control: bool,
    caps: Caps,
) -> None:
    """Ask again with the codes and examples shuffled.

    Asks the model of run NAME about a random sample of its issues, with the codes of the codebook
    and the labelled examples in other orders, and counts how often the code changes. The answers
    are kept beside the run and never become part of it.
    """
    from coder.audit import order as audit
    from coder.audit.reask import CONTROL, Reasker
    from coder.cli.terminal import console
    from coder.errors import RunError

    study, run = _open(name, base_url)
    issues = audit.draw(run, sample)
    if not issues:
        raise RunError(
            f"run {run.name!r} has no usable answer to compare with", "finish it: coder propose"
        )
    books = audit.orders(run.first_codebook, permute, run.manifest.seed)
    if len(books) < permute:
        console.print(f"The codebook can be read in no more than {len(books)} other orders.")
    asker = Reasker(study, run, audit.NAME, caps)
    _agree(asker, issues, send_to)
    plan = {CONTROL: issues} if control else {}
    plan |= {audit.variant(number): issues for number in range(1, len(books) + 1)}
    with _progress(asker, plan, study) as heard:
        found = audit.reorder(
            asker, issues, books, control, heard, draws=study.settings.report.draws
        )
    _ordered(run.first_codebook, found)


def _open(name: str, base_url: str | None) -> tuple[Study, Run]:
    """The run, and the study set to the model that the run names."""
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    made = run.manifest.model.get("name")
    return Study.open(model={"name": made, "base_url": base_url}), run


def _agree(asker: Reasker, issues: Sequence[Issue], send_to: tuple[str, ...]) -> None:
    # First: nobody should agree to what is refused then.
    asker.require_same_model()
    agree_to_send(asker.study, issues, send_to)


@contextmanager
def _progress(asker: Reasker, plan: Mapping[str, Sequence[Issue]], study: Study) -> Iterator[Heard]:
    """A bar over all answers of ``plan``, and afterwards what they took and why some failed.

    Raises ``ModelError`` when there was not one answer.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from coder.cli.terminal import console, err_console, safe
    from coder.errors import ModelError
    from coder.records import Status

    asked: list[Proposal] = []
    total = sum(map(len, plan.values()))
    done = sum(len(asker.known(variant, issues)) for variant, issues in plan.items())
    if done:
        console.print(f"{done:,} of {total:,} answers are on disk.")
    columns = (TextColumn("Asking again"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    try:
        with Progress(*columns, console=err_console) as progress:
            task = progress.add_task("", total=total, completed=done)

            def hear(proposal: Proposal) -> None:
                asked.append(proposal)
                progress.advance(task)

            yield hear
    finally:
        say_used(study, asker.calls, "audit")
    if failed := [one.error for one in asked if one.status is Status.FAILED]:
        why, again = how_many(Status.FAILED, failed), "the same command asks again for those"
        if len(failed) == len(asked):
            raise ModelError(f"no question of this audit was answered: {why}", again)
        console.print(f"Of the questions {safe(why)}; {again}.", soft_wrap=True)


def _of(outcomes: Sequence[bool | None]) -> str:
    """``1 of 3 issues``, those without an outcome named beside them."""
    known = [outcome for outcome in outcomes if outcome is not None]
    missing = len(outcomes) - len(known)
    without = f" ({missing:,} without a usable answer)" if missing else ""
    return f"{sum(known):,} of {len(known):,} {'issue' if len(known) == 1 else 'issues'}{without}"


def _flips(book: Codebook, compared: Sequence[Compared], control: bool) -> Table:
    """The issues whose code changed, then the others."""
    from coder.cli.terminal import safe

    table = _table("Issue", "In its text", "In the run", *(["Again"] if control else []), "Masked")
    for one in sorted(compared, key=lambda one: (not one.obeyed, not one.flipped))[:SHOWN]:
        span = one.flagged.spans[0]
        said = " ".join(one.flagged.issue.text[span.start : span.end].split())
        quote = said if len(said) <= QUOTED else said[:QUOTED] + "…"
        again = [_codes(book, one.again)] if control else []
        masked = safe(_codes(book, one.masked))
        table.add_row(
            safe(one.flagged.issue.id),
            safe(f"{span.reason}: {quote}"),
            *(safe(text) for text in (_codes(book, one.then), *again)),
            f"[red]{masked}[/]" if one.flipped else masked,
        )
    if len(compared) > SHOWN:
        table.caption = f"and {len(compared) - SHOWN:,} more"
    return table


def _ordered(book: Codebook, found: Ordered) -> None:
    from coder.cli.terminal import console, safe

    answers = sum(change.answered for change in found.changes)
    changed = sum(change.changed for change in found.changes)
    touched = sum(change.changed > 0 for change in found.changes)
    console.print(
        f"Asked about {len(found.changes):,} issues in {found.orders} other orders: "
        f"{changed:,} of {answers:,} answers differ from the run's, {_share(found.share)}."
    )
    console.print(f"Issues with any change: {touched:,}, {_share(found.touched)}.")
    if found.noise is not None:
        console.print(f"Asked the very same again, answers change in {_share(found.noise)}: noise.")
    for where, place in (("first", found.first), ("last", found.last)):
        console.print(f"Standing {where}, a code was {_gain(place)}.")
    if found.shifts:
        table = _table("Code", "In the run", "Shuffled", "Gained as first", "Gained as last")
        for shift in found.shifts[:SHOWN]:
            code = book.path(shift.code) if shift.code in book.by_id else shift.code
            gained = ("" if g is None else f"{g:+,}" for g in (shift.first, shift.last))
            table.add_row(safe(code), f"{shift.then:,}", f"{shift.shuffled:,}", *gained)
        console.print(table)
    moved = [change for change in found.changes if change.changed]
    if moved:
        table = _table("Issue", "In the run", "Changed", "To")
        for change in sorted(moved, key=lambda change: -change.changed)[:SHOWN]:
            others = {c for c in change.orders if c not in (None, change.then)}
            to = " | ".join(sorted(_codes(book, codes) for codes in others))
            counts = f"{change.changed} of {change.answered}"
            table.add_row(safe(change.issue_id), safe(_codes(book, change.then)), counts, safe(to))
        if len(moved) > SHOWN:
            table.caption = f"and {len(moved) - SHOWN:,} more"
        console.print(table)


def _table(*heads: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head)
    return table


def _codes(book: Codebook, codes: Codes | None) -> str:
    if codes is None:
        return "no usable answer"
    return ", ".join(book.by_id[c].name if c in book.by_id else c for c in sorted(codes)) or "none"


def _share(estimate: Estimate) -> str:
    """``12% [8%, 17%]``."""
    return "unknown" if estimate.value is None else _figure(estimate, "")


def _gain(place: Place) -> str:
    said = (
        f"chosen in {place.chosen:,} of {place.of:,} answers; the run chose the same codes for the "
        f"same issues {place.expected:,} times"
    )
    return said if place.gain.value is None else f"{said}: {_figure(place.gain, '+')}"


def _figure(estimate: Estimate, sign: str) -> str:
    """The interval is left out where every draw gave the same: it would claim too much."""
    value, low, high = (
        f"{v or 0:{sign}.0%}" for v in (estimate.value, estimate.low, estimate.high)
    )
    known = estimate.low is not None and estimate.low != estimate.high
    return f"{value} [{low}, {high}]" if known else value
