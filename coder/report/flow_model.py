"""The flow of issues through a study: at each step how many there are, and why others leave."""

from __future__ import annotations

from coder.records import Record


class Count(Record):
    """So many of them, in words."""

    what: str
    n: int


class Step(Record):
    """``n`` of ``what``. Those ``left_out`` are not among the next step's; ``of`` tells the ones
    that are here apart. ``source`` is the file that says so."""

    what: str
    n: int
    source: str = ""
    of: tuple[Count, ...] = ()
    left_out: tuple[Count, ...] = ()


class Flow(Record):
    """The steps from the first row that is known of to the coded issues of ``run``.

    ``gaps`` say where one step cannot be tied to the one before, or where numbers do not add up.
    """

    run: str
    steps: tuple[Step, ...]
    gaps: tuple[str, ...] = ()
