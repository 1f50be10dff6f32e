"""Prevalence against another implementation, by simulation, and at its edges."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.agreement import dsl, labels_alone, ppi
from coder.agreement.prevalence import FEWEST

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what the other package imports
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate


def drawn(seed, n=200, issues=2000, share=0.15, misses=0.2):
    """Truth and model for every issue, and which of them are labelled."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(issues) < share).astype(float)
    said = np.where(rng.random(issues) < misses, rng.random(issues) < 0.4, truth).astype(float)
    labelled = np.zeros(issues, dtype=bool)
    labelled[rng.permutation(issues)[:n]] = True
    return truth, said, labelled


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.9]))
@settings(max_examples=20, deadline=None)
def test_the_value_is_that_of_ppi_python(seed, misses):
    truth, said, labelled = drawn(seed, misses=misses)
    y, f, rest = truth[labelled], said[labelled], said[~labelled]
    (found,) = ppi(y, f, rest)
    assert found.value == pytest.approx(float(ppi_mean_pointestimate(y, f, rest)[0]), abs=1e-9)
    if misses:
        low, high = ppi_mean_ci(y, f, rest, alpha=0.05)
        # It divides by n where we divide by n - 1.
        assert found.low == pytest.approx(max(0.0, float(low[0])), abs=5e-4)
        assert found.high == pytest.approx(float(high[0]), abs=5e-4)


def test_a_good_model_narrows_the_interval_and_a_useless_one_does_no_harm():
    truth, said, labelled = drawn(7, misses=0.05)
    noise = np.random.default_rng(8).permutation(said)
    alone = width(labels_alone(truth[labelled])[0])
    assert width(ppi(truth[labelled], said[labelled], said[~labelled])[0]) < 0.6 * alone
    assert width(ppi(truth[labelled], noise[labelled], noise[~labelled])[0]) < 1.1 * alone


def width(estimate):
    return estimate.high - estimate.low


def test_unequal_chances_are_weighted_out():
    """Issues the model gives the code are labelled nine times as often: the plain share is off."""
    values, plain, covered = [], [], 0
    for seed in range(200):
        truth, said, _ = drawn(seed, misses=0.3)
        rng = np.random.default_rng(1000 + seed)
        chance = np.where(said > 0, 0.45, 0.05)
        human = np.where(rng.random(len(truth)) < chance, truth, np.nan)
        (found,) = dsl(human, said, chance)
        values.append(found.value - truth.mean())
        plain.append(np.nanmean(human) - truth.mean())
        covered += found.low <= truth.mean() <= found.high
    assert abs(np.mean(values)) < 0.005
    assert np.mean(plain) > 0.1
    assert covered >= 180


@given(st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_equal_chances_are_a_random_sample(seed):
    truth, said, labelled = drawn(seed)
    human = np.where(labelled, truth, np.nan)
    (found,) = dsl(human, said, np.full(len(truth), labelled.mean()))
    residual = (truth - said)[labelled].mean()
    assert found.value == pytest.approx(np.clip(said.mean() + residual, 0, 1))


def test_every_code_is_as_if_alone():
    one, two = drawn(1), drawn(2)
    labelled = one[2]
    y, f = (np.stack([one[k], two[k]], axis=1) for k in (0, 1))
    both = ppi(y[labelled], f[labelled], f[~labelled])
    (alone,) = ppi(y[labelled, 1], f[labelled, 1], f[~labelled, 1])
    assert both[1].value == pytest.approx(alone.value)
    assert (both[1].low, both[1].high) == pytest.approx((alone.low, alone.high))


def test_no_error_seen_is_not_no_error():
    truth, _, labelled = drawn(3)
    (found,) = ppi(truth[labelled], truth[labelled], truth[~labelled])
    (weighted,) = dsl(np.where(labelled, truth, np.nan), truth, np.full(len(truth), 0.1))
    nothing = np.zeros(2000)
    (never,) = ppi(nothing[labelled], nothing[labelled], nothing[~labelled])
    for estimate in (found, weighted, never):
        assert estimate.high > estimate.value
    assert never.value == 0
    assert never.low >= 0.0


def test_too_few_labels_are_undefined():
    few = np.ones(FEWEST - 1)
    for found in (ppi(few, few, np.ones(50))[0], labels_alone(few)[0]):
        assert found.value is None
        assert found.n == FEWEST - 1
        assert found.note


def test_when_everything_is_labelled_it_is_the_share():
    truth = drawn(4)[0]
    (found,) = ppi(truth, truth, np.empty((0, 1)))
    assert found.value == pytest.approx(truth.mean())
