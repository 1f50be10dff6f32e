"""Confusions: which codes raters and the model take for each other, on issues not held out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from coder.codebook.changes import Stale
from coder.errors import UsageError
from coder.ratings.comparable import Codes, Rater, comparable, model_side, raters, same
from coder.ratings.model import MODEL, ExclusionReason
from coder.records import NONE_CODE, Action, Codebook, Issue
from coder.records.refinement import Confusion, Dispute, HeldOut
from coder.retrieval.near_duplicates import Duplicates
from coder.revision.migration import Versions
from coder.storage.intra_rater import people
from coder.storage.run import Run


@dataclass(frozen=True)
class Confusions:
    """``pairs``, the most frequent first; ``kept_away`` issues were held out or reserved, or are
    near-duplicates of such. ``coded`` are the issues by the codes that blind labels gave them."""

    pairs: tuple[Confusion, ...]
    kept_away: frozenset[str]
    coded: dict[str, tuple[str, ...]]


def confusions(
    run: Run, reserved: Collection[Issue], held_out: HeldOut, only: Collection[str] = ()
) -> Confusions:
    """Every pair of codes that two sides gave one issue, by those of ``only`` where it names any.

    Nothing of an issue that is in ``reserved`` or ``held_out``, or nearly the same as one, is read.
    """
    away = kept_away(run, reserved, held_out)
    everyone = raters(run, {proposal.id: proposal for proposal in run.proposals})
    names = set(people(one.name for one in everyone))
    if unknown := sorted(set(only) - names):
        raise UsageError(
            f"run {run.name!r} has no rater {unknown[0]!r}",
            f"raters: {', '.join(sorted(names)) or 'none'}",
        )
    chosen = [one for one in everyone if one.name in names and (not only or one.name in only)]
    order = [code.id for code in run.codebook.codes] + [NONE_CODE]
    found: dict[tuple[str, str], list[Dispute]] = {}
    for dispute in _disputes(run, chosen):
        if dispute.issue_id not in away:
            one, other = sorted(dispute.codes, key=order.index)
            found.setdefault((one, other), []).append(dispute)
    made = [
        Confusion(codes=pair, disputes=tuple(disputes), memos=_memos(chosen, disputes))
        for pair, disputes in found.items()
    ]
    made.sort(key=lambda one: (-len(one.issues), -len(one.disputes), one.codes))
    return Confusions(tuple(made), frozenset(away), _coded(chosen, away))


def kept_away(run: Run, reserved: Collection[Issue], held_out: HeldOut) -> set[str]:
    """The issues of ``run`` that no rule may rest on."""
    drawn = [issue for issue in run.issues.values() if held_out.holds(issue.id)]
    away = Duplicates([*reserved, *drawn])
    return {issue.id for issue in run.issues.values() if away.of(issue)}


def reserved_issues(runs: Iterable[Run]) -> list[Issue]:
    """The issues whose label any of ``runs`` keeps for evaluation."""
    return [
        run.issues[label.id] for run in runs for label in run.reserved if label.id in run.issues
    ]


def _disputes(run: Run, chosen: Collection[Rater]) -> Iterator[Dispute]:
    model = model_side(run, run.latest_proposals()).answers
    book, versions = run.codebook, Versions(run)
    for issue_id in run.issues:
        blind = [(one.name, one.blind.answers[issue_id]) for one in chosen
                 if issue_id in one.blind.answers]  # fmt: skip
        for (one, left), (other, right) in combinations(blind, 2):
            for codes in _apart(left, right):
                yield Dispute(issue_id=issue_id, kind="raters", who=(one, other), codes=codes)
        for name, said in blind:
            for codes in _apart(model.get(issue_id, said), said):
                yield Dispute(issue_id=issue_id, kind="model", who=(MODEL, name), codes=codes)
        for rater in chosen:
            if issue_id not in rater.blind.answers:
                for codes in _corrected(rater, issue_id, book, versions):
                    who = (MODEL, rater.name)
                    yield Dispute(issue_id=issue_id, kind="correction", who=who, codes=codes)


def _corrected(
    rater: Rater, issue_id: str, book: Codebook, versions: Versions
) -> Iterator[tuple[str, str]]:
    made, after = rater.decisions.get(issue_id), rater.decided.answers.get(issue_id)
    if made is None or after is None or made.shown is None:
        return
    if made.action not in (Action.CORRECT, Action.REJECT):
        return
    carried = versions.carry(made.shown, made.codebook_hash)
    before = carried if isinstance(carried, Stale) else comparable(carried, book)
    if not isinstance(before, Stale | ExclusionReason):
        yield from _apart(before, after)


def _apart(one: Codes, other: Codes) -> Iterator[tuple[str, str]]:
    """Each code that only one side gave, with each that only the other gave."""
    if not same(one, other):
        left = [code for code in one if code not in other] or [NONE_CODE]
        right = [code for code in other if code not in one] or [NONE_CODE]
        yield from product(left, right)


def _memos(chosen: Collection[Rater], disputes: Iterable[Dispute]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for issue_id in dict.fromkeys(dispute.issue_id for dispute in disputes):
        said = [one.labels[issue_id].memo for one in chosen if issue_id in one.labels]
        said += [memo.memo for one in chosen for memo in one.notes(issue_id)]
        if memos := tuple(dict.fromkeys(text for text in said if text.strip())):
            found[issue_id] = memos
    return found


def _coded(chosen: Collection[Rater], away: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each code the issues that somebody, blind or assisted, gave it and nobody another one."""
    given: dict[str, set[str]] = {}
    for rater in chosen:
        for side in (rater.decided, rater.blind):
            for issue_id, codes in side.answers.items():
                given.setdefault(issue_id, set()).update(codes or (NONE_CODE,))
    found: dict[str, list[str]] = {}
    for issue_id, every in given.items():
        if issue_id not in away and len(every) == 1:
            found.setdefault(next(iter(every)), []).append(issue_id)
    return {code: tuple(issues) for code, issues in found.items()}
