"""Kappa and AC1 against published tables, scikit-learn, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import COHEN, FLEISS, GWET, KRIPPENDORFF
from sklearn.metrics import cohen_kappa_score

from coder.agreement import (
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac1_many,
    percent_agreement,
    rating_counts,
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
