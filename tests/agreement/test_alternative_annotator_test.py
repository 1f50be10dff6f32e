"""The alternative annotator test against its definition, worked out again item by item."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coder.agreement import alt_test
from coder.agreement.alternative_annotator_test import FEWEST_ITEMS


def by_definition(model, humans, epsilon, q=0.05):
    """Winning rate and advantage by the formulas of arXiv 2501.10970, section 3, in plain loops."""

    def match(answer, others):
        if isinstance(answer, str):
            return fmean(float(answer == other) for other in others)
        pairs = [(set(answer), set(other)) for other in others]
        return fmean(len(a & b) / len(a | b) if a | b else 1.0 for a, b in pairs)

    p_values, advantages = [], []
    for rater, labels in humans.items():
        f_wins, h_wins = [], []
        for item, label in labels.items():
            others = [h[item] for r, h in humans.items() if r != rater and item in h]
            if not others:
                continue
            human, machine = match(label, others), match(model[item], others)
            f_wins.append(float(machine >= human - 1e-12))
            h_wins.append(float(human >= machine - 1e-12))
        difference = [h - f for h, f in zip(h_wins, f_wins, strict=True)]
        if len(set(difference)) == 1:
            p_values.append(0.0 if difference[0] < epsilon else 1.0)
        else:
            test = stats.ttest_1samp(difference, epsilon, alternative="less")
            p_values.append(float(test.pvalue))
        advantages.append(fmean(f_wins))
    adjusted = stats.false_discovery_control(p_values, method="by")
    return fmean(float(p <= q) for p in adjusted), fmean(advantages), p_values


def study(seed, noise, several=False, raters=4, items=60, codes="abcd"):
    """A truth, and raters and a model who each miss it now and then; some items are not coded."""
    draw = random.Random(seed)

    def answer():
        found = draw.sample(codes, draw.randint(0, 2)) if several else draw.choice(codes)
        return tuple(found) if several else found

    truth = {f"i{n}": answer() for n in range(items)}

    def told(share):
        return {i: answer() if draw.random() < share else code for i, code in truth.items()}

    humans = {}
    for number in range(raters):
        kept = {i: c for i, c in told(0.3).items() if draw.random() < 0.9}
        humans[f"r{number}"] = kept
    return told(noise), humans


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.2, 0.6, 1.0]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_it_is_the_test_of_its_definition(seed, noise, several):
    model, humans = study(seed, noise, several)
    found = alt_test(model, humans, epsilon=0.15)
    rate, advantage, p_values = by_definition(model, humans, 0.15)
    assert found.winning_rate == pytest.approx(rate)
    assert found.advantage == pytest.approx(advantage)
    assert [*found.p_values.values()] == pytest.approx(p_values)
    assert found.passed is (rate >= 0.5)


def test_the_truth_passes_and_guessing_does_not():
    model, humans = study(1, 0.0)
    assert alt_test(model, humans).passed is True
    model, humans = study(1, 1.0)
    assert alt_test(model, humans).passed is False


def test_names_of_codes_raters_and_items_do_not_matter():
    model, humans = study(2, 0.4)
    before = alt_test(model, humans)
    renamed = {f"{i}!": f"<{code}>" for i, code in model.items()}
    again = {
        f"x{rater}": {f"{i}!": f"<{code}>" for i, code in labels.items()}
        for rater, labels in humans.items()
    }
    after = alt_test(renamed, again)
    assert after.winning_rate == before.winning_rate
    assert after.advantage == pytest.approx(before.advantage)


def test_a_set_of_one_code_is_that_code():
    model, humans = study(3, 0.4)
    as_sets = {r: {i: (c,) for i, c in labels.items()} for r, labels in humans.items()}
    found = alt_test({i: (c,) for i, c in model.items()}, as_sets)
    assert found == alt_test(model, humans)


def test_too_few_raters_give_figures_and_no_verdict():
    model, humans = study(4, 0.0, raters=2)
    found = alt_test(model, humans)
    assert found.winning_rate is not None
    assert found.passed is None
    assert "only 2 have" in found.note


def test_raters_with_too_few_items_are_left_out_and_named():
    model, humans = study(5, 0.0)
    humans["new"] = dict([*humans["r0"].items()][: FEWEST_ITEMS - 1])
    found = alt_test(model, humans)
    assert found.left_out == {"new": FEWEST_ITEMS - 1}
    assert "new" not in found.p_values


def test_nobody_to_compare_with_is_undefined_not_zero():
    found = alt_test({"i": "a"}, {"r": {"i": "a"}})
    assert found.winning_rate is None
    assert found.advantage is None
    assert found.passed is None
    assert "nobody has" in found.note
    assert alt_test({}, {}).winning_rate is None


def test_items_without_an_answer_are_counted_and_left_out():
    model, humans = study(6, 0.0)
    gone = {i: None if n < 5 else code for n, (i, code) in enumerate(model.items())}
    found = alt_test(gone, humans)
    assert found.unanswered == 5
    fewer = {i: code for i, code in gone.items() if code is not None}
    kept = {r: {i: c for i, c in labels.items() if i in fewer} for r, labels in humans.items()}
    assert found.p_values == alt_test(fewer, kept).p_values
