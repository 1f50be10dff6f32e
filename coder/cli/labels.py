"""Reads label files for the commands that take them, and shows what had to be set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coder.records import Cardinality, Codebook, Example, Issue

if TYPE_CHECKING:
    from coder.sources.report import LabelReport

SHOWN = 5
"""How many set-aside rows are named on the terminal; all of them are counted by reason."""


def read_label_file(
    path: Path,
    codebook: Codebook,
    issues: Mapping[str, Issue],
    rater: str,
    maps: tuple[str, ...] = (),
) -> LabelReport:
    """The labels in ``path`` on ``issues``, by any spelling of the codebook's codes."""
    from coder import codebook as codebooks
    from coder.sources import labels
    from coder.sources.columns import parse_map

    return labels.read_labels(
        path,
        codebooks.resolver(codebook),
        rater=rater,
        single=codebook.cardinality is Cardinality.SINGLE,
        issue_ids=issues.keys(),
        mapping=parse_map(maps),
        codebook_hash=codebook.hash,
    )


def read_examples(path: Path, codebook: Codebook, issues: Mapping[str, Issue]) -> list[Example]:
    """The labelled issues in ``path``, for a model to learn from; says what was set aside."""
    report = read_label_file(path, codebook, issues, "examples")
    show_set_aside(report)
    return [
        Example(issue=issues[label.issue_id], codes=label.codes, memo=label.memo)
        for label in report.labels
    ]


def show_set_aside(report: LabelReport) -> None:
    """Name the rows that were not taken, on stderr: counted by reason, the first few by line."""
    from coder.cli.terminal import err_console, safe

    if not report.set_aside:
        return
    reasons = Counter(row.reason for row in report.set_aside)
    listed = ", ".join(f"{count:,} × {safe(reason)}" for reason, count in reasons.most_common())
    err_console.print(f"Set aside: {listed}", soft_wrap=True)
    for row in report.set_aside[:SHOWN]:
        err_console.print(f"  [dim]{safe(row)}[/]", soft_wrap=True)
    if len(report.set_aside) > SHOWN:
        err_console.print(f"  [dim]... and {len(report.set_aside) - SHOWN:,} more[/]")
