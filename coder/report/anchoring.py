"""Whether suggestions swayed a rater: answers with one against those without, and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from coder.agreement import anchoring
from coder.agreement.intervals import wilson
from coder.ratings.comparable import Codes, Levels, Rater, same
from coder.ratings.model import Kind, Level
from coder.records import Mode
from coder.report.model import Block, RaterAnchoring, Trend
from coder.storage.sampling import reveals_answers

FEWEST, BLOCKS = 20, 10
"""A block holds at least so many answers, and there are at most so many blocks."""

Timed = tuple[datetime, str, bool]


def sway(
    rater: Rater,
    level: Level,
    levels: Levels,
    model: Mapping[str, Codes],
    shown: Mapping[str, Codes],
    groups: Mapping[str, str],
    *,
    draws: int,
    seed: int,
) -> RaterAnchoring | None:
    """One rater at one level; ``None`` unless they coded some issues of a review blind.

    ``model`` are the run's answers, ``shown`` those each decision was about. Only issues count of
    which chance alone decided whether the suggestion was shown: none that the rater had labelled
    elsewhere, or that a queue put before them for what the model says.
    """
    blind = {i for i, label in rater.labels.items() if label.mode is not None}
    alone = levels.answers_at(level, {i: c for i, c in rater.blind.answers.items() if i in blind})
    if not alone:
        return None
    decided = levels.answers_at(level, rater.decided.answers)
    assisted = {
        i: codes
        for i, codes in levels.answers_at(level, rater.after(Mode.ASSISTED).answers).items()
        if i not in rater.labels and not reveals_answers(rater.decisions[i].queue)
    }
    ours = levels.answers_at(level, {i: c for i, c in model.items() if i in alone})
    theirs = levels.answers_at(level, {i: c for i, c in shown.items() if i in decided})
    with_it = {i: same(c, theirs[i]) for i, c in assisted.items() if i in theirs}
    without = {i: same(c, ours[i]) for i, c in alone.items() if i in ours}
    kept = [i for i in decided if rater.decisions[i].mode is Mode.BLIND_FIRST and i in alone]
    revised = [i for i in kept if not same(decided[i], alone[i])]
    return RaterAnchoring(
        rater=rater.name,
        level=level,
        anchoring=anchoring(with_it, without, groups or None, draws=draws, seed=seed),
        blind_first=len(kept),
        revised=len(revised),
        toward=sum(i in theirs and same(decided[i], theirs[i]) for i in revised),
        assisted_issue_ids=tuple(with_it),
        alone_issue_ids=tuple(without),
        blind_first_issue_ids=tuple(kept),
    )


def trends(
    rater: Rater,
    level: Level,
    levels: Levels,
    model: Mapping[str, Codes],
    shown: Mapping[str, Codes],
) -> list[Trend]:
    """The rater's blind labels given in a review, their answers with the suggestion on the screen,
    and what became of blind labels once it was shown; each in blocks by time.

    ``model`` and ``shown`` are as in :func:`sway`. Answers that do not
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
