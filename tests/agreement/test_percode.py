"""Per-code figures against scikit-learn, and where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from coder.agreement import percode

indicators = st.integers(1, 20).flatmap(
    lambda n: st.tuples(
        *[
            st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=n, max_size=n).map(
                np.array
            )
        ]
        * 2
    )
)


@given(indicators)
def test_equals_scikit_learn(both: tuple[np.ndarray, np.ndarray]) -> None:
    left, right = both
    tables = percode.code_tables(left, right, np.ones(len(left)))
    expected = precision_recall_fscore_support(right, left, zero_division=np.nan)
    assert percode.precision(tables) == pytest.approx(expected[0], nan_ok=True)
    assert percode.recall(tables) == pytest.approx(expected[1], nan_ok=True)
    used = left.any(0) | right.any(0)
    assert percode.f1(tables)[used] == pytest.approx(expected[2][used])
    assert np.isnan(percode.f1(tables)[~used]).all()
    assert float(percode.macro_f1(tables)) == pytest.approx(
        expected[2][used].mean() if used.any() else np.nan, nan_ok=True
    )


@given(indicators)
def test_jaccard_follows_its_definition(both: tuple[np.ndarray, np.ndarray]) -> None:
    for left, right, found in zip(*both, percode.jaccard(*both), strict=True):
        ours, theirs = set(np.flatnonzero(left)), set(np.flatnonzero(right))
        expected = len(ours & theirs) / len(ours | theirs) if ours | theirs else 1
        assert found == pytest.approx(expected)


def test_weights_repeat_cells() -> None:
    left = np.array([[True, False], [False, True]])
    right = np.array([[True, False], [True, False]])
    once = percode.code_tables(left[[0, 1, 1, 1]], right[[0, 1, 1, 1]], np.ones(4))
    weighted = percode.code_tables(left, right, np.array([[1.0, 3.0]]))
    assert weighted.shape == (1, 2, 2, 2)
    assert weighted[0].tolist() == once.tolist() == [[[1, 0], [3, 0]], [[0, 3], [0, 1]]]
