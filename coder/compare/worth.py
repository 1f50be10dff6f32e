"""A sharper codebook's worth: agreement before and after, on issues it was not drafted from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from coder.agreement import code_change, kappa_change, mcnemar
from coder.agreement.paired import Change, McNemar
from coder.compare.inputs import first_passes, pooled, shared, take
from coder.errors import RunError, UsageError
from coder.ratings.comparable import Codes, Levels, same
from coder.ratings.confusions import kept_away, reserved_issues
from coder.ratings.model import Level
from coder.records import Record
from coder.report.sentences import why_too_few
from coder.retrieval.near_duplicates import Duplicates
from coder.revision.refine import accepted, hold_outs, verdicts
from coder.storage.run import Run


class Worth(Record):
    """One rater's agreement with the model after and before; ``left`` is after, ``right`` before.

    Of ``n`` issues; ``clusters`` are the repositories they come from.
    """

    rater: str
    level: Level
    n: int
    clusters: int
    share: Change
    kappa: Change
    test: McNemar


class Worths(Record):
    """``drawn``: whether the issues were held out by chance before any rule was drafted. Where they
    were not, they are those that no rule was drafted from, which the old codebook got right more
    often than usual. ``drafted_from`` and ``alike`` issues are left out."""

    found: tuple[Worth, ...]
    rules: int
    drawn: bool
    drafted_from: int
    alike: int


def worth(old: Run, new: Run, study_runs: Iterable[Run], *, draws: int, seed: int) -> Worths:
    """The agreement with blind labels of run ``new``, less that of ``old``, on the same issues.

    Raises ``UsageError`` where no accepted rule tells what to leave out or both have one codebook,
    ``RunError`` where too few labelled issues are left.
    """
    taken = take([old, new])
    rules = [rule for run in (old, new) for rule in accepted(verdicts(run))]
    if not rules:
        raise UsageError(
            f"no rule of run {old.name!r} was accepted: nothing was drafted from its labels",
            f"draft some: coder codebook refine {old.name}; or see: coder compare",
        )
    if old.first_codebook.hash == new.first_codebook.hash:
        raise UsageError(
            f"runs {old.name!r} and {new.name!r} were made with the same codebook",
            "name a run of the version before the rules, and one of the version with them",
        )
    read = {issue_id for rule in rules for issue_id in (*rule.issues, *rule.shown)}
    sources = Duplicates([old.issues[i] for i in sorted(read) if i in old.issues])
    every = shared(taken)
    near = {i for i in every if i not in read and sources.of(old.issues[i])}
    fresh = [i for i in every if i not in read and i not in near]
    held = next(iter(hold_outs(old)), None)
    away = kept_away(old, reserved_issues(study_runs), held) if held else set()
    drawn = bool(away)
    issues = [i for i in fresh if i in away] if drawn else fresh
    of = old.issues
    groups = {i: of[i].repo for i in issues if of[i].repo} or None
    levels = Levels(old.codebook)
    found = []
    largest = 0
    for rater in first_passes(taken):
        labels = pooled(rater, taken, issues).answers
        for level in levels.all:
            sides = [levels.answers_at(level, one) for one in
                     (taken[1].model.answers, taken[0].model.answers, labels)]  # fmt: skip
            among = sides[0].keys() & sides[1].keys() & sides[2].keys()
            largest = max(largest, len(among))
            if among and not why_too_few(len(among)):
                after, before, reference = ({i: s[i] for i in among} for s in sides)
                found.append(
                    _worth(rater, level, (after, before, reference), levels, groups, draws, seed)
                )
    if not found:
        where = "held out" if drawn else "that no rule was drafted from"
        raise RunError(
            f"of the labelled issues {where} at most {largest} were answered in both runs by the "
            f"model and blind by one rater: {why_too_few(largest)}",
            "label more of them blind: coder review RUN --blind --rater YOU",
        )
    return Worths(
        found=tuple(found), rules=len(rules), drawn=drawn,
        drafted_from=len(read.intersection(every)), alike=len(near),
    )  # fmt: skip


def _worth(
    rater: str,
    level: Level,
    sides: tuple[Mapping[str, Codes], Mapping[str, Codes], Mapping[str, Codes]],
    levels: Levels,
    groups: Mapping[str, str] | None,
    draws: int,
    seed: int,
) -> Worth:
    after, before, reference = sides
    codes = levels.codes(level)
    share, _ = code_change(*sides, codes=codes, groups=groups, draws=draws, seed=seed)
    return Worth(
        rater=rater,
        level=level,
        n=len(reference),
        clusters=len({(groups or {}).get(i, i) for i in reference}),
        share=share,
        kappa=kappa_change(*sides, codes=codes, groups=groups, draws=draws, seed=seed),
        test=mcnemar(
            {i: same(after[i], reference[i]) for i in reference},
            {i: same(before[i], reference[i]) for i in reference},
        ),
    )
