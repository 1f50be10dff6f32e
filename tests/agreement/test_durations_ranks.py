"""Ranks of times: against scipy, against a reference package's values, and by counting pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from coder.agreement.durations_ranks import (
    cliffs_delta,
    dunn,
    holm,
    kruskal_wallis,
    mann_whitney,
    median,
    stratified_ranks,
)

GROUPS = {
    "a": np.array([1, 2, 2, 3, 5, 8, 9, 12.0]),
    "b": np.array([2, 4, 6, 6, 9, 14, 15.0]),
    "c": np.array([8, 9, 11, 17, 20, 21.0]),
    "d": np.array([5, 5, 6, 7, 7.0]),
}
TIMES = st.lists(st.integers(0, 30), min_size=5, max_size=25).map(lambda v: np.array(v, float))


def test_dunn_and_holm_are_those_of_scikit_posthocs():
    """``posthoc_dunn`` of scikit-posthocs 0.17.1 on the same four groups, with ties."""
    found = {pair.left + pair.right: pair for pair in dunn(GROUPS)}
    plain = {
        "ab": 0.2969377654779245, "ac": 0.003288821810991881, "ad": 0.7322017045123184,
        "bc": 0.05969545035051296, "bd": 0.5560337679616814, "cd": 0.021482107996522115,
    }  # fmt: skip
    corrected = {
        "ab": 0.8908132964337735, "ac": 0.019732930865951286, "ad": 1.0,
        "bc": 0.23878180140205185, "bd": 1.0, "cd": 0.10741053998261058,
    }  # fmt: skip
    assert {name: pair.p_value for name, pair in found.items()} == pytest.approx(plain)
    assert {name: pair.p_adjusted for name, pair in found.items()} == pytest.approx(corrected)
    assert found["ac"].z < 0 < found["cd"].z


def test_the_tests_are_those_of_scipy():
    kruskal = kruskal_wallis(GROUPS)
    theirs = stats.kruskal(*GROUPS.values())
    assert (kruskal.statistic, kruskal.p_value) == (theirs.statistic, theirs.pvalue)
    assert kruskal.effect.value == pytest.approx(theirs.statistic / 25)
    assert (kruskal.freedom, kruskal.n) == (3, 26)
    two = {name: GROUPS[name] for name in "ac"}
    found = mann_whitney(two)
    theirs = stats.mannwhitneyu(*two.values())
    assert (found.statistic, found.p_value) == (theirs.statistic, theirs.pvalue)
    assert found.effect.value == pytest.approx(2 * theirs.statistic / (8 * 6) - 1)


@given(TIMES, TIMES)
def test_cliffs_delta_counts_pairs_and_its_variance_is_cliffs(left, right):
    """The variance by the whole matrix of dominances (Cliff 1996, Ordinal Methods, eq. 5.8)."""
    wins = np.sign(left[:, None] - right[None, :])
    found = cliffs_delta(left, right)
    delta = wins.mean()
    assert found.value == pytest.approx(delta)
    assert -1 <= found.low <= found.value <= found.high <= 1
    if abs(delta) == 1:
        return
    n, m = wins.shape
    rows, columns = wins.mean(1) - delta, wins.mean(0) - delta
    variance = m**2 * (rows**2).sum() + n**2 * (columns**2).sum() - ((wins - delta) ** 2).sum()
    variance = max(variance / (n * m * (n - 1) * (m - 1)), (1 - delta**2) / (n * m - 1))
    z = stats.norm.ppf(0.975)
    middle, scale = delta - delta**3, 1 - delta**2 + z * z * variance
    reach = z * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + z * z * variance)
    ends = np.clip([(middle - reach) / scale, (middle + reach) / scale], -1, 1)
    assert [found.low, found.high] == pytest.approx(list(ends))


def test_groups_that_do_not_overlap_have_an_interval():
    """Feng & Cliff 2004: as wide as the smaller group leaves it, (n - z²) / (n + z²)."""
    low, high = np.arange(20.0), np.arange(30.0, 60.0)
    z2 = stats.norm.ppf(0.975) ** 2
    found = cliffs_delta(low, high)
    assert found.value == -1 == found.low
    assert found.high == pytest.approx(-(20 - z2) / (20 + z2))
    assert cliffs_delta(high, low).low == -found.high


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_the_interval_of_a_median_lies_between_order_statistics(values):
    """The largest ranks whose binomial probability is within 2.5% on either side."""
    times = np.array(values, float)
    found = median(times)
    assert found.value == np.median(times)
    n = len(times)
    rank = max((k for k in range(1, n + 1) if stats.binom.cdf(k - 1, n, 0.5) <= 0.025), default=0)
    if not rank:
        assert found.low is None
        assert "no interval" in found.note
    else:
        ordered = np.sort(times)
        assert (found.low, found.high) == (ordered[rank - 1], ordered[n - rank])


@given(TIMES, TIMES, TIMES)
def test_within_one_repository_ranks_are_kruskal_wallis(one, two, three):
    groups = (one, two, three)
    days = np.concatenate(groups)
    if len(set(days)) == 1:
        return
    group = np.repeat([0, 1, 2], [len(g) for g in groups])
    found = stratified_ranks(days, group, np.zeros(len(days), int), 3)
    theirs = stats.kruskal(*groups)
    assert found.statistic == pytest.approx(theirs.statistic, abs=1e-9)
    # Where groups are all alike scipy may have no p, for a statistic just below 0.
    assert found.p_value == pytest.approx(1 if np.isnan(theirs.pvalue) else theirs.pvalue)


def test_groups_that_are_all_alike_have_a_p():
    alike = {name: np.array([0.0] * 21 + [1.0]) for name in "abc"}
    found = kruskal_wallis(alike)
    assert (found.statistic, found.p_value) == (0, 1)


def test_one_slow_repository_does_not_make_a_difference():
    """Within each of two repositories there is none; the slow one has nearly all of one group."""
    slow, quick = np.arange(100.0, 140.0), np.arange(40.0)
    days = np.concatenate([slow, quick])
    group = np.concatenate([np.tile([0, 0, 0, 0, 1], 8), np.tile([1, 1, 0, 1, 1], 8)])
    stratum = np.repeat([0, 1], 40)
    assert kruskal_wallis({str(g): days[group == g] for g in (0, 1)}).p_value < 1e-4
    assert stratified_ranks(days, group, stratum, 2).p_value > 0.5


def test_larger_repositories_weigh_as_van_elteren_has_it():
    """Two groups: the sum of (W - E W) / (n + 1) over its standard deviation, squared."""
    days = np.array([1, 4, 6, 2, 3, 5, 7, 8, 9, 12.0])
    group = np.array([0, 1, 0, 1, 0, 0, 1, 0, 1, 1])
    stratum = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    total = variance = 0.0
    for at in (0, 1):
        inside = stratum == at
        ranks, first = stats.rankdata(days[inside]), group[inside] == 0
        n, m = len(ranks), int(first.sum())
        total += (ranks[first].sum() - m * (n + 1) / 2) / (n + 1)
        variance += m * (n - m) * (n + 1) / 12 / (n + 1) ** 2
    found = stratified_ranks(days, group, stratum, 2)
    assert found.statistic == pytest.approx(total**2 / variance)


def test_van_elteren_by_all_permutations():
    """The mean of the statistic over all permutations within strata is its degrees of freedom."""
    from itertools import permutations

    days = np.array([1, 2, 2, 7, 3, 5, 9.0])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1])
    values = [
        stratified_ranks(days, np.array([*one, *other]), stratum, 2).statistic
        for one in set(permutations([0, 0, 1, 1]))
        for other in set(permutations([0, 1, 1]))
    ]
    assert np.mean(values) == pytest.approx(1)


def test_what_cannot_be_tested_says_why():
    few = {"a": np.arange(3.0), "b": np.arange(9.0)}
    assert "fewer than two groups" in kruskal_wallis(few).note
    assert kruskal_wallis(few).p_value is None
    same = {"a": np.ones(9), "b": np.ones(9)}
    assert "same time" in mann_whitney(same).note
    assert dunn(same) == ()
    alone = stratified_ranks(np.arange(4.0), np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2)
    assert alone.p_value is None
    assert alone.note


def test_holm_never_goes_down_and_never_above_one():
    assert holm(np.array([0.01, 0.04, 0.03, 0.9])) == pytest.approx([0.04, 0.09, 0.09, 0.9])
