"""``coder label``: brings labels that people gave elsewhere into a run, and takes labels out.

Label files are read here for the other verbs that take them, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import column_map, open_run, rater_name, run_names

if TYPE_CHECKING:
    from coder.records import Codebook, Example, Issue, Label
    from coder.report.export import Row
    from coder.sources.labels import LabelReport
    from coder.sources.rows import SetAside
    from coder.storage.run import Run

SHOWN = 5
"""How many set-aside rows are named on the terminal; all of them are counted by reason."""


@click.group("label")
def command() -> None:
    """Bring blind human labels into a run, or out of it."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rater", callback=rater_name, required=True, help="Who gave these labels.")
@click.option(
    "--run",
    "name",
    required=True,
    shell_complete=run_names,
    help="The run whose issues they are about.",
)
@column_map("E.g. --map code=rater1")
@click.option("--one-hot", is_flag=True, help="Each code is a column, marked 1 where it was given.")
@click.option(
    "--drawn", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="SAMPLE.jsonl", help="The sample of coder sample that was labelled.",
)  # fmt: skip
def import_labels(
    file: Path, rater: str, name: str, maps: tuple[str, ...], one_hot: bool, drawn: Path | None
) -> None:
    """Import blind labels from FILE: CSV or JSONL with id, code and optionally memo.

    Blind means: given before the rater saw any suggestion. An issue goes by its id, its URL or
    owner/repo#number. Several codes are separated by ";", or stand in a list or in several rows. A
    code is understood by id, name or full path; "none" means that no code fits.
    Importing the same file again changes nothing. With --drawn it is on record with what
    probability each issue was drawn, and the labels tell of the issues that were not.
    """
    from coder.cli.terminal import console, err_console, safe
    from coder.errors import InputError
    from coder.text.spelling import plural

    run = open_run(name)
    report = read_label_file(file, run.codebook, run.issues, rater, maps, one_hot)
    labels = _of_sample(run, rater, report.labels, drawn) if drawn else report.labels
    outcome = run.add_labels(rater, labels)
    show_set_aside(report, file)
    if outcome.not_blind:
        where = {f"in run {look.run} as {look.rater}" for look in outcome.not_blind.values()}
        err_console.print(
            f"Not blind, set aside: {len(outcome.not_blind):,} on issues whose suggestion "
            f"{safe(rater)} had already seen, {safe(' and '.join(sorted(where)))} "
            f"({safe(', '.join([*outcome.not_blind][:SHOWN]))})",
            soft_wrap=True,
        )
    if not report.labels:
        raise InputError(
            f"{file} holds no usable label for run {name!r}",
            "its issues must be those of the run and its codes those of the run's codebook"
            if any(row.reason.startswith("unknown ") for row in report.set_aside)
            else "why is said above, for each row",
        )
    changed = f", {outcome.changed:,} of them changing an earlier one" if outcome.changed else ""
    known = f"; {len(outcome.unchanged):,} were there already" if outcome.unchanged else ""
    console.print(
        f"{plural(len(outcome.added), 'blind label')} by {safe(rater)} added to run {safe(name)}"
        f"{changed}{known}. {plural(report.read, 'row')} read, "
        f"{len(report.set_aside):,} set aside.",
        soft_wrap=True,
    )
    console.print(f"Next: coder report {safe(name)}")


def _of_sample(run: Run, rater: str, labels: Sequence[Label], sample: Path) -> Sequence[Label]:
    """The labels, with how their issues were drawn."""
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.ratings.screened import Where
    from coder.sources.drawing import drawn_labels, read_sampling, sidecar
    from coder.sources.issues import load_issues
    from coder.storage.run import data_hash

    issues = load_issues(sample)
    sampling = read_sampling(sample, issues)
    if sampling is None:
        raise UsageError(
            f"{sidecar(sample)} does not tell how these issues were drawn",
            "give a sample as coder sample wrote it",
        )
    of_run = data_hash(run.issues.values()) == sampling.frame_hash
    if sampling.where and Where.parse(sampling.where).run == run.name:
        of_run = True
    if not of_run:
        raise UsageError(
            f"{sample} was drawn from {sampling.frame}, which is not what run {run.name!r} codes",
            "leave --drawn out: a run made of a sample knows of it by itself",
        )
    ids, standing = [issue.id for issue in issues], run.labels(rater)
    have = len({*standing, *(label.issue_id for label in labels)} & {*ids})
    if have < len(ids):
        console.print(
            f"{have:,} of the {len(ids):,} issues of {safe(sample)} are labelled; these are taken "
            "for random among them.",
            soft_wrap=True,
        )
    return drawn_labels(labels, standing, sampling, ids)


@command.command("export")
@click.argument("name", shell_complete=run_names)
@click.option("--rater", callback=rater_name, help="Only this rater's labels.")
@click.option("--resolved", is_flag=True, help="What raters agree on, and what was adjudicated.")
@click.option(
    "--through", type=click.Path(path_type=Path, dir_okay=False), metavar="CROSSWALK",
    help="In the codes of the other codebook, as coder codebook map links them.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the labels go; replaced when it exists.",
)
def export_labels(
    name: str, rater: str | None, resolved: bool, through: Path | None, output: Path
) -> None:
    """Write blind labels of run NAME as CSV: id, code, memo, who.

    Those of all raters, of one, or the resolved ones. `coder label import` reads the file back.
    With --through only labels are written whose code is the same as one of the other codebook, or
    part of it; the others are counted, and are in a file beside it.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.report.export import blind_rows, labels_csv, resolved_rows
    from coder.text.spelling import plural

    run = open_run(name)
    if rater and resolved:
        raise UsageError("--rater and --resolved exclude each other", "give one of them")
    raters = run.raters()
    if rater and rater not in raters:
        raise UsageError(
            f"run {name!r} has no rater {rater!r}", f"raters: {', '.join(raters) or 'none'}"
        )
    if resolved:
        rows = list(resolved_rows(run))
    else:
        rows = [row for who in ([rater] if rater else raters) for row in blind_rows(run, who)]
    if through is not None:
        _translate(run, rows, through, output)
        return
    write_atomically(output, labels_csv(rows))
    console.print(f"{safe(output)}: {plural(len(rows), 'label')}", soft_wrap=True)
    if not rows and any(run.decisions(who) for who in raters):
        console.print(
            "Decisions with a suggestion in sight are no blind labels; they are in: "
            f"coder export {safe(name)} -o coded.csv",
            soft_wrap=True,
        )


def _translate(run: Run, rows: Sequence[Row], through: Path, output: Path) -> None:
    """Write labels in the codes of a crosswalk's other codebook."""
    from coder.cli.codebook_map import open_crosswalk, warn_unchecked
    from coder.cli.terminal import console, err_console, safe
    from coder.codebook.translate import translator_between
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.report.export import translated
    from coder.study import Study
    from coder.text.spelling import plural

    read, left, right = open_crosswalk(Study.open(), through)
    if run.codebook.id not in (left.id, right.id):
        raise UsageError(
            f"{through} is about {left.id} and {right.id}, and run {run.name!r} is coded with "
            f"{run.codebook.id}",
            "give the crosswalk of the run's codebook",
        )
    other = right if run.codebook.id == left.id else left
    found = translated(rows, translator_between(read.crosswalk, run.codebook, other))
    write_atomically(output, found.labels)
    console.print(
        f"{safe(output)}: {plural(found.translated, 'label')} in the codes of {safe(other.id)}, of "
        f"{plural(len(rows), 'label')} in those of {safe(run.codebook.id)}",
        soft_wrap=True,
    )
    if found.why:
        beside = output.with_name(f"{output.stem}.set-aside.csv")
        write_atomically(beside, found.set_aside)
        why = ", ".join(f"{count:,} × {reason.value}" for reason, count in found.why.most_common())
        err_console.print(f"Set aside: {why}. All of them: {safe(beside)}", soft_wrap=True)
    warn_unchecked(read.crosswalk)


def read_label_file(
    path: Path,
    codebook: Codebook,
    issues: Mapping[str, Issue],
    rater: str,
    maps: tuple[str, ...] = (),
    one_hot: bool = False,
) -> LabelReport:
    """The labels in ``path`` on ``issues``, by any spelling of the codebook's codes."""
    from coder.codebook import load as codebooks
    from coder.records import Cardinality
    from coder.sources import labels
    from coder.sources.github import IssueNames
    from coder.sources.rows import parse_map

    return labels.read_labels(
        path,
        codebooks.resolver(codebook, former=True),
        IssueNames(issues.values()),
        rater=rater,
        single=codebook.cardinality is Cardinality.SINGLE,
        mapping=parse_map(maps),
        one_hot=one_hot,
        codebook_hash=codebook.hash,
    )


def read_examples(
    path: Path,
    codebook: Codebook,
    issues: Mapping[str, Issue],
    maps: tuple[str, ...] = (),
    one_hot: bool = False,
) -> list[Example]:
    """The labelled issues in ``path``, for a model to learn from; says what was set aside."""
    from coder.records import Example

    report = read_label_file(path, codebook, issues, "examples", maps, one_hot)
    show_set_aside(report, path)
    return [
        Example(issue=issues[label.issue_id], codes=label.codes, memo=label.memo)
        for label in report.labels
    ]


def show_set_aside(report: LabelReport, path: Path) -> None:
    """Name the rows of ``path`` that were not taken, on stderr: counted by reason and by what stood
    there, the commonest first; all of them are in a file beside ``path``."""
    from coder.cli.terminal import err_console, safe

    if not report.set_aside:
        return
    reasons = Counter(row.reason for row in report.set_aside)
    listed = ", ".join(f"{count:,} × {safe(reason)}" for reason, count in reasons.most_common())
    err_console.print(f"Set aside: {listed}", soft_wrap=True)
    alike: dict[tuple[str, str], list[SetAside]] = {}
    for row in report.set_aside:
        alike.setdefault((row.reason, row.given or row.detail), []).append(row)
    for rows in sorted(alike.values(), key=len, reverse=True)[:SHOWN]:
        times = f"{len(rows):,} times, first " if len(rows) > 1 else ""
        err_console.print(f"  [dim]{times}{safe(rows[0])}[/]", soft_wrap=True)
    if len(alike) > SHOWN:
        err_console.print(f"  [dim]... and {len(alike) - SHOWN:,} more kinds[/]")
    err_console.print(f"  {_write_set_aside(report, path)}", soft_wrap=True)


def _write_set_aside(report: LabelReport, path: Path) -> str:
    """Put every row that was set aside into a file beside the labels, and say where."""
    from coder.cli.terminal import safe
    from coder.errors import StorageError
    from coder.files.atomic_write import write_atomically

    file = path.with_name(f"{path.name.partition('.')[0]}.set-aside.jsonl")
    try:
        write_atomically(file, "".join(row.to_json() + "\n" for row in report.set_aside))
    except StorageError as error:
        return f"they could not be written down: {safe(error.message)}"
    return f"all of them: {safe(file)}"
