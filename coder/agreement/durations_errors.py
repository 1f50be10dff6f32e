"""What a model's coding errors do to times by group: the same figures with and without them.

The codes of people on some of the issues tell how often an issue that the model gives one code
really has another, g = P(group | what the model said, which third of the times the issue is in).
The thirds are there because a model may err more on issues that take long; where few are known in
one, g leans on all of the model's code. From there on there are two ways:

- ``by_design``: each issue belongs to a group with a weight: g, and where people coded it besides
  (what they said - g) / (the probability with which they came to code it). Sums of such weights are
  right whatever the model's errors are, also where it errs more on issues that take long
  (design-based supervised learning: Egami et al. 2023, arXiv 2306.04746; without a model the
  estimator of Horvitz & Thompson 1952, JASA 47:663-685). All figures are those of weighted ranks
  and weighted order statistics; intervals resample issues.
- ``resampled``: codes of issues that nobody coded are drawn from g many times, g itself from its
  posterior, and every figure is made for each draw. It shows how far the errors alone can move a
  figure, and takes errors within a third to have nothing to do with the time.

Arrays are over the issues that ended, in order of their days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.intervals import tail_of
from coder.records import Estimate, Record

Source = Literal["people", "model", "design", "resampled"]
SIGNIFICANT = 0.05
THIRDS = 3
WEIGHT = 5.0
"""Of how many coded issues in a cell the codes weigh as much as what is known at large."""
_CHUNK = 1 << 20
"""Numbers in one array of draws."""


class Figures(Record):
    """Times by group from one source of codes.

    ``n`` issues ended and are in a group (by design: were coded by people). ``medians`` are in the
    order of the groups, ``p_value`` is of no difference between the groups, and ``epsilon_squared``
    the share of the ranks' variance that they account for. ``delta`` is Cliff's, of two groups
    alone; ``significant`` is the share of draws in which there is a difference, of ``resampled``
    codes alone.
    """

    source: Source
    n: int
    medians: tuple[Estimate, ...]
    p_value: float | None
    epsilon_squared: Estimate
    delta: Estimate | None = None
    significant: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Coded:
    """The issues that ended, by ``days`` from the shortest.

    ``people`` (n,) is the group they gave, ``groups`` for none of them, -1 where nobody coded it;
    ``model`` (n,) is what the model said, any small whole number: what matters is which issues are
    alike to it. ``chance`` (n,) is the probability with which people came to code an issue.
    ``stands_for`` (n,) is how many issues each stands for where the issues are themselves a sample;
    ``None`` for as many each.
    """

    days: Floats
    people: Ints
    model: Ints
    chance: Floats
    groups: int
    stands_for: Floats | None = None

    @property
    def coded(self) -> Bools:
        return self.people >= 0


def plain(source: Source, days: Floats, group: Ints, groups: int) -> Figures:
    """The figures of one group for each issue (``groups`` for none); no coding error is thought
    of. Groups too small to be tested have their median alone."""
    from coder.agreement.durations_ranks import cliffs_delta, enough, kruskal_wallis, median

    times = {str(g): days[group == g] for g in range(groups)}
    tested = {name: times[name] for name in enough(times)}
    test = kruskal_wallis(tested)
    few = groups - len(tested)
    note = test.note or (f"{few} of {groups} groups are too small to be tested" if few else "")
    return Figures(
        source=source, n=sum(map(len, times.values())), p_value=test.p_value, note=note,
        medians=tuple(map(median, times.values())),
        epsilon_squared=test.effect or Estimate(value=None, n=test.n, note=test.note),
        delta=cliffs_delta(*times.values()) if groups == 2 else None,
    )  # fmt: skip


def by_design(coded: Coded, draws: int, seed: int) -> Figures:
    """Figures from weights of membership, with intervals and p from resampled issues (Wald)."""
    from scipy.special import chdtrc

    n, groups = len(coded.days), coded.groups
    weights = _memberships(coded)
    point = _figures(coded.days, lambda g: weights[None, :, g], groups)
    found = [
        _figures(coded.days, lambda g, m=times: m * weights[:, g], groups)  # type: ignore[misc]
        for times in _multinomial(n, draws, seed)
    ]
    medians, ranks = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("medians", "ranks")
    )
    total = int(coded.coded.sum())
    gaps = ranks[:, :-1] - ranks[:, -1:]
    gap = point.ranks[0, :-1] - point.ranks[0, -1]
    usable = np.isfinite(gaps).all(1)
    p_value = None
    if usable.sum() > groups and np.isfinite(gap).all():
        spread = np.atleast_2d(np.cov(gaps[usable].T))
        statistic = float(gap @ np.linalg.pinv(spread, hermitian=True) @ gap)
        p_value = float(chdtrc(groups - 1, statistic))
    return Figures(
        source="design", n=total, p_value=p_value,
        medians=tuple(_estimate(point.medians[0, g], medians[:, g], total) for g in range(groups)),
        # Drawn again its noise comes twice: no interval.
        epsilon_squared=Estimate(value=_known(point.effect[0]), n=total),
        delta=_estimate(_delta(point.ranks)[0], _delta(ranks), total) if groups == 2 else None,
        note="" if p_value is not None else "too few issues were coded by people",
    )  # fmt: skip


def resampled(coded: Coded, draws: int, seed: int) -> Figures:
    """Figures over draws of the codes that people might have given: their medians, and between
    which ends 95% of the draws lie."""
    from scipy.special import chdtrc

    groups = coded.groups
    parts = [
        _figures(coded.days, lambda g, drawn=codes: (drawn == g).astype(np.float64), groups)  # type: ignore[misc]
        for codes in _imputed(coded, draws, seed)
    ]
    medians, ranks, effect, sizes = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("medians", "ranks", "effect", "size")
    )
    p_values = chdtrc(groups - 1, effect * (sizes - 1))
    n = int(np.median(sizes))
    return Figures(
        source="resampled", n=n, p_value=float(np.nanmedian(p_values)),
        medians=tuple(_over_draws(medians[:, g], n) for g in range(groups)),
        epsilon_squared=_over_draws(effect, n),
        delta=_over_draws(_delta(ranks), n) if groups == 2 else None,
        significant=float(np.mean(p_values < SIGNIFICANT)),
    )  # fmt: skip


def _memberships(coded: Coded) -> Floats:
    """The weight with which each issue is in each group (n, groups); see the module."""
    seen = coded.coded & (coded.chance > 0)
    weight = np.where(seen, 1 / np.where(seen, coded.chance, 1.0), 0.0)
    held = np.zeros((len(coded.days), coded.groups + 1))
    held[seen, coded.people[seen]] = 1
    cell, prior = _cells(coded)
    rates = WEIGHT * prior
    # In issues, not in issues that they stand for, or a few would outweigh what is known at large.
    own = held * (weight * seen.sum() / weight.sum())[:, None]
    np.add.at(rates, cell, own)
    # Without its own code, which it is to be held against.
    others = rates[cell] - own
    guess = others / others.sum(1, keepdims=True)
    found: Floats = (guess + weight[:, None] * (held - guess * seen[:, None]))[:, : coded.groups]
    if coded.stands_for is not None:
        found *= (coded.stands_for / coded.stands_for.mean())[:, None]
    return found


def _imputed(coded: Coded, draws: int, seed: int) -> Iterator[Ints]:
    """Codes (rows, n): people's where they are, else drawn given what the model said."""
    rng = np.random.default_rng(seed)
    cell, prior = _cells(coded)
    counts = np.zeros(prior.shape)
    np.add.at(counts, (cell[coded.coded], coded.people[coded.coded]), 1)
    blank = np.flatnonzero(~coded.coded)
    for rows in _chunks(draws, len(coded.days)):
        rates = rng.standard_gamma(np.broadcast_to(counts + WEIGHT * prior, (rows, *counts.shape)))
        edges = np.cumsum(rates, axis=2)
        edges /= edges[:, :, -1:]
        found = np.broadcast_to(coded.people, (rows, len(coded.days))).copy()
        lot = rng.random((rows, len(blank)))
        drawn = np.zeros(lot.shape, dtype=np.int64)
        for code in range(coded.groups):
            drawn += lot > edges[:, cell[blank], code]
        found[:, blank] = drawn
        yield found


def _cells(coded: Coded) -> tuple[Ints, Floats]:
    """Of each issue the cell it is in, by what the model said and the third of the times, and of
    each cell (cells, codes) what is to be expected in it: how often people gave which code to what
    the model said, whatever the time, and to any issue where too few are known."""
    third = np.arange(len(coded.days)) * THIRDS // len(coded.days)
    counts = np.zeros((int(coded.model.max()) + 1, coded.groups + 1))
    np.add.at(counts, (coded.model[coded.coded], coded.people[coded.coded]), 1)
    at_large = counts.sum(0) + 1
    by_model = counts + at_large / at_large.sum()
    by_model /= by_model.sum(1, keepdims=True)
    return coded.model * THIRDS + third, np.repeat(by_model, THIRDS, axis=0)


@dataclass(frozen=True)
class _Drawn:
    """Figures of each row of weights: (rows, groups), (rows, groups), (rows,), (rows,). Ranks are
    shares of the size."""

    medians: Floats
    ranks: Floats
    effect: Floats
    size: Floats


def _figures(days: Floats, member: Callable[[int], Floats], groups: int) -> _Drawn:
    """Weighted medians, mean ranks, epsilon squared and the sum of weights.

    ``member`` gives for a group the weights (rows, n) with which issues are in it. With weights of
    0 and 1 all are the usual figures: mid-ranks, and H / (n - 1) with the correction for ties.
    """
    ends = np.flatnonzero(np.append(np.diff(days) > 0, True))
    tie = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    whole = sum((member(g) for g in range(1, groups)), start=member(0))
    through = np.cumsum(whole, axis=1)[:, ends]
    before = np.concatenate([np.zeros((len(through), 1)), through[:, :-1]], axis=1)
    size = through[:, -1]
    ranks = ((before + through + 1) / 2)[:, tie]
    middle = (size + 1) / 2
    spread = (whole * (ranks - middle[:, None]) ** 2).sum(1)
    between = np.zeros(len(size))
    medians, means = np.empty((len(size), groups)), np.empty((len(size), groups))
    with np.errstate(divide="ignore", invalid="ignore"):
        for g in range(groups):
            held = member(g)
            weight = held.sum(1)
            means[:, g] = np.where(weight > 0, (held * ranks).sum(1) / weight, np.nan)
            between += np.where(weight > 0, weight * (means[:, g] - middle) ** 2, 0)
            medians[:, g] = _medians(days, held, weight)
        means /= size[:, None]
        effect = between / spread
    return _Drawn(medians, means, effect, size)


def _medians(days: Floats, held: Floats, weight: Floats) -> Floats:
    """The weighted median of each row; ``nan`` where nothing is held. Weights below 0 leave dents
    in the distribution, which are filled."""
    risen = np.maximum.accumulate(np.cumsum(held, axis=1), axis=1)
    half = weight[:, None] / 2
    low, high = (risen >= half).argmax(1), (risen > half).argmax(1)
    return np.where(weight > 0, (days[low] + days[high]) / 2, np.nan)


def _multinomial(n: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each of n issues is drawn, (rows, n)."""
    rng = np.random.default_rng(seed)
    for rows in _chunks(draws, n):
        yield rng.multinomial(n, np.full(n, 1 / n), size=rows).astype(np.float64)


def _chunks(draws: int, width: int) -> Iterator[int]:
    rows = max(1, min(256, _CHUNK // max(width, 1)))
    for start in range(0, draws, rows):
        yield min(rows, draws - start)


def _estimate(value: float, drawn: Floats, n: int) -> Estimate:
    """A weighted figure with its expanded percentile interval (Hesterberg 2015)."""
    if not np.isfinite(value):
        return Estimate(value=None, n=n, note="no issue of this group was coded by people")
    found = drawn[np.isfinite(drawn)]
    tail = tail_of(n)
    low, high = np.quantile(found, [tail, 1 - tail]) if len(found) else (np.nan, np.nan)
    return Estimate(value=float(value), low=_known(low), high=_known(high), n=n)


def _over_draws(values: Floats, n: int) -> Estimate:
    found = values[np.isfinite(values)]
    if not len(found):
        return Estimate(value=None, n=n, note="in no draw")
    low, middle, high = np.quantile(found, [0.025, 0.5, 0.975])
    return Estimate(value=float(middle), low=float(low), high=float(high), n=n)


def _delta(ranks: Floats) -> Floats:
    """Cliff's delta of two groups from their mean ranks, as shares of the number of issues."""
    found: Floats = 2 * (ranks[:, 0] - ranks[:, 1])
    return found


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
