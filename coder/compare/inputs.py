"""Runs read for a comparison: one codebook, shared issues, and the labels that count for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coder.compare.model import Member
from coder.errors import UsageError
from coder.proposers.budget import Price
from coder.ratings.comparable import Codes, Rater, Ratings, model_side, raters, taught
from coder.ratings.model import ExclusionReason
from coder.records import Codebook, Proposal
from coder.report.coverage import same_as_examples, spending
from coder.report.wording import describe_model
from coder.storage.intra_rater import people
from coder.storage.run import Run


@dataclass(frozen=True)
class RunInputs:
    """One run, read."""

    run: Run
    proposals: Mapping[str, Proposal]
    model: Ratings
    people: Mapping[str, Rater]

    @property
    def name(self) -> str:
        return self.run.name


@dataclass(frozen=True)
class Labels:
    """One rater's blind labels as they hold for several runs; see ``Against`` for the rest."""

    answers: Mapping[str, Codes]
    from_runs: tuple[str, ...]
    differing: int
    swayed: int


def take(runs: Sequence[Run]) -> list[RunInputs]:
    """The runs, read. Raises ``UsageError`` unless they are several, with the same codes."""
    if len({run.name for run in runs}) < 2:
        raise UsageError("there is nothing to compare", "name two different runs or more")
    if len({run.name for run in runs}) < len(runs):
        raise UsageError("a run is named twice", "name each run once")
    first = runs[0]
    for run in runs[1:]:
        if _codes(run.codebook) != _codes(first.codebook):
            raise UsageError(
                f"runs {first.name!r} and {run.name!r} have different codes "
                f"({_difference(first.codebook, run.codebook)})",
                "compare runs that were made with the same codebook",
            )
    return [_taken(run) for run in runs]


def shared(taken: Sequence[RunInputs]) -> list[str]:
    """The issues that every run has with the same text, in the first one's order."""
    first, *others = taken
    return [
        issue_id
        for issue_id, issue in first.run.issues.items()
        if all(
            issue_id in other.run.issues and other.run.issues[issue_id].hash == issue.hash
            for other in others
        )
    ]


def member(one: RunInputs, issues: Sequence[str], price: Price | None) -> Member:
    reasons = Counter(one.model.why_not(issue_id) for issue_id in issues)
    return Member(
        name=one.name,
        model=describe_model(one.run.manifest.model),
        issues=len(one.run.issues),
        shared=len(issues),
        answered=reasons[None],
        left_out={why: reasons[why] for why in ExclusionReason if reasons[why]},
        learnt_from=len(taught(one.run)),
        codebook_hash=one.run.codebook.hash,
        usage=spending(one.run, list(one.people.values()), price),
    )


def pooled(rater: str, among: Sequence[RunInputs], issues: Sequence[str]) -> Labels:
    """The blind labels that ``rater`` left in the runs ``among``, on ``issues``.

    A label speaks about the issue, so it holds for every run. Not where two runs hold different
    ones, nor where the rater had been shown a suggestion in any run of the study before.
    """
    sides = [one.people[rater].blind for one in among if rater in one.people]
    answers: dict[str, Codes] = {}
    differing = swayed = 0
    for issue_id in issues:
        found = [side.answers[issue_id] for side in sides if issue_id in side.answers]
        if not found:
            swayed += any(side.why_not(issue_id) is ExclusionReason.SEEN for side in sides)
        elif len({frozenset(codes) for codes in found}) > 1:
            differing += 1
        else:
            answers[issue_id] = found[0]
    holders = (o.name for o in among if rater in o.people and o.people[rater].blind.answers)
    return Labels(answers, tuple(holders), differing, swayed)


def first_passes(taken: Sequence[RunInputs]) -> list[str]:
    """Everybody in any of the runs, by the name of their first pass: a second one, of issues the
    person knows, is nobody's measure."""
    return people(name for one in taken for name in one.people)


def learnt(one: RunInputs, labels: Mapping[str, Codes]) -> int:
    """How many labels the model of a run learnt from that are the same as ``labels``."""
    return same_as_examples(taught(one.run), labels)


def _taken(run: Run) -> RunInputs:
    by_id: dict[str, Proposal] = {}
    latest: dict[str, Proposal] = {}
    for proposal in run.proposals:
        by_id[proposal.id] = latest[proposal.issue_id] = proposal
    proposals = {i: latest[i] for i in run.issues if i in latest}
    found = {rater.name: rater for rater in raters(run, by_id)}
    return RunInputs(
        run,
        proposals,
        model_side(run, proposals),
        found,
    )


def _codes(book: Codebook) -> object:
    return book.cardinality, {code.id: code.parent for code in book.codes}


def _difference(one: Codebook, other: Codebook) -> str:
    apart = sorted(one.by_id.keys() ^ other.by_id.keys())
    if apart:
        return f"only in one of them: {', '.join(apart[:3])}{', ...' if len(apart) > 3 else ''}"
    if one.cardinality is not other.cardinality:
        return "one allows several codes per issue"
    return "their categories differ"
