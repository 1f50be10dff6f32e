"""What raters did with the proposals they were shown, counted apart from any agreement.

Both also by whether the model found a code stated or between the lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from coder.agreement import Statistic, bootstrap
from coder.agreement.arrays import group_numbers, ratio
from coder.proposers.chat.prompts import EXPRESSIONS
from coder.ratings.comparable import Rater, Ratings
from coder.ratings.model import ExclusionReason
from coder.records import Action, Estimate, Mode, Proposal
from coder.report.model import Acceptance, Expressed

ANSWERS = (Action.ACCEPT, Action.CORRECT, Action.REJECT)
"""What is an answer to a proposal, of all one can do with it."""


def acceptances(
    rater: Rater,
    learnt: Collection[str],
    unsure: Collection[str],
    groups: Mapping[str, str],
    *,
    draws: int,
    seed: int,
) -> Iterator[Acceptance]:
    """A row for each way of being shown suggestions, and for each of these one for the run's own
    proposals and one for those ``learnt`` from the rater; without those nothing is in. ``unsure``
    proposals ranked codes and proposed none, so there was nothing to accept.

    Who has answered blind before is swayed less than who has not. Memos are counted with the run's
    own proposals.
    """
    for mode in Mode:
        shown = {i: d for i, d in rater.decisions.items() if d.mode is mode}
        memos = [memo for memo in rater.memos if memo.mode is mode]
        taught = {i: d for i, d in shown.items() if d.proposal_id in learnt}
        own = {i: d for i, d in shown.items() if i not in taught}
        if own or memos:
            side = replace(rater, decisions=own, memos=memos)
            yield acceptance(side, groups, unsure=unsure, mode=mode, draws=draws, seed=seed)
        if taught:
            side = replace(rater, decisions=taught, memos=())
            yield acceptance(side, groups, mode=mode, learnt=True, draws=draws, seed=seed)


def acceptance(
    rater: Rater,
    groups: Mapping[str, str],
    *,
    unsure: Collection[str] = (),
    mode: Mode = Mode.ASSISTED,
    learnt: bool = False,
    draws: int,
    seed: int,
) -> Acceptance:
    """One rater's decisions by action, and the share of answers that were accepted as proposed.

    ``mode`` and ``learnt`` say what all are about. ``groups`` gives each issue's repository.
    Decisions that a change of the codebook made stale, and answers where nothing was proposed,
    count in ``set_aside`` and nowhere else.
    """
    decided = rater.decisions.items()
    aside = {
        i: ExclusionReason.UNSURE
        for i, d in decided
        if d.proposal_id in unsure and d.action in ANSWERS
    }
    aside |= {i: why for i, why in _stale(rater).items() if i in rater.decisions}
    standing = {i: d.action for i, d in rater.decisions.items() if i not in aside}
    actions = Counter(standing.values())
    reasons: Counter[ExclusionReason] = Counter(aside.values())
    answered = {
        i: action is Action.ACCEPT for i, action in sorted(standing.items()) if action in ANSWERS
    }
    return Acceptance(
        rater=rater.name,
        mode=mode,
        learnt=learnt,
        decisions=len(rater.decisions),
        accept=actions[Action.ACCEPT],
        correct=actions[Action.CORRECT],
        reject=actions[Action.REJECT],
        skip=actions[Action.SKIP],
        flag=actions[Action.FLAG],
        memos=len(rater.memos),
        set_aside={why: reasons[why] for why in ExclusionReason if reasons[why]},
        acceptance=share(answered, groups or None, draws=draws, seed=seed),
    )


def share(
    accepted: Mapping[str, bool], groups: Mapping[str, str] | None, *, draws: int, seed: int
) -> Estimate:
    """The share of ``accepted`` that is true, resampled like every other figure."""
    values, cell = np.unique(
        np.array(list(accepted.values()), dtype=np.float64), return_inverse=True
    )
    found_share = Statistic(lambda weights: ratio(weights @ values, weights.sum(-1)), "")
    found = bootstrap(
        {"share": found_share},
        cell.astype(np.int64),
        group_numbers(list(accepted), groups),
        draws=draws,
        seed=seed,
        nothing="no proposal was accepted, corrected or rejected",
    )
    return found["share"][0]


def expressed(
    rater: Rater,
    model: Ratings,
    proposals: Mapping[str, Proposal],
    by_id: Mapping[str, Proposal],
    groups: Mapping[str, str],
    *,
    draws: int,
    seed: int,
) -> Iterator[Expressed]:
    """A row for each expression and each way of answering; nothing where no model was asked.

    Blind labels are held against what the ``model`` says now, at the level of codes; decisions (of
    assisted review alone) are about the proposal that was shown, by its id.
    """
    blind = {
        i: (proposals[i], set(codes) == set(model.answers[i]))
        for i, codes in sorted(rater.blind.answers.items())
        if i in model.answers and i in proposals
    }
    stale = _stale(rater)
    shown = {
        i: (by_id[d.proposal_id], d.action is Action.ACCEPT)
        for i, d in sorted(rater.decisions.items())
        if d.mode is Mode.ASSISTED
        and d.proposal_id in by_id
        and d.action in ANSWERS
        and i not in stale
    }
    for kind, answered in (("blind", blind), ("assisted", shown)):
        for expression in EXPRESSIONS:
            held = {i: same for i, (p, same) in answered.items() if p.expression == expression}
            if held:
                yield Expressed(
                    rater=rater.name,
                    kind=kind,
                    expression=expression,
                    share=share(held, groups or None, draws=draws, seed=seed),
                    issue_ids=tuple(held),
                )


def _stale(rater: Rater) -> dict[str, ExclusionReason]:
    """The issues whose decision a change of the codebook made stale, and why."""
    kept = (ExclusionReason.SKIPPED, ExclusionReason.FLAGGED)
    return {i: why for i, why in rater.decided.left_out.items() if why not in kept}
