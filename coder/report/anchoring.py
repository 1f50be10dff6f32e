"""Whether suggestions swayed a rater: answers with a suggestion against those without one."""

from __future__ import annotations

from collections.abc import Mapping

from coder.agreement import anchoring
from coder.ratings.comparable import Codes, Rater
from coder.ratings.levels import Levels, same
from coder.ratings.model import Level
from coder.records import Mode
from coder.report.model import RaterAnchoring
from coder.storage.sampling import reveals_answers


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
