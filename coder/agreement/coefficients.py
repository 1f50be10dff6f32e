"""Agreement coefficients: percent agreement, kappa, AC1, Krippendorff's alpha, and F1 code by code.

Tables are (..., q, q) counts with the left rater (the model) in rows and the right one (the
reference) in columns; leading axes are independent tables, so the bootstrap passes thousands at
once. Rating counts are (units, q): how many raters gave each unit each code. ``nan`` means
undefined; callers turn it into ``None`` with the reason.

Code by code each code has a (2, 2) table, ``[[both, left only], [right only, neither]]``, of which
kappa and AC1 are taken as of any other.

Distances enter alpha as they stand, in place of the squared difference of the formula: a distance
of 1/2 counts as half a disagreement. Passonneau (2006) and Artstein & Poesio (2008) do the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, Ints, ratio


def contingency(left: npt.ArrayLike, right: npt.ArrayLike, q: int) -> Ints:
    """The (q, q) table of two raters' codes in 0..q-1, one pair a unit; left in rows."""
    rows, columns = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    return np.bincount(rows * q + columns, minlength=q * q).reshape(q, q).astype(np.int64)


def rating_counts(ratings: npt.ArrayLike, q: int) -> Ints:
    """From (raters, units) codes in 0..q-1, missing -1, to (units, q) counts."""
    coded = np.asarray(ratings, dtype=np.int64)
    unit = np.broadcast_to(np.arange(coded.shape[1]), coded.shape)
    given = coded >= 0
    units = coded.shape[1]
    flat = unit[given] * q + coded[given]
    return np.bincount(flat, minlength=units * q).reshape(units, q).astype(np.int64)


def percent_agreement(table: npt.ArrayLike) -> Floats:
    """Share of units on which two raters agree; ``nan`` for an empty table."""
    counts = np.asarray(table, dtype=np.float64)
    return ratio(_trace(counts), counts.sum((-2, -1)))


def cohen_kappa(table: npt.ArrayLike) -> Floats:
    """Cohen's kappa (Cohen 1960, Educ. Psychol. Meas. 20:37-46) of (..., q, q) tables.

    ``nan`` when both raters gave every unit one and the same code: chance agreement is then 1.
    """
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum((-2, -1))
    by_chance = (counts.sum(-1) * counts.sum(-2)).sum(-1)
    # Scaled by n squared: sums of whole numbers are exact, so "chance agreement is 1" is too.
    return ratio(n * _trace(counts) - by_chance, n * n - by_chance)


def gwet_ac1(table: npt.ArrayLike, categories: int | None = None) -> Floats:
    """Gwet's AC1 of two raters (Gwet 2008, Br. J. Math. Stat. Psychol. 61:29-48).

    ``categories`` is how many codes the raters could choose from, used or not; by default the size
    of the table. ``nan`` when there is nothing to choose from or no unit.
    """
    counts = np.asarray(table, dtype=np.float64)
    prevalence = ratio(counts.sum(-1) + counts.sum(-2), 2 * counts.sum((-2, -1))[..., None])
    return _ac1(percent_agreement(counts), prevalence, categories or counts.shape[-1])


def gwet_ac1_many(
    counts: npt.ArrayLike, weights: npt.ArrayLike | None = None, categories: int | None = None
) -> Floats:
    """Gwet's AC1 of two or more raters, ratings may be missing (Gwet 2008).

    ``counts`` is (units, q), every unit with at least one rating; ``weights`` (..., units) says how
    often each unit occurs. Agreement is taken over units with two ratings or more, the codes'
    prevalence over all of them.
    """
    given = np.asarray(counts, dtype=np.float64)
    often = _weights(weights, len(given))
    paired = given.sum(-1) > 1
    agreed = ratio(often[..., paired] @ _pairs_agreed(given[paired]), often[..., paired].sum(-1))
    prevalence = ratio(often @ ratio(given, given.sum(-1)[:, None]), often.sum(-1)[..., None])
    return _ac1(agreed, prevalence, categories or given.shape[-1])


def fleiss_kappa(counts: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Fleiss' kappa (Fleiss 1971, Psychol. Bull. 76:378-382) of (units, q) rating counts.

    ``weights`` (..., units) says how often each unit occurs. ``nan`` when a single code was used.
    Raises ``ValueError`` unless every unit has the same number (two or more) of ratings.
    """
    given = np.asarray(counts, dtype=np.float64)
    raters = given.sum(-1)
    if len(given) and (raters.min() != raters.max() or raters.min() < 2):
        raise ValueError("Fleiss' kappa needs the same number of ratings, 2 or more, on every unit")
    often = _weights(weights, len(given))
    totals = often @ given
    n = totals.sum(-1)
    agreed = ratio(often @ _pairs_agreed(given), often.sum(-1))
    # Scaled by n squared for the same reason as in Cohen's kappa.
    by_chance = (totals * totals).sum(-1)
    return ratio(agreed * n * n - by_chance, n * n - by_chance)


def pairwise_agreement(counts: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Mean over units of the share of rater pairs that agree; (units, q), two ratings or more."""
    given = np.asarray(counts, dtype=np.float64)
    often = _weights(weights, len(given))
    return ratio(often @ _pairs_agreed(given), often.sum(-1))


def _trace(counts: Floats) -> Floats:
    return np.asarray(np.trace(counts, axis1=-2, axis2=-1), dtype=np.float64)


def _weights(weights: npt.ArrayLike | None, units: int) -> Floats:
    return np.ones(units) if weights is None else np.asarray(weights, dtype=np.float64)


def _pairs_agreed(counts: Floats) -> Floats:
    raters = counts.sum(-1)
    return ratio((counts * (counts - 1)).sum(-1), raters * (raters - 1))


def _ac1(agreed: Floats, prevalence: Floats, categories: int) -> Floats:
    by_chance = ratio((prevalence * (1 - prevalence)).sum(-1), categories - 1)
    return ratio(agreed - by_chance, 1 - by_chance)


def code_tables(left: Bools, right: Bools, weights: Floats) -> Floats:
    """(..., codes, 2, 2) tables from who gave which code.

    ``left`` and ``right`` are (cells, codes), ``weights`` (..., cells) how often each cell occurs.
    """
    both = weights @ (left & right).astype(np.float64)
    left_only = weights @ left.astype(np.float64) - both
    right_only = weights @ right.astype(np.float64) - both
    neither = weights.sum(-1)[..., None] - both - left_only - right_only
    flat = np.stack([both, left_only, right_only, neither], axis=-1)
    return flat.reshape(*both.shape, 2, 2)


def precision(tables: Floats) -> Floats:
    """Share of left's uses of the code that right shares; ``nan`` when left never used it."""
    return ratio(tables[..., 0, 0], tables[..., 0, :].sum(-1))


def recall(tables: Floats) -> Floats:
    """Share of right's uses of the code that left shares; ``nan`` when right never used it."""
    return ratio(tables[..., 0, 0], tables[..., :, 0].sum(-1))


def f1(tables: Floats) -> Floats:
    """2 both / (left + right): 0 when they never meet, ``nan`` only when neither used the code."""
    both = 2 * tables[..., 0, 0]
    return ratio(both, both + tables[..., 0, 1] + tables[..., 1, 0])


def macro_f1(tables: Floats) -> Floats:
    """Plain mean of F1 over the codes that at least one rater used (..., codes, 2, 2) -> (...)."""
    each = f1(tables)
    used = ~np.isnan(each)
    return ratio(np.where(used, each, 0).sum(-1), used.sum(-1))


def jaccard(left: Bools, right: Bools) -> Floats:
    """Jaccard similarity of each pair of sets (cells, codes) -> (cells,); two empty sets are 1."""
    shared, union = (left & right).sum(-1), (left | right).sum(-1)
    return np.where(union == 0, 1.0, shared / np.maximum(union, 1))


def krippendorff_alpha(ratings: npt.ArrayLike, distance: npt.ArrayLike) -> float:
    """Alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    ``ratings`` is (raters, units) with values in 0..q-1 and -1 for missing, ``distance`` (q, q).
    Units with one rating are left out. ``nan`` when fewer than two values occur.
    """
    between = np.asarray(distance, dtype=np.float64)
    counts = rating_counts(ratings, len(between))
    paired = counts[counts.sum(-1) > 1].astype(np.float64)
    observed = disagreement(paired, between).sum()
    return float(alpha_from_sums(observed, paired.sum(0), between))


def disagreement(counts: npt.ArrayLike, distance: npt.ArrayLike) -> Floats:
    """Each unit's part of the observed disagreement: sum over c, k of o_ck d(c, k).

    ``counts`` is (units, q) with two ratings or more on every unit; returns (units,).
    """
    given, between = (np.asarray(a, dtype=np.float64) for a in (counts, distance))
    return ratio(((given @ between) * given).sum(-1), given.sum(-1) - 1)


def alpha_from_sums(
    observed: npt.ArrayLike, totals: npt.ArrayLike, distance: npt.ArrayLike
) -> Floats:
    """Alpha from summed disagreement (...,) and the values' totals n_c (..., q).

    1 - (n - 1) * sum o_ck d(c, k) / sum n_c n_k d(c, k). Both inputs are sums over units, which is
    what lets the bootstrap reweight units instead of drawing them one by one.
    """
    each, between = (np.asarray(a, dtype=np.float64) for a in (totals, distance))
    expected = ((each @ between) * each).sum(-1)
    return 1 - ratio((each.sum(-1) - 1) * np.asarray(observed, dtype=np.float64), expected)


def nominal_distance(q: int) -> Floats:
    """(q, q): 0 for the same code, 1 for any other."""
    return 1 - np.eye(q)


def tree_distance(paths: Sequence[Sequence[str]]) -> Floats:
    """(q, q) distances between codes of a hierarchy, each given as its path from the category down.

    d(a, b) = 1 - shared / max(len(a), len(b)), ``shared`` being the length of the common start: 0
    for the same code, 1/2 for two subcategories of one category (or a category and its own
    subcategory), 1 across categories. It is a metric (prefixes are sets, and this is the normalised
    maximum distance of sets). It is not squared, so that on an even tree it is the plain mean of
    the nominal disagreements at each level: at two levels, half for the wrong code and half for the
    wrong category. Alpha with graded distances: Artstein & Poesio 2008, Comput. Linguist.
    34:555-596.
    """
    q = len(paths)
    depth = max((len(path) for path in paths), default=0)
    lengths = np.array([len(path) for path in paths], dtype=np.float64)
    shared = np.zeros((q, q))
    for level in range(1, depth + 1):
        prefixes: dict[tuple[str, ...], int] = {}
        # A path that ends above this level gets a number of its own: it shares nothing down here.
        number = np.array(
            [
                prefixes.setdefault(tuple(path[:level]), i) if len(path) >= level else q + i
                for i, path in enumerate(paths)
            ]
        )
        shared += (number[:, None] == number) & (lengths >= level)
    return 1 - shared / np.maximum(np.maximum.outer(lengths, lengths), 1)


def masi_distance(sets: Sequence[Collection[str]]) -> Floats:
    """(s, s) MASI distances 1 - J * M between label sets (Passonneau 2006, LREC, 831-836).

    J is the Jaccard similarity; M is 1 for equal sets, 2/3 for a subset, 1/3 for an overlap, 0 for
    disjoint sets. Two empty sets are equal. On sets of one code it is the nominal distance. Memory
    grows with the square of the number of sets: pass the distinct ones.
    """
    both, either = overlaps(sets)
    size = both.diagonal()
    smaller, larger = np.minimum.outer(size, size), np.maximum.outer(size, size)
    monotonicity = np.select([both == larger, both == smaller, both > 0], [1, 2 / 3, 1 / 3], 0.0)
    alike = both / np.maximum(either, 1) * monotonicity
    return np.where((both == larger) & (smaller == larger), 0.0, 1 - alike)


def overlaps(sets: Sequence[Collection[str]]) -> tuple[Floats, Floats]:
    """How many labels each two sets share, and how many they have together: both (s, s)."""
    vocabulary = {label: i for i, label in enumerate(sorted(set().union(*sets)))}
    member = np.zeros((len(sets), len(vocabulary)))
    for row, labels in enumerate(sets):
        member[row, [vocabulary[label] for label in labels]] = 1
    shared, size = member @ member.T, member.sum(1)
    return shared, size[:, None] + size - shared
