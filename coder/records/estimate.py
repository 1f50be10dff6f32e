"""A statistic with its interval: undefined is ``None`` with a reason, never 0 or 1."""

from __future__ import annotations

from coder.records.base import Record


class Estimate(Record):
    """A statistic with its interval; ``value`` is ``None`` with the reason in ``note`` when it is
    undefined, never 0 or 1 instead."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""
