"""The view of a report for people who still label blind, and who they are."""

from __future__ import annotations

from coder.report.model import Report
from coder.storage.blinding import Exposure
from coder.storage.intra_rater import person
from coder.storage.run import Run


def without_single_issues(report: Report) -> Report:
    """The report for people who still label blind: its figures, and nothing that anybody, or the
    model, said of a single issue."""
    pairs = tuple(pair.model_copy(update={"disagreements": ()}) for pair in report.pairs)
    left_out = {"pairs": pairs, "cases": (), "codebook_changes": (), "single_issues": False}
    return report.model_copy(update=left_out)


def still_blind(run: Run) -> dict[str, int]:
    """How many issues each rater of the run could still label blind; those with none are absent.

    Who was assigned issues could label those, everybody else all that they have neither labelled
    nor seen a suggestion for.
    """
    seen = run.exposures()
    assigned = {record.rater: {*record.issue_ids} for record in run.assignments}
    left: dict[str, int] = {}
    for rater in sorted({*run.raters(), *assigned}):
        known = seen.get(person(rater), Exposure()).looks.keys() | run.labels(rater).keys()
        if count := len((assigned.get(rater) or run.issues.keys()) - known):
            left[rater] = count
    return left
