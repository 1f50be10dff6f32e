"""How often a rater's answers were the model's, over the time of a review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from coder.agreement.intervals import wilson
from coder.ratings.comparable import Codes, Rater
from coder.ratings.levels import Levels, same
from coder.ratings.model import Kind, Level
from coder.records import Mode
from coder.report.model import Block, Trend

FEWEST, BLOCKS = 20, 10
"""A block holds at least so many answers, and there are at most so many blocks."""

Timed = tuple[datetime, str, bool]


def trends(
    rater: Rater,
    level: Level,
    levels: Levels,
    model: Mapping[str, Codes],
    shown: Mapping[str, Codes],
) -> list[Trend]:
    """The rater's blind labels given in a review, their answers with the suggestion on the screen,
    and what became of blind labels once it was shown; each in blocks by time.

    ``model`` and ``shown`` are as in :func:`coder.report.anchoring.sway`. Answers that do not
    fill two blocks have no trend.
    """
    labels = levels.answers_at(level, rater.blind.answers)
    ours, theirs = levels.answers_at(level, model), levels.answers_at(level, shown)
    blind = [
        (rater.labels[i].at, i, same(codes, ours[i]))
        for i, codes in labels.items()
        if i in ours and rater.labels[i].mode is not None
    ]

    def after(mode: Mode) -> list[Timed]:
        return [
            (rater.decisions[i].at, i, same(codes, theirs[i]))
            for i, codes in levels.answers_at(level, rater.after(mode).answers).items()
            if i in theirs
        ]

    kinds: tuple[tuple[Kind, list[Timed]], ...] = (
        ("blind", blind),
        ("assisted", after(Mode.ASSISTED)),
        ("revised", after(Mode.BLIND_FIRST)),
    )
    return [
        Trend(
            rater=rater.name,
            kind=kind,
            level=level,
            blocks=_blocks(sorted(answers)),
            issue_ids=tuple(i for _, i, _ in sorted(answers)),
        )
        for kind, answers in kinds
        if len(answers) >= 2 * FEWEST
    ]


def _blocks(answers: Sequence[Timed]) -> tuple[Block, ...]:
    count = min(BLOCKS, len(answers) // FEWEST)
    edges = [round(k * len(answers) / count) for k in range(count + 1)]
    parts = [answers[a:b] for a, b in pairwise(edges)]
    return tuple(
        Block(
            since=part[0][0],
            until=part[-1][0],
            agrees=wilson(sum(agrees for _, _, agrees in part), len(part)),
        )
        for part in parts
    )
