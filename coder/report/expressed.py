"""Blind agreement and acceptance by whether the model found a code stated or between the lines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from coder.proposers.chat.prompts import EXPRESSIONS
from coder.ratings.comparable import Rater, Ratings
from coder.ratings.model import ExclusionReason
from coder.records import Action, Mode, Proposal
from coder.report.acceptance import share
from coder.report.model import Expressed


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
    shown = {
        i: (by_id[d.proposal_id], d.action is Action.ACCEPT)
        for i, d in sorted(rater.decisions.items())
        if d.mode is Mode.ASSISTED
        and d.proposal_id in by_id
        and d.action in (Action.ACCEPT, Action.CORRECT, Action.REJECT)
        and i not in _aside(rater)
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


def _aside(rater: Rater) -> Collection[str]:
    """Issues whose decision a change of the codebook made stale."""
    kept = (ExclusionReason.SKIPPED, ExclusionReason.FLAGGED)
    return {i for i, why in rater.decided.left_out.items() if why not in kept}
