"""What a run holds: codebook, issues, answers, labels and decisions, and what its calls used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from coder.proposers.budget import Price, spent_by
from coder.ratings.comparable import Codes, Rater, Ratings, count_decisions, own_answer, status_of
from coder.ratings.model import ExclusionReason
from coder.records import NONE_CODE, Action, Codebook, Example, Proposal, Status
from coder.report.model import (
    CodebookSummary,
    CodeName,
    Coverage,
    ProposedChange,
    RaterCoverage,
    SameLabels,
    Spending,
)
from coder.storage.history import REVIEW
from coder.storage.intra_rater import people
from coder.storage.run import Run
from coder.text.injection import suspicious


def coverage(
    run: Run,
    raters: Sequence[Rater],
    model: Ratings,
    proposals: Mapping[str, Proposal],
    examples: Sequence[Example],
) -> Coverage:
    """What there is to compare: the latest ``proposals``, by a model that learnt ``examples``."""
    statuses = Counter(status_of(proposals.get(i)) for i in run.issues)
    leaked = [i for i in run.issues if i in model.leaked]
    return Coverage(
        issues=len(run.issues),
        repositories=len({issue.repo for issue in run.issues.values() if issue.repo}),
        proposed=len(proposals),
        answered=sum(p.status.answered for p in proposals.values()),
        by_status={s: statuses[s] for s in (*Status, ExclusionReason.NOT_PROPOSED) if statuses[s]},
        leaked=len(leaked),
        leaked_issue_ids=tuple(leaked),
        addressed_issue_ids=tuple(
            i for i, issue in run.issues.items() if suspicious(issue.read(), run.codebook)
        ),
        learnt_from=len(examples),
        raters=tuple(_of_rater(rater, run, examples) for rater in raters),
        same_labels=tuple(_same_labels(raters)),
    )


def _of_rater(rater: Rater, run: Run, examples: Sequence[Example]) -> RaterCoverage:
    inside = sum(issue_id in run.issues for issue_id in rater.labels)
    aside = Counter(rater.blind.left_out.values())
    decided = count_decisions(rater.decisions.values())
    return RaterCoverage(
        rater=rater.name,
        blind_labels=inside,
        usable=len(rater.blind.answers),
        set_aside={why: aside[why] for why in ExclusionReason if aside[why]},
        not_in_run=len(rater.labels) - inside,
        decisions=sum(decided.answers.values()),
        by_mode=dict(decided.answers),
        flagged=decided.flagged,
        skipped=decided.skipped,
        shared_with_examples=same_as_examples(
            examples, {i: label.codes for i, label in rater.labels.items()}
        ),
    )


def who_labelled(raters: Sequence[Rater]) -> list[Rater]:
    """Everyone with usable blind labels, in their first pass, by name."""
    labelled = {rater.name: rater for rater in raters if rater.blind.answers}
    return [labelled[name] for name in people(labelled, (rater.name for rater in raters))]


def most_labels(raters: Sequence[Rater]) -> Rater | None:
    """The person with most labels in their first pass, the first by name on a tie."""
    return max(who_labelled(raters), key=lambda rater: len(rater.blind.answers), default=None)


def same_as_examples(examples: Iterable[Example], labels: Mapping[str, Codes]) -> int:
    """How many ``examples`` are coded as ``labels`` have it."""
    return sum(
        example.issue.id in labels
        and own_answer(labels[example.issue.id]) == own_answer(example.codes)
        for example in examples
    )


def _same_labels(raters: Iterable[Rater]) -> Iterator[SameLabels]:
    for left, right in combinations(raters, 2):
        ours, theirs = left.labels, right.labels
        # One label in common is no sign of anything.
        identical = len(ours) > 1 and ours.keys() == theirs.keys()
        identical = identical and all(
            own_answer(label.codes) == own_answer(theirs[i].codes) for i, label in ours.items()
        )
        sources = _sources(left) & _sources(right)
        if identical or sources:
            yield SameLabels(
                left=left.name,
                right=right.name,
                identical=identical,
                labels=len(ours.keys() & theirs.keys()),
                sources=tuple(sorted(sources)),
            )


def _sources(rater: Rater) -> set[str]:
    """The files that labels came from; two people's reviews are not one."""
    return {label.source for label in rater.labels.values()} - {"", REVIEW}


def changes(raters: Iterable[Rater]) -> Iterator[ProposedChange]:
    """The changes of the codebook that raters asked for."""
    for memo in (memo for rater in raters for memo in rater.memos):
        if memo.change is not None:
            yield ProposedChange(
                rater=memo.rater,
                issue_id=memo.issue_id,
                change=memo.change,
                codes=memo.codes,
                memo=memo.memo,
            )


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


def summary(book: Codebook) -> CodebookSummary:
    """A codebook as reports hold it."""
    return CodebookSummary(
        id=book.id,
        name=book.name,
        version=book.version,
        hash=book.hash,
        cardinality=book.cardinality,
        codes=tuple(
            CodeName(
                id=c.id, name=c.name, path=book.path(c.id), parent=c.parent, definition=c.definition
            )
            for c in book.codes
        ),
    )
