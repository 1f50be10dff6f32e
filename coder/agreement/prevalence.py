"""How many of these issues are really in each code: a model's counts, corrected by people's labels.

Two estimators of a share of all issues, both unbiased whatever the model's errors are:

- ``ppi`` (PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453) for labels on a uniform random
  sample. It weighs the model by how much it helps. Of a mean it is the survey sampler's regression
  estimator (Cochran 1977, Sampling Techniques, ch. 7).
- ``dsl`` (design-based supervised learning: Egami et al. 2023, arXiv 2306.04746) for labels on
  issues whose probability of being labelled is known and may differ.

Both need a model that has not learnt from these labels. Every function takes all codes at once:
arrays are (issues, codes) of 0 and 1, and one :class:`Estimate` comes back for each code.

**The intervals** are of the share among these very issues, so the only chance in them is which ones
were labelled: labels on all issues leave none (the finite population correction), and repositories
do not enter, since issues and not repositories were drawn. A corrected share is one or two shares
of labelled issues, weighted and added: of those to which the model gives the code and of those to
which it does not. Each has a score interval (Wilson 1927, JASA 22:209-212), which holds for rare
codes too and has a width where nothing was seen, and the distances to their ends are combined by
squares (Newcombe 1998, Stat. Med. 17:873-890; Zou & Donner 2008, Stat. Med. 27:1693-1702). Near
full coverage, where the labels alone leave but a few counts open, the interval is theirs, and
exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder.agreement.arrays import Bools, Floats, ratio
from coder.agreement.intervals import Z
from coder.records import Estimate

FEWEST = 10
"""With fewer labels no interval of this kind means anything."""
FEW_STEPS = 12
"""An interval of fewer issues than this is exact: a share of these issues moves in steps, and a
smooth interval falls between them."""


def ppi(
    human: npt.ArrayLike, model_labelled: npt.ArrayLike, model_rest: npt.ArrayLike
) -> tuple[Estimate, ...]:
    """The share of issues with each code, by labels on a uniform random sample.

    ``human`` and ``model_labelled`` are (n, codes) on the labelled issues, ``model_rest``
    (N - n, codes) on all others. Where the model is of no use for a code the result is that of
    ``labels_alone``.
    """
    y, f, rest = (columns(array) for array in (human, model_labelled, model_rest))
    n, others = len(y), len(rest)
    if n < FEWEST:
        return too_few(n, y.shape[1])
    weight = use_of_model(y, f, rest) if others else np.zeros(y.shape[1])
    alone = value = y.mean(0)
    below, above = _reach(value, n, n + others)
    # Where the labels alone leave so few counts open, steps matter more than the model can help.
    stepped = (below + above) * (n + others) < FEW_STEPS
    exact = alone - below, alone + above
    if others:
        value = value + weight * (rest.mean(0) - f.mean(0))
        # Above a weight of 0 there are labels on issues of both kinds.
        parts = [
            (given.sum(0), (y * given).sum(0), given.sum(0) + left.sum(0))
            for given, left in ((f, rest), (1 - f, 1 - rest))
        ]
        split = [
            (of_all / (n + others) * reach) ** 2
            for labelled, hits, of_all in parts
            for reach in _reach(ratio(hits, labelled), labelled, of_all)
        ]
        helped = weight > 0
        below = np.where(helped, np.sqrt(split[0] + split[2]), below)
        above = np.where(helped, np.sqrt(split[1] + split[3]), above)
    # What was seen is there, and what was not labelled can at most be all one way.
    least, most = (y.sum(0) + more for more in (0, others))
    low, value, high = (
        np.clip(edge, least / (n + others), most / (n + others))
        for edge in (value - below, value, value + above)
    )
    low, high = (np.where(stepped, e, edge) for e, edge in zip(exact, (low, high), strict=True))
    return _estimates(value, np.maximum(value - low, 0), np.maximum(high - value, 0), n)


def labels_alone(human: npt.ArrayLike, issues: int | None = None) -> tuple[Estimate, ...]:
    """The share with each code among uniformly sampled labels (n, codes), without any model.

    ``issues`` is how many there are in all, ``None`` for any number.
    """
    y = columns(human)
    n = len(y)
    if n < FEWEST:
        return too_few(n, y.shape[1])
    value = y.mean(0)
    return _estimates(value, *_reach(value, n, issues), n)


def dsl(
    human: npt.ArrayLike, model: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[Estimate, ...]:
    """The share of issues with each code, by labels whose probability is known.

    ``human`` is (N, codes) with ``nan`` on issues without a label, ``model`` (N, codes) on all of
    them, ``probability`` (N,) in (0, 1] that an issue got its label (any number where it got none).
    The outcome of an issue is what the model says plus, if it was labelled, the model's error over
    that probability; the share is their mean. Each issue is taken to have been drawn for itself;
    those that were certain to be labelled (1) add nothing to the width.
    """
    y, f = columns(human), columns(model)
    p = np.asarray(probability, dtype=np.float64)[:, None]
    labelled = ~np.isnan(y).any(1, keepdims=True)
    n = int(labelled.sum())
    if n < FEWEST:
        return too_few(n, y.shape[1])
    error = np.where(labelled, np.nan_to_num(y) - f, 0.0)
    chance = np.where(labelled, p, 1.0)
    value = (f + error / chance).mean(0)
    # Errors of one direction, and the labels on issues that could have shown one.
    missed = _reach_of_total(error > 0, labelled & (f < 1), chance)
    false = _reach_of_total(error < 0, labelled & (f > 0), chance)
    below, above = (np.hypot(missed[at], false[1 - at]) for at in (0, 1))
    # A step to either side where steps matter, within what the labels leave possible.
    step = np.where((below + above) * len(y) < FEW_STEPS, 1 / len(y), 0.0)
    least = np.where(labelled, np.nan_to_num(y), 0).sum(0) / len(y)
    low = np.maximum(value - below - step, np.minimum(least, value))
    high = np.minimum(value + above + step, np.maximum(least + 1 - n / len(y), value))
    return _estimates(value, value - low, high - value, n)


def columns(array: npt.ArrayLike) -> Floats:
    found = np.asarray(array, dtype=np.float64)
    return found[:, None] if found.ndim == 1 else found


def use_of_model(y: Floats, f: Floats, rest: Floats) -> Floats:
    """How far the model is to be trusted, for each code: 0 not at all, 1 as it is."""
    n, others = len(y), len(rest)
    together = ((y - y.mean(0)) * (f - f.mean(0))).mean(0)
    spread = np.concatenate([f, rest]).var(0, ddof=1)
    useful = np.divide(together, (1 + n / others) * spread, where=spread > 0, out=0 * spread)
    weight: Floats = np.clip(useful, 0.0, 1.0)
    return weight


def _reach(share: Floats, n: Floats | int, issues: Floats | int | None) -> tuple[Floats, Floats]:
    """How far Wilson's interval reaches below and above a share of ``n`` labels.

    The labels are on ``issues`` in all (``None`` for any number), the interval of the share of
    these.
    """
    width = Z * Z * (ratio(1, n) - (0 if issues is None else ratio(1, issues)))
    middle = (share + width / 2) / (1 + width)
    half = np.sqrt(width * share * (1 - share) + width * width / 4) / (1 + width)
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    if issues is not None:
        labels, total = (np.broadcast_to(count, share.shape) for count in (n, issues))
        for at in np.flatnonzero((high - low) * total < FEW_STEPS):
            if 0 < labels[at] < total[at]:
                hits = round(float(share[at] * labels[at]))
                ends = exact_count(hits, int(labels[at]), int(total[at]))
                low[at], high[at] = (end / total[at] for end in ends)
    return share - low, high - share


def exact_count(hits: int, n: int, issues: int, doubt: float = 0.05) -> tuple[int, int]:
    """The least and the greatest number of ``issues`` that may hold a code of which ``hits`` were
    seen in ``n`` labels: by inversion of the two one-sided hypergeometric tests at ``doubt`` / 2
    (Thompson 2012, Sampling, ch. 5). Certain to cover with 1 - ``doubt``, and often more, as counts
    are whole."""
    from scipy.stats import hypergeom

    counts = np.arange(hits, issues - n + hits + 1)
    seen_less = hypergeom.cdf(hits, issues, counts, n) > doubt / 2
    seen_more = hypergeom.sf(hits - 1, issues, counts, n) > doubt / 2
    possible = counts[seen_less & seen_more]
    return int(possible[0]), int(possible[-1])


def _reach_of_total(hit: Bools, seen: Bools, chance: Floats) -> tuple[Floats, Floats]:
    """How far the score interval of a share weighted by 1 / ``chance`` reaches below and above it.

    Arrays are (issues, codes); the share is of all issues, and rare. Its variance is taken to grow
    in step with it (Dobson et al. 1991, Stat. Med. 10:457-462), by as much as the hits tell, or
    all that was ``seen`` where there is none.
    """
    issues = len(hit)
    where = np.where(hit.any(0), hit, seen)
    spread = (where * (1 - chance) / chance**2).sum(0) / issues**2
    step = Z * Z * np.nan_to_num(ratio(spread, (where / chance).sum(0) / issues))
    share = (hit / chance).sum(0) / issues
    half = np.sqrt(step * share + step * step / 4)
    return half - step / 2, half + step / 2


def _estimates(value: Floats, below: Floats, above: Floats, n: int) -> tuple[Estimate, ...]:
    """Shares with the ends so far below and above, all cut to [0, 1]."""
    low, middle, high = (np.clip(edge, 0, 1) for edge in (value - below, value, value + above))
    return tuple(
        Estimate(value=float(v), low=float(a), high=float(b), n=n)
        for v, a, b in zip(middle, low, high, strict=True)
    )


def too_few(n: int, codes: int) -> tuple[Estimate, ...]:
    note = f"{FEWEST} labels on a random sample are needed"
    return (Estimate(value=None, n=n, note=note),) * codes
