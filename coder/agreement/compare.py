"""Two raters, issue by issue: every figure of the agreement report in one record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from coder.agreement import nominal, percode
from coder.agreement.alpha import alpha_from_sums, masi_distance, tree_distance
from coder.agreement.arrays import Bools, Floats, Ints, ratio, sum_by
from coder.agreement.encode import Codes, Vocabulary, group_numbers
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
            found = percode.code_tables(cells.left_has, cells.right_has, weights)
            last[:] = [(weights, found)]
        return last[0][1]

    same = (cells.left == cells.right).astype(np.float64)
    neither = "neither rater used this code"
    return {
        "percent_agreement": Statistic(lambda w: ratio(w @ same, w.sum(-1)), ""),
        "krippendorff_alpha": _alpha(cells, cells.distance),
        "macro_f1": Statistic(lambda w: percode.macro_f1(tables(w)), ""),
        "precision": Statistic(
            lambda w: percode.precision(tables(w)), "the left rater never used this code"
        ),
        "recall": Statistic(
            lambda w: percode.recall(tables(w)), "the right rater never used this code"
        ),
        "f1": Statistic(lambda w: percode.f1(tables(w)), neither),
        "code_kappa": Statistic(
            lambda w: nominal.cohen_kappa(tables(w)),
            "both raters gave this code to every issue, or to none",
        ),
        "code_ac1": Statistic(lambda w: nominal.gwet_ac1(tables(w)), ""),
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
        "cohen_kappa": Statistic(lambda w: nominal.cohen_kappa(tables(w)), ONE_VALUE),
        "gwet_ac1": Statistic(
            lambda w: nominal.gwet_ac1(tables(w), len(words.codes)),
            "there is only one code to choose from",
        ),
    }
    if paths is not None:
        found["tree_alpha"] = _alpha(cells, tree_distance(words.paths(paths)))
    return found


def _over_sets(cells: _Cells) -> dict[str, Statistic]:
    alike = percode.jaccard(cells.left_has, cells.right_has)
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
    matrix = nominal.contingency(code[cells.left][cell], code[cells.right][cell], len(words.codes))
    return Confusion(codes=words.codes, matrix=tuple(tuple(row) for row in matrix.tolist()))
