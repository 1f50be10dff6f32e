"""What raters did with the proposals they were shown: counted apart from any agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from coder.agreement import Statistic, bootstrap
from coder.agreement.arrays import ratio
from coder.agreement.encode import group_numbers
from coder.records import Action, Estimate
from coder.report.model import Acceptance, Why
from coder.report.sides import Rater


def acceptances(
    rater: Rater, learnt: Collection[str], groups: Mapping[str, str], *, draws: int, seed: int
) -> Iterator[Acceptance]:
    """One row for the run's own proposals, and one for those ``learnt`` from the rater, if any.

    Memos are counted in the first.
    """
    taught = {i: d for i, d in rater.decisions.items() if d.proposal_id in learnt}
    own = {i: d for i, d in rater.decisions.items() if i not in taught}
    if own or rater.memos:
        yield acceptance(replace(rater, decisions=own), groups, draws=draws, seed=seed)
    if taught:
        alone = replace(rater, decisions=taught, memos={})
        row = acceptance(alone, groups, draws=draws, seed=seed)
        yield row.model_copy(update={"learnt": True})


def acceptance(rater: Rater, groups: Mapping[str, str], *, draws: int, seed: int) -> Acceptance:
    """One rater's decisions by action, and the share of answers that were accepted as proposed.

    ``groups`` gives each issue's repository. Decisions made with another codebook are counted in
    ``set_aside`` and nowhere else.
    """
    aside = {
        i: why
        for i, why in rater.assisted.left_out.items()
        if i in rater.decisions and why not in (Why.SKIPPED, Why.FLAGGED)
    }
    standing = {i: d.action for i, d in rater.decisions.items() if i not in aside}
    actions = Counter(standing.values())
    reasons: Counter[Why] = Counter(aside.values())
    answered = {
        i: action is Action.ACCEPT
        for i, action in sorted(standing.items())
        if action in (Action.ACCEPT, Action.CORRECT, Action.REJECT)
    }
    return Acceptance(
        rater=rater.name,
        decisions=len(rater.decisions),
        accept=actions[Action.ACCEPT],
        correct=actions[Action.CORRECT],
        reject=actions[Action.REJECT],
        skip=actions[Action.SKIP],
        flag=actions[Action.FLAG],
        memos=sum(len(notes) for notes in rater.memos.values()),
        set_aside={why: reasons[why] for why in Why if reasons[why]},
        acceptance=_share(answered, groups or None, draws=draws, seed=seed),
    )


def _share(
    accepted: Mapping[str, bool], groups: Mapping[str, str] | None, *, draws: int, seed: int
) -> Estimate:
    """The share of ``accepted`` that is true, resampled like every other figure."""
    values, cell = np.unique(
        np.array(list(accepted.values()), dtype=np.float64), return_inverse=True
    )
    share = Statistic(lambda weights: ratio(weights @ values, weights.sum(-1)), "")
    found = bootstrap(
        {"share": share},
        cell.astype(np.int64),
        group_numbers(list(accepted), groups),
        draws=draws,
        seed=seed,
        nothing="no proposal was accepted, corrected or rejected",
    )
    return found["share"][0]
