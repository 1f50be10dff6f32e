"""Three raters and more: published values, missing ratings, and who is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import FLEISS, KRIPPENDORFF

from coder.agreement import agree, agree_many
from coder.errors import InputError

CODES = ("a", "b", "c", "d", "e")
PATHS = {"a": ("A", "a"), "b": ("A", "b"), "c": ("C", "c"), "d": ("C", "d"), "e": ("E", "e")}

answers = st.one_of(st.none(), st.sampled_from([(), *((code,) for code in CODES)]))
studies = st.dictionaries(
    st.sampled_from(("ann", "bob", "cy")),
    st.dictionaries(st.sampled_from([f"i{k}" for k in range(9)]), answers),
)


def test_krippendorff_2011() -> None:
    labels = {
        f"rater {r}": {f"u{u:02}": (CODES[code],) for u, code in enumerate(row) if code >= 0}
        for r, row in enumerate(KRIPPENDORFF)
    }
    found = agree_many(labels, codes=CODES, draws=300)
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
        given_codes = [code for code, times in zip(CODES, row, strict=True) for _ in range(times)]
        for rater, code in enumerate(given_codes):
            labels[f"r{rater:02}"][f"u{unit}"] = (code,)
    found = agree_many(labels, codes=CODES, draws=300)
    assert found.fleiss_kappa.value == pytest.approx(0.210, abs=5e-4)
    assert found.complete == found.n == 10


@given(studies)
def test_two_raters_are_a_special_case(labels) -> None:  # type: ignore[no-untyped-def]
    labels = {rater: labels.get(rater, {}) for rater in ("ann", "bob")}
    many = agree_many(labels, codes=CODES, paths=PATHS, draws=0)
    two = agree(labels["ann"], labels["bob"], codes=CODES, paths=PATHS, draws=0)
    for name in ("percent_agreement", "gwet_ac1", "krippendorff_alpha", "tree_alpha"):
        ours, theirs = getattr(many, name), getattr(two, name)
        assert ours.value == pytest.approx(theirs.value, abs=1e-12), name
        assert ours.note == theirs.note
    assert many.n == two.n


@given(studies)
def test_every_undefined_figure_says_why(labels) -> None:  # type: ignore[no-untyped-def]
    found = agree_many(labels, codes=CODES, paths=PATHS, draws=20, groups={"i0": "x", "i1": "x"})
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
    found = agree_many(labels, codes=CODES, paths=PATHS, draws=50)
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
        found = agree_many(labels, codes=CODES, groups={})
        assert found.n == 0
        assert found.krippendorff_alpha.value is None
        assert found.krippendorff_alpha.note == "no issue was coded by two raters"
        assert found.fleiss_kappa.note.startswith("no issue was coded by every rater")
    assert found.single == 2


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(InputError, match="unknown code"):
        agree_many({"a": {"1": ("x",)}, "b": {"1": ("a",)}}, codes=CODES)
