"""Kaplan-Meier and log-rank: the leukemia data everybody publishes, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import survdiff

from coder.agreement.durations_survival import POINTS, kaplan_meier, log_rank

# Freireich et al. 1963, Blood 21:699-716: weeks in remission, with 6-MP (12 censored) and placebo.
TREATED = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0])
RELAPSED = np.arange(21) < 9
PLACEBO = np.array(
    [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0]
)  # fmt: skip


def test_the_leukemia_data():
    """Medians 23 [13, -) and 8; log-rank 16.79 (lifelines 0.30.3, and R's survdiff: 16.8)."""
    treated = kaplan_meier(TREATED, RELAPSED)
    assert (treated.median.value, treated.median.low, treated.median.high) == (23, 13, None)
    assert "no upper end" in treated.median.note
    assert [round(point.waiting, 3) for point in treated.curve[:4]] == [0.857, 0.807, 0.753, 0.690]
    last = treated.curve[-1]
    assert (last.days, last.low, last.high) == (35, *map(pytest.approx, (0.188052, 0.680143)))
    assert kaplan_meier(PLACEBO, np.ones(21, bool)).median.value == 8
    found = log_rank(
        np.concatenate([TREATED, PLACEBO]), np.concatenate([RELAPSED, np.ones(21, bool)]),
        np.repeat([0, 1], 21), 2, np.zeros(42, int),
    )  # fmt: skip
    assert found.statistic == pytest.approx(16.792940989216547)
    assert found.p_value == pytest.approx(4.168809109334511e-05)


@st.composite
def survival(draw):
    n = draw(st.integers(12, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    days = np.round(rng.exponential(5, n), draw(st.integers(0, 2))) + 0.5
    return days, rng.random(n) < 0.7, rng.integers(3, size=n)


@given(survival())
def test_log_rank_is_that_of_scipy_and_statsmodels(data):
    days, ended, group = data
    two = group < 2
    if (group == 0).any() and (group == 1).any() and ended[two].any():
        ours = log_rank(days[two], ended[two], group[two], 2, np.zeros(two.sum(), int))
        if ours.statistic is not None:
            sides = [
                stats.CensoredData.right_censored(days[group == g], ~ended[group == g])
                for g in (0, 1)
            ]
            theirs = stats.logrank(*sides)
            assert ours.statistic == pytest.approx(theirs.statistic**2)
            assert ours.p_value == pytest.approx(theirs.pvalue)
    if np.bincount(group, minlength=3).min() < 4:
        return
    ours = log_rank(days, ended, group, 3, np.zeros(len(days), int))
    if ours.freedom == 2:
        theirs = survdiff(days, ended.astype(int), group)
        assert (ours.statistic, ours.p_value) == pytest.approx(theirs)


def test_log_rank_within_repositories_is_that_of_statsmodels():
    rng = np.random.default_rng(3)
    days, ended = np.round(rng.exponential(5, 150)), rng.random(150) < 0.8
    group, stratum = rng.integers(3, size=150), rng.integers(4, size=150)
    ours = log_rank(days, ended, group, 3, stratum)
    theirs = survdiff(days, ended.astype(int), group, strata=stratum)
    assert (ours.statistic, ours.p_value) == pytest.approx(theirs)
    assert ours.n == 150


@given(st.lists(st.integers(0, 40), min_size=1, max_size=50))
def test_without_censoring_the_median_is_the_median(values):
    days = np.array(values, float)
    assert kaplan_meier(days, np.ones(len(days), bool)).median.value == np.median(days)


def test_where_too_many_wait_there_is_no_median():
    found = kaplan_meier(np.arange(1.0, 11), np.arange(10) < 2)
    assert found.median.value is None
    assert "still wait" in found.median.note
    none = kaplan_meier(np.arange(1.0, 11), np.zeros(10, bool))
    assert (none.median.value, none.curve) == (None, ())


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    days = np.arange(1.0, 5001)
    curve = kaplan_meier(days, np.ones(5000, bool)).curve
    assert len(curve) <= POINTS + 1
    assert (curve[0].days, curve[-1].days, curve[-1].waiting) == (1, 5000, 0)
