"""The issues on which two sides differ, one row a pair and issue, at the finest level compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coder.ratings.model import MODEL
from coder.report.model import Case, Pair, Report

Codes = tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One issue of which ``pair`` differs; ``category`` tells whether its category differs too."""

    pair: Pair
    case: Case
    left: Codes
    right: Codes
    category: bool

    @property
    def confidence(self) -> float | None:
        """How sure the model was of its first code, when it takes part and said so."""
        scored = self.case.codes
        return scored[0].confidence if self.pair.left == MODEL and scored else None


def rows(report: Report) -> Iterator[tuple[Pair, list[Row]]]:
    """Each pair (named by its finest level) and its rows, most confident model answers first."""
    cases = {case.issue_id: case for case in report.cases}
    by_sides: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in report.pairs:
        by_sides.setdefault((pair.kind, pair.left, pair.right), []).append(pair)
    for levels in by_sides.values():
        found: dict[str, Row] = {}
        coarse = {d.issue_id for d in levels[0].disagreements}
        # An issue somebody coded by category only is in no finer comparison: it keeps that row.
        for pair in levels:
            for d in pair.disagreements:
                differs = d.issue_id in coarse
                found[d.issue_id] = Row(pair, cases[d.issue_id], d.left, d.right, differs)
        yield levels[-1], sorted(found.values(), key=lambda row: -(row.confidence or 0))
