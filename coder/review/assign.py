"""Splits a run's issues among raters at random, some for all of them and the rest for one each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coder.errors import UsageError
from coder.records import Assignment, content_hash
from coder.storage.names import check_rater
from coder.storage.run import Run
from coder.storage.sampling import shuffled


@dataclass(frozen=True)
class Split:
    """What each rater gets; ``shared`` is how many issues all of them do."""

    assignments: tuple[Assignment, ...]
    shared: int


def split(
    issue_ids: Sequence[str], raters: Sequence[str], overlap: float, each: int | None, seed: int
) -> Split:
    """A share of ``overlap`` of the issues handed out goes to every rater, the rest evenly.

    With ``each`` every rater gets so many, otherwise all issues are handed out (some raters one
    more than others). Drawn by a shuffle of its own for each set of arguments, so that it tells
    nothing about the order issues are reviewed in, and any issue is as likely to be anybody's.
    Raises ``UsageError`` for what cannot be split.
    """
    raters = sorted(raters)
    _check(raters, overlap)
    total = len(issue_ids)
    if each is None:
        handed = total
        shared = round(overlap * handed)
    else:
        # With T handed out, m of them shared: each = m + (T - m) / raters, and m = overlap * T.
        shared = round(each * overlap / (overlap + (1 - overlap) / len(raters)))
        handed = shared + (each - shared) * len(raters)
        if handed > total:
            raise UsageError(
                f"{each:,} issues for each of {len(raters)} with an overlap of {overlap:g} are "
                f"{handed:,}; the run has {total:,}",
                "give less to each, or let them overlap more",
            )
    salt = content_hash("assign.v1", [raters, overlap, each])
    order = shuffled(issue_ids, seed, salt)
    parts = {
        rater: order[:shared] + order[shared + at : handed : len(raters)]
        for at, rater in enumerate(raters)
    }
    for rater, part in parts.items():
        if not part:
            raise UsageError(f"nothing is left for {rater}", "name fewer raters")
    return Split(
        tuple(
            Assignment(
                rater=rater,
                issue_ids=tuple(part),
                share=round(len(part) / total, 6),
                seed=seed,
            )
            for rater, part in parts.items()
        ),
        shared,
    )


def assign(run: Run, made: Split) -> tuple[Assignment, ...]:
    """Write down the assignments that are not the raters' own already; returns those."""
    for one in made.assignments:
        run.decision_journal(one.rater)  # refuses a name that differs from a known one in case only
    journal = run.assignments
    with journal.writing("coder assign"):
        latest = {known.rater: known for known in journal}
        new = tuple(
            one
            for one in made.assignments
            if one.rater not in latest or latest[one.rater].issue_ids != one.issue_ids
        )
        journal.append(new)
    return new


def _check(raters: Sequence[str], overlap: float) -> None:
    if not raters:
        raise UsageError("no rater is named", "--raters ann,bea")
    for rater in raters:
        check_rater(rater)
    folded = [rater.casefold() for rater in raters]
    for rater in raters:
        if folded.count(rater.casefold()) > 1:
            raise UsageError(f"{rater!r} is named twice", "name each rater once")
    if not 0 <= overlap <= 1:
        raise UsageError(f"an overlap of {overlap:g} is no share", "give a number from 0 to 1")
