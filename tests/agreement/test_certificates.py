"""What a certificate promises, held against exact binomial figures and simulated populations."""

import numpy as np
import pytest
from scipy import stats

from coder.agreement import certify
from coder.agreement.certificates import GRID, doubt, effective_n, labels_needed


@pytest.mark.parametrize(("errors", "n"), [(0, 29), (3, 80), (7, 60), (40, 41)])
@pytest.mark.parametrize("weight", [1.0, 0.1, 37.3])
def test_equal_weights_are_the_exact_binomial_test(errors, n, weight):
    wrong = np.arange(n) < errors
    rate, effective = effective_n(wrong, np.full(n, weight))
    assert (rate, effective) == (pytest.approx(errors / n), n)
    expected = stats.binomtest(errors, n, 0.1, alternative="less").pvalue
    assert doubt(rate, effective, 0.1) == pytest.approx(expected)


def test_a_threshold_is_the_most_liberal_that_passes_with_delta_over_all_tests():
    confidence = np.repeat([0.55, 0.85, 0.97], [40, 100, 100])
    right = np.ones(240, dtype=bool)
    right[:30] = False
    found = certify(confidence, right, epsilon=0.1, delta=0.05, certificates=4)
    assert found.tests == 4 * len(GRID)
    passes = [
        t for t in GRID
        if stats.binomtest(int((~right[confidence >= t]).sum()), int((confidence >= t).sum()) or 1,
                           0.1, alternative="less").pvalue <= 0.05 / found.tests
    ]  # fmt: skip
    assert found.threshold == passes[0] == 0.6
    assert (found.n, found.errors, found.effective) == (200, 0, 200)


def test_delta_is_spent_once_over_all_certificates():
    confidence, right = np.full(60, 0.995), np.ones(60, dtype=bool)
    assert certify(confidence, right).threshold == 0.0
    assert 0.05 / (len(GRID) * 10) < 0.9**60
    assert certify(confidence, right, certificates=10).threshold is None


def test_a_code_that_is_never_proposed_is_not_certified_by_any_number():
    found = certify(np.full(500, 0.97), np.zeros(500, dtype=bool))
    assert (found.threshold, found.needed, found.errors) == (None, None, found.n)


def test_what_a_person_reads_is_no_error_and_not_accepted():
    confidence = np.repeat([-1.0, 0.95], [100, 100])
    right = confidence > 0
    found = certify(confidence, right)
    assert (found.threshold, found.n, found.errors, found.share) == (0.0, 100, 0, 0.5)


def test_the_labels_needed_are_the_fewest_that_pass():
    needed = labels_needed(0.0, 0.1, 0.05, 1)
    bar = 0.05 / len(GRID)
    assert 0.9**needed <= bar < 0.9 ** (needed - 1)
    few = certify(np.full(20, 0.9), np.ones(20, dtype=bool))
    assert (few.threshold, few.needed) == (None, needed)
    assert labels_needed(0.1, 0.1, 0.05, 1) is None


def test_a_copied_repository_is_worth_one_label():
    wrong = np.repeat(np.arange(40) % 8 == 0, 10)
    _, effective = effective_n(wrong, np.ones(400), np.repeat(np.arange(40), 10))
    assert 35 < effective <= 40
    _, alone = effective_n(wrong, np.ones(400))
    assert alone == 400


@pytest.mark.parametrize("rare", [False, True])
def test_a_certificate_fails_no_more_often_than_delta(rare):
    """Labels drawn by doubt from a population whose error is just above what is allowed."""
    violated = given = 0
    for seed in range(400):
        draw = np.random.default_rng(seed)
        confidence = draw.choice([0.65, 0.85, 0.97], size=3000)
        error = np.where(confidence > 0.8, 0.13 if rare else 0.02, 0.3)
        right = draw.random(3000) > error
        chance = np.clip(2 * (1 - confidence), 0.05, 1) * 0.5
        seen = draw.random(3000) < chance
        found = certify(confidence[seen], right[seen], weights=1 / chance[seen], delta=0.1)
        if found.threshold is not None:
            given += 1
            violated += error[confidence >= found.threshold].mean() > 0.1
    assert violated <= 0.1 * 400 + 3 * (400 * 0.1 * 0.9) ** 0.5
    assert rare or given > 200
