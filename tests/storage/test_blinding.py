"""Whose suggestion is hidden: a draw that any process makes alike."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.runs import make_run

from coder.records import Mode
from coder.storage.blinding import Shares, salt

SHARE = st.floats(0, 1)
PAIRS = [(rater, f"i{n}") for rater in ("ann", "bea") for n in range(2000)]


def drawn(shares: Shares) -> dict[Mode, set[tuple[str, str]]]:
    found: dict[Mode, set[tuple[str, str]]] = {mode: set() for mode in Mode}
    for pair in PAIRS:
        found[shares.mode(*pair)].add(pair)
    return found


def test_the_shares_are_what_was_asked_for() -> None:
    found = drawn(Shares(blind=0.25, holdout=0.2, salt="s"))
    # Four standard errors of 4,000 draws: 0.025 and 0.027.
    assert abs(len(found[Mode.HOLDOUT]) / len(PAIRS) - 0.2) < 0.025
    assert abs(len(found[Mode.BLIND_FIRST]) / len(PAIRS) - 0.8 * 0.25) < 0.027


def test_raters_and_salts_are_drawn_apart() -> None:
    shares = Shares(holdout=0.5, salt="s")
    ann = {issue for rater, issue in drawn(shares)[Mode.HOLDOUT] if rater == "ann"}
    bea = {issue for rater, issue in drawn(shares)[Mode.HOLDOUT] if rater == "bea"}
    assert 800 < len(ann ^ bea) < 1200
    other = drawn(Shares(holdout=0.5, salt="t"))[Mode.HOLDOUT]
    assert 1600 < len(drawn(shares)[Mode.HOLDOUT] ^ other) < 2400


@given(SHARE, SHARE, SHARE, SHARE)
def test_a_raised_share_keeps_what_it_had(
    blind: float, more: float, holdout: float, held: float
) -> None:
    low, high = sorted((blind, more)), sorted((holdout, held))
    for pair in PAIRS[:50]:
        before = Shares(low[0], high[0], "s").mode(*pair)
        if before is Mode.HOLDOUT:
            assert Shares(low[1], high[1], "s").mode(*pair) is Mode.HOLDOUT
        elif before is Mode.BLIND_FIRST:
            assert Shares(low[1], high[0], "s").mode(*pair) is Mode.BLIND_FIRST


def test_all_and_none() -> None:
    assert drawn(Shares())[Mode.ASSISTED] == set(PAIRS)
    assert drawn(Shares(blind=1))[Mode.BLIND_FIRST] == set(PAIRS)
    assert drawn(Shares(blind=1, holdout=1))[Mode.HOLDOUT] == set(PAIRS)


def test_each_run_has_its_own_salt(tmp_path: Path) -> None:
    one, other = make_run(tmp_path, name="one"), make_run(tmp_path, 4, name="other")
    assert salt(one.manifest) != salt(other.manifest)
    assert salt(one.manifest) == salt(type(one).open(tmp_path, "one").manifest)
