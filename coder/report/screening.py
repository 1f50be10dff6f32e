"""How well a run screens: what was kept and left out, on whose word, and what was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from coder.agreement.screening import Side, missed, more_labels, precision, recall
from coder.ratings.comparable import Codes
from coder.ratings.delivered import RunAnswers
from coder.ratings.screened import Where, holds, screened
from coder.records import Codebook, Decision, Estimate, Issue, Label, Record, Screening
from coder.report.coverage import most_labels
from coder.storage.sampling import reached

WIDTH = 0.1
"""Of the interval that the labels needed are told for."""
EVEN = 1e-12
UNKNOWN = (
    "it is not on record that the labelled issues were drawn at random: this holds if they were"
)
UNEVEN = "issues were drawn with unequal probabilities: label some in random order"


class ScreeningReport(Record):
    """``screening`` as it is now; ``model_in`` and ``model_out`` are how many issues the model puts
    on each side, ``labelled_in`` and ``labelled_out`` those of them that ``rater`` labelled blindly
    and at random. ``more`` is how many more labels bring the interval of ``recall`` to
    ``WIDTH``. ``recall`` and ``missed`` are the model's own: what people's labels
    find, ``found`` of those missed, is mended."""

    screening: Screening
    rater: str
    model_in: int
    model_out: int
    labelled_in: int
    labelled_out: int
    found: int
    recall: Estimate
    precision: Estimate
    missed: Estimate
    more: int | None
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
    rater = most_labels(found.raters)
    labels = rater.blind.answers if rater else {}
    judged = _Judged(
        found.model.answers,
        sorted(rater.log, key=lambda record: record.at) if rater else [],
        labels,
        _holding(book, labels, made),
    )
    kept = _holding(book, found.model.answers, made)
    inside = judged.side([i for i in found.model.answers if i in kept])
    outside = judged.side([i for i in found.model.answers if i not in kept])
    return issues, ScreeningReport(
        screening=made,
        rater=rater.name if rater else "",
        model_in=sum(part.issues for part in inside),
        model_out=sum(part.issues for part in outside),
        labelled_in=sum(part.labelled for part in inside),
        labelled_out=sum(part.labelled for part in outside),
        found=sum(part.hits for part in outside),
        recall=recall(inside, outside),
        precision=precision(inside),
        missed=missed(outside),
        more=more_labels(inside, outside, WIDTH),
        notes=tuple(dict.fromkeys(judged.notes)),
    )


def _holding(book: Codebook, answers: Mapping[str, Codes], made: Screening) -> set[str]:
    return {i for i, codes in answers.items() if holds(book, codes, made.code) != made.negated}


@dataclass
class _Judged:
    """What the model answered, all that one rater wrote, oldest first, and which of the issues they
    labelled are ``right`` to keep."""

    model: Mapping[str, Codes]
    log: Sequence[Label | Decision]
    labels: Mapping[str, Codes]
    right: set[str]
    notes: list[str] = field(default_factory=list)

    def side(self, ids: list[str]) -> list[Side]:
        """The issues on one side of the screening, in parts that were drawn alike; those that were
        labelled before anything was drawn, if any, are a part by themselves."""
        labelled = [i for i in ids if i in self.labels]
        if not labelled:
            return [Side(len(ids), 0, 0)]
        here = {*ids}
        records = [record for record in self.log if record.issue_id in here]
        if not any(record.queue for record in records):
            if len(labelled) < len(ids):
                self.notes.append(UNKNOWN)
            return [self._counted(ids, labelled)]
        before, drawn = reached(records)
        certain = [i for i in labelled if i in before]
        if apart := sum(i not in before and i not in drawn for i in labelled):
            self.notes.append(f"{apart:,} labels that were not drawn at random are left out")
        rest = [i for i in ids if i not in {*certain}]
        found = self._drawn_alike(rest, drawn)
        return [*found, self._counted(certain, certain)] if certain else found

    def _drawn_alike(self, ids: list[str], drawn: Mapping[str, float]) -> list[Side]:
        """One part where all labels came with one probability, else one for each answer of the
        model; none of it is known where they differ within these, too."""
        for group in (lambda _: (), self.model.__getitem__):
            parts: dict[Codes, list[str]] = {}
            for i in ids:
                parts.setdefault(group(i), []).append(i)
            labelled = [[i for i in p if i in drawn and i in self.labels] for p in parts.values()]
            if all(np.ptp([drawn[i] for i in part] or [0]) < EVEN for part in labelled):
                return [self._counted(*two) for two in zip(parts.values(), labelled, strict=True)]
        self.notes.append(UNEVEN)
        return [Side(len(ids), 0, 0)]

    def _counted(self, ids: list[str], labelled: list[str]) -> Side:
        return Side(len(ids), len(labelled), sum(i in self.right for i in labelled))
