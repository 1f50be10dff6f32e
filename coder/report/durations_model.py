"""Times by group as data: exactly what ``durations.json`` holds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from coder.agreement.durations_errors import Figures
from coder.agreement.durations_ranks import PairTest, Test
from coder.agreement.durations_spans import Close, Counts
from coder.agreement.durations_survival import Survival
from coder.records import Estimate, Record

By = Literal["category", "code", "repository"]
Sampling = Literal["all", "random", "known", "unknown"]


class Spread(Record):
    """The 5th, 25th, 75th and 95th percentile of the times that ended."""

    p5: float
    p25: float
    p75: float
    p95: float


class GroupTimes(Record):
    """The times of one group: ``n`` that ended, with their median and spread, and ``censored``
    ones, which are in ``survival`` with them. ``tested``: whether they are enough for the tests."""

    group: str
    name: str
    n: int
    censored: int
    median: Estimate
    spread: Spread | None
    survival: Survival
    tested: bool


class Outcome(Record):
    """One kind of time, by group: what became of the issues, and what tests say of the groups."""

    of: Literal["resolution", "response"]
    counts: Counts
    groups: tuple[GroupTimes, ...]
    tests: tuple[Test, ...]
    pairs: tuple[PairTest, ...]


class Errors(Record):
    """Times to resolution by people's codes, the model's, and both together.

    ``people`` names who coded ``coded`` of the issues that were closed; ``sampling`` says how these
    were chosen: ``all``, at ``random``, with ``known`` unequal probabilities, or ``unknown``.
    ``groups`` are those of the figures. ``weighted``: by design, issues count for as many as they
    stand for in what they were drawn from. ``note`` says why there are no figures.
    """

    people: str
    closed: int
    coded: int
    sampling: Sampling
    groups: tuple[str, ...]
    names: tuple[str, ...]
    figures: tuple[Figures, ...]
    draws: int
    seed: int
    weighted: bool = False
    note: str = ""


class Durations(Record):
    """How long issues of a run took, by group.

    ``coding`` is the run whose codes make the groups, ``labels`` whose codes they are; ``sources``
    counts who stands behind them. Of the ``issues``, those ``uncoded``, those to which no code fits
    (``none``), and those with ``several`` codes, or with a category alone where codes are compared
    (``category_only``), are in no group.
    """

    format: Literal[1] = 1
    run: str
    coding: str
    by: By
    labels: str
    sources: dict[str, int]
    close: Close
    snapshot: datetime
    snapshot_from: Literal["given", "fetched", "latest date"]
    issues: int
    uncoded: int = 0
    none: int = 0
    several: int = 0
    category_only: int = 0
    repositories: int
    resolution: Outcome
    response: Outcome | None
    errors: Errors | None
