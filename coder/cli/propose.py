"""``coder propose``: pre-code issues; the same command goes on where it was stopped."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import click

from coder.cli.arguments import column_map
from coder.cli.asking import agree_to_run, agree_to_send, capped, how_many, say_used, send_to

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from coder.proposers.base import Preview, Proposer
    from coder.proposers.budget import Caps
    from coder.records import Codebook, Example, Issue, Reserved, Sampling, Screening, Status
    from coder.storage.run import Run
    from coder.study import Study

PARTS = {
    "system": "system, codebook, form of the answer",
    "definitions": "retrieved definitions",
    "examples": "similar labelled issues",
    "issue": "the issue itself",
    "total": "whole prompt",
}
"""What a prompt is made of, in the table of the dry run."""


@click.command("propose")
@click.argument("issues", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", required=True, help="The run's name: a folder in runs/.")
@click.option("--model", help="embedded, openai:NAME, ollama:NAME, vllm:NAME, ...")
@click.option("--base-url", help="An OpenAI-compatible server, e.g. http://localhost:8080/v1")
@click.option(
    "--strategy",
    type=click.Choice(["flat", "cascade", "each"]),
    help="All codes in one question, category before code, or code by code.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 100),
    metavar="K",
    help="Ask K times and take what most answers say.",
)
@click.option("--redact", is_flag=True, default=None, help="Mask e-mails, keys, user names, IPs.")
@send_to
@click.option(
    "--decode",
    type=click.Choice(["json", "score"]),
    help="Let the model write its answer, or only read how likely it finds each code.",
)
@click.option("--codebook", help="A codebook's name or file.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Labels to learn from: CSV or JSONL with id, code. An issue never sees its own.",
)
@column_map("Columns of --labels.")
@click.option(
    "--labelled-issues",
    type=click.Path(path_type=Path),
    help="The issues --labels speaks of, when they are not among those to be coded.",
)
@click.option(
    "--reserve",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Keep this share (0 to 1) of --labels from the model, to compare it with.",
)
@click.option("--concurrency", type=click.IntRange(1, 512), metavar="N", help="Requests at a time.")
@click.option(
    "--rpm",
    "requests_per_minute",
    type=click.IntRange(min=0),
    metavar="N",
    help="Requests a minute at most.",
)
@click.option(
    "--tpm",
    "tokens_per_minute",
    type=click.IntRange(min=0),
    metavar="N",
    help="Tokens a minute at most.",
)
@click.option(
    "--no-cache", is_flag=True, help="Do not use answers that other runs of the study paid for."
)
@click.option(
    "--where",
    metavar="RUN=CODE",
    help="Only issues whose final code in another run is CODE, or, with !=, is not.",
)
@click.option("--sample", type=click.IntRange(min=1), help="Code a random sample of this many.")
@click.option("--dry-run", is_flag=True, help="Only say what it will take: tokens, calls, price.")
@capped(
    "Stop before this is exceeded.",
    "The same for input and output.",
    "The same for requests.",
)
def command(
    issues: Path | None,
    name: str,
    model: str | None,
    send_to: tuple[str, ...],
    codebook: str | None,
    labels: Path | None,
    maps: tuple[str, ...],
    labelled_issues: Path | None,
    reserve: float | None,
    no_cache: bool,
    where: str | None,
    sample: int | None,
    dry_run: bool,
    caps: Caps,
    **settings: Any,
) -> None:
    """Pre-code issues with a model.

    Proposes a code, a rationale and evidence for each of ISSUES (made by coder import). With
    --where these are by default the issues of the run it names.

    Stop it with Ctrl-C at any time: the same command goes on where it stopped. The --max caps hold
    over all sessions of a run together.
    """
    from coder.cli.label import read_examples
    from coder.files.hashing import as_data_file
    from coder.proposers import run_loop as driver
    from coder.sources.issues import load_issues
    from coder.study import Study

    settings |= {"name": model, "cache": False if no_cache else None}
    study = Study.open(codebook=codebook, model=settings)
    codebook_path, book = _codebook(study, name)
    found, screening = _taken(study, load_issues(issues) if issues else None, where)
    of_labels = load_issues(labelled_issues) if labelled_issues else []
    known = {issue.id: issue for issue in (*of_labels, *found)}
    chosen = _sampled(found, sample, study.settings.seed)
    examples = read_examples(labels, book, known, maps) if labels else None
    learnt, kept = _reserved(examples, chosen, reserve or 0, study.settings.seed)
    if dry_run:
        show_dry_run(
            *driver.dry_run(study, name, codebook_path, chosen, learnt, caps, reserved=kept)
        )
        return
    agree_to_run(study, len(chosen))
    agree_to_send(study, chosen, send_to)
    run, proposer = driver.start(
        study, name, codebook_path, chosen, learnt, caps, reserved=kept,
        sampled_from=len(found) if len(chosen) < len(found) else None, screening=screening,
        sampling=_sampling(study, issues, found, screening),
        issues_file=as_data_file(issues, study.runs / name) if issues else None,
    )  # fmt: skip
    _say_what_teaches_nothing(run)
    try:
        propose_with_progress(run, proposer)
    finally:
        _say_what_it_took(study, run)
    _next_steps(run)


def _taken(
    study: Study, issues: list[Issue] | None, where: str | None
) -> tuple[list[Issue], Screening | None]:
    """The issues to be coded: those given, of these the ones that another run screens in."""
    from coder.cli.screening import take
    from coder.cli.terminal import console, safe
    from coder.errors import InputError, UsageError

    if where is None:
        if issues is None:
            raise UsageError("there are no issues to code", "name a file of issues, or --where")
        return issues, None
    taken, made = take(study, where)
    found = list(taken.values()) if issues is None else [i for i in issues if i.id in taken]
    counts = ", ".join(f"{n:,} {source}" for source, n in made.taken.items())
    console.print(
        f"Screened in by {safe(where)}: {sum(made.taken.values()):,} of {made.issues:,} issues "
        f"({counts or 'none'}); {sum(made.undecided.values()):,} have no final code there.",
        soft_wrap=True,
    )
    if made.taken.get("model") and made.certified is None:
        console.print(
            "No certificate holds for the model's word: coder screen tells what it misses."
        )
    if not found:
        raise InputError(f"{where} leaves no issue to code", f"see: coder screen {where}")
    return found, made


def _sampling(
    study: Study, file: Path | None, issues: Sequence[Issue], screening: Screening | None
) -> Sampling | None:
    """How the issues were drawn, or those that were screened."""
    from coder.sources.drawing import read_sampling
    from coder.storage.run import Run

    if screening is not None:
        return Run.open(study.runs, screening.run).manifest.sampling
    return read_sampling(file, issues) if file else None


def _codebook(study: Study, run: str) -> tuple[Path, Codebook]:
    """The codebook that proposals of the run are made under: the one it began with."""
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.files.resources import find
    from coder.proposers import run_loop as driver

    wanted = find("codebook", study.settings.codebook, ".yaml", study.root)
    path = driver.asked_with(study, run, wanted)
    book = codebooks.load(path)
    if path != wanted:
        console.print(
            f"Run {safe(run)} began with version {safe(book.version)} of its codebook: proposals "
            "are still made under it, and carried over.",
            soft_wrap=True,
        )
    return path, book


def _sampled(issues: list[Issue], size: int | None, seed: int) -> list[Issue]:
    """A uniform random sample without replacement, in the order of the file."""
    import random

    from coder.cli.terminal import console

    if size is None:
        return issues
    if size >= len(issues):
        console.print(f"There are {len(issues):,} issues: all of them are the sample.")
        return issues
    return [issues[i] for i in sorted(random.Random(seed).sample(range(len(issues)), size))]


def _reserved(
    labelled: list[Example] | None, issues: list[Issue], share: float, seed: int
) -> tuple[list[Example], list[Reserved]]:
    """The labels to learn from, and those that are kept for evaluation."""
    from coder.cli.terminal import console
    from coder.errors import UsageError
    from coder.proposers import run_loop as driver

    if share and labelled is None:
        raise UsageError(
            "--reserve keeps some of --labels away, and there are none", "add --labels"
        )
    learnt, kept = driver.reserve(labelled or [], issues, share, seed)
    if share:
        console.print(f"Reserved for evaluation: {len(kept):,} of {len(labelled or []):,} labels.")
    return learnt, kept


def propose_with_progress(run: Run, proposer: Proposer) -> Counter[Status]:
    """Run the driver under a progress bar with rate and time left, then say how it ended.

    Raises ``ModelError`` when not one issue got an answer.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )

    from coder.cli.terminal import console, err_console, safe
    from coder.proposers import run_loop as driver
    from coder.records import Proposal, Status

    class HeldUpColumn(ProgressColumn):
        """Looked at each time the bar is drawn: nothing may have been proposed for a while."""

        def render(self, task: Task) -> str:
            return proposer.held_up_by()

    reasons: dict[Status, list[str]] = {status: [] for status in Status}
    warned = False

    total, left = len(run.issues), len(driver.pending(run))
    if 0 < left < total:
        console.print(f"Resuming run {safe(run.name)}: {total - left} of {total} are done.")
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        HeldUpColumn(),
    )
    with Progress(*columns, console=err_console, disable=not left) as progress:
        task = progress.add_task("Proposing", total=total, completed=total - left, rate="")

        def advance(proposal: Proposal) -> None:
            nonlocal warned
            if not warned and (warning := proposer.warning()):
                warned = True
                progress.console.print(f"warning: {safe(warning)}", soft_wrap=True)
            reasons[proposal.status].append(proposal.error)
            speed = progress.tasks[task].speed
            progress.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")

        counts = driver.propose(run, proposer, advance)
    _say_how_it_ended(run, proposer, counts, reasons)
    return counts


def _say_how_it_ended(
    run: Run, proposer: Proposer, counts: Counter[Status], reasons: Mapping[Status, Sequence[str]]
) -> None:
    from coder.cli.terminal import console, safe
    from coder.errors import ModelError
    from coder.records import Status
    from coder.text.spelling import plural

    done = f"{plural(counts.total(), 'issue')} proposed in run {safe(run.name)}"
    kinds = ", ".join(how_many(s, reasons[s]) for s in Status if counts[s])
    console.print(
        done + (f": {safe(kinds)}." if kinds else "; nothing was left to do."), soft_wrap=True
    )
    if remark := proposer.remark():
        console.print(safe(remark), soft_wrap=True)
    if counts[Status.FAILED]:
        again = "The same command asks again for those that failed."
        if counts[Status.FAILED] == counts.total():
            raise ModelError(f"all {plural(counts.total(), 'issue')} failed", again)
        console.print(again)


def _say_what_teaches_nothing(run: Run) -> None:
    from coder.cli.terminal import console
    from coder.ratings.comparable import taught

    above = run.first_codebook.children
    used = {example.issue.id for example in taught(run)}
    unused = sum(
        example.issue.id not in used and any(code in above for code in example.codes)
        for example in run.examples
    )
    if unused:
        console.print(
            f"The model cannot learn from {unused:,} of {len(run.examples):,} labels: they name a "
            "category alone.",
            soft_wrap=True,
        )


def _say_what_it_took(study: Study, run: Run) -> None:
    from coder.cli.terminal import console

    calls = list(run.calls)
    if taken := sum(call.cached for call in calls):
        console.print(f"Answers that other runs of the study had paid for: {taken:,}.")
    say_used(study, calls, "run")


def _next_steps(run: Run) -> None:
    from coder.cli.terminal import console, safe
    from coder.storage.run import RESERVED

    name = safe(run.name)
    if run.manifest.reserved_hash:
        file = safe(os.path.relpath(run.path / RESERVED))
        console.print(
            f"The reserved labels, as those of a rater: coder label import {file} --rater NAME "
            f"--run {name}",
            soft_wrap=True,
        )
    console.print(f"Next: coder review {name} --rater YOU   or   coder report {name}")


# --- the dry run ----------------------------------------------------------------------------------


def show_dry_run(pending: int, preview: Preview | None) -> None:
    """Print what proposing codes for ``pending`` issues will take; ``None``: nothing."""
    from coder.cli.terminal import console, safe

    console.print("Dry run: nobody is contacted and nothing is written.")
    console.print(f"Issues pending: {pending:,}.")
    if preview is None:
        console.print("The embedded model makes no calls and costs nothing.")
        return
    if preview.sampled:
        measured = len(preview.measured) + preview.on_disk
        console.print(f"Measured on a random sample of {measured:,}; totals are extrapolated.")
    if preview.on_disk:
        console.print(
            f"{preview.on_disk:,} of those have their answer on disk already, of this run or of "
            "another of the study.",
            soft_wrap=True,
        )
    if preview.measured:
        console.print(_parts(preview))
        masked = sum(parts.masked for parts in preview.measured)
        if masked:
            console.print(f"Masked in what was measured: {masked:,} places.")
    for line in _totals(preview):
        console.print(safe(line), soft_wrap=True)


def _parts(preview: Preview) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    single = all(parts.prompts == 1 for parts in preview.measured)
    table.add_column("tokens of one prompt" if single else "tokens an issue")
    for head in ("mean", "median", "largest"):
        table.add_column(head, justify="right")
    for part, name in PARTS.items():
        counts = [getattr(parts, part) for parts in preview.measured]
        figures = (fmean(counts), median(counts), max(counts))
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures))
    return table


def _totals(preview: Preview) -> list[str]:
    from coder.proposers.budget import money

    usage, cacheable = preview.usage, preview.cacheable
    about = "about " if preview.sampled else ""
    how = preview.counted_by if preview.exact else f"{preview.counted_by}, an approximation here"
    share = cacheable.cached_tokens / usage.input_tokens if usage.input_tokens else 0
    lines = [
        f"Calls: {about}{preview.calls:,}; one more for each answer that must be repaired or "
        "request that must be repeated.",
        f"Input: {about}{usage.input_tokens:,} tokens (counted by {how}); {share:.0%} of them are "
        "a prefix that a provider may have cached.",
        f"Output: at most {about}{usage.output_tokens:,} tokens, if every answer is as long as it "
        f"may be ({preview.max_output_tokens:,}).",
    ]
    price = preview.price
    if price is None:
        return [*lines, f"Price: unknown; prices.toml has no entry for {preview.model}."]
    if price.as_of is None:
        return [*lines, "Price: USD 0; the server is your own."]
    return [
        *lines,
        f"Price: {about}{money(preview.cost(usage))} with that output, "
        f"{money(preview.cost(cacheable))} with the prefix cached "
        f"(prices of {price.as_of}; they change).",
    ]
