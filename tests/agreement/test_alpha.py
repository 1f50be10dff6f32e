"""Alpha against published values, the krippendorff package, and its own identities."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import KRIPPENDORFF

from coder.agreement import (
    krippendorff_alpha,
    masi_distance,
    nominal_distance,
    tree_distance,
)

ratings = st.tuples(st.integers(1, 5), st.integers(1, 15)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(-1, 3), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(np.array)
)
label_sets = st.lists(st.frozensets(st.sampled_from("abcde"), max_size=4), max_size=8)
path_lists = st.lists(
    st.lists(st.sampled_from("xy"), min_size=1, max_size=3).map(tuple), unique=True, max_size=8
)


def test_krippendorff_2011() -> None:
    # Published: nominal .743, interval .849.
    values = np.arange(5.0)
    interval = (values[:, None] - values) ** 2
    assert krippendorff_alpha(KRIPPENDORFF, nominal_distance(5)) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(KRIPPENDORFF, interval) == pytest.approx(0.849, abs=5e-4)


def test_two_observers_by_hand() -> None:
    # Krippendorff 2011, section A: binary, ten units, alpha = .095.
    table = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]])
    assert krippendorff_alpha(table, nominal_distance(2)) == pytest.approx(0.095, abs=5e-4)


@given(ratings)
def test_equals_the_krippendorff_package(coded: np.ndarray) -> None:
    ours = krippendorff_alpha(coded, nominal_distance(4))
    pairable = coded[:, (coded >= 0).sum(0) > 1]
    if len(np.unique(pairable[pairable >= 0])) < 2:
        assert np.isnan(ours)
        return
    missing = np.where(coded < 0, np.nan, coded)
    theirs = krippendorff.alpha(
        reliability_data=missing, level_of_measurement="nominal", value_domain=[0, 1, 2, 3]
    )
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(ratings, st.permutations(range(4)), st.randoms(use_true_random=False))
def test_raters_units_and_names_may_be_reordered(coded, names, random) -> None:  # type: ignore[no-untyped-def]
    distance = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    value = krippendorff_alpha(coded, distance)
    rows, columns = list(range(coded.shape[0])), list(range(coded.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    renamed = np.where(coded < 0, -1, np.array(names)[coded])
    inverse = np.argsort(names)
    assert krippendorff_alpha(coded[np.ix_(rows, columns)], distance) == pytest.approx(
        value, nan_ok=True
    )
    assert krippendorff_alpha(renamed, distance[np.ix_(inverse, inverse)]) == pytest.approx(
        value, nan_ok=True
    )


def test_tree_distance_by_level() -> None:
    paths = [("A",), ("A", "1"), ("A", "2"), ("B", "1"), ("A", "1", "x")]
    assert tree_distance(paths) == pytest.approx(
        np.array(
            [
                [0, 1 / 2, 1 / 2, 1, 2 / 3],
                [1 / 2, 0, 1 / 2, 1, 1 / 3],
                [1 / 2, 1 / 2, 0, 1, 2 / 3],
                [1, 1, 1, 0, 1],
                [2 / 3, 1 / 3, 2 / 3, 1, 0],
            ]
        )
    )


@given(path_lists)
def test_tree_distance_is_a_metric(paths: list[tuple[str, ...]]) -> None:
    d = tree_distance(paths)
    assert (d == d.T).all()
    assert ((d == 0) == np.eye(len(paths), dtype=bool)).all()
    assert (d <= 1).all()
    assert (d[:, None, :] <= d[:, :, None] + d[None, :, :] + 1e-12).all()


@given(st.data())
def test_tree_distance_is_the_mean_of_both_levels(data: st.DataObject) -> None:
    paths = [("A", "1"), ("A", "2"), ("B", "1"), ("B", "2")]
    category = np.array([0, 0, 1, 1])
    by_category = (category[:, None] != category).astype(float)
    assert tree_distance(paths) == pytest.approx((nominal_distance(4) + by_category) / 2)
    same = data.draw(st.lists(st.sampled_from([0, 2]), min_size=2, max_size=9))
    other = data.draw(st.lists(st.sampled_from([0, 2]), min_size=len(same), max_size=len(same)))
    # When no category has two codes in use, all three alphas are one.
    assert krippendorff_alpha([same, other], tree_distance(paths)) == pytest.approx(
        krippendorff_alpha([same, other], nominal_distance(4)), nan_ok=True
    )


def test_masi_by_hand() -> None:
    # Passonneau 2006: J * M with M = 1, 2/3, 1/3, 0.
    sets = [{"a", "b"}, {"a"}, {"b", "c"}, {"d"}, set()]
    assert masi_distance(sets)[0] == pytest.approx([0, 1 - 1 / 2 * 2 / 3, 1 - 1 / 9, 1, 1])
    assert masi_distance([set(), set()]).tolist() == [[0, 0], [0, 0]]


@given(label_sets)
def test_masi_follows_its_definition(sets: list[frozenset[str]]) -> None:
    found = masi_distance(sets)
    for i, a in enumerate(sets):
        for j, b in enumerate(sets):
            if a == b:
                expected = 0.0
            else:
                factor = 2 / 3 if a < b or b < a else 1 / 3 if a & b else 0
                expected = 1 - len(a & b) / len(a | b) * factor
            assert found[i, j] == pytest.approx(expected)


def test_undefined_is_nan_without_a_warning() -> None:
    assert np.isnan(krippendorff_alpha([[0, 0, 0], [0, 0, 0]], nominal_distance(2)))
    assert np.isnan(krippendorff_alpha([[0, 1, 0]], nominal_distance(2)))
    assert np.isnan(krippendorff_alpha([[0, -1], [-1, 1]], nominal_distance(2)))
