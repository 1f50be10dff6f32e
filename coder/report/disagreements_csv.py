"""Writes all disagreements as CSV, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io

from coder.escaping import csv_cell
from coder.report.disagreements import rows
from coder.report.model import Report
from coder.report.wording import Names, kind

COLUMNS = (
    "kind", "left", "right", "issue_id", "repo", "url", "title", "left_codes", "right_codes",
    "category_differs", "model_confidence", "rationale", "expression", "evidence", "memos",
)  # fmt: skip


def disagreements_csv(report: Report) -> str:
    """Every disagreement of every pair; cells that a spreadsheet would run are made text."""
    names = Names(report)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for pair, found in rows(report):
        for row in found:
            case = row.case
            confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
            cells = (
                kind(pair), pair.left, pair.right, case.issue_id, case.repo, case.url, case.title,
                names.codes(row.left), names.codes(row.right), "yes" if row.category else "no",
                confidence, case.rationale, case.expression,
                "\n".join(e.quote for e in case.evidence),
                "\n".join(f"{j.rater}: {j.memo}" for j in case.judgements if j.memo),
            )  # fmt: skip
            table.writerow([csv_cell(cell) for cell in cells])
    return out.getvalue()
