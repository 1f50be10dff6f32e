"""Two models on the same issues, and one rater with and without a suggestion.

``mcnemar``        exact test of two error rates (McNemar 1947, Psychometrika 12:153-157)
``kappa_change``   paired bootstrap of the difference of two kappas with one reference
``anchoring``      how much nearer to the model a rater is who saw its suggestion (Schroeder et al.
                   2025, arXiv 2507.15821, on why that matters)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coder.agreement import nominal
from coder.agreement.arrays import Floats, ratio, sum_by
from coder.agreement.encode import Codes, Vocabulary, group_numbers
from coder.agreement.intervals import Statistic, bootstrap
from coder.records import Estimate, Record


class McNemar(Record):
    """``only_left`` issues where only the left one is right, ``only_right`` the other way round;
    ``p_value`` is of both being right equally often, ``None`` where they never differ."""

    both: int
    only_left: int
    only_right: int
    neither: int
    p_value: float | None


class Change(Record):
    """A figure of the left and of the right, and left less right, from the same draws."""

    left: Estimate
    right: Estimate
    difference: Estimate


class Anchoring(Record):
    """Agreement with the model by how the rater answered; ``difference`` is assisted less alone."""

    assisted: Estimate
    alone: Estimate
    difference: Estimate


def mcnemar(left: Mapping[str, bool], right: Mapping[str, bool]) -> McNemar:
    """Whether two raters are right equally often on the issues both answered (id to right)."""
    from scipy.stats import binomtest

    shared = sorted(left.keys() & right.keys())
    counts = [0, 0, 0, 0]
    for issue in shared:
        counts[2 * (not left[issue]) + (not right[issue])] += 1
    both, only_left, only_right, neither = counts
    apart = only_left + only_right
    p_value = float(binomtest(only_left, apart, 0.5).pvalue) if apart else None
    return McNemar(both=both, only_left=only_left, only_right=only_right, neither=neither,
                   p_value=p_value)  # fmt: skip


def kappa_change(
    left: Mapping[str, Codes],
    right: Mapping[str, Codes],
    reference: Mapping[str, Codes],
    *,
    codes: tuple[str, ...],
    groups: Mapping[str, str] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Change:
    """Cohen's kappa of two raters with one reference, on the issues all three answered.

    Single codes only: with several codes on any issue all three are undefined. See
    :func:`coder.agreement.agree` for the arguments.
    """
    shared = sorted(left.keys() & right.keys() & reference.keys())
    triples = [(left[i], right[i], reference[i]) for i in shared]
    words = Vocabulary(codes, (answer for triple in triples for answer in triple))
    if words.sets:
        several = Estimate(value=None, n=len(shared), note="several codes per issue")
        return Change(left=several, right=several, difference=several)
    size = max(1, len(words.answers))
    numbers = np.array(
        [[words.number(answer) for answer in triple] for triple in triples], dtype=np.int64
    ).reshape(-1, 3)
    distinct, cell = np.unique(numbers, axis=0, return_inverse=True)

    def kappa(weights: Floats, side: int) -> Floats:
        table = sum_by(weights, distinct[:, side] * size + distinct[:, 2], size * size)
        return nominal.cohen_kappa(table.reshape(-1, size, size))

    undefined = "only one code was used"
    found = bootstrap(
        {
            "left": Statistic(lambda w: kappa(w, 0), undefined),
            "right": Statistic(lambda w: kappa(w, 1), undefined),
            "difference": Statistic(lambda w: kappa(w, 0) - kappa(w, 1), undefined),
        },
        cell.reshape(-1).astype(np.int64),
        group_numbers(shared, groups),
        draws=draws,
        seed=seed,
        nothing="no issue was coded by all three",
    )
    return Change(left=found["left"][0], right=found["right"][0],
                  difference=found["difference"][0])  # fmt: skip


def anchoring(
    assisted: Mapping[str, bool],
    alone: Mapping[str, bool],
    groups: Mapping[str, str] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Anchoring:
    """Whether rater and model agree (id to agree), where the rater saw the suggestion and where
    they did not.

    The issues must have been put into the two by chance, or the difference is also one of issues.
    Without an issue on either side there is no difference.
    """
    ids = [*sorted(assisted), *sorted(alone)]
    arm = [0] * len(assisted) + [1] * len(alone)
    agrees = [assisted[i] for i in sorted(assisted)] + [alone[i] for i in sorted(alone)]
    number = np.array(arm, dtype=np.int64) * 2 + np.array(agrees, dtype=np.int64)
    distinct, cell = np.unique(number, return_inverse=True)

    def share(weights: Floats, which: int) -> Floats:
        here = weights * (distinct // 2 == which)
        return ratio((here * (distinct % 2)).sum(-1), here.sum(-1))

    nobody = ("no issue was answered with a suggestion", "no issue was answered without one")
    found = bootstrap(
        {
            "assisted": Statistic(lambda w: share(w, 0), nobody[0]),
            "alone": Statistic(lambda w: share(w, 1), nobody[1]),
            "difference": Statistic(
                lambda w: share(w, 0) - share(w, 1), nobody[0] if not assisted else nobody[1]
            ),
        },
        cell.astype(np.int64),
        group_numbers(ids, groups),
        draws=draws,
        seed=seed,
        nothing=nobody[0],
    )
    return Anchoring(
        assisted=found["assisted"][0].model_copy(update={"n": len(assisted)}),
        alone=found["alone"][0].model_copy(update={"n": len(alone)}),
        difference=found["difference"][0],
    )
