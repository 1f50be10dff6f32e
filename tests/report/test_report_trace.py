"""Every figure leads to the lines it was computed from, and those lines lead back to it."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from support.runs import AT, MULTIPLE, TREE, Maker, decide, label, proposal

from coder.errors import UsageError
from coder.records import Action, Label, Status
from coder.report import build_report
from coder.report.trace import find, numbers, ranges


@given(st.sets(st.integers(1, 300)))
def test_ranges_are_lines_in_fewer_words(lines):
    assert (numbers(ranges(lines)) if lines else set()) == lines
    assert ranges([1, 2, 3, 5, 7, 8]) == "1-3,5,7-8"


def lines_of(run, report, name):
    """The records on the lines that a figure names, by file."""
    traced = next(one for one in report.trace.figures if one.name == name)
    found = {}
    for file, spelled in traced.lines.items():
        rows = (run.path / file).read_bytes().splitlines()
        found[file] = [json.loads(rows[line - 1]) for line in sorted(numbers(spelled))]
    return found


@pytest.fixture
def run(maker: Maker):
    run = maker.run({"1": "a", "2": "b", "3": "c", "4": Status.FAILED, "5": "a"})
    label(run, "ann", {"1": "a", "2": "b", "3": "a", "4": "a"})
    run.label_journal("ann").append([Label(issue_id="2", rater="ann", codes=("c",), at=AT)])
    run.proposals.append([proposal("1", "b", number=2)])
    return run


def test_the_lines_that_stand_give_the_figure_again(run):
    report = build_report(run, draws=0)
    found = lines_of(run, report, "blind.category.model_vs_ann")
    model = {p["issue_id"]: p["codes"][0]["code"] for p in found["proposals.jsonl"]}
    people = {r["issue_id"]: r["codes"][0] for r in found["labels/ann.jsonl"]}
    assert model == {"1": "b", "2": "b", "3": "c"}
    assert people == {"1": "a", "2": "c", "3": "a"}
    by_hand = cohen_kappa_score(list(model.values()), list(people.values()))
    assert report.pairs[0].cohen_kappa.value == pytest.approx(by_hand)


def test_files_are_named_with_the_hash_of_their_last_line(run):
    report = build_report(run, draws=0)
    assert [(f.file, f.lines) for f in report.trace.files] == [
        ("proposals.jsonl", 6), ("labels/ann.jsonl", 5)
    ]  # fmt: skip
    last = (run.path / "labels" / "ann.jsonl").read_bytes().splitlines()[-1]
    assert report.trace.files[1].hash == hashlib.sha256(last).hexdigest()


def test_a_decision_leads_to_the_proposal_that_was_shown(maker: Maker):
    run = maker.run({"1": "a", "2": "b"})
    decide(run, "ann", {"1": Action.ACCEPT, "2": (Action.CORRECT, "a")})
    run.proposals.append([proposal("1", "c", number=2)])
    found = lines_of(run, build_report(run, draws=0), "assisted.category.model_vs_ann")
    assert [p["id"] for p in found["proposals.jsonl"]] == ["p1-1", "p1-2"]
    assert [d["issue_id"] for d in found["decisions/ann.jsonl"]] == ["1", "2"]


def test_what_was_withdrawn_is_in_no_figure(run):
    run.label_journal("ann").append(
        [Label(issue_id="1", rater="ann", codes=(), withdrawn=True, at=AT)]
    )
    found = lines_of(run, build_report(run, draws=0), "blind.category.model_vs_ann")
    assert {r["issue_id"] for r in found["labels/ann.jsonl"]} == {"2", "3"}


def test_raters_together_are_the_issues_two_of_them_answered(maker: Maker):
    maker.book = TREE
    run = maker.run({"1": "call", "2": "set", "3": "speed"})
    label(run, "ann", {"1": "call", "2": "set"})
    label(run, "bea", {"1": "call", "2": "use"})
    label(run, "cat", {"3": "speed", "2": "call"})
    report = build_report(run, draws=0)
    category, code = (lines_of(run, report, f"together.{level}") for level in ("category", "code"))
    assert {f: [r["issue_id"] for r in rows] for f, rows in category.items()} == {
        "labels/ann.jsonl": ["1", "2"], "labels/bea.jsonl": ["1", "2"], "labels/cat.jsonl": ["2"]
    }  # fmt: skip
    assert [r["issue_id"] for r in code["labels/bea.jsonl"]] == ["1"]


def test_every_figure_has_lines(maker: Maker):
    maker.book = MULTIPLE
    run = maker.run({"1": ("a", "b"), "2": "b", "3": "c"})
    label(run, "ann", {"1": "a", "2": "b", "3": ("c", "a")})
    label(run, "bea", {"1": "a", "2": "b"})
    decide(run, "ann", {"1": Action.ACCEPT})
    report = build_report(run, draws=0)
    known = {one.name for one in report.trace.figures}
    for name in ("kappa.model_vs_ann", "jaccard.model_vs_ann", "recall.a.model_vs_ann",
                 "prevalence.a", "prevalence.a.bea", "corrected.b", "trust", "stand_in",
                 "acceptance.ann", "agreement.assisted.model_vs_ann"):  # fmt: skip
        assert find(report, name).source in known, name


def test_short_names_mean_blind_and_by_category(maker: Maker):
    maker.book = TREE
    run = maker.run({"1": "call", "2": "set"})
    label(run, "a_vs.b", {"1": "call", "2": "call"})
    report = build_report(run, draws=0)
    full = "percent_agreement.blind.category.model_vs_a_vs.b"
    assert find(report, "agreement.model_vs_a_vs.b").name == full
    assert find(report, full).value == "1.000 (n = 2)"
    assert find(report, "agreement.code.model_vs_a_vs.b").value == "0.500 (n = 2)"


def test_an_unknown_figure_lists_those_there_are(run):
    with pytest.raises(UsageError, match="no figure called 'kapa'") as raised:
        find(build_report(run, draws=0), "kapa")
    assert "kappa.model_vs_ann" in raised.value.hint
    assert "trust" in raised.value.hint
