"""Two or more raters at once, where not everyone need have coded every issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coder.agreement import nominal
from coder.agreement.alpha import (
    alpha_from_sums,
    disagreement,
    masi_distance,
    tree_distance,
)
from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.compare import ONE_VALUE, SEVERAL
from coder.agreement.encode import Codes, Vocabulary, group_numbers
from coder.agreement.intervals import Statistic, bootstrap
from coder.records import Estimate, Record


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
        "percent_agreement": Statistic(lambda w: nominal.pairwise_agreement(counts, w), ""),
        "krippendorff_alpha": _alpha(counts, masi_distance(words.answers)),
    }
    if not words.sets:
        statistics["gwet_ac1"] = Statistic(
            lambda w: nominal.gwet_ac1_many(counts, w, len(words.codes)),
            "there is only one code to choose from",
        )
        if paths is not None:
            statistics["tree_alpha"] = _alpha(counts, tree_distance(words.paths(paths)))
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
    counts = nominal.rating_counts(distinct.T, len(words.answers))
    return counts.astype(np.float64), profile.reshape(-1).astype(np.int64)


def _alpha(counts: Floats, distance: Floats) -> Statistic:
    apart = disagreement(counts, distance)
    return Statistic(lambda w: alpha_from_sums(w @ apart, w @ counts, distance), ONE_VALUE)


def _fleiss(
    counts: Floats, profile: Ints, group: Ints | None, full: Bools, *, draws: int, seed: int
) -> Estimate:
    """Fleiss' kappa over the units everyone coded, saying how many that leaves out."""
    kept, cell = np.unique(profile[full], return_inverse=True)
    regrouped = None if group is None else np.unique(group[full], return_inverse=True)[1]
    statistic = Statistic(lambda w: nominal.fleiss_kappa(counts[kept], w), ONE_VALUE)
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
