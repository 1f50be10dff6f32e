"""Kappa, AC1, alpha and the figures per code against published tables and other packages."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import COHEN, FLEISS, GWET, KRIPPENDORFF
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from coder.agreement import (
    coefficients,
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac1_many,
    krippendorff_alpha,
    masi_distance,
    nominal_distance,
    percent_agreement,
    rating_counts,
    tree_distance,
)

pairs = st.integers(2, 6).flatmap(
    lambda q: st.tuples(
        st.just(q),
        st.lists(st.tuples(st.integers(0, q - 1), st.integers(0, q - 1)), min_size=1, max_size=40),
    )
)


def test_cohen_1968() -> None:
    # Observed 140/200 = .70; by chance .6 * .5 + .3 * .3 + .1 * .2 = .41; .29 / .59.
    assert percent_agreement(COHEN) == pytest.approx(0.70)
    assert cohen_kappa(COHEN) == pytest.approx(0.29 / 0.59)


def test_gwet_paradox() -> None:
    # Published: 94.4% agreement, kappa -.023, AC1 .941.
    assert percent_agreement(GWET) == pytest.approx(0.944)
    assert cohen_kappa(GWET) == pytest.approx(-0.023, abs=5e-4)
    assert gwet_ac1(GWET) == pytest.approx(0.941, abs=5e-4)


def test_fleiss_1971() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)


def test_gwet_with_missing_ratings() -> None:
    # Published by irrCAC for this table: AC1 .77544, observed .81818, by chance .19032.
    assert gwet_ac1_many(rating_counts(KRIPPENDORFF, 5)) == pytest.approx(0.77544, abs=5e-6)


@given(pairs)
def test_kappa_equals_scikit_learn(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    q, both = drawn
    left, right = zip(*both, strict=True)
    ours = float(cohen_kappa(contingency(left, right, q)))
    if len({*left, *right}) == 1:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)


@given(pairs, st.randoms(use_true_random=False))
def test_two_raters_table_invariances(drawn, random) -> None:  # type: ignore[no-untyped-def]
    q, both = drawn
    table = contingency(*zip(*both, strict=True), q)
    order = list(range(q))
    random.shuffle(order)
    relabelled = table[np.ix_(order, order)]
    for statistic in (percent_agreement, cohen_kappa, gwet_ac1):
        value = statistic(table)
        assert statistic(table.T) == pytest.approx(value, nan_ok=True, abs=1e-12)
        assert statistic(relabelled) == pytest.approx(value, nan_ok=True, abs=1e-12)
        assert np.isnan(value) or -1 - 1e-12 <= value <= 1 + 1e-12
        assert (value == pytest.approx(1)) == (np.trace(table) == len(both)) or np.isnan(value)


@given(pairs)
def test_ac1_of_two_raters_is_ac1_of_many(drawn) -> None:  # type: ignore[no-untyped-def]
    q, both = drawn
    ratings = np.array(both).T
    table = contingency(ratings[0], ratings[1], q)
    assert gwet_ac1_many(rating_counts(ratings, q)) == pytest.approx(float(gwet_ac1(table)))


def test_leading_axes_are_independent_tables() -> None:
    both = np.array([[[20, 5], [10, 15]], GWET])
    assert cohen_kappa(both) == pytest.approx([0.4, float(cohen_kappa(GWET))])
    assert gwet_ac1(both)[1] == gwet_ac1(GWET)


def test_weights_repeat_units() -> None:
    doubled = np.repeat(FLEISS, 2, axis=0)
    weights = np.array([[1] * 10, [2] * 10, [2] + [0] * 8 + [1]])
    expected = [
        fleiss_kappa(FLEISS),
        fleiss_kappa(doubled),
        fleiss_kappa([FLEISS[0], FLEISS[0], FLEISS[-1]]),
    ]
    assert fleiss_kappa(FLEISS, weights) == pytest.approx([float(e) for e in expected])


def test_fleiss_needs_equal_numbers_of_ratings() -> None:
    with pytest.raises(ValueError, match="same number of ratings"):
        fleiss_kappa([[2, 1], [1, 1]])


def test_more_codes_to_choose_from_raise_ac1() -> None:
    # Gwet: agreement by chance is divided by q - 1, whether or not a code was ever used.
    table = [[20, 5], [10, 15]]
    by_chance = (2 * 0.55 * 0.45) / 4
    assert gwet_ac1(table, 5) == pytest.approx((0.7 - by_chance) / (1 - by_chance))
    assert gwet_ac1(table, 5) > gwet_ac1(table)


def test_undefined_is_nan_without_a_warning() -> None:
    assert np.isnan(cohen_kappa([[7, 0], [0, 0]]))
    assert np.isnan(fleiss_kappa([[3, 0], [3, 0]]))
    assert np.isnan(gwet_ac1([[7]]))
    assert np.isnan(percent_agreement(np.zeros((2, 2))))
    # One code on each side, but not the same one: chance is 0 and so is kappa.
    assert cohen_kappa([[0, 7], [0, 0]]) == 0


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
    tables = coefficients.code_tables(left, right, np.ones(len(left)))
    expected = precision_recall_fscore_support(right, left, zero_division=np.nan)
    assert coefficients.precision(tables) == pytest.approx(expected[0], nan_ok=True)
    assert coefficients.recall(tables) == pytest.approx(expected[1], nan_ok=True)
    used = left.any(0) | right.any(0)
    assert coefficients.f1(tables)[used] == pytest.approx(expected[2][used])
    assert np.isnan(coefficients.f1(tables)[~used]).all()
    assert float(coefficients.macro_f1(tables)) == pytest.approx(
        expected[2][used].mean() if used.any() else np.nan, nan_ok=True
    )


@given(indicators)
def test_jaccard_follows_its_definition(both: tuple[np.ndarray, np.ndarray]) -> None:
    for left, right, found in zip(*both, coefficients.jaccard(*both), strict=True):
        ours, theirs = set(np.flatnonzero(left)), set(np.flatnonzero(right))
        expected = len(ours & theirs) / len(ours | theirs) if ours | theirs else 1
        assert found == pytest.approx(expected)


def test_weights_repeat_cells() -> None:
    left = np.array([[True, False], [False, True]])
    right = np.array([[True, False], [True, False]])
    once = coefficients.code_tables(left[[0, 1, 1, 1]], right[[0, 1, 1, 1]], np.ones(4))
    weighted = coefficients.code_tables(left, right, np.array([[1.0, 3.0]]))
    assert weighted.shape == (1, 2, 2, 2)
    assert weighted[0].tolist() == once.tolist() == [[[1, 0], [3, 0]], [[0, 3], [0, 1]]]


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


def test_undefined_alpha_is_nan_without_a_warning() -> None:
    assert np.isnan(krippendorff_alpha([[0, 0, 0], [0, 0, 0]], nominal_distance(2)))
    assert np.isnan(krippendorff_alpha([[0, 1, 0]], nominal_distance(2)))
    assert np.isnan(krippendorff_alpha([[0, -1], [-1, 1]], nominal_distance(2)))
