"""How long a run's issues took to be closed and to be answered, by code or by repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from coder.agreement.arrays import Floats, Ints
from coder.agreement.durations import FEWEST
from coder.agreement.durations_errors import Coded, by_design, plain, resampled
from coder.agreement.durations_ranks import (
    Test,
    dunn,
    enough,
    kruskal_wallis,
    mann_whitney,
    median,
    stratified_ranks,
)
from coder.agreement.durations_spans import Close, Spans, first_answer, latest, resolution, response
from coder.agreement.durations_survival import kaplan_meier, log_rank
from coder.errors import InputError, UsageError
from coder.ratings.comparable import Codes, Levels
from coder.ratings.delivered import FINAL, RunAnswers, delivered
from coder.ratings.model import MODEL, RESOLVED
from coder.records import Decision, Issue, Label, Record
from coder.report.corrected import frame_of, probabilities, said_by_model
from coder.report.coverage import most_labels
from coder.report.durations_model import (
    By,
    Durations,
    Errors,
    GroupTimes,
    Outcome,
    Sampling,
    Spread,
)
from coder.report.flow_files import trace
from coder.revision.migration import Versions
from coder.storage.run import Run

MOST_DRAWS = 1000
"""More make no difference to what is told, and with very many issues they take long."""
Records = Sequence[Label | Decision]


class Asked(Record):
    """What is asked for: by what groups, whose codes, which closing, until when."""

    by: By = "category"
    labels: str = FINAL
    close: Close = "last"
    snapshot: datetime | None = None
    draws: int = MOST_DRAWS
    seed: int = 0


@dataclass
class _Groups:
    """The group of each issue, in the order of the codebook, and why others have none."""

    names: Mapping[str, str]
    of: dict[str, str] = field(default_factory=dict)
    without: Counter[str] = field(default_factory=Counter)


def in_report(run: Run, draws: int, seed: int) -> Durations | None:
    """Times by category of the final codes; ``None`` where issues have no dates or no codes."""
    if not has_dates(run):
        return None
    try:
        return durations(run, Asked(draws=draws, seed=seed), RunAnswers(run))
    except UsageError:
        return None


def fetched_at(run: Run) -> datetime | None:
    """The day the issues' data end, by the record of the fetch they are from; ``None`` without."""
    file, screening = run.manifest.issues_file, run.manifest.screening
    if file is None and screening is not None and screening.run != run.name:
        above = Run.find(run.path.parent, screening.run)
        return fetched_at(above) if above else None
    made = trace(file, run.path, [], str) if file else []
    return next((one.fetched_at for one in made if one.fetched_at), None)


def has_dates(run: Run) -> bool:
    """Whether any issue says both when it was opened and when it was closed."""
    return any(issue.created_at and issue.closed_at for issue in run.issues.values())


def durations(run: Run, asked: Asked, coding: RunAnswers) -> Durations:
    """Times of ``run``'s issues, grouped by the codes of ``coding``, which may be another run.

    Raises ``InputError`` where no issue has dates, ``UsageError`` where nobody gave such labels.
    """
    issues = list(run.issues.values())
    fetched = None if asked.snapshot else fetched_at(run)
    snapshot = asked.snapshot or fetched or latest(issues)
    if snapshot is None or not has_dates(run):
        raise InputError(
            f"no issue of run {run.name!r} says when it was opened and when it was closed",
            "import the issues with their created_at and closed_at",
        )
    groups = _groups(issues, asked, coding)
    if not groups.of:
        raise UsageError(
            f"no issue of run {run.name!r} is in a {asked.by} by the codes of {asked.labels}",
            "ask for other labels with --labels",
        )
    closed = resolution(issues, snapshot, asked.close)
    if not closed.ids:
        raise UsageError(
            f"no issue of run {run.name!r} was opened by {snapshot:%Y-%m-%d}",
            "give the day the data end with --snapshot, or leave it out",
        )
    answered = None
    if any(first_answer(issue) for issue in issues if issue.author):
        answered = _outcome("response", response(issues, snapshot), run, groups, asked)
    final = asked.labels == FINAL and asked.by != "repository"
    behind = Counter(
        one.source.value for i, one in delivered(coding).items() if i in groups.of
    ) if final else Counter[str]()  # fmt: skip
    return Durations(
        run=run.name,
        coding=coding.run.name,
        by=asked.by,
        labels="" if asked.by == "repository" else asked.labels,
        sources=dict(behind),
        close=asked.close,
        snapshot=snapshot,
        snapshot_from="given" if asked.snapshot else "fetched" if fetched else "latest date",
        issues=len(issues),
        repositories=len({issue.repo for issue in issues}),
        resolution=_outcome("resolution", closed, run, groups, asked),
        response=answered,
        errors=None if asked.by == "repository" else _errors(closed, groups, asked, coding),
        **groups.without,
    )


def _groups(issues: Sequence[Issue], asked: Asked, coding: RunAnswers) -> _Groups:
    if asked.by == "repository":
        repos = sorted({issue.repo for issue in issues if issue.repo})
        found = _Groups(dict(zip(repos, repos, strict=True)))
        found.of = {issue.id: issue.repo for issue in issues if issue.repo}
        found.without["uncoded"] = len(issues) - len(found.of)
        return found
    book, levels = coding.run.codebook, Levels(coding.run.codebook)
    codes = levels.codes(asked.by)
    found = _Groups({code: book.by_id[code].name for code in codes})
    answers = coding.by(asked.labels)
    known = levels.answers_at(asked.by, answers)
    for issue in issues:
        if issue.id not in answers:
            found.without["uncoded"] += 1
        elif issue.id not in known:
            found.without["category_only"] += 1
        elif len(known[issue.id]) == 1:
            found.of[issue.id] = known[issue.id][0]
        else:
            found.without["several" if known[issue.id] else "none"] += 1
    return found


# --- times by group -----------------------------------------------------------------------------


def _outcome(
    of: Literal["resolution", "response"], spans: Spans, run: Run, groups: _Groups, asked: Asked
) -> Outcome:
    used = {code: at for at, code in enumerate(groups.names)}
    group = np.array([used.get(groups.of.get(i, ""), -1) for i in spans.ids], dtype=np.int64)
    times = {
        code: spans.days[(group == at) & spans.ended]
        for code, at in used.items()
        if (group == at).any()
    }
    tested = {code: times[code] for code in enough(times)}
    return Outcome(
        of=of,
        counts=spans.counts,
        groups=tuple(
            _times(code, groups.names[code], spans, group == used[code], code in tested)
            for code in times
        ),
        tests=_tests(spans, run, {used[code]: at for at, code in enumerate(tested)}, group, tested,
                     within=asked.by != "repository"),
        pairs=dunn(tested) if len(tested) > 2 else (),
    )  # fmt: skip


def _times(code: str, name: str, spans: Spans, inside: np.ndarray, tested: bool) -> GroupTimes:
    days, ended = spans.days[inside], spans.ended[inside]
    over = days[ended]
    ends = [float(end) for end in np.quantile(over, [0.05, 0.25, 0.75, 0.95])] if len(over) else []
    return GroupTimes(
        group=code,
        name=name,
        n=len(over),
        censored=len(days) - len(over),
        median=median(over),
        spread=Spread(p5=ends[0], p25=ends[1], p75=ends[2], p95=ends[3]) if ends else None,
        survival=kaplan_meier(days, ended),
        tested=tested,
    )


def _tests(
    spans: Spans,
    run: Run,
    number: Mapping[int, int],
    group: Ints,
    times: Mapping[str, Floats],
    *,
    within: bool,
) -> tuple[Test, ...]:
    """What can be asked of the groups that are large enough, ``number``ed from 0."""
    here = np.isin(group, list(number))
    renamed = np.array([number[g] for g in group[here]], dtype=np.int64)
    days, ended = spans.days[here], spans.ended[here]
    two = len(times) == 2
    found = [mann_whitney(times) if two else kruskal_wallis(times)]
    if len(times) < 2:
        return tuple(found)
    one = np.zeros(len(days), dtype=np.int64)
    found.append(log_rank(days, ended, renamed, len(times), one))
    repos = [run.issues[i].repo for i, kept in zip(spans.ids, here, strict=True) if kept]
    stratum = np.unique(repos, return_inverse=True)[1]
    if within and len(set(repos)) > 1:
        found += [
            stratified_ranks(days[ended], renamed[ended], stratum[ended], len(times)),
            log_rank(days, ended, renamed, len(times), stratum),
        ]
    return tuple(found)


# --- what the model's errors do -----------------------------------------------------------------


def _errors(spans: Spans, groups: _Groups, asked: Asked, coding: RunAnswers) -> Errors | None:
    """The same figures by people's codes, the model's, and both together; ``None`` where nobody
    coded blindly."""
    assert asked.by != "repository"
    levels, draws = Levels(coding.run.codebook), min(asked.draws, MOST_DRAWS)
    who, given, log = _people(coding, asked.labels)
    people = levels.answers_at(asked.by, given)
    here = np.array([i in coding.run.issues for i in spans.ids])
    closed = np.flatnonzero(spans.ended & here)
    order = closed[np.argsort(spans.days[closed], kind="stable")]
    ids, days = [spans.ids[at] for at in order], spans.days[order]
    counted = Counter(people[i] for i in ids if i in people)
    if not counted:
        return None
    codes = [code for code in groups.names if counted[(code,)] >= FEWEST]
    model = levels.answers_at(asked.by, said_by_model(coding.proposals, Versions(coding.run)))
    # What the model may have learnt from says nothing of its errors.
    usable = {i: answer for i, answer in people.items() if i not in coding.model.leaked}
    chance, sampling = _chance(coding.run, ids, usable, log)
    stands = _stands_for(coding.run, ids)
    figures, note = [], f"of fewer than two groups people coded {FEWEST} closed issues"
    if len(codes) > 1:
        note = ""
        figures.append(plain("people", days, _numbers(ids, people, codes), len(codes)))
        figures.append(plain("model", days, _numbers(ids, model, codes), len(codes)))
        theirs = _numbers(ids, usable, codes)
        if (counted.total() < len(ids) or stands is not None) and (theirs >= 0).any():
            alike = _alike([model.get(i) for i in ids])
            coded = Coded(days, theirs, alike, chance, len(codes), stands)
            figures.append(by_design(coded, draws, asked.seed))
            figures.append(resampled(coded, draws, asked.seed))
    return Errors(
        people=who, closed=len(ids), coded=counted.total(), groups=tuple(codes),
        names=tuple(groups.names[code] for code in codes), figures=tuple(figures), note=note,
        sampling=sampling if counted.total() < len(ids) else "all", draws=draws, seed=asked.seed,
        weighted=stands is not None,
    )  # fmt: skip


def _people(coding: RunAnswers, labels: str) -> tuple[str, Mapping[str, Codes], Records]:
    """Whose codes stand for the truth: those asked for where they are people's, else resolved ones
    where something was adjudicated, else the person's with most labels; and all they wrote."""
    most = most_labels(coding.raters)
    named = {rater.name: rater for rater in coding.raters}
    rater = named.get(labels, most)
    if rater is None:
        return "", {}, []
    log = sorted(rater.log, key=lambda record: record.at)
    if labels == RESOLVED or (labels in (FINAL, MODEL) and coding.resolution.adjudicated):
        return RESOLVED, coding.by(RESOLVED), log
    return rater.name, rater.blind.answers, log


def _chance(
    run: Run, ids: Sequence[str], people: Mapping[str, Codes], log: Records
) -> tuple[Floats, Sampling]:
    """The probability with which people came to code each issue, and how that is known."""
    every = list(run.issues)
    labelled = np.array([i in people for i in every])
    known = probabilities(every, labelled, log)
    if known is None:
        return np.full(len(ids), np.mean([i in people for i in ids])), "unknown"
    of = dict(zip(every, known.tolist(), strict=True))
    even = float(np.ptp(known[labelled])) < 1e-12
    return np.array([of.get(i, 0.0) for i in ids]), "random" if even else "known"


def _stands_for(run: Run, ids: Sequence[str]) -> Floats | None:
    """How many issues each of ``ids`` stands for; ``None`` where all stand for as many."""
    frame = frame_of(run)
    if frame is None or np.ptp(frame.stands_for) < 1e-9:
        return None
    each = dict(zip(run.issues, frame.stands_for.tolist(), strict=True))
    return np.array([each[i] for i in ids]) if each.keys() >= {*ids} else None


def _numbers(ids: Sequence[str], answers: Mapping[str, Codes], codes: Sequence[str]) -> Ints:
    """The group of each issue by number; their number for no group, -1 for no answer."""
    number: dict[Codes, int] = {(code,): at for at, code in enumerate(codes)}
    return np.array(
        [number.get(answers[i], len(codes)) if i in answers else -1 for i in ids], dtype=np.int64
    )


def _alike(answers: Sequence[Codes | None]) -> Ints:
    """One number for all issues of which the model says the same."""
    kinds: dict[frozenset[str] | None, int] = {}
    return np.array(
        [kinds.setdefault(None if a is None else frozenset(a), len(kinds)) for a in answers],
        dtype=np.int64,
    )
