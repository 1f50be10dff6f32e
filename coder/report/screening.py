"""How well a run screens: what was kept and left out, on whose word, and what was missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from coder.agreement.screening import Side, labels_needed, missed, recall
from coder.ratings.comparable import Codes, Rater
from coder.ratings.delivered import RunAnswers
from coder.ratings.screened import Where, holds, screened
from coder.records import Codebook, Estimate, Issue, Label, Record, Screening
from coder.report.coverage import most_labels
from coder.storage.sampling import reached

WIDTH = 0.1
"""Of the interval that the labels needed are told for."""
UNKNOWN = (
    "it is not on record that the labelled issues were drawn at random: this holds if they were"
)
UNEVEN = "issues were drawn with unequal probabilities: label some in random order"


class ScreeningReport(Record):
    """``screening`` as it is now; ``model_in`` and ``model_out`` are how many issues the model puts
    on each side, ``labelled_in`` and ``labelled_out`` those of them that ``rater`` labelled blindly
    and at random. ``needed`` is how many labels on the model's out side bring the interval of
    ``recall`` to ``WIDTH``. ``recall`` and ``missed`` are the model's own: what people's labels
    find is mended."""

    screening: Screening
    rater: str
    model_in: int
    model_out: int
    labelled_in: int
    labelled_out: int
    recall: Estimate
    precision: Estimate
    missed: Estimate
    needed: int | None
    notes: tuple[str, ...]


def screening_report(
    found: RunAnswers, where: Where, *, certified: float | None = None
) -> tuple[dict[str, Issue], ScreeningReport]:
    """The issues screened in, and what is known of those that were not.

    Compared are the blind labels of the rater with most of them. Raises ``UsageError`` for a code
    there is not.
    """
    issues, made = screened(found, where, certified=certified)
    book = found.run.codebook
    kept = _holding(book, found.model.answers, made)
    out = [i for i in found.model.answers if i not in kept]
    rater = most_labels(found.raters)
    labels = rater.blind.answers if rater else {}
    right = _holding(book, labels, made)
    notes: list[str] = []
    sides = [_side(rater, side, labels, right, notes) for side in (sorted(kept), out)]
    inside, outside = sides
    precision = (
        Estimate(value=inside.hits / inside.labelled, n=inside.labelled)
        if inside.labelled
        else Estimate(value=None, note="nothing that was screened in has been labelled")
    )
    if precision.value is not None:
        low, high = inside.bounds(0.05)
        ends = {"low": low / inside.issues, "high": high / inside.issues}
        precision = precision.model_copy(update=ends)
    return issues, ScreeningReport(
        screening=made,
        rater=rater.name if rater else "",
        model_in=inside.issues,
        model_out=outside.issues,
        labelled_in=inside.labelled,
        labelled_out=outside.labelled,
        recall=recall(inside, outside),
        precision=precision,
        missed=missed(outside),
        needed=labels_needed(inside, outside, WIDTH),
        notes=tuple(dict.fromkeys(notes)),
    )


def _holding(book: Codebook, answers: Mapping[str, Codes], made: Screening) -> set[str]:
    return {i for i, codes in answers.items() if holds(book, codes, made.code) != made.negated}


def _side(
    rater: Rater | None,
    issues: Iterable[str],
    labels: Mapping[str, Codes],
    right: set[str],
    notes: list[str],
) -> Side:
    """Of the issues on one side of the screening those that were drawn at random and labelled."""
    ids = list(issues)
    labelled = [i for i in ids if i in labels]
    if rater is None or not labelled:
        return Side(len(ids), 0, 0)
    here = {*ids}
    records = sorted((r for r in rater.log if r.issue_id in here), key=lambda record: record.at)
    reviewed = {r.issue_id for r in records if not isinstance(r, Label) or r.queue}
    if not any(r.queue for r in records):
        notes.append(UNKNOWN)
        return _counted(ids, labelled, right)
    _, drawn = reached(records)
    chances = np.array([drawn[i] for i in labelled if i in drawn])
    if not len(chances) or np.ptp(chances) > 1e-12:
        notes.append(UNEVEN)
        return Side(len(ids), 0, 0)
    if apart := [i for i in labelled if i not in drawn and i in reviewed]:
        notes.append(f"{len(apart):,} labels that were not drawn at random are left out")
    return _counted(ids, [i for i in labelled if i in drawn], right)


def _counted(ids: list[str], labelled: list[str], right: set[str]) -> Side:
    return Side(len(ids), len(labelled), sum(i in right for i in labelled))
