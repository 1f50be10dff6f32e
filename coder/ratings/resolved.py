"""Resolved labels: what raters agree on blindly, and what was adjudicated where they do not.

They are a reference to hold the model against. They are nobody's independent judgement: who
adjudicates sees what the raters said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from coder.codebook.changes import Stale
from coder.ratings.comparable import Codes, Rater, Ratings, judged, own_answer
from coder.ratings.model import RESOLVED, ExclusionReason, Resolved
from coder.records import Adjudication
from coder.revision.migration import Versions
from coder.storage.intra_rater import people
from coder.storage.run import Run


@dataclass(frozen=True)
class Answer:
    """What one rater said of an issue, with their memos."""

    rater: str
    codes: Codes
    memo: str
    blind: bool


@dataclass(frozen=True)
class Resolution:
    """The resolved labels as a side, and where each came from, by issue."""

    side: Ratings
    agreed: Mapping[str, tuple[Answer, ...]]
    adjudicated: Mapping[str, Adjudication]

    @property
    def summary(self) -> Resolved:
        return Resolved(
            agreed=len(self.agreed),
            adjudicated_issue_ids=tuple(self.adjudicated),
            unresolved=sum(
                why is ExclusionReason.UNRESOLVED for why in self.side.left_out.values()
            ),
            by=tuple(sorted({record.by for record in self.adjudicated.values()})),
        )


UNRESOLVED = Resolution(Ratings(RESOLVED, {}, {}, ExclusionReason.NO_LABEL), {}, {})
"""Of a run in which nothing was adjudicated, when nobody asks what was agreed on."""


def answers(raters: Iterable[Rater], issue_id: str, assisted: bool = False) -> tuple[Answer, ...]:
    """Each rater's usable blind label of the issue, by name; ``assisted`` takes the answer of who
    has none from their decision."""
    found = []
    for rater in raters:
        if issue_id in rater.blind.answers:
            memo = rater.labels[issue_id].memo
            found.append(Answer(rater.name, rater.blind.answers[issue_id], memo, blind=True))
        elif assisted and issue_id in rater.decided.answers:
            notes = [note.memo for note in rater.notes(issue_id)]
            memos = [rater.decisions[issue_id].memo, *notes]
            codes = rater.decided.answers[issue_id]
            found.append(Answer(rater.name, codes, "\n".join(filter(None, memos)), blind=False))
    return tuple(found)


def first_passes(raters: Sequence[Rater]) -> list[Rater]:
    """The raters without anybody's second pass."""
    first = people(rater.name for rater in raters)
    return [rater for rater in raters if rater.name in first]


def in_dispute(given: Sequence[Answer]) -> bool:
    return len({own_answer(answer.codes) for answer in given}) > 1


def still_stands(record: Adjudication, given: Sequence[Answer], versions: Versions) -> bool:
    """Whether nobody whose answer was adjudicated says something else by now."""
    for answer in given:
        if answer.rater in record.judged:
            then = versions.carry(record.judged[answer.rater], record.codebook_hash)
            if isinstance(then, Stale) or own_answer(then) != own_answer(answer.codes):
                return False
    return True


def resolve(run: Run, raters: Sequence[Rater]) -> Resolution:
    """The resolved label of each issue that two people or more labelled blindly, by the first pass
    of each: who agrees with themselves has not been agreed with."""
    raters = first_passes(raters)
    records, versions = run.adjudicated(), Versions(run)
    found: dict[str, Codes] = {}
    left_out: dict[str, ExclusionReason] = {}
    agreed: dict[str, tuple[Answer, ...]] = {}
    adjudicated: dict[str, Adjudication] = {}
    for issue_id in run.issues:
        given = answers(raters, issue_id)
        record = records.get(issue_id)
        if not given:
            continue
        if len(given) == 1:
            left_out[issue_id] = ExclusionReason.ONE_LABEL
        elif not in_dispute(given):
            found[issue_id] = given[0].codes
            agreed[issue_id] = given
        elif record is None or not record.blind or not still_stands(record, given, versions):
            left_out[issue_id] = ExclusionReason.UNRESOLVED
        else:
            codes = judged(record, record.codes, versions)
            if isinstance(codes, ExclusionReason):
                left_out[issue_id] = codes
            else:
                found[issue_id] = codes
                adjudicated[issue_id] = record
    return Resolution(
        Ratings(RESOLVED, found, left_out, ExclusionReason.NO_LABEL), agreed, adjudicated
    )
