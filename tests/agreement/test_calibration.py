"""Calibration helps where confidences are off, and leaves them alone where it cannot help."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from coder.agreement import calibration
from coder.agreement.calibration import FEWEST, fit


def drawn(n: int, seed: int, truth=lambda p: p):
    """Confidences, and whether each was right with the probability that ``truth`` makes of it."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.02, 0.98, n)
    return confidence, rng.uniform(size=n) < truth(confidence)


pairs = st.lists(
    st.tuples(st.floats(0, 1), st.booleans()), min_size=FEWEST, max_size=120
).map(lambda rows: tuple(map(list, zip(*rows, strict=True))))  # fmt: skip


@given(pairs, st.integers(0, 3), st.booleans())
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
    made = fit(*drawn(600, 1, truth))
    assert made.method != "identity"
    fresh, right = drawn(5000, 2, truth)
    assert brier_score_loss(right, made.apply(fresh)) < brier_score_loss(right, fresh) - 0.005


def test_confidences_that_are_right_mostly_stay_as_they_are():
    kept = [fit(*drawn(400, seed)).method == "identity" for seed in range(40)]
    assert np.mean(kept) > 0.6


def test_confidences_that_say_the_opposite_are_not_turned_round():
    confidence, right = drawn(300, 4, lambda p: 1 - p)
    made = fit(confidence, right)
    assert np.ptp(made.apply(np.array([0.1, 0.9]))) < 0.2


@given(pairs)
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
