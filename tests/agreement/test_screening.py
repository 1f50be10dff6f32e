"""Recall of a screening: by hand, and against what sampling really does."""

from __future__ import annotations

import numpy as np
import pytest

from coder.agreement.screening import Side, missed, more_labels, precision, recall


def test_recall_is_what_one_counts_by_hand():
    found = recall([Side(200, 50, 40)], [Side(1000, 100, 2)])
    assert found.value == pytest.approx(160 / (160 + 20))
    assert found.low < found.value < found.high
    assert missed([Side(1000, 100, 2)]).value == 20


def test_with_every_issue_labelled_nothing_is_left_to_guess():
    found = recall([Side(20, 20, 15)], [Side(80, 80, 5)])
    assert (found.value, found.low, found.high) == (0.75, 0.75, 0.75)


@pytest.mark.parametrize(
    ("kept", "out", "why"),
    [
        (Side(10, 5, 5), Side(90, 0, 0), "screened out"),
        (Side(10, 0, 0), Side(90, 5, 0), "screened in"),
        (Side(10, 5, 0), Side(90, 5, 0), "no labelled issue"),
    ],
)
def test_what_no_label_tells_is_not_known(kept, out, why):
    found = recall([kept], [out])
    assert found.value is None and why in found.note


def test_nothing_screened_out_is_nothing_missed():
    assert recall([Side(10, 10, 4)], [Side(0, 0, 0)]).value == 1
    assert missed([Side(0, 0, 0)]).value == 0


@pytest.mark.parametrize(("share_in", "share_out"), [(0.8, 0.02), (0.5, 0.1), (0.95, 0.005)])
def test_the_interval_holds_the_truth_as_often_as_it_says(share_in, share_out):
    rng = np.random.default_rng(1)
    kept, out = 150, 800
    hits_in, hits_out = round(kept * share_in), round(out * share_out)
    truth = hits_in / (hits_in + hits_out)
    drawn_in = rng.hypergeometric(hits_in, kept - hits_in, 40, 400)
    drawn_out = rng.hypergeometric(hits_out, out - hits_out, 120, 400)
    ends = {
        pair: recall([Side(kept, 40, pair[0])], [Side(out, 120, pair[1])])
        for pair in set(zip(drawn_in.tolist(), drawn_out.tolist(), strict=True))
    }
    held = [
        ends[pair].low <= truth <= ends[pair].high
        for pair in zip(drawn_in.tolist(), drawn_out.tolist(), strict=True)
    ]
    assert np.mean(held) >= 0.95


def test_parts_drawn_with_other_probabilities_are_carried_each_by_its_own():
    kept = [Side(100, 100, 70)]
    out = [Side(900, 90, 1), Side(60, 30, 10), Side(5, 5, 2)]
    found = recall(kept, out)
    assert found.value == pytest.approx(70 / (70 + 10 + 20 + 2))
    assert missed(out).value == pytest.approx(32)
    rng = np.random.default_rng(2)
    held = []
    for _ in range(300):
        rare, common = rng.hypergeometric(12, 888, 90), rng.hypergeometric(20, 40, 30)
        one = recall(kept, [Side(900, 90, int(rare)), Side(60, 30, int(common)), out[2]])
        held.append(one.low <= 70 / 104 <= one.high)
    assert np.mean(held) >= 0.95


def test_precision_is_of_all_that_is_kept():
    found = precision([Side(100, 50, 40), Side(10, 10, 0)])
    assert found.value == pytest.approx(80 / 110)
    assert found.low < found.value < found.high < 90 / 110
    assert precision([Side(0, 0, 0)]).value is None


def test_the_labels_that_are_asked_for_are_enough_and_no_more():
    kept, out = [Side(150, 100, 80)], [Side(800, 100, 5)]
    more = more_labels(kept, out, 0.15)
    assert more is not None and more > 100  # all 50 that are left of what was kept, and others

    def width(more: int) -> float:
        labelled = 100 + more - 50
        found = recall([Side(150, 150, 120)], [Side(800, labelled, round(labelled / 20))])
        return found.high - found.low

    assert width(more) <= 0.15 < width(more - 20)
    assert more_labels(kept, out, 1) == 0
    assert more_labels(kept, out, 0) == 750
    assert more_labels(kept, [Side(800, 0, 0)], 0.1) is None
