"""Two models on the same issues, and one rater with and without a suggestion.

``mcnemar``        exact test of two error rates (McNemar 1947, Psychometrika 12:153-157)
``kappa_change``   paired bootstrap of the difference of two kappas with one reference
``code_change``    the same for the F1 of each code, and for the share of equal answers
``anchoring``      how much nearer to the model a rater is who saw its suggestion (Schroeder et al.
                   2025, arXiv 2507.15821, on why that matters)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from coder.agreement import coefficients
from coder.agreement.arrays import Codes, Floats, Vocabulary, group_numbers, ratio, sum_by
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
    from scipy.special import bdtr

    shared = sorted(left.keys() & right.keys())
    counts = [0, 0, 0, 0]
    for issue in shared:
        counts[2 * (not left[issue]) + (not right[issue])] += 1
    both, only_left, only_right, neither = counts
    apart = only_left + only_right
    # At one half the two tails of the binomial are alike.
    p_value = min(1.0, 2 * float(bdtr(min(counts[1:3]), apart, 0.5))) if apart else None
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
    three = _Three(left, right, reference, codes)
    if three.words.sets:
        several = Estimate(value=None, n=len(three.shared), note="several codes per issue")
        return Change(left=several, right=several, difference=several)
    size = max(1, len(three.words.answers))

    def kappa(weights: Floats, side: int) -> Floats:
        at = three.distinct[:, side] * size + three.distinct[:, 2]
        return coefficients.cohen_kappa(sum_by(weights, at, size * size).reshape(-1, size, size))

    (found,) = three.change(kappa, "only one code was used", groups, draws=draws, seed=seed)
    return found


def code_change(
    left: Mapping[str, Codes],
    right: Mapping[str, Codes],
    reference: Mapping[str, Codes],
    *,
    codes: tuple[str, ...],
    groups: Mapping[str, str] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[Change, dict[str, Change]]:
    """The share of answers equal to the reference's, and each code's F1, with their differences.

    Arguments are those of :func:`kappa_change`; issues may have several codes. Codes that none of
    the three used are left out.
    """
    three = _Three(left, right, reference, codes)
    has = three.words.member[three.distinct]
    used = np.flatnonzero(has.any((0, 1)))

    def figures(weights: Floats, side: int) -> Floats:
        same = (three.distinct[:, side] == three.distinct[:, 2]).astype(np.float64)
        tables = coefficients.code_tables(has[:, side, used], has[:, 2, used], weights)
        return np.column_stack([ratio(weights @ same, weights.sum(-1)), coefficients.f1(tables)])

    right_share, *each = three.change(
        figures, "one of the two and the reference never used this code", groups,
        draws=draws, seed=seed,
    )  # fmt: skip
    names = [three.words.codes[at] for at in used]
    return right_share, dict(zip(names, each, strict=True))


class _Three:
    """The issues that two raters and a reference answered, by the distinct triples of answers."""

    def __init__(
        self,
        left: Mapping[str, Codes],
        right: Mapping[str, Codes],
        reference: Mapping[str, Codes],
        codes: tuple[str, ...],
    ) -> None:
        self.shared = sorted(left.keys() & right.keys() & reference.keys())
        triples = [(left[i], right[i], reference[i]) for i in self.shared]
        self.words = Vocabulary(codes, (answer for triple in triples for answer in triple))
        numbers = np.array(
            [[self.words.number(answer) for answer in triple] for triple in triples], dtype=np.int64
        ).reshape(-1, 3)
        self.distinct, cell = np.unique(numbers, axis=0, return_inverse=True)
        self.cell = cell.reshape(-1).astype(np.int64)

    def change(
        self,
        figures: Callable[[Floats, int], Floats],
        undefined: str,
        groups: Mapping[str, str] | None,
        *,
        draws: int,
        seed: int,
    ) -> list[Change]:
        """``figures`` (weights, side) of either side and their differences, from the same draws."""
        found = bootstrap(
            {
                "left": Statistic(lambda w: figures(w, 0), undefined),
                "right": Statistic(lambda w: figures(w, 1), undefined),
                "difference": Statistic(lambda w: figures(w, 0) - figures(w, 1), undefined),
            },
            self.cell,
            group_numbers(self.shared, groups),
            draws=draws,
            seed=seed,
            nothing="no issue was coded by all three",
        )
        sides = zip(found["left"], found["right"], found["difference"], strict=True)
        return [Change(left=a, right=b, difference=d) for a, b, d in sides]


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
