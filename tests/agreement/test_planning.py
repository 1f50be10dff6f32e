"""Plans keep what they promise, as far as a simulation can tell."""

from __future__ import annotations

import numpy as np
import pytest

from coder.agreement import agree, for_estimate, for_prevalence, labels_alone, ppi
from coder.records import Estimate


def test_twice_as_exact_takes_four_times_the_labels():
    now = Estimate(value=0.6, low=0.4, high=0.8, n=100)
    plan = for_estimate("kappa", now, 0.2, most=1000)
    assert (plan.needed, plan.more) == (400, 300)
    assert for_estimate("kappa", now, 0.4, most=1000).more == 0


def test_a_plan_for_kappa_is_about_right():
    def raters(n, seed):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 3, n)
        other = np.where(rng.random(n) < 0.3, rng.integers(0, 3, n), truth)
        return ({f"i{k}": ("abc"[v],) for k, v in enumerate(side)} for side in (truth, other))

    pilot = agree(*raters(100, 1), codes="abc", draws=500).cohen_kappa
    plan = for_estimate("kappa", pilot, 0.1, most=5000)
    then = agree(*raters(plan.needed, 2), codes="abc", draws=500).cohen_kappa
    assert then.high - then.low == pytest.approx(0.1, rel=0.25)


def test_the_cheapest_way_comes_first_and_does_as_it_says():
    rng = np.random.default_rng(3)
    issues = 20_000
    truth = (rng.random(issues) < 0.2).astype(float)
    said = np.where(rng.random(issues) < 0.05, 1 - truth, truth)
    pilot = slice(0, 300)
    plans = for_prevalence(truth[pilot], said[pilot], 0.05, issues, said.mean())
    needed = {plan.sampling: plan.needed for plan in plans}
    assert [plan.needed for plan in plans] == sorted(needed.values())
    alone, helped = needed["random, labels alone"], needed["random, with the model's counts"]
    assert helped < alone
    (plain,) = labels_alone(truth[:alone])
    (corrected,) = ppi(truth[:helped], said[:helped], said[helped:])
    assert plain.high - plain.low == pytest.approx(0.05, rel=0.2)
    assert corrected.high - corrected.low == pytest.approx(0.05, rel=0.3)


def test_what_cannot_be_reached_and_what_is_not_known_yet_are_said():
    assert for_estimate(
        "kappa", Estimate(value=0.5, n=1, note="one issue: no interval"), 0.1, 9
    ).note
    tiny = for_estimate("kappa", Estimate(value=0.5, low=0.1, high=0.9, n=20), 0.01, most=500)
    assert tiny.needed == 500
    assert "all issues" in tiny.note
    assert "rough" in tiny.note
    (empty,) = for_prevalence([], [], 0.1, 100, 0.2)
    assert empty.needed is None
    assert "label" in empty.note


def test_of_few_issues_fewer_labels_are_enough():
    """And as exact as the plan says: the interval of a share is one of these issues too."""
    rng = np.random.default_rng(4)
    truth = (rng.random(400) < 0.4).astype(float)
    said = np.where(rng.random(400) < 0.1, 1 - truth, truth)
    needed = {}
    for issues in (400, 40_000):
        plans = for_prevalence(truth[:100], said[:100], 0.06, issues, said.mean())
        needed[issues] = {plan.sampling: plan.needed for plan in plans}
    for way, few in needed[400].items():
        endless = needed[40_000][way] / (1 - needed[40_000][way] / 40_000)
        assert few == pytest.approx(endless / (1 + endless / 400), abs=12), way
    alone, helped = (needed[400][w] for w in ("random, labels alone",
                                              "random, with the model's counts"))  # fmt: skip
    (plain,) = labels_alone(truth[:alone], 400)
    (corrected,) = ppi(truth[:helped], said[:helped], said[helped:])
    assert plain.high - plain.low == pytest.approx(0.06, rel=0.1)
    assert corrected.high - corrected.low == pytest.approx(0.06, rel=0.3)
