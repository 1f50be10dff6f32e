"""Prevalence against another implementation, by simulation, and at its edges."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.agreement import dsl, labels_alone, ppi
from coder.agreement.intervals import Z, wilson
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


@pytest.mark.parametrize(("n", "issues"), [(2000, 20_000), (5000, 8_000)])
def test_the_interval_is_that_of_ppi_python_less_the_chance_in_the_issues(n, issues):
    """Theirs is of the share in a population that the issues were drawn from, ours of the share of
    these issues: it lacks the variance of the truth over all of them, and with few issues left is
    narrower by far. With so many labels the score interval is as good as symmetric."""
    truth, said, labelled = drawn(12, n, issues, share=0.4)
    y, f, rest = truth[labelled], said[labelled], said[~labelled]
    low, high = (float(edge[0]) for edge in ppi_mean_ci(y, f, rest, alpha=0.05))
    of_issues = (2 * Z) ** 2 * truth.var() / issues
    factor = (1 - of_issues / (high - low) ** 2) ** 0.5
    (found,) = ppi(y, f, rest)
    assert factor < 0.95
    assert width(found) == pytest.approx(factor * (high - low), rel=0.02)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_a_model_of_no_use_leaves_the_interval_of_the_labels_alone(share):
    truth, _, labelled = drawn(9, share=share)
    silent = np.zeros(2000)
    (helped,) = ppi(truth[labelled], silent[labelled], silent[~labelled])
    assert helped == labels_alone(truth[labelled], 2000)[0]


def test_labels_alone_are_wilsons_interval_and_of_finitely_many_issues_narrower():
    truth, _, labelled = drawn(5)
    (found,), book = labels_alone(truth[labelled]), wilson(int(truth[labelled].sum()), 200)
    assert (found.low, found.high) == pytest.approx((book.low, book.high))
    (half,) = labels_alone(truth[labelled], 400)
    as_if_of_400 = wilson(2 * int(truth[labelled].sum()), 400)
    assert (half.low, half.high) == pytest.approx((as_if_of_400.low, as_if_of_400.high))
    (every,) = labels_alone(truth[labelled], 200)
    assert every.low == pytest.approx(every.value) == every.high


@pytest.mark.parametrize(("n", "share", "misses"), [(60, 0.05, 0.25), (100, 0.05, 0.05)])
def test_rare_codes_are_covered_whatever_repository_they_cluster_in(n, share, misses):
    """Repositories differ widely, and do not matter: issues were drawn."""
    covered = {"ppi": 0, "dsl": 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        truth = (rng.random(2000) < rng.beta(share, 1 - share, 20)[rng.integers(20, size=2000)]) * 1
        said = np.where(rng.random(2000) < misses, rng.random(2000) < 0.1, truth)
        at = rng.permutation(2000)
        chance = np.where(said > 0, 2.0, 0.5)
        chance *= n / chance.sum()
        human = np.where(rng.random(2000) < chance, truth, np.nan)
        for how, (found,) in (
            ("ppi", ppi(truth[at[:n]], said[at[:n]], said[at[n:]])),
            ("dsl", dsl(human, said, chance)),
        ):
            covered[how] += found.value is None or found.low <= truth.mean() <= found.high
    # 95% less two and a half standard errors.
    assert min(covered.values()) >= 275, covered


def test_issues_certain_to_be_labelled_add_no_width():
    truth, said, _ = drawn(6, share=0.4)
    sure = np.arange(2000) < 1900
    chance = np.where(sure, 1.0, 0.5)
    human = np.where(sure | (np.random.default_rng(1).random(2000) < 0.5), truth, np.nan)
    (found,) = dsl(human, said, chance)
    assert 0 < width(found) < 0.02
    (all_of_them,) = dsl(truth, said, np.ones(2000))
    assert all_of_them.low == pytest.approx(truth.mean()) == all_of_them.high


def test_a_good_model_narrows_the_interval_and_a_useless_one_does_no_harm():
    truth, said, labelled = drawn(7, misses=0.05)
    noise = np.random.default_rng(8).permutation(said)
    alone = width(labels_alone(truth[labelled], 2000)[0])
    assert width(ppi(truth[labelled], said[labelled], said[~labelled])[0]) < 0.7 * alone
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
    assert (found.low, found.value, found.high) == pytest.approx((truth.mean(),) * 3)


def exact_by_enumeration(hits: int, n: int, issues: int) -> tuple[int, int]:
    """Every count that neither one-sided test refuses, by sums of binomial coefficients."""

    def chance(seen: int, there: int) -> Fraction:
        return Fraction(math.comb(there, seen) * math.comb(issues - there, n - seen),
                        math.comb(issues, n))  # fmt: skip

    possible = [
        there
        for there in range(hits, issues - n + hits + 1)
        if sum(chance(k, there) for k in range(hits + 1)) > Fraction(1, 40)
        and sum(chance(k, there) for k in range(hits, n + 1) if k <= there) > Fraction(1, 40)
    ]
    return possible[0], possible[-1]


@pytest.mark.parametrize(("hits", "n", "issues"), [(3, 155, 160), (0, 155, 160), (7, 60, 70)])
def test_near_full_coverage_the_interval_is_the_exact_one(hits, n, issues):
    labels = np.arange(n) < hits
    low, high = exact_by_enumeration(hits, n, issues)
    found = (labels_alone(labels, issues)[0], ppi(labels, labels, np.zeros(issues - n))[0])
    for one in found:
        assert (one.low * issues, one.high * issues) == pytest.approx((low, high))


def test_what_was_seen_is_in_the_interval_and_what_is_left_bounds_it():
    rng = np.random.default_rng(3)
    for _ in range(50):
        y, f, rest = (rng.random(size) < 0.2 for size in (90, 90, 10))
        (one,) = ppi(y, f, rest)
        assert y.sum() / 100 <= one.low + 1e-12 and one.high <= (y.sum() + 10) / 100 + 1e-12
