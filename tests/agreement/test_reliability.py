"""Calibration figures by hand, the workload curve, and what a certificate promises."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from coder.agreement import certify, reliability, workload

pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=80)


def drawn(seed, n, truth=lambda p: p):
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    return confidence, rng.random(n) < truth(confidence)


def test_by_hand():
    """Two bins: (.8, .9] with 1 of 2 right at .85 on average, (.2, .3] with 0 of 1 right at .25.

    ECE = 2/3 * |.5 - .85| + 1/3 * |0 - .25| = .31667; Brier = (.04 + .81 + .0625) / 3.
    """
    found = reliability([0.8 + 1e-9, 0.9, 0.25], [True, False, False])
    assert found.ece.value == pytest.approx(2 / 3 * 0.35 + 0.25 / 3)
    assert found.brier.value == pytest.approx((0.04 + 0.81 + 0.0625) / 3)
    assert [(b.low, b.right.n, b.right.value) for b in found.bins] == [(0.2, 1, 0), (0.8, 2, 0.5)]


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_brier_is_that_of_sklearn_and_ece_is_bounded(rows):
    confidence, right = map(list, zip(*rows, strict=True))
    found = reliability(confidence, right)
    assert found.brier.value == pytest.approx(brier_score_loss(right, confidence, pos_label=True))
    assert 0 <= found.ece.value <= 1
    assert sum(b.right.n for b in found.bins) == found.n == len(rows)


def test_calibrated_confidences_have_a_small_error_and_overconfident_ones_do_not():
    honest = reliability(*drawn(1, 4000))
    boasting = reliability(*drawn(1, 4000, lambda p: p / 2))
    assert honest.ece.value < 0.03
    assert boasting.ece.value > 0.2


@pytest.mark.parametrize("n", [60, 1000])
def test_the_error_of_calibrated_confidences_is_about_what_its_note_says(n):
    found = [reliability(*drawn(seed, n)).ece for seed in range(200)]
    told = [float(re.search(r"about (\.\d+) with", one.note)[1]) for one in found]
    assert sum(one.value for one in found) / 200 == pytest.approx(sum(told) / 200, abs=0.006)
    assert {(one.low, one.high) for one in found} == {(None, None)}


def test_nothing_to_compare_is_undefined():
    found = reliability([], [])
    assert found.ece.value is None
    assert found.brier.value is None
    assert "confidence" in found.ece.note
    assert workload([], []) == ()


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_a_workload_point_is_what_its_threshold_gives(rows):
    confidence, right = (np.array(column) for column in zip(*rows, strict=True))
    curve = workload(confidence, right)
    assert [p.threshold for p in curve] == sorted({p.threshold for p in curve}, reverse=True)
    for point in curve:
        above = confidence >= point.threshold
        assert point.share == pytest.approx(above.mean())
        assert point.error.value == pytest.approx((~right[above]).mean())
    assert curve[-1].share == 1


def test_a_certificate_holds_as_often_as_it_says():
    """Right with probability c: above t the error is (1 - t) / 2, which is over .1 for t < .8."""
    wrong = certified = 0
    for seed in range(400):
        found = certify(*drawn(seed, 3000), epsilon=0.1, delta=0.1, seed=seed)
        if found.threshold is not None:
            certified += 1
            wrong += (1 - found.threshold) / 2 > 0.1
    assert certified > 300
    assert wrong <= 0.1 * 400 + 3 * (400 * 0.1 * 0.9) ** 0.5


def test_no_certificate_without_enough_labels_or_with_a_bad_model():
    few = certify(*drawn(1, 40), epsilon=0.05, delta=0.05)
    assert few.threshold is None
    assert "118 labelled proposals are needed, there are 40" in few.note
    bad = certify(*drawn(1, 600, lambda p: 0 * p + 0.5))
    assert bad.threshold is None
    assert "wrong" in bad.note


def test_a_certificate_counts_what_it_tested():
    confidence, right = np.full(400, 0.9), np.ones(400, dtype=bool)
    found = certify(confidence, right)
    assert (found.threshold, found.share, found.n, found.errors) == (0.9, 1.0, 200, 0)
