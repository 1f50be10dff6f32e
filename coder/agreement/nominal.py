"""Agreement on single codes that have no order: percent, kappa, AC1.

Tables are (..., q, q) counts with the left rater in rows; leading axes are independent tables, so
the bootstrap passes thousands at once. Rating counts are (units, q): how many raters gave each
unit each code. ``nan`` means undefined; callers turn it into ``None`` with the reason.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Floats, Ints, ratio


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
