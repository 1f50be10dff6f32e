"""Krippendorff's alpha with any distance between values, and the three distances used here.

Distances enter alpha as they stand, in place of the squared difference of the formula: a distance
of 1/2 counts as half a disagreement. Passonneau (2006) and Artstein & Poesio (2008) do the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, ratio
from coder.agreement.nominal import rating_counts


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
    vocabulary = {label: i for i, label in enumerate(sorted(set().union(*sets)))}
    member: Bools = np.zeros((len(sets), len(vocabulary)), dtype=np.bool_)
    for row, labels in enumerate(sets):
        member[row, [vocabulary[label] for label in labels]] = True
    size = member.sum(1)
    both = member.astype(np.float64) @ member.T.astype(np.float64)
    smaller, larger = np.minimum.outer(size, size), np.maximum.outer(size, size)
    jaccard = both / np.maximum(smaller + larger - both, 1)
    monotonicity = np.select([both == larger, both == smaller, both > 0], [1, 2 / 3, 1 / 3], 0.0)
    return np.where((both == larger) & (smaller == larger), 0.0, 1 - jaccard * monotonicity)
