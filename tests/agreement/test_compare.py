"""Two raters and more: the whole record, single codes and sets, and all that can be missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import FLEISS, KRIPPENDORFF
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score

from coder.agreement import (
    Agreement,
    agree,
    agree_many,
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    masi_distance,
    tree_distance,
)
from coder.errors import InputError
from coder.records import NONE_CODE, Estimate

Labels = Mapping[str, tuple[str, ...] | None]

CODES = ("a", "b", "c", "d")
PATHS = {"a": ("A", "a"), "b": ("A", "b"), "c": ("C", "c"), "d": ("D", "d")}

single = st.sampled_from([(), *((code,) for code in CODES)])
several = st.lists(st.sampled_from(CODES), max_size=3, unique=True).map(tuple)


def raters(answers: st.SearchStrategy[tuple[str, ...]], least: int = 0):  # type: ignore[no-untyped-def]
    return st.lists(st.tuples(answers, answers), min_size=least, max_size=25).map(
        lambda both: (
            {f"i{k}": pair[0] for k, pair in enumerate(both)},
            {f"i{k}": pair[1] for k, pair in enumerate(both)},
        )
    )


def estimates(found: Agreement) -> dict[str, Estimate]:
    named = {name: getattr(found, name) for name in Agreement.model_fields}
    named |= {
        f"{each.code}.{name}": getattr(each, name)
        for each in found.per_code
        for name in ("precision", "recall", "f1", "cohen_kappa", "gwet_ac1")
    }
    return {name: value for name, value in named.items() if isinstance(value, Estimate)}


def values(found: Agreement) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in estimates(found).items()}


def test_a_small_study_by_hand() -> None:
    left = {"1": ("a",), "2": ("a",), "3": ("b",), "4": (), "5": None, "7": None}
    left |= {"8": ("a",), "9": ("a",)}
    right: Labels = {"1": ("a",), "2": ("b",), "3": ("b",), "4": (), "5": ("a",), "6": None}
    found = agree(left, right, codes=("a", "b"), paths=PATHS, draws=200)

    assert (found.n, found.left_only, found.right_only) == (4, 3, 1)
    assert (found.left_unanswered, found.right_unanswered) == (1, 0)
    assert found.issue_ids == ("1", "2", "3", "4")
    assert found.percent_agreement.value == 0.75
    # By chance (2*1 + 1*2 + 1*1) / 16 = 5/16; (12 - 5) / (16 - 5).
    assert found.cohen_kappa.value == pytest.approx(7 / 11)
    # a and b 3/8 each, none 2/8; three codes: p_e = (15/64 + 15/64 + 12/64) / 2 = 21/64.
    assert found.gwet_ac1.value == pytest.approx((48 - 21) / (64 - 21))
    # Totals 3, 3, 2: expected 64 - 22 = 42; 1 - 7 * 2 / 42, and a/b is half as far in the tree.
    assert found.krippendorff_alpha.value == pytest.approx(2 / 3)
    assert found.tree_alpha is not None
    assert found.tree_alpha.value == pytest.approx(1 - 7 * 1 / (42 - 9))
    assert found.confusion is not None
    assert found.confusion.codes == ("a", "b", NONE_CODE)
    assert found.confusion.matrix == ((1, 1, 0), (0, 1, 0), (0, 0, 1))
    assert [(d.issue_id, d.left, d.right) for d in found.disagreements] == [("2", ("a",), ("b",))]
    a, b, none = found.per_code
    assert (a.precision.value, a.recall.value, a.support_left, a.support_right) == (0.5, 1, 2, 1)
    assert (b.precision.value, b.recall.value, b.support_left, b.support_right) == (1, 0.5, 1, 2)
    assert (none.code, none.f1.value) == (NONE_CODE, 1)
    assert found.macro_f1.value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found.mean_jaccard is None
    assert not found.sets


def test_sets_by_hand() -> None:
    left: Labels = {"1": ("a", "b"), "2": ("c",), "3": ("b",), "4": ()}
    right: Labels = {"1": ("a",), "2": ("c",), "3": ("b", "c"), "4": ("d",)}
    found = agree(left, right, codes=CODES, paths=PATHS, draws=200)

    assert found.sets
    assert found.percent_agreement.value == 0.25
    assert found.mean_jaccard is not None
    assert found.mean_jaccard.value == pytest.approx((1 / 2 + 1 + 1 / 2 + 0) / 4)
    for undefined in (found.cohen_kappa, found.gwet_ac1, found.tree_alpha):
        assert undefined is not None
        assert undefined.value is None
        assert "several codes per issue" in undefined.note
    assert found.confusion is None
    # c: both on issue 2, right alone on 3, neither on two: table [[1, 0], [1, 2]].
    c = found.per_code[2]
    assert (c.precision.value, c.recall.value) == (1, 0.5)
    assert c.cohen_kappa.value == pytest.approx(float(cohen_kappa([[1, 0], [1, 2]])))
    assert c.gwet_ac1.value == pytest.approx(float(gwet_ac1([[1, 0], [1, 2]])))
    assert [d.issue_id for d in found.disagreements] == ["1", "3", "4"]


@given(raters(single, least=1))
def test_single_codes_equal_the_oracles(both: tuple[Labels, Labels]) -> None:
    left, right = ([(codes or (NONE_CODE,))[0] for codes in r.values()] for r in both)  # type: ignore[union-attr]
    found = agree(*both, codes=CODES, paths=PATHS, draws=0)
    assert found.confusion is not None
    names = list(found.confusion.codes)
    matrix = np.array(found.confusion.matrix)
    assert matrix.tolist() == confusion_matrix(left, right, labels=names).tolist()
    assert found.macro_f1.value == pytest.approx(f1_score(right, left, average="macro"))
    numbers = [[names.index(code) for code in side] for side in (left, right)]
    tree = tree_distance([PATHS.get(name, (name,)) for name in names])
    if len({*left, *right}) == 1:
        assert found.cohen_kappa.value is None
        assert found.cohen_kappa.note == "only one code was used"
        assert found.krippendorff_alpha.value is None
    else:
        assert found.cohen_kappa.value == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)
        assert found.tree_alpha is not None
        assert found.tree_alpha.value == pytest.approx(krippendorff_alpha(numbers, tree), abs=1e-12)
    assert found.gwet_ac1.value == pytest.approx(float(gwet_ac1(matrix)), abs=1e-12)


@given(raters(several, least=1))
def test_alpha_of_sets_equals_alpha_of_ratings(both: tuple[Labels, Labels]) -> None:
    sides = [[frozenset(codes or ()) for codes in side.values()] for side in both]
    distinct = sorted({*sides[0], *sides[1]}, key=sorted)
    numbers = [[distinct.index(answer) for answer in side] for side in sides]
    expected = krippendorff_alpha(numbers, masi_distance(distinct))
    found = agree(*both, codes=CODES, draws=0).krippendorff_alpha
    assert found.value == (None if np.isnan(expected) else pytest.approx(expected, abs=1e-12))


@given(st.one_of(raters(single), raters(several)))
def test_bounds_and_honesty(both: tuple[Labels, Labels]) -> None:
    for name, estimate in estimates(agree(*both, codes=CODES, paths=PATHS, draws=40)).items():
        if estimate.value is None:
            assert estimate.note, name
            assert estimate.low is estimate.high is None
            continue
        assert -1 - 1e-9 <= estimate.value <= 1 + 1e-9, name
        if estimate.low is None:
            assert estimate.note, name
        else:
            assert estimate.high is not None
            assert estimate.low <= estimate.high


@given(st.one_of(raters(single), raters(several)), st.randoms(use_true_random=False))
def test_order_sides_and_names_do_not_matter(both, random) -> None:  # type: ignore[no-untyped-def]
    left, right = both
    found = agree(left, right, codes=CODES, paths=PATHS, draws=30)

    shuffled = list(left)
    random.shuffle(shuffled)
    again = agree(
        {i: tuple(reversed(left[i])) for i in shuffled},
        right,
        codes=CODES,
        paths=PATHS,
        draws=30,
    )
    assert estimates(again) == estimates(found)

    swapped = values(agree(right, left, codes=CODES, paths=PATHS, draws=0))
    mirror = {"precision": "recall", "recall": "precision"}
    for name, value in values(found).items():
        code, dot, statistic = name.partition(".")
        other = f"{code}{dot}{mirror.get(statistic, statistic)}"
        assert swapped[other] == pytest.approx(value, abs=1e-12), name

    new = dict(zip(CODES, random.sample(("p", "q", "r", "s"), 4), strict=True))
    renamed = values(
        agree(
            *({i: tuple(new[c] for c in side[i]) for i in side} for side in both),
            codes=sorted(new.values()),
            paths={new[c]: (PATHS[c][0], new[c]) for c in CODES},
            draws=0,
        )
    )
    for name, value in values(found).items():
        code, dot, statistic = name.partition(".")
        other = f"{new.get(code, code)}{dot}{statistic}"
        assert renamed[other] == pytest.approx(value, abs=1e-12), name


@given(raters(single, least=2), st.data())
def test_unanswered_is_the_same_as_absent(both, data) -> None:  # type: ignore[no-untyped-def]
    left, right = both
    gone = data.draw(st.sets(st.sampled_from(sorted(left))))
    silent = agree({i: None if i in gone else left[i] for i in left}, right, codes=CODES, draws=9)
    absent = agree({i: left[i] for i in left if i not in gone}, right, codes=CODES, draws=9)
    assert estimates(silent) == estimates(absent)
    assert (silent.left_unanswered, silent.right_only) == (len(gone), 0)
    assert (absent.left_unanswered, absent.right_only) == (0, len(gone))
    assert silent.n + len(gone) == len(left)


def test_no_overlap() -> None:
    found = agree({"1": ("a",)}, {"2": ("a",)}, codes=CODES, paths=PATHS, groups={})
    assert (found.n, found.left_only, found.right_only) == (0, 1, 1)
    for name, estimate in estimates(found).items():
        expected = Estimate(value=None, n=0, note="no issue was coded by two raters")
        assert estimate == expected, name
    assert found.disagreements == found.issue_ids == ()


def test_one_code_leaves_kappa_and_alpha_undefined() -> None:
    same: Labels = {str(i): ("a",) for i in range(10)}
    found = agree(same, same, codes=CODES)
    assert found.percent_agreement.value == 1
    assert "understates uncertainty" in found.percent_agreement.note
    reason = Estimate(value=None, n=10, note="only one code was used")
    assert found.cohen_kappa == found.krippendorff_alpha == reason
    # By chance p_e = 0: everyone chose one code of four, which AC1 does not hold against them.
    assert found.gwet_ac1.value == 1
    assert found.per_code[1].f1.note == "neither rater used this code"
    assert found.per_code[1].f1.value is None


def test_perfect_agreement_and_a_single_issue() -> None:
    same: Labels = {str(i): (CODES[i % 4],) for i in range(40)}
    perfect = agree(same, same, codes=CODES, paths=PATHS).cohen_kappa
    assert (perfect.value, perfect.low, perfect.high) == (1, 1, 1)
    assert "understates uncertainty" in perfect.note
    one = agree({"1": ("a",)}, {"1": ("b",)}, codes=CODES)
    assert (one.cohen_kappa.value, one.cohen_kappa.low) == (0, None)
    assert one.cohen_kappa.note == "one issue: no interval"


def test_groups_widen_the_interval_and_keep_the_value() -> None:
    rng = np.random.default_rng(2)
    left = {f"{g}-{i}": (CODES[i % 4],) for g in range(20) for i in range(20)}
    # Raters agree in half of the repositories and guess in the others.
    right = {
        key: codes if int(key.split("-")[0]) % 2 else (CODES[rng.integers(4)],)
        for key, codes in left.items()
    }
    groups = {key: key.split("-")[0] for key in left}
    plain = agree(left, right, codes=CODES).cohen_kappa
    grouped = agree(left, right, codes=CODES, groups=groups).cohen_kappa
    assert plain.value == grouped.value
    assert grouped.high - grouped.low > 2 * (plain.high - plain.low)
    few = agree(left, right, codes=CODES, groups={k: str(int(g) % 3) for k, g in groups.items()})
    assert "only 3 groups" in few.cohen_kappa.note
    # An issue without a group is a group of its own.
    assert agree(left, right, codes=CODES, groups={"0-0": "x"}).cohen_kappa.note == ""


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(9)
    left, right = ({str(i): (CODES[rng.integers(4)],) for i in range(60)} for _ in range(2))
    assert agree(left, right, codes=CODES, seed=1) == agree(left, right, codes=CODES, seed=1)
    assert agree(left, right, codes=CODES, seed=1) != agree(left, right, codes=CODES, seed=2)


def test_none_spelled_out_is_none() -> None:
    left: Labels = {"1": (), "2": ("a",)}
    right: Labels = {"1": (NONE_CODE,), "2": ("a",)}
    assert agree(left, right, codes=CODES).percent_agreement.value == 1
    assert agree(left, right, codes=CODES).disagreements == ()


def test_labels_that_cannot_be_compared() -> None:
    with pytest.raises(InputError, match=r"unknown code.*zzz"):
        agree({"1": ("zzz",)}, {"1": ("a",)}, codes=CODES)
    with pytest.raises(InputError, match="no code fits and a"):
        agree({"1": ("a", NONE_CODE)}, {"1": ("a",)}, codes=CODES)
    with pytest.raises(InputError, match="no path in the hierarchy for: c"):
        agree({"1": ("c",)}, {"1": ("a",)}, codes=CODES, paths={"a": ("A", "a")})


def test_chance_alone_among_many_issues_is_no_agreement() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(4, size=(2, 100_000))
    left, right = ({str(i): (CODES[c],) for i, c in enumerate(side)} for side in drawn)
    found = agree(left, right, codes=CODES, draws=2000)
    assert found.n == 100_000
    assert abs(found.cohen_kappa.value) < 0.01


FIVE = ("a", "b", "c", "d", "e")
PATHS_OF_FIVE = {
    "a": ("A", "a"),
    "b": ("A", "b"),
    "c": ("C", "c"),
    "d": ("C", "d"),
    "e": ("E", "e"),
}

answers = st.one_of(st.none(), st.sampled_from([(), *((code,) for code in FIVE)]))
studies = st.dictionaries(
    st.sampled_from(("ann", "bob", "cy")),
    st.dictionaries(st.sampled_from([f"i{k}" for k in range(9)]), answers),
)


def test_krippendorff_2011() -> None:
    labels = {
        f"rater {r}": {f"u{u:02}": (FIVE[code],) for u, code in enumerate(row) if code >= 0}
        for r, row in enumerate(KRIPPENDORFF)
    }
    found = agree_many(labels, codes=FIVE, draws=300)
    assert found.krippendorff_alpha.value == pytest.approx(0.743, abs=5e-4)
    assert found.percent_agreement.value == pytest.approx(0.81818, abs=5e-6)
    assert (found.n, found.complete, found.single) == (11, 8, 1)
    assert found.fleiss_kappa.n == 8
    assert found.fleiss_kappa.note.endswith("3 issues not coded by every rater, left out")
    assert found.krippendorff_alpha.low is not None
    assert found.krippendorff_alpha.low < 0.743 < (found.krippendorff_alpha.high or 0)


def test_fleiss_1971() -> None:
    labels: dict[str, dict[str, tuple[str, ...]]] = {f"r{r:02}": {} for r in range(14)}
    for unit, row in enumerate(FLEISS):
        given_codes = [code for code, times in zip(FIVE, row, strict=True) for _ in range(times)]
        for rater, code in enumerate(given_codes):
            labels[f"r{rater:02}"][f"u{unit}"] = (code,)
    found = agree_many(labels, codes=FIVE, draws=300)
    assert found.fleiss_kappa.value == pytest.approx(0.210, abs=5e-4)
    assert found.complete == found.n == 10


@given(studies)
def test_two_raters_are_a_special_case(labels) -> None:  # type: ignore[no-untyped-def]
    labels = {rater: labels.get(rater, {}) for rater in ("ann", "bob")}
    many = agree_many(labels, codes=FIVE, paths=PATHS_OF_FIVE, draws=0)
    two = agree(labels["ann"], labels["bob"], codes=FIVE, paths=PATHS_OF_FIVE, draws=0)
    for name in ("percent_agreement", "gwet_ac1", "krippendorff_alpha", "tree_alpha"):
        ours, theirs = getattr(many, name), getattr(two, name)
        assert ours.value == pytest.approx(theirs.value, abs=1e-12), name
        assert ours.note == theirs.note
    assert many.n == two.n


@given(studies)
def test_every_undefined_figure_says_why(labels) -> None:  # type: ignore[no-untyped-def]
    found = agree_many(
        labels, codes=FIVE, paths=PATHS_OF_FIVE, draws=20, groups={"i0": "x", "i1": "x"}
    )
    for name in ("percent_agreement", "fleiss_kappa", "gwet_ac1", "krippendorff_alpha"):
        estimate = getattr(found, name)
        if estimate.value is None:
            assert estimate.note, name
        else:
            assert -1 - 1e-9 <= estimate.value <= 1 + 1e-9
    assert found.fleiss_kappa.n == (found.complete if found.fleiss_kappa.n else 0)


def test_sets_use_masi_and_leave_fleiss_undefined() -> None:
    labels = {
        "ann": {"1": ("a", "b"), "2": ("c",), "3": ("d",)},
        "bob": {"1": ("b",), "2": ("c",), "3": None},
        "cy": {"1": ("b", "a"), "2": ("c",)},
    }
    found = agree_many(labels, codes=FIVE, paths=PATHS_OF_FIVE, draws=50)
    # Issue 1 holds {ab} twice and {b} once, 2/3 apart: 4 * 2/3 / 2. Totals 2, 1, 3 of 6.
    observed, expected = 4 * (2 / 3) / 2, 2 * (2 * 1 * 2 / 3 + 2 * 3 + 1 * 3)
    assert found.krippendorff_alpha.value == pytest.approx(1 - 5 * observed / expected)
    for undefined in (found.fleiss_kappa, found.gwet_ac1, found.tree_alpha):
        assert undefined is not None
        assert undefined.value is None
        assert "several codes" in undefined.note
    assert found.unanswered == {"ann": 0, "bob": 1, "cy": 0}
    assert (found.n, found.single) == (2, 1)


def test_one_rater_and_nobody() -> None:
    for labels in ({}, {"ann": {"1": ("a",), "2": ("b",)}}):
        found = agree_many(labels, codes=FIVE, groups={})
        assert found.n == 0
        assert found.krippendorff_alpha.value is None
        assert found.krippendorff_alpha.note == "no issue was coded by two raters"
        assert found.fleiss_kappa.note.startswith("no issue was coded by every rater")
    assert found.single == 2


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(InputError, match="unknown code"):
        agree_many({"a": {"1": ("x",)}, "b": {"1": ("a",)}}, codes=FIVE)
