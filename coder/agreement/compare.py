"""Raters compared issue by issue, two or more: every figure of the agreement report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from coder.agreement import coefficients
from coder.agreement.arrays import (
    Bools,
    Codes,
    Floats,
    Ints,
    Vocabulary,
    group_numbers,
    ratio,
    sum_by,
)
from coder.agreement.coefficients import alpha_from_sums, disagreement, masi_distance, tree_distance
from coder.agreement.intervals import Statistic, bootstrap
from coder.records import Estimate, Record

SEVERAL = "several codes per issue: see the figures per code"
ONE_VALUE = "only one code was used"


class CodeAgreement(Record):
    """One code against all others; left is the model, right the reference."""

    code: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    cohen_kappa: Estimate
    gwet_ac1: Estimate
    support_left: int
    support_right: int


class Confusion(Record):
    """How often left (rows) and right (columns) gave which code, in the order of ``codes``."""

    codes: Codes
    matrix: tuple[tuple[int, ...], ...]


class Disagreement(Record):
    """An issue whose codes differ, as each rater gave them; empty means "no code fits"."""

    issue_id: str
    left: Codes
    right: Codes


class Agreement(Record):
    """Two raters compared on the ``n`` issues in ``issue_ids``, which both of them answered.

    Issues only one of them has are counted in ``left_only`` and ``right_only``; of those both have,
    ``left_unanswered`` and ``right_unanswered`` say how often a rater gave no answer (an issue
    neither answered counts in both).

    ``sets`` tells whether any compared issue has several codes. Then ``percent_agreement`` is of
    equal sets, ``krippendorff_alpha`` uses MASI instead of the nominal distance, ``mean_jaccard``
    is given, and kappa, AC1, the tree alpha and the confusion matrix are not defined over issues.
    ``tree_alpha`` is ``None`` when no hierarchy was given. ``macro_f1`` is the mean over the codes
    that at least one of the two used.
    """

    n: int
    left_only: int
    right_only: int
    left_unanswered: int
    right_unanswered: int
    sets: bool
    percent_agreement: Estimate
    cohen_kappa: Estimate
    gwet_ac1: Estimate
    krippendorff_alpha: Estimate
    tree_alpha: Estimate | None
    mean_jaccard: Estimate | None
    macro_f1: Estimate
    per_code: tuple[CodeAgreement, ...]
    confusion: Confusion | None
    disagreements: tuple[Disagreement, ...]
    issue_ids: tuple[str, ...]


def agree(
    left: Mapping[str, Codes | None],
    right: Mapping[str, Codes | None],
    *,
    codes: Sequence[str],
    groups: Mapping[str, str] | None = None,
    paths: Mapping[str, Codes] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Compare two raters' codes, each a mapping from issue id to codes.

    No codes means "no code fits" and is a value like any other; ``None`` means no answer, which is
    left out and counted. ``codes`` are all a rater could choose from (AC1 depends on their number;
    "no code fits" is one more where it occurs). ``groups`` gives each issue's repository: with more
    than one, intervals resample repositories. ``paths`` gives each code's path from its category
    down to itself and asks for ``tree_alpha``. The same inputs and seed give the same figures.

    Raises :class:`coder.errors.InputError` for a code outside ``codes``, or outside ``paths``.
    """
    shared = left.keys() & right.keys()
    answered: dict[str, tuple[Codes, Codes]] = {}
    for issue_id in sorted(shared):
        ours, theirs = left[issue_id], right[issue_id]
        if ours is not None and theirs is not None:
            answered[issue_id] = (ours, theirs)

    words = Vocabulary(codes, chain.from_iterable(answered.values()))
    cells, cell = _cells(words, list(answered.values()))
    apart = cells.left != cells.right
    statistics = _per_code(cells, len(words.codes))
    statistics |= _over_sets(cells) if words.sets else _over_codes(cells, words, paths)
    found = bootstrap(
        statistics, cell, group_numbers(list(answered), groups), draws=draws, seed=seed
    )
    n = len(answered)
    several = (Estimate(value=None, n=n, note=SEVERAL),)
    return Agreement(
        n=n,
        left_only=len(left) - len(shared),
        right_only=len(right) - len(shared),
        left_unanswered=_unanswered(left, shared),
        right_unanswered=_unanswered(right, shared),
        sets=words.sets,
        percent_agreement=found["percent_agreement"][0],
        cohen_kappa=found.get("cohen_kappa", several)[0],
        gwet_ac1=found.get("gwet_ac1", several)[0],
        krippendorff_alpha=found["krippendorff_alpha"][0],
        tree_alpha=None if paths is None else found.get("tree_alpha", several)[0],
        mean_jaccard=found["mean_jaccard"][0] if words.sets else None,
        macro_f1=found["macro_f1"][0],
        per_code=_code_records(words, cells, cell, found),
        confusion=None if words.sets else _confusion(words, cells, cell),
        disagreements=tuple(
            Disagreement(issue_id=i, left=pair[0], right=pair[1])
            for (i, pair), differ in zip(answered.items(), apart[cell], strict=True)
            if differ
        ),
        issue_ids=tuple(answered),
    )


class _Cells(NamedTuple):
    """The distinct pairs of answers: their numbers, (cells,), and their codes, (cells, codes)."""

    left: Ints
    right: Ints
    left_has: Bools
    right_has: Bools
    distance: Floats


def _cells(words: Vocabulary, pairs: Sequence[tuple[Codes, Codes]]) -> tuple[_Cells, Ints]:
    """The cells that occur, and the cell of each pair."""
    answers = len(words.answers)
    number = words.numbers(chain.from_iterable(pairs)).reshape(-1, 2)
    distinct, cell = np.unique(number[:, 0] * answers + number[:, 1], return_inverse=True)
    left, right = np.divmod(distinct, max(answers, 1))
    # On single codes MASI is the nominal distance, so one alpha serves both kinds of labels.
    distance = masi_distance(words.answers)
    cells = _Cells(left, right, words.member[left], words.member[right], distance)
    return cells, cell.astype(np.int64)


def _unanswered(side: Mapping[str, Codes | None], shared: Collection[str]) -> int:
    # Few are None: a look at the values is cheaper than one for each shared issue.
    if None not in side.values():
        return 0
    return sum(side[i] is None for i in shared)


def _alpha(cells: _Cells, distance: Floats) -> Statistic:
    apart = 2 * distance[cells.left, cells.right]

    def of(weights: Floats) -> Floats:
        size = len(distance)
        totals = sum_by(weights, cells.left, size) + sum_by(weights, cells.right, size)
        return alpha_from_sums(weights @ apart, totals, distance)

    return Statistic(of, ONE_VALUE)


def _per_code(cells: _Cells, codes: int) -> dict[str, Statistic]:
    """The statistics that mean the same for single codes and for sets."""

    last: list[tuple[Floats, Floats]] = []

    def tables(weights: Floats) -> Floats:
        # Six statistics ask for the same draws one after the other.
        if not last or last[0][0] is not weights:
            found = coefficients.code_tables(cells.left_has, cells.right_has, weights)
            last[:] = [(weights, found)]
        return last[0][1]

    same = (cells.left == cells.right).astype(np.float64)
    neither = "neither rater used this code"
    return {
        "percent_agreement": Statistic(lambda w: ratio(w @ same, w.sum(-1)), ""),
        "krippendorff_alpha": _alpha(cells, cells.distance),
        "macro_f1": Statistic(lambda w: coefficients.macro_f1(tables(w)), ""),
        "precision": Statistic(
            lambda w: coefficients.precision(tables(w)), "the left rater never used this code"
        ),
        "recall": Statistic(
            lambda w: coefficients.recall(tables(w)), "the right rater never used this code"
        ),
        "f1": Statistic(lambda w: coefficients.f1(tables(w)), neither),
        "code_kappa": Statistic(
            lambda w: coefficients.cohen_kappa(tables(w)),
            "both raters gave this code to every issue, or to none",
        ),
        "code_ac1": Statistic(lambda w: coefficients.gwet_ac1(tables(w)), ""),
    }


def _over_codes(
    cells: _Cells, words: Vocabulary, paths: Mapping[str, Codes] | None
) -> dict[str, Statistic]:
    size = len(words.answers)

    def tables(weights: Floats) -> Floats:
        dense = np.zeros((len(weights), size * size))
        dense[:, cells.left * size + cells.right] = weights
        return dense.reshape(len(weights), size, size)

    found = {
        "cohen_kappa": Statistic(lambda w: coefficients.cohen_kappa(tables(w)), ONE_VALUE),
        "gwet_ac1": Statistic(
            lambda w: coefficients.gwet_ac1(tables(w), len(words.codes)),
            "there is only one code to choose from",
        ),
    }
    if paths is not None:
        found["tree_alpha"] = _alpha(cells, tree_distance(words.paths(paths)))
    return found


def _over_sets(cells: _Cells) -> dict[str, Statistic]:
    alike = coefficients.jaccard(cells.left_has, cells.right_has)
    return {"mean_jaccard": Statistic(lambda w: ratio(w @ alike, w.sum(-1)), "")}


def _code_records(
    words: Vocabulary, cells: _Cells, cell: Ints, found: Mapping[str, tuple[Estimate, ...]]
) -> tuple[CodeAgreement, ...]:
    counts = np.bincount(cell, minlength=len(cells.left))
    return tuple(
        CodeAgreement(
            code=code,
            precision=found["precision"][i],
            recall=found["recall"][i],
            f1=found["f1"][i],
            cohen_kappa=found["code_kappa"][i],
            gwet_ac1=found["code_ac1"][i],
            support_left=int(counts @ cells.left_has[:, i]),
            support_right=int(counts @ cells.right_has[:, i]),
        )
        for i, code in enumerate(words.codes)
    )


def _confusion(words: Vocabulary, cells: _Cells, cell: Ints) -> Confusion:
    code = words.member.argmax(1) if words.answers else np.empty(0, dtype=np.int64)
    matrix = coefficients.contingency(
        code[cells.left][cell], code[cells.right][cell], len(words.codes)
    )
    return Confusion(codes=words.codes, matrix=tuple(tuple(row) for row in matrix.tolist()))


class ManyAgreement(Record):
    """Agreement of all raters on the ``n`` issues that two or more of them answered.

    ``complete`` of these were answered by everyone; Fleiss' kappa is defined on them alone.
    ``single`` issues have one answer only: left out. ``unanswered`` counts, by rater, the issues
    given to them without an answer. With several codes on any issue (``sets``) alpha uses MASI and
    Fleiss' kappa and AC1 are not defined. ``percent_agreement`` is the mean share of rater pairs
    that agree. ``tree_alpha`` is ``None`` when no hierarchy was given.
    """

    raters: tuple[str, ...]
    n: int
    complete: int
    single: int
    unanswered: dict[str, int]
    sets: bool
    percent_agreement: Estimate
    fleiss_kappa: Estimate
    gwet_ac1: Estimate
    krippendorff_alpha: Estimate
    tree_alpha: Estimate | None


def agree_many(
    labels: Mapping[str, Mapping[str, Codes | None]],
    *,
    codes: Sequence[str],
    groups: Mapping[str, str] | None = None,
    paths: Mapping[str, Codes] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> ManyAgreement:
    """Compare all raters; ``labels`` maps rater to issue id to codes.

    Codes, ``groups``, ``paths``, ``draws`` and ``seed`` mean what they mean in
    :func:`coder.agreement.agree`. Raises :class:`coder.errors.InputError` likewise.
    """
    raters = sorted(labels)
    answers: dict[str, list[Codes]] = {}
    for rater in raters:
        for issue_id, answer in labels[rater].items():
            if answer is not None:
                answers.setdefault(issue_id, []).append(answer)
    paired = sorted(i for i, given in answers.items() if len(given) > 1)
    words = Vocabulary(codes, (answer for i in paired for answer in answers[i]))
    counts, profile = _profiles(words, [answers[i] for i in paired], len(raters))
    group = group_numbers(paired, groups)

    statistics = {
        "percent_agreement": Statistic(lambda w: coefficients.pairwise_agreement(counts, w), ""),
        "krippendorff_alpha": _alpha_of_many(counts, masi_distance(words.answers)),
    }
    if not words.sets:
        statistics["gwet_ac1"] = Statistic(
            lambda w: coefficients.gwet_ac1_many(counts, w, len(words.codes)),
            "there is only one code to choose from",
        )
        if paths is not None:
            statistics["tree_alpha"] = _alpha_of_many(counts, tree_distance(words.paths(paths)))
    found = bootstrap(statistics, profile, group, draws=draws, seed=seed)

    full = (counts.sum(1) == len(raters))[profile]
    several = (Estimate(value=None, n=len(paired), note=SEVERAL),)
    return ManyAgreement(
        raters=tuple(raters),
        n=len(paired),
        complete=int(full.sum()),
        single=len(answers) - len(paired),
        unanswered={r: sum(a is None for a in labels[r].values()) for r in raters},
        sets=words.sets,
        percent_agreement=found["percent_agreement"][0],
        fleiss_kappa=(
            several[0]
            if words.sets
            else _fleiss(counts, profile, group, full, draws=draws, seed=seed)
        ),
        gwet_ac1=found.get("gwet_ac1", several)[0],
        krippendorff_alpha=found["krippendorff_alpha"][0],
        tree_alpha=None if paths is None else found.get("tree_alpha", several)[0],
    )


def _profiles(
    words: Vocabulary, units: Sequence[Sequence[Codes]], raters: int
) -> tuple[Floats, Ints]:
    """The distinct ways a unit was coded, who by apart: (profiles, answers) and each unit's."""
    numbers = np.full((len(units), raters), -1, dtype=np.int64)
    for row, given in enumerate(units):
        numbers[row, : len(given)] = sorted(words.number(answer) for answer in given)
    distinct, profile = np.unique(numbers, axis=0, return_inverse=True)
    counts = coefficients.rating_counts(distinct.T, len(words.answers))
    return counts.astype(np.float64), profile.reshape(-1).astype(np.int64)


def _alpha_of_many(counts: Floats, distance: Floats) -> Statistic:
    apart = disagreement(counts, distance)
    return Statistic(lambda w: alpha_from_sums(w @ apart, w @ counts, distance), ONE_VALUE)


def _fleiss(
    counts: Floats, profile: Ints, group: Ints | None, full: Bools, *, draws: int, seed: int
) -> Estimate:
    """Fleiss' kappa over the units everyone coded, saying how many that leaves out."""
    kept, cell = np.unique(profile[full], return_inverse=True)
    regrouped = None if group is None else np.unique(group[full], return_inverse=True)[1]
    statistic = Statistic(lambda w: coefficients.fleiss_kappa(counts[kept], w), ONE_VALUE)
    estimate = bootstrap(
        {"fleiss": statistic},
        cell,
        regrouped,
        draws=draws,
        seed=seed,
        nothing="no issue was coded by every rater",
    )["fleiss"][0]
    left_out = len(profile) - int(full.sum())
    if not left_out:
        return estimate
    note = f"{left_out} issues not coded by every rater, left out"
    return estimate.model_copy(update={"note": "; ".join(filter(None, (estimate.note, note)))})
