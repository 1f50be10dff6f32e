"""What a run's calls to a chat model used, also per code that a rater accepted."""

from __future__ import annotations

from collections.abc import Sequence

from coder.proposers.budget import Price, spent_by
from coder.ratings.comparable import Rater
from coder.records import NONE_CODE, Action
from coder.report.model import Spending
from coder.storage.run import Run


def spending(run: Run, raters: Sequence[Rater], price: Price | None) -> Spending | None:
    """What the run has spent; ``None`` when no call was made."""
    spent = spent_by(run.calls)
    if not spent.calls:
        return None
    cost = None if price is None else price.of(spent.usage)
    accepted = {
        (issue_id, code)
        for rater in raters
        for issue_id, decision in rater.decisions.items()
        if decision.action is Action.ACCEPT
        for code in rater.decided.answers.get(issue_id, ()) or (NONE_CODE,)
    }
    each = len(accepted)
    return Spending(
        calls=spent.calls,
        input_tokens=spent.usage.input_tokens,
        cached_tokens=spent.usage.cached_tokens,
        output_tokens=spent.usage.output_tokens,
        estimated_calls=spent.estimated,
        cut_prompts=spent.cut,
        cost=None if cost is None else float(cost),
        prices_as_of=price.as_of if price else None,
        accepted_codes=each,
        tokens_per_accepted_code=spent.tokens / each if each else None,
        cost_per_accepted_code=float(cost / each) if each and cost is not None else None,
    )
