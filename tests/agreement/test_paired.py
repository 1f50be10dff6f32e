"""Two models on the same issues, and raters with and without a suggestion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from coder.agreement import anchoring, code_change, kappa_change, mcnemar

codes = st.sampled_from(["a", "b", "c"])
rows = st.lists(st.tuples(codes, codes, codes), min_size=3, max_size=60)


def test_mcnemar_by_hand():
    """9 issues against 1: two tails of ten coins, 2 * (1 + 10) / 1024."""
    left = {f"i{n}": n < 29 for n in range(30)}
    right = {f"i{n}": n < 20 or n == 29 for n in range(30)}
    found = mcnemar(left, right)
    assert (found.both, found.only_left, found.only_right, found.neither) == (20, 9, 1, 0)
    assert found.p_value == pytest.approx(2 * binom.cdf(1, 10, 0.5))


def test_mcnemar_of_two_that_never_differ_is_undefined():
    same = {"i": True, "j": False}
    assert mcnemar(same, same).p_value is None
    assert mcnemar({}, same).both == 0


@given(rows)
@settings(max_examples=30, deadline=None)
def test_kappas_are_those_of_sklearn_and_swapping_turns_the_difference(found):
    columns = [{f"i{n}": (row[k],) for n, row in enumerate(found)} for k in range(3)]
    change = kappa_change(*columns, codes=("a", "b", "c"), draws=200)
    reverse = kappa_change(columns[1], columns[0], columns[2], codes=("a", "b", "c"), draws=200)
    flat = [[row[k] for row in found] for k in range(3)]
    if len({*flat[0], *flat[2]}) > 1:
        assert change.left.value == pytest.approx(cohen_kappa_score(flat[0], flat[2]))
    if change.difference.value is not None:
        assert change.difference.value == pytest.approx(-reverse.difference.value)
        assert change.difference.value == pytest.approx(change.left.value - change.right.value)


def test_pairing_makes_the_difference_surer_than_two_apart():
    """Two models that err on nearly the same issues."""
    truth = {f"i{n}": ("abc"[n % 3],) for n in range(120)}
    one = {i: code if n % 4 else ("c",) for n, (i, code) in enumerate(truth.items())}
    two = {i: code if n != 5 else ("a",) for n, (i, code) in enumerate(one.items())}
    found = kappa_change(one, two, truth, codes=("a", "b", "c"), draws=500)
    width = found.difference.high - found.difference.low
    assert width < 0.3 * (found.left.high - found.left.low)


def test_several_codes_have_no_kappa():
    one = {"i": ("a", "b"), "j": ("a",)}
    found = kappa_change(one, one, one, codes=("a", "b"), draws=100)
    assert found.difference.value is None
    assert "several" in found.difference.note


def test_anchoring_is_the_difference_of_two_shares():
    assisted = {f"a{n}": n < 45 for n in range(50)}
    alone = {f"b{n}": n < 30 for n in range(50)}
    found = anchoring(assisted, alone, draws=1000)
    assert found.assisted.value == pytest.approx(0.9)
    assert found.alone.value == pytest.approx(0.6)
    assert found.difference.value == pytest.approx(0.3)
    assert found.difference.low > 0
    assert (found.assisted.n, found.alone.n) == (50, 50)


def test_anchoring_without_a_holdout_is_undefined():
    found = anchoring({"a": True}, {})
    assert found.difference.value is None
    assert "without one" in found.difference.note
    assert anchoring({}, {}).difference.value is None


@given(rows)
@settings(max_examples=30, deadline=None)
def test_code_changes_are_the_f1_of_sklearn_and_their_differences(found):
    columns = [{f"i{n}": (row[k],) for n, row in enumerate(found)} for k in range(3)]
    right, each = code_change(*columns, codes=("a", "b", "c"), draws=50)
    flat = [[row[k] for row in found] for k in range(3)]
    assert set(each) == {code for row in found for code in row}
    assert right.left.value == pytest.approx(accuracy_score(flat[2], flat[0]))
    for code, change in each.items():
        sides = (change.left, flat[0]), (change.right, flat[1])
        for estimate, said in sides:
            if code in said or code in flat[2]:
                alone = f1_score(flat[2], said, labels=[code], average="macro", zero_division=0)
                assert estimate.value == pytest.approx(alone)
            else:
                assert estimate.value is None
        if change.difference.value is not None:
            assert change.difference.value == pytest.approx(change.left.value - change.right.value)


def test_code_changes_of_several_codes_count_each_code():
    one = {"i": ("a", "b"), "j": ("a",), "k": ()}
    two = {"i": ("a",), "j": ("a",), "k": ("b",)}
    right, each = code_change(one, two, one, codes=("a", "b"), draws=0)
    assert (right.left.value, right.right.value) == (1, pytest.approx(1 / 3))
    assert each["b"].right.value == 0
    assert set(each) == {"a", "b", "none"}
