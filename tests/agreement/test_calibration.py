"""Reliability figures by hand, the workload curve, and calibration where it helps and where not."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from coder.agreement import calibration, reliability, workload
from coder.agreement.calibration import FEWEST, fit

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


def uneven(n: int, seed: int, truth=lambda p: p):
    """Confidences, and whether each was right with the probability that ``truth`` makes of it."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.02, 0.98, n)
    return confidence, rng.uniform(size=n) < truth(confidence)


enough_pairs = st.lists(
    st.tuples(st.floats(0, 1), st.booleans()), min_size=FEWEST, max_size=120
).map(lambda rows: tuple(map(list, zip(*rows, strict=True))))  # fmt: skip


@given(enough_pairs, st.integers(0, 3), st.booleans())
@settings(max_examples=20)
def test_whatever_is_fitted_is_monotone_and_stays_in_the_unit_interval(found, seed, grouped):
    confidence, right = found
    groups = [n % 7 for n in range(len(right))] if grouped else None
    made = fit(confidence, right, groups, seed)
    for method in ("platt", "isotonic"):
        parameters = calibration._FITTERS[method](np.array(confidence), np.array(right))
        curve = calibration.apply(method, parameters, np.linspace(0, 1, 201))
        assert (np.diff(curve) >= -1e-12).all()
        assert curve.min() >= 0
        assert curve.max() <= 1
    assert made == fit(confidence, right, groups, seed)
    if made.method == "identity":
        assert list(made.apply(confidence)) == confidence
    else:
        assert made.brier_after < made.brier_before


@pytest.mark.parametrize("truth", [lambda p: p**3, lambda p: 0.3 + 0.3 * p, lambda p: p > 0.6])
def test_confidences_that_are_off_are_put_right(truth):
    made = fit(*uneven(600, 1, truth))
    assert made.method != "identity"
    fresh, right = uneven(5000, 2, truth)
    assert brier_score_loss(right, made.apply(fresh)) < brier_score_loss(right, fresh) - 0.005


def test_confidences_that_are_right_mostly_stay_as_they_are():
    kept = [fit(*uneven(400, seed)).method == "identity" for seed in range(40)]
    assert np.mean(kept) > 0.6


def test_confidences_that_say_the_opposite_are_not_turned_round():
    confidence, right = uneven(300, 4, lambda p: 1 - p)
    made = fit(confidence, right)
    assert np.ptp(made.apply(np.array([0.1, 0.9]))) < 0.2


@given(enough_pairs)
def test_the_brier_score_is_that_of_scikit_learn(found):
    confidence, right = np.array(found[0]), np.array(found[1])
    expected = np.mean(
        [brier_score_loss([r], [c], labels=[0, 1]) for c, r in zip(confidence, right, strict=True)]
    )
    assert calibration.brier(confidence, right) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "right", "note"),
    [(FEWEST - 1, None, "30 are needed"), (50, True, "all of them are right"),
     (50, False, "none of them is right"), (0, None, "30 are needed")],
)  # fmt: skip
def test_what_cannot_be_fitted_says_why(n, right, note):
    made = fit(np.linspace(0, 1, n), [bool(i % 2) if right is None else right for i in range(n)])
    assert (made.method, made.note, made.brier_after) == ("identity", note, None)


def test_issues_of_one_repository_are_on_one_side_only():
    groups = [f"r{n % 9}" for n in range(100)]
    fold = calibration._folds(100, groups, 0)
    of = {
        group: {int(f) for f, g in zip(fold, groups, strict=True) if g == group} for group in groups
    }
    assert all(len(folds) == 1 for folds in of.values())
    assert set(fold) == set(range(5))
