"""Label errors: answers of a rater's own that lie far from the other issues they gave that code.

A classifier is fitted to the rater's own answers alone and judges each by a fit that has seen
neither it nor a near-duplicate of it (cross-fitting, as in confident learning: Northcutt, Jiang
and Chuang 2021, JAIR 70). What it would code otherwise is a slip or a hard case, not a mistake
for certain: a person looks at it again.
"""

from __future__ import annotations

from functools import partial

from coder.errors import UsageError
from coder.proposers.embedded import EmbeddedProposer
from coder.records import Example, Mode
from coder.retrieval.embedders import Encoder
from coder.review.learning import answers
from coder.revision.migration import Versions
from coder.storage.run import Run

FEWEST = 20
"""Answers below which nothing can be said of any one of them."""


def likely_slips(run: Run, rater: str, encoder: Encoder | None) -> tuple[str, ...]:
    """The issues whose answer by ``rater`` a classifier of the rater's other answers would not
    give, the farthest first.

    Issues coded without a suggestion (held out) are left out: an answer given because a classifier
    asked for it again would be no blind label. Raises ``UsageError`` where there are too few
    answers, or none stands out.
    """
    labels = list(run.label_journal(rater))
    carry = partial(Versions(run).carry, to=run.codebook.hash)
    said = answers(labels, run.decision_journal(rater), carry)
    known = [
        Example(issue=run.issues[issue_id], codes=codes)
        for issue_id, codes in said.items()
        if issue_id in run.issues
    ]
    if len(known) < FEWEST:
        raise UsageError(
            f"{rater} has answered {len(known)} issues of run {run.name!r}, too few to tell which "
            "answer is unlike the others",
            f"answer at least {FEWEST}",
        )
    proposer = EmbeddedProposer.fit(run.codebook, known, encoder=encoder, seed=run.manifest.seed)
    decided = run.decisions(rater)
    unaided = {i for i, la in run.labels(rater).items() if la.mode is Mode.HOLDOUT} - {*decided}
    margins = {i: m for i, m in proposer.margins().items() if m < 0 and i not in unaided}
    if not margins:
        raise UsageError(
            f"none of the {len(known)} answers of {rater} is unlike the others with its code",
            "go back to those of one code with --answered CODE",
        )
    return tuple(sorted(margins, key=lambda issue_id: (margins[issue_id], issue_id)))
