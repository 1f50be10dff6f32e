"""How many more labels: against the sample size formula, and honest where nothing can be told."""

from __future__ import annotations

import math
import random

import pytest
from support.runs import Maker, label

from coder.report.plan import by_sampling, plan

Z = 1.959964


def half_right(maker, issues, labelled, right=0.9):
    draw = random.Random(5)
    truth = {f"{n:04}": draw.choice("ab") for n in range(issues)}
    said = {i: c if draw.random() < right else draw.choice("ab") for i, c in truth.items()}
    run = maker.run(said)
    label(run, "ann", dict([*truth.items()][:labelled]))
    return run, truth


def figure(found, name, code=""):
    return next(f for f in found.figures if (f.figure, f.code) == (name, code))


def test_a_share_by_labels_alone_is_the_textbook_size(maker: Maker):
    run, truth = half_right(maker, 5000, 200)
    found = plan(run, 0.1, draws=200)
    ones = sum(c == "a" for c in [*truth.values()][:200])
    p = ones / 200
    of_endless_many = p * (1 - p) * 200 / 199 * (2 * Z / 0.1) ** 2
    textbook = math.ceil(of_endless_many / (1 + of_endless_many / 5000))
    ways = {one.sampling: one.needed for one in figure(found, "prevalence", "a").plans}
    assert ways["random, labels alone"] == pytest.approx(textbook, abs=1)
    assert ways["random, with the model's counts"] < ways["random, labels alone"]
    assert figure(found, "prevalence", "a").plans[0].needed == min(ways.values())


def test_kappa_shrinks_with_the_root_of_the_labels(maker: Maker):
    run, _ = half_right(maker, 5000, 200)
    found = plan(run, 0.05, draws=200)
    kappa = figure(found, "kappa")
    width = kappa.now.high - kappa.now.low
    assert kappa.plans[0].needed == math.ceil(200 * (width / 0.05) ** 2)
    assert (found.rater, found.labels, found.issues) == ("ann", 200, 5000)


def test_no_more_than_all_issues_are_asked_for(maker: Maker):
    run, _ = half_right(maker, 300, 100)
    found = plan(run, 0.001, draws=100)
    assert set(by_sampling([f for f in found.figures if f.code]).values()) == {300}
    assert figure(found, "kappa").plans[0].needed == 300


def test_when_all_is_labelled_nothing_is_left_to_label(maker: Maker):
    run, _ = half_right(maker, 60, 60)
    found = plan(run, 0.001, draws=100)
    assert all(one.more == 0 for f in found.figures for one in f.plans)
    share = figure(found, "prevalence", "a")
    assert share.now.low == share.now.high
    assert {one.note for one in share.plans} == {"all issues are labelled: the share is known"}
    kappa = figure(found, "kappa")
    assert kappa.now.low < kappa.now.high
    assert "only more issues" in kappa.plans[0].note


def test_codes_that_nobody_used_are_not_planned(maker: Maker):
    run, _ = half_right(maker, 100, 50)
    assert {f.code for f in plan(run, 0.1, draws=0).figures} == {"", "a", "b"}


def test_without_labels_there_is_no_plan(maker: Maker):
    run = maker.run({"1": "a"})
    found = plan(run, 0.1)
    assert (found.rater, found.labels, found.figures) == ("", 0, ())


def test_a_label_the_model_learnt_from_does_not_count(maker: Maker):
    run = maker.run({"1": "a", "2": "b", "3": "a"}, **{"1": {"shown": ("1",)}})
    label(run, "ann", {"1": "a", "2": "b"})
    assert plan(run, 0.1, draws=0).labels == 1


def test_a_certificate_takes_as_many_labels_as_the_exact_test_asks_for() -> None:
    from scipy.stats import binomtest

    from coder.agreement.certificates import GRID, labels_needed

    for codes in (1, 4):
        needed = labels_needed(0.0, 0.1, 0.05, codes)
        one = 0.05 / (len(GRID) * codes)
        assert binomtest(0, needed, 0.1, alternative="less").pvalue <= one
        assert binomtest(0, needed - 1, 0.1, alternative="less").pvalue > one


def test_what_certificates_take_is_told_for_each_code_that_is_labelled(maker: Maker):
    run, _ = half_right(maker, 400, 100)
    found = plan(run, 0.1, draws=0).certificates
    assert {one.code for one in found} == {"a", "b"}
    assert sum(one.labels for one in found) == 100
    for one in found:
        assert one.drawn == math.ceil(one.needed * 100 / one.labels)
    stricter = plan(run, 0.1, draws=0, certificate_epsilon=0.05).certificates
    assert stricter[0].needed > 1.9 * found[0].needed
