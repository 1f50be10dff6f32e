"""Two runs of the same issues: who is right, which labels count, which issues flipped."""

from __future__ import annotations

import csv
import json
import random
from datetime import timedelta

import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, f1_score
from support.runs import AT, FLAT, MULTIPLE, TREE, Maker, issue, label

from coder.compare import compare, write_comparison
from coder.compare.wording import Names, verdict
from coder.errors import UsageError
from coder.records import Action, Decision, Label, Status


def answers(issues, right, seed):
    """The true codes, and a model's that is right with probability ``right``."""
    draw = random.Random(99)
    truth = {f"{n:03}": draw.choice("abc") for n in range(issues)}
    own = random.Random(seed)
    said = {i: c if own.random() < right else own.choice("abc") for i, c in truth.items()}
    return truth, said


@pytest.fixture
def two(maker: Maker):
    truth, poor = answers(200, 0.4, 1)
    _, good = answers(200, 0.8, 2)
    return maker.run(poor, "poor"), maker.run(good, "good"), truth, poor, good


def test_the_better_model_is_told_by_paired_figures(two):
    poor, good, truth, said_poor, said_good = two
    label(poor, "ann", truth)
    (pair,) = compare([poor, good], draws=300).pairs
    (found,) = pair.against
    left, right, labels = ([codes[i] for i in truth] for codes in (said_poor, said_good, truth))
    assert found.n == 200
    assert found.kappa.left.value == pytest.approx(cohen_kappa_score(left, labels))
    assert found.kappa.right.value == pytest.approx(cohen_kappa_score(right, labels))
    assert found.kappa.difference.high < 0
    f1 = dict(zip("abc", f1_score(labels, right, average=None), strict=True))
    assert {c.code: c.f1.right.value for c in found.per_code} == pytest.approx(f1)
    only_poor = sum(a == t != b for a, b, t in zip(left, right, labels, strict=True))
    only_good = sum(b == t != a for a, b, t in zip(left, right, labels, strict=True))
    assert (found.mcnemar.only_left, found.mcnemar.only_right) == (only_poor, only_good)
    exact = binomtest(only_poor, only_poor + only_good).pvalue
    assert found.mcnemar.p_value == pytest.approx(exact)
    (models,) = pair.models
    assert models.cohen_kappa.value == pytest.approx(cohen_kappa_score(left, right))


def test_identical_labels_of_both_runs_are_one_label(two):
    poor, good, truth, *_ = two
    label(poor, "ann", truth)
    label(good, "ann", truth | {"000": "c" if truth["000"] != "c" else "a"})
    (found,) = compare([poor, good], draws=0).pairs[0].against
    assert (found.n, found.differing, found.from_runs) == (199, 1, ("poor", "good"))


def test_a_label_given_after_a_suggestion_elsewhere_does_not_count(two):
    poor, good, truth, *_ = two
    proposal = next(iter(good.proposals))
    good.decision_journal("ann").append(
        [Decision(id="d", issue_id=proposal.issue_id, proposal_id=proposal.id, rater="ann",
                  action=Action.ACCEPT, codes=("a",), at=AT)]
    )  # fmt: skip
    poor.label_journal("ann").append(
        Label(issue_id=i, rater="ann", codes=(c,), at=AT + timedelta(days=1))
        for i, c in truth.items()
    )
    (found,) = compare([poor, good], draws=0).pairs[0].against
    assert (found.n, found.swayed) == (199, 1)


def test_only_shared_issues_with_the_same_text_are_compared(maker: Maker, tmp_path):
    left = maker.run({"1": "a", "2": "a", "3": "b"}, "left")
    other = Maker(maker.runs, issues=[issue("2"), issue("3", body="Rewritten."), issue("4")])
    right = other.run({"2": "b", "3": "b", "4": "b"}, "right")
    found = compare([left, right], draws=0)
    (pair,) = found.pairs
    assert (pair.shared, pair.only_left, pair.only_right, pair.changed) == (1, 1, 1, 1)
    assert [flip.issue_id for flip in pair.flips] == ["2"]
    assert [run.shared for run in found.runs] == [1, 1]


def test_failures_and_leaked_answers_are_in_no_figure_but_counted(maker: Maker):
    left = maker.run({"1": "a", "2": Status.FAILED, "3": "b"}, "left")
    right = maker.run({"1": "a", "2": "a", "3": "b"}, "right", **{"3": {"shown": ("3",)}})
    label(left, "ann", {"1": "a", "2": "a", "3": "b"})
    found = compare([left, right], draws=0)
    assert found.pairs[0].models[0].n == found.pairs[0].against[0].n == 1
    assert [run.left_out for run in found.runs] == [{"failed": 1}, {"leaked": 1}]


def test_flips_that_a_label_decides_come_first_and_are_all_in_the_files(maker: Maker, tmp_path):
    left = maker.run({"1": "a", "2": "a", "3": "a", "4": "a"}, "left")
    right = maker.run({"1": "b", "2": "b", "3": "b", "4": "a"}, "right")
    label(right, "ann", {"3": "b", "2": "c"})
    found = compare([left, right], draws=0)
    assert [flip.issue_id for flip in found.pairs[0].flips] == ["3", "2", "1"]
    files = write_comparison(found, tmp_path / "out")
    assert {file.name for file in files} == {"compare.md", "compare.json", "flips.csv"}
    rows = list(csv.DictReader((tmp_path / "out" / "flips.csv").read_text().splitlines()))
    assert [(row["issue_id"], row["labels"]) for row in rows] == [
        ("3", "ann: Beta"), ("2", "ann: Gamma"), ("1", "")
    ]  # fmt: skip
    saved = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert saved["pairs"][0]["flips"][0]["labels"] == {"ann": ["b"]}


def test_several_codes_have_no_kappa_but_are_compared(maker: Maker):
    maker.book = MULTIPLE
    left = maker.run({"1": ("a", "b"), "2": "a"}, "left")
    right = maker.run({"1": ("b", "a"), "2": "b"}, "right")
    label(left, "ann", {"1": ("a", "b"), "2": "b"})
    (found,) = compare([left, right], draws=0).pairs[0].against
    assert found.kappa.difference.value is None
    assert (found.mcnemar.both, found.mcnemar.only_right) == (1, 1)
    assert found.right.right.value == 1


def test_hostile_titles_stay_text(maker: Maker, tmp_path):
    maker.issues = [issue("1", title="=cmd|'/c calc'!A1 <script>x</script>|")]
    left, right = maker.run({"1": "a"}, "left"), maker.run({"1": "b"}, "right")
    write_comparison(compare([left, right], draws=0), tmp_path)
    assert "<script>" not in (tmp_path / "compare.md").read_text()
    assert ",'=cmd" in (tmp_path / "flips.csv").read_text()


def test_what_cannot_be_compared_is_refused(maker: Maker):
    left = maker.run({"1": "a"}, "left")
    with pytest.raises(UsageError, match="nothing to compare"):
        compare([left])
    other = Maker(maker.runs, book=TREE).run({"1": "call"}, "other")
    with pytest.raises(UsageError, match="different codes"):
        compare([left, other])
    worded = FLAT.replace("The first.", "The very first.")
    same_codes = Maker(maker.runs, book=worded).run({"1": "a"}, "worded")
    found = compare([left, same_codes], draws=0)
    assert len({run.codebook_hash for run in found.runs}) == 2


def test_no_test_is_told_where_the_models_are_right_on_the_same_issues(maker: Maker) -> None:
    left, right = maker.run({"1": "a", "2": "b"}, "left"), maker.run({"1": "a", "2": "c"}, "right")
    label(left, "ann", {"1": "a", "2": "a"})
    found = compare([left, right], draws=50)
    (pair,) = found.pairs
    said = verdict(pair, pair.against[0], Names(found))
    assert "there is no issue on which only one of them is right" in said
    assert "exact p" not in said
