"""Calibration figures by hand, the workload curve, and what a certificate promises."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from coder.agreement import reliability, workload

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
