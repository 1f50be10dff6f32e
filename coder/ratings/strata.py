"""Issues in strata by what a run's model says of them, and how far it errs in each stratum."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from coder.errors import UsageError
from coder.ratings.comparable import Codes, own_answer, proposed
from coder.ratings.delivered import RunAnswers
from coder.ratings.model import ExclusionReason
from coder.records import NONE_CODE, Issue
from coder.revision.migration import Versions

NO_ANSWER = "(no answer)"


def by_code(found: RunAnswers, issues: Sequence[Issue]) -> dict[str, str]:
    """What the model proposes for each issue, in the codebook of now."""
    versions = Versions(found.run)

    def said(issue_id: str) -> str:
        proposal = found.proposals.get(issue_id)
        if proposal is None or not proposal.status.answered:
            return NO_ANSWER
        codes = proposed(proposal, versions)
        if isinstance(codes, ExclusionReason):
            return NO_ANSWER
        return ";".join(sorted(codes)) or NONE_CODE

    return {issue.id: said(issue.id) for issue in issues}


def spread_of_errors(
    found: RunAnswers, people: Mapping[str, Codes], strata: Mapping[str, str]
) -> dict[str, float]:
    """The standard deviation of the model being wrong, in each stratum, by ``people``'s labels.

    By Laplace's rule, (wrong + 1) / (labels + 2): a stratum without labels counts as one where the
    model is right half the time. Raises ``UsageError`` where no issue can be compared.
    """
    labels: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for issue_id, codes in people.items():
        if issue_id in strata and issue_id in found.model.answers:
            labels[strata[issue_id]] += 1
            said = found.model.answers[issue_id]
            wrong[strata[issue_id]] += own_answer(codes) != own_answer(said)
    if not labels:
        raise UsageError(
            f"nobody has labelled these issues blindly in run {found.run.name!r}",
            "Neyman's allocation goes by where the model errs: label a few, or take another one",
        )
    shares = {group: (wrong[group] + 1) / (labels[group] + 2) for group in {*strata.values()}}
    return {group: math.sqrt(share * (1 - share)) for group, share in shares.items()}
