"""``coder propose``: pre-code issues; the same command goes on where it was stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli import consent

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from coder.proposers.base import Proposer
    from coder.records import Issue, Status
    from coder.storage.run import Run
    from coder.study import Study


@click.command("propose")
@click.argument("issues", type=click.Path(path_type=Path))
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
@consent.send_to
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
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Columns of --labels.")
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
@click.option("--rpm", type=click.IntRange(min=0), metavar="N", help="Requests a minute at most.")
@click.option("--tpm", type=click.IntRange(min=0), metavar="N", help="Tokens a minute at most.")
@click.option(
    "--no-cache", is_flag=True, help="Do not use answers that other runs of the study paid for."
)
@click.option("--sample", type=click.IntRange(min=1), help="Code a random sample of this many.")
@click.option("--dry-run", is_flag=True, help="Only say what it will take: tokens, calls, price.")
@click.option(
    "--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Stop before this is exceeded."
)
@click.option(
    "--max-tokens", type=click.IntRange(min=0), metavar="N", help="The same for input and output."
)
@click.option("--max-calls", type=click.IntRange(min=0), metavar="N", help="The same for requests.")
def command(
    issues: Path,
    name: str,
    model: str | None,
    base_url: str | None,
    strategy: str | None,
    samples: int | None,
    redact: bool | None,
    send_to: tuple[str, ...],
    decode: str | None,
    codebook: str | None,
    labels: Path | None,
    maps: tuple[str, ...],
    labelled_issues: Path | None,
    reserve: float | None,
    concurrency: int | None,
    rpm: int | None,
    tpm: int | None,
    no_cache: bool,
    sample: int | None,
    dry_run: bool,
    max_cost: float | None,
    max_tokens: int | None,
    max_calls: int | None,
) -> None:
    """Pre-code issues with a model.

    Proposes a code, a rationale and evidence for each of ISSUES (made by coder import).

    Stop it with Ctrl-C at any time: the same command goes on where it stopped. The --max caps hold
    over all sessions of a run together.
    """
    from decimal import Decimal

    from coder.cli import allow_code
    from coder.cli.labels import read_examples
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.errors import UsageError
    from coder.files.resources import find
    from coder.proposers import run_loop as driver
    from coder.proposers.budget import Caps
    from coder.sources.issues import load_issues
    from coder.study import Study

    asked = {"name": model, "base_url": base_url, "strategy": strategy, "decode": decode,
             "samples": samples, "redact": redact, "concurrency": concurrency,
             "requests_per_minute": rpm, "tokens_per_minute": tpm,
             "cache": False if no_cache else None}  # fmt: skip
    study = Study.open(codebook=codebook, model=asked)
    wanted = find("codebook", study.settings.codebook, ".yaml", study.root)
    codebook_path = driver.asked_with(study, name, wanted)
    book = codebooks.load(codebook_path)
    if codebook_path != wanted:
        console.print(
            f"Run {safe(name)} began with version {safe(book.version)} of its codebook: proposals "
            "are still made under it, and carried over.",
            soft_wrap=True,
        )
    loaded = load_issues(issues)
    known = {issue.id: issue for issue in load_issues(labelled_issues)} if labelled_issues else {}
    known |= {issue.id: issue for issue in loaded}
    sampled_from = None
    if sample is not None and sample < len(loaded):
        sampled_from = len(loaded)
        loaded = draw(loaded, sample, study.settings.seed)
    elif sample is not None:
        console.print(f"There are {len(loaded):,} issues: all of them are the sample.")
    if reserve and not labels:
        raise UsageError(
            "--reserve keeps some of --labels away, and there are none", "add --labels"
        )
    examples = read_examples(labels, book, known, maps) if labels else []
    learnt, kept = driver.reserve(examples, loaded, reserve or 0, study.settings.seed)
    if reserve:
        console.print(f"Reserved for evaluation: {len(kept):,} of {len(examples):,} labels.")
    caps = Caps(None if max_cost is None else Decimal(str(max_cost)), max_tokens, max_calls)
    if dry_run:
        from coder.cli.dry_run import show

        show(*driver.dry_run(study, name, codebook_path, loaded, learnt, caps, reserved=kept))
        return
    allow_code.require(study, len(loaded))
    consent.require(study, loaded, send_to)
    run, proposer = driver.start(
        study, name, codebook_path, loaded, learnt, caps,
        sampled_from=sampled_from, reserved=kept,
    )  # fmt: skip
    _say_what_teaches_nothing(run)
    try:
        propose_with_progress(run, proposer)
    finally:
        _say_what_it_took(study, run)
    _next_steps(run)


def draw(issues: list[Issue], size: int, seed: int) -> list[Issue]:
    """A uniform random sample without replacement, in the order of the file."""
    import random

    chosen = random.Random(seed).sample(range(len(issues)), size)
    return [issues[i] for i in sorted(chosen)]


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
    from coder.errors import ModelError
    from coder.proposers import run_loop as driver
    from coder.records import Proposal, Status
    from coder.text.spelling import plural

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
    return counts


def how_many(status: Status, reasons: Sequence[str]) -> str:
    """``3 failed (2 of them: why)``: how many issues ended so, one for each of ``reasons``, and the
    reason that most of them have."""
    from coder.proposers.chat.failures import commonest

    count = f"{len(reasons):,} {status.value}"
    if not any(reasons):
        return count
    why, alike = commonest(reasons)
    shared = (
        "" if len(reasons) == 1 else "all: " if alike == len(reasons) else f"{alike:,} of them: "
    )
    return f"{count} ({shared}{why})"


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
    """What the run has used in all its sessions; nothing for a model that makes no calls."""
    from coder.cli.terminal import console, safe
    from coder.proposers.budget import find_price, in_words, spent_by
    from coder.proposers.chat.providers import endpoint

    calls = list(run.calls)
    if taken := sum(call.cached for call in calls):
        console.print(f"Answers that other runs of the study had paid for: {taken:,}.")
    spent = spent_by(calls)
    if spent.calls:
        price = find_price(study.root, study.settings.model.name, endpoint(study).identity)
        cost, as_of = (price.of(spent.usage), price.as_of) if price else (None, None)
        said = in_words(spent, cost, as_of)
        console.print(f"Used by this run so far: {safe(said)}.", soft_wrap=True)


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
