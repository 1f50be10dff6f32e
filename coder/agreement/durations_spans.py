"""How long each issue took, to its closing or to the first answer, and which of them still wait.

An issue that still waits has no such time, only a lower bound: it is censored. Where the data end
is the snapshot; what happened later counts as not yet happened. A closing by a bot because nobody
wrote is no resolution: such an issue is censored when it was closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np

from coder.agreement.arrays import Bools, Floats
from coder.agreement.durations import DAY, closed_for_inactivity
from coder.records import Issue, Record

Close = Literal["last", "first"]
"""Which closing of an issue that was opened again counts."""


class Counts(Record):
    """What became of the issues: ``ended`` ones were closed (answered), ``waiting`` ones are
    censored at the snapshot, ``stale`` ones where a bot closed them for inactivity, ``silent`` ones
    where they were closed without an answer. ``undated`` have no usable dates and are in no figure.
    ``reopened`` says of how many of these it matters which closing counts."""

    ended: int = 0
    waiting: int = 0
    stale: int = 0
    silent: int = 0
    undated: int = 0
    reopened: int = 0


class _Span(NamedTuple):
    days: float
    ended: bool


@dataclass(frozen=True)
class Spans:
    """Days of issues (n,), and whether they ended then; ``ids`` names the issues in that order."""

    ids: tuple[str, ...]
    days: Floats
    ended: Bools
    counts: Counts


def latest(issues: Iterable[Issue]) -> datetime | None:
    """The last date in the data: by then at least they were not yet cut off."""
    return max(
        (
            moment
            for issue in issues
            for moment in chain(
                (issue.created_at, issue.closed_at),
                (comment.created_at for comment in issue.comments),
                (event.at for event in issue.events),
            )
            if moment is not None
        ),
        default=None,
    )


def resolution(issues: Iterable[Issue], snapshot: datetime, close: Close = "last") -> Spans:
    """From opened to closed."""
    found: dict[str, _Span] = {}
    kinds = dict.fromkeys(Counts.model_fields, 0)
    for issue in issues:
        closed = closing(issue, close)
        end = snapshot if closed is None or closed > snapshot else closed
        span = _span(issue, end, ended=end is closed)
        if span is None or (closed and issue.created_at and closed < issue.created_at):
            kinds["undated"] += 1
            continue
        kinds["reopened"] += any(event.kind == "reopened" for event in issue.events)
        if span.ended and closed_for_inactivity(issue.model_copy(update={"closed_at": closed})):
            kinds["stale"] += 1
            span = _Span(span.days, False)
        else:
            kinds["ended" if span.ended else "waiting"] += 1
        found[issue.id] = span
    return _spans(found, kinds)


def response(issues: Iterable[Issue], snapshot: datetime) -> Spans:
    """From opened to the first comment by a person other than the author.

    Who was not answered waits until the issue was closed, or to the snapshot. Issues whose author
    is not known are undated: a comment of theirs could be their own.
    """
    found: dict[str, _Span] = {}
    kinds = dict.fromkeys(Counts.model_fields, 0)
    for issue in issues:
        answer = first_answer(issue)
        closed = closing(issue, "last")
        until = min(closed or snapshot, snapshot)
        answered = answer is not None and answer <= snapshot
        span = _span(issue, answer if answered and answer else until, ended=answered)
        if span is None or not issue.author:
            kinds["undated"] += 1
            continue
        kinds["ended" if answered else "silent" if until is closed else "waiting"] += 1
        found[issue.id] = span
    return _spans(found, kinds)


def closing(issue: Issue, close: Close) -> datetime | None:
    """When the issue was closed, for the first time or for good."""
    known = [event.at for event in issue.events if event.kind == "closed"]
    return min(known) if known and close == "first" else issue.closed_at


def first_answer(issue: Issue) -> datetime | None:
    """When a person other than the author first wrote."""
    return min(
        (
            comment.created_at
            for comment in issue.comments
            if comment.created_at and comment.author not in ("", issue.author) and not comment.bot
        ),
        default=None,
    )


def _span(issue: Issue, end: datetime, ended: bool) -> _Span | None:
    if issue.created_at is None or end < issue.created_at:
        return None
    return _Span((end - issue.created_at).total_seconds() / DAY, ended)


def _spans(found: dict[str, _Span], kinds: dict[str, int]) -> Spans:
    return Spans(
        tuple(found),
        np.array([span.days for span in found.values()], dtype=np.float64),
        np.array([span.ended for span in found.values()], dtype=np.bool_),
        Counts(**kinds),
    )
