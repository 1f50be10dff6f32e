"""The data set as delivered: of each issue the codes that stand, and who stands behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from coder.errors import UsageError
from coder.ratings.comparable import Codes, Rater, Ratings, judged, model_side, own_answer, raters
from coder.ratings.model import MODEL, RESOLVED, ExclusionReason
from coder.ratings.resolved import Answer, Resolution, answers, first_passes, resolve, still_stands
from coder.records import Adjudication, Proposal
from coder.revision.migration import Versions
from coder.storage.run import Run

FINAL = "final"
"""The name of the delivered codes where answers are asked for by who gave them."""


class FinalSource(StrEnum):
    """Who stands behind an issue's final codes. The first that applies, in this order."""

    RESOLVED = "resolved"
    """People: all who labelled it blindly agree, or what they said was adjudicated."""
    BLIND = "blind label"
    """One person, without having seen a suggestion."""
    ASSISTED = "assisted decision"
    """People who had the suggestion before them, all saying the same or adjudicated."""
    DISPUTED = "disputed"
    """People say different things and nobody has adjudicated: there is no final code."""
    CERTIFIED = "certified model"
    """The model alone, as sure as a certificate asks for answers that nobody reads."""
    MODEL = "model"
    """The model alone; nothing certifies it."""
    NOBODY = "nobody"
    """No person has answered, and the model gave no answer either."""


@dataclass(frozen=True)
class Delivered:
    """An issue's final ``codes``: empty when no code fits, ``None`` when there are none. ``by``
    names the people behind them, the adjudicator alone where somebody adjudicated."""

    codes: Codes | None
    source: FinalSource
    by: tuple[str, ...] = ()


class RunAnswers:
    """What everybody answered in a run, people and model, read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.proposals: Mapping[str, Proposal] = run.latest_proposals()

    @cached_property
    def raters(self) -> list[Rater]:
        shown = {proposal.id: proposal for proposal in self.run.proposals}
        for name in self.run.raters():
            shown |= {proposal.id: proposal for proposal in self.run.suggestion_journal(name)}
        return raters(self.run, shown)

    @cached_property
    def model(self) -> Ratings:
        return model_side(self.run, self.proposals)

    @cached_property
    def adjudicated(self) -> Mapping[str, Adjudication]:
        return self.run.adjudicated()

    @cached_property
    def resolution(self) -> Resolution:
        return resolve(self.run, self.raters)

    def by(self, who: str, *, certified: float | None = None) -> dict[str, Codes]:
        """The codes of each issue by the model, the resolved labels, what is delivered (``final``),
        or the blind labels of the rater so called. ``UsageError`` where there are none."""
        if who == FINAL:
            found = delivered(self, certified=certified)
            return {i: one.codes for i, one in found.items() if one.codes is not None}
        if who == MODEL:
            return dict(self.model.answers)
        if who == RESOLVED:
            return dict(self.resolution.side.answers)
        named = {rater.name: rater for rater in self.raters}
        if who not in named or not named[who].blind.answers:
            have = sorted(name for name, rater in named.items() if rater.blind.answers)
            raise UsageError(
                f"run {self.run.name!r} has no blind labels by {who!r}",
                f"there are: {', '.join([*have, RESOLVED, MODEL, FINAL])}",
            )
        return dict(named[who].blind.answers)


def delivered(found: RunAnswers, *, certified: float | None = None) -> dict[str, Delivered]:
    """The final codes of every issue of the run, in its order.

    ``certified`` is the confidence, as the model stated it, from which on its answers may be
    accepted unseen; ``None`` where no certificate holds.
    """
    versions = Versions(found.run)
    people = first_passes(found.raters)
    return {
        issue_id: _by_people(found, people, issue_id, versions)
        or _by_model(found, issue_id, certified)
        for issue_id in found.run.issues
    }


def least_sure(proposal: Proposal) -> float:
    """The least stated confidence among the proposed codes; below 0 where one is not stated, or
    nothing is proposed."""
    told = [scored.confidence for scored in proposal.codes]
    return min((-1.0 if one is None else one for one in told), default=-1.0)


def _by_people(
    found: RunAnswers, people: list[Rater], issue_id: str, versions: Versions
) -> Delivered | None:
    resolution = found.resolution
    if issue_id in resolution.adjudicated:
        by = (resolution.adjudicated[issue_id].by,)
        return Delivered(resolution.side.answers[issue_id], FinalSource.RESOLVED, by)
    given = answers(people, issue_id)
    if issue_id in resolution.agreed:
        return Delivered(given[0].codes, FinalSource.RESOLVED, _names(given))
    if len(given) == 1:
        return Delivered(given[0].codes, FinalSource.BLIND, _names(given))
    if given:
        return Delivered(None, FinalSource.DISPUTED, _names(given))
    given = answers(people, issue_id, assisted=True)
    if not given:
        return None
    if len({own_answer(answer.codes) for answer in given}) == 1:
        return Delivered(given[0].codes, FinalSource.ASSISTED, _names(given))
    record = found.adjudicated.get(issue_id)
    if record is not None and still_stands(record, given, versions):
        codes = judged(record, record.codes, versions)
        if not isinstance(codes, ExclusionReason):
            return Delivered(codes, FinalSource.ASSISTED, (record.by,))
    return Delivered(None, FinalSource.DISPUTED, _names(given))


def _by_model(found: RunAnswers, issue_id: str, certified: float | None) -> Delivered:
    codes = found.model.answers.get(issue_id)
    if codes is None:
        return Delivered(None, FinalSource.NOBODY)
    sure = certified is not None and least_sure(found.proposals[issue_id]) >= certified
    return Delivered(codes, FinalSource.CERTIFIED if sure else FinalSource.MODEL)


def _names(given: tuple[Answer, ...]) -> tuple[str, ...]:
    return tuple(answer.rater for answer in given)
