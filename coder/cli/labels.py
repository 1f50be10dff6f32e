"""Reads label files for the commands that take them, and shows what had to be set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coder.records import Cardinality, Codebook, Example, Issue

if TYPE_CHECKING:
    from coder.sources.labels import LabelReport
    from coder.sources.rows import SetAside

SHOWN = 5
"""How many set-aside rows are named on the terminal; all of them are counted by reason."""


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
