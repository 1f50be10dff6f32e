"""Shares of a frame from a sample of it: by hand, and against what two draws really do."""

from __future__ import annotations

import numpy as np
import pytest

from coder.agreement.two_phase import Frame, in_frame


def frame(places: tuple[int, ...], sizes: tuple[int, ...]) -> Frame:
    return Frame(np.repeat(np.arange(len(sizes)), places), np.array(sizes))


def test_strata_count_by_their_size_and_not_by_their_sample():
    human = [1.0] * 10 + [0.0] * 10
    (found,) = in_frame(human, human, np.ones(20), frame((10, 10), (30, 970)))
    assert found.value == pytest.approx(0.03)
    # No hit among ten of 970 issues is not no hit.
    assert found.low > 0 and found.high > 0.1


def test_the_model_stands_in_where_nobody_labelled_and_its_errors_are_weighed():
    human = np.array([1.0, 0.0] * 10 + [np.nan] * 20)
    model = np.array([1.0, 0.0] * 9 + [1.0, 1.0] + [1.0] * 15 + [0.0] * 5)
    chance = np.array([0.5, 0.4] * 10 + [1.0] * 20)
    (found,) = in_frame(human, model, chance, frame((40,), (400,)))
    assert found.value == pytest.approx((26 - 1 / 0.4) / 40)
    assert found.n == 20


def test_with_all_drawn_and_all_labelled_nothing_is_left_to_guess():
    human = [1.0, 0.0, 0.0, 1.0] * 5
    (found,) = in_frame(human, human, np.ones(20), frame((8, 12), (8, 12)))
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_few_labels_tell_nothing():
    (found,) = in_frame([1.0] * 9, [1.0] * 9, np.ones(9), frame((9,), (99,)))
    assert found.value is None


@pytest.mark.parametrize(
    ("shares", "right", "labelled"),
    [((0.1, 0.4, 0.8), 0.85, 60), ((0.1, 0.4, 0.8), 0.85, 180), ((0.02, 0.02, 0.1), 0.95, 180)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(shares, right, labelled):
    rng = np.random.default_rng(0)
    sizes = (3000, 600, 80)
    stratum = np.repeat(np.arange(3), sizes)
    truth = (rng.random(len(stratum)) < np.array(shares)[stratum]).astype(float)
    model = np.where(rng.random(len(stratum)) < right, truth, 1 - truth)
    held, values = [], []
    for _ in range(400):
        drawn = np.concatenate(
            [rng.choice(np.flatnonzero(stratum == at), 60, replace=False) for at in range(3)]
        )
        human = truth[drawn]
        human[rng.permutation(180)[labelled:]] = np.nan
        (found,) = in_frame(
            human, model[drawn], np.full(180, labelled / 180), frame((60, 60, 60), sizes)
        )
        held.append(found.low <= truth.mean() <= found.high)
        values.append(found.value)
    assert np.mean(held) >= 0.92
    assert abs(np.mean(values) - truth.mean()) < 3.5 * np.std(values) / 400**0.5
