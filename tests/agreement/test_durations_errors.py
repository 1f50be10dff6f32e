"""Figures from codes with errors: the usual ones without, the true ones with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from coder.agreement.durations_errors import Coded, by_design, plain, resampled


def world(n=1200, effect=1.0, seed=0, chance=None):
    """Three groups; the model errs more on issues that take long, towards the first group."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    days = np.sort(rng.lognormal(1, 1.2, n))
    if effect:
        days = days * np.exp(effect * np.array([0, 0.5, 1])[group])
        order = np.argsort(days)
        days, group = days[order], group[order]
    wrong = rng.random(n) < np.where(np.arange(n) > n / 2, 0.5, 0.1)
    model = np.where(wrong, 0, group)
    chance = np.full(n, 0.25) if chance is None else chance(days)
    seen = rng.random(n) < chance
    return Coded(days, np.where(seen, group, -1), model, chance, 3), group


def test_plain_figures_are_those_of_scipy():
    coded, group = world()
    found = plain("people", coded.days, group, 3)
    times = [coded.days[group == g] for g in range(3)]
    theirs = stats.kruskal(*times)
    assert [one.value for one in found.medians] == [np.median(t) for t in times]
    assert found.p_value == theirs.pvalue
    assert found.epsilon_squared.value == pytest.approx(theirs.statistic / (len(group) - 1))


def test_where_everybody_is_coded_the_corrected_figures_are_the_plain_ones():
    coded, group = world(n=200)
    whole = Coded(coded.days, group, coded.model, np.ones(200), 3)
    expected = plain("people", whole.days, group, 3)
    for found in (by_design(whole, 200, 0), resampled(whole, 20, 0)):
        assert [m.value for m in found.medians] == pytest.approx(
            [m.value for m in expected.medians]
        )
        assert found.epsilon_squared.value == pytest.approx(expected.epsilon_squared.value)
    assert resampled(whole, 20, 0).p_value == pytest.approx(expected.p_value)


@pytest.mark.parametrize("chance", [None, lambda days: np.clip(0.1 + days / 40, 0.1, 0.9)])
def test_by_design_finds_the_truth_where_the_model_does_not(chance):
    """The model takes slow issues for the first group, also where people looked at slow ones."""
    misses = covered = 0
    for seed in range(8):
        coded, group = world(seed=seed, chance=chance)
        true = [float(np.median(coded.days[group == g])) for g in range(3)]
        model = plain("model", coded.days, coded.model, 3)
        found = by_design(coded, 200, seed)
        misses += sum(not m.low <= t <= m.high for m, t in zip(model.medians, true, strict=True))
        covered += sum(m.low <= t <= m.high for m, t in zip(found.medians, true, strict=True))
        assert found.p_value < 0.05
    assert misses >= 16
    assert covered >= 21


def test_issues_drawn_with_unequal_probabilities_count_for_those_they_stand_for():
    """Of the long half of all issues few are in the sample: unweighted, medians are too short."""
    coded, group = world(n=4000)
    true = [float(np.median(coded.days[group == g])) for g in range(3)]
    chance = np.where(np.arange(4000) < 2000, 0.9, 0.15)
    here = np.random.default_rng(1).random(4000) < chance
    sample = Coded(coded.days[here], group[here], coded.model[here], np.ones(here.sum()), 3)
    assert not any(
        m.low <= t <= m.high
        for m, t in zip(plain("people", sample.days, group[here], 3).medians, true, strict=True)
    )
    found = by_design(replace(sample, stands_for=1 / chance[here]), 200, 0)
    assert all(m.low <= t <= m.high for m, t in zip(found.medians, true, strict=True))


def test_where_there_is_no_difference_the_models_errors_make_none():
    """By the model's codes p < .001 each time."""
    found = [world(effect=0, seed=seed)[0] for seed in range(12)]
    assert all(plain("model", one.days, one.model, 3).p_value < 0.001 for one in found)
    assert sum(by_design(one, 150, 0).p_value < 0.05 for one in found) <= 2


def test_resampling_is_nearer_to_the_truth_and_tells_how_often_there_is_a_difference():
    coded, group = world()
    true = np.array([np.median(coded.days[group == g]) for g in range(3)])
    model = np.array([m.value for m in plain("model", coded.days, coded.model, 3).medians])
    drawn = resampled(coded, 100, 0)
    assert np.abs(np.array([m.value for m in drawn.medians]) - true).sum() < (
        np.abs(model - true).sum()
    )
    assert drawn.significant == 1
    assert all(m.low < m.value < m.high for m in drawn.medians)


def test_delta_of_two_groups_is_cliffs():
    rng = np.random.default_rng(0)
    days, group = np.sort(rng.exponential(5, 150)), rng.integers(2, size=150)
    whole = Coded(days, group, group, np.ones(150), 2)
    expected = plain("people", days, group, 2).delta.value
    assert by_design(whole, 50, 0).delta.value == pytest.approx(expected)
    assert resampled(whole, 5, 0).delta.value == pytest.approx(expected)


def test_the_same_seed_gives_the_same_figures():
    coded, _ = world(n=300)
    for figures in (by_design, resampled):
        assert figures(coded, 40, 1) == figures(coded, 40, 1) != figures(coded, 40, 2)
