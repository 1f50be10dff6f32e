"""A person who codes twice is one person: ``anna.2`` is anna again."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from support.runs import AT, FLAT, MULTIPLE, Maker, decide, label
from test_report_findings import study
from test_report_outputs import run_cli

from coder.cli.label import read_examples, read_label_file
from coder.compare import compare, multiverse
from coder.errors import UsageError
from coder.records import Action, Decision
from coder.report import Report, build_report
from coder.report.calibrate import calibrate
from coder.report.disagreements import disagreements_csv
from coder.report.export import blind_rows, labels_csv, resolved_rows
from coder.report.markdown import markdown
from coder.report.plan import plan
from coder.report.sentences import headline, headline_sentence, warnings
from coder.report.status import run_status
from coder.revision.migration import migrate
from coder.revision.migration import plan as migration
from coder.storage.intra_rater import people, person, same_person

pytestmark = pytest.mark.usefixtures("few_are_enough")


def report_of(run) -> Report:
    return build_report(run, draws=100)


@pytest.mark.parametrize(
    ("rater", "who"),
    [("anna", "anna"), ("anna.2", "anna"), ("anna.10", "anna"), ("Anna.3", "anna"),
     ("anna.1", "anna.1"), ("anna.02", "anna.02"), ("anna.2b", "anna.2b"), (".2", ".2"),
     ("a.b.2", "a.b")],
)  # fmt: skip
def test_who_codes(rater: str, who: str) -> None:
    assert person(rater) == who


def test_the_first_pass_present_stands_for_a_person() -> None:
    assert people(["anna.2", "anna", "bert.3", "bert.2"]) == ["anna", "bert.2"]
    assert same_person("anna.2", "anna.3") and not same_person("anna", "annabel")


def test_a_second_pass_of_who_did_anything_before_is_nobodys_first() -> None:
    assert people(["anna.2", "bert"], ["anna", "anna.2", "bert"]) == ["bert"]
    assert people(["anna.2"]) == ["anna.2"]


def twice(maker: Maker, name: str = "demo"):
    """A run with few labels of anna's, and three times as many of her second pass, all other."""
    run, truth, _ = study(maker, issues=120)
    label(run, "anna", dict([*truth.items()][:40]))
    other = dict.fromkeys(truth, "c")
    label(run, "anna.2", other)
    return run, truth


def test_a_second_pass_calibrates_only_when_it_is_named(maker: Maker) -> None:
    run, _ = twice(maker)
    assert {made.rater for made in calibrate(run)} == {"anna"}
    assert {made.rater for made in calibrate(run, "anna.2")} == {"anna.2"}


def test_who_saw_suggestions_before_has_no_second_pass_for_a_truth(maker: Maker) -> None:
    run, truth, _ = study(maker, issues=40)
    decide(run, "anna", dict.fromkeys(truth, Action.ACCEPT))
    label(run, "anna.2", truth)
    report = report_of(run)
    assert headline(report) is None
    assert (report.corrected, report.trust) == ((), None)
    assert plan(run, 0.1, draws=100).rater == ""
    with pytest.raises(UsageError, match="nobody has blind labels") as raised:
        calibrate(run)
    assert "--rater anna.2" in raised.value.hint


def test_a_plan_is_made_from_first_passes(maker: Maker) -> None:
    run, _ = twice(maker)
    planned = plan(run, 0.1, draws=100)
    assert (planned.rater, planned.labels) == ("anna", 40)


def test_runs_are_compared_by_first_passes(maker: Maker) -> None:
    run, truth = twice(maker)
    other = maker.run(dict.fromkeys(truth, "a"), "other")
    found = compare([run, other], draws=100)
    assert {against.rater for against in found.pairs[0].against} == {"anna"}
    assert {rater for flip in found.pairs[0].flips for rater in flip.labels} == {"anna"}
    assert (multiverse([run, other]).rater, multiverse([run, other]).labels) == ("anna", 40)


def test_a_stale_answer_is_in_no_plan_and_no_multiverse(maker: Maker) -> None:
    runs = [maker.run({**dict.fromkeys("123", "a"), "4": "c"}, name) for name in ("one", "two")]
    file = maker.runs.parent / "next.yaml"
    third = "  - {id: c, name: Gamma, definition: The third.}\n"
    assert third in FLAT
    file.write_text(FLAT.replace(third, "").replace("name: Flat", "name: Flat\nversion: '2'"))
    runs = [migrate(run, file, migration(run, file)[0]) for run in runs]
    label(runs[0], "anna", {"1": "a", "2": "b"}, codebook_hash=runs[0].codebook.hash)
    assert [u.answered for u in multiverse(runs).universes] == [3, 3]
    assert plan(runs[0], 0.1, draws=100).labels == 2
    lines = {f.name: f.lines for f in build_report(runs[0], draws=0).trace.figures}
    assert lines["prevalence.model"] == {"proposals.jsonl": "1-3"}


def test_a_label_after_another_pass_saw_the_suggestion_is_not_blind_in_a_comparison(
    maker: Maker,
) -> None:
    run = maker.run(dict.fromkeys("123", "a"))
    other = maker.run(dict.fromkeys("123", "b"), "other")
    label(run, "anna.2", dict.fromkeys("123", "a"))
    run.decision_journal("anna.3").append(
        [Decision(id="d", issue_id="1", proposal_id="p1-1", rater="anna.3", action=Action.SKIP,
                  at=AT - timedelta(days=1))]
    )  # fmt: skip
    (against,) = compare([run, other], draws=100).pairs[0].against
    assert (against.rater, against.n, against.swayed) == ("anna.2", 2, 1)


def test_who_agrees_with_themselves_has_resolved_nothing(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("12", "a"))
    label(run, "anna", {"1": "a", "2": "a"})
    label(run, "anna.2", {"1": "a", "2": "b"})
    assert [*resolved_rows(run)] == []
    label(run, "bert", {"2": "a"})
    assert [(i, codes) for i, codes, *_ in resolved_rows(run)] == [("2", ("a",))]


def test_one_file_for_many_is_one_warning_and_one_reason_is_told_once(
    maker: Maker, monkeypatch
) -> None:
    run = maker.run(dict.fromkeys("123", "a"))
    for rater, codes in (("anna", "ab"), ("bert", "ba"), ("cleo", "aa")):
        label(run, rater, dict(zip("12", codes, strict=True)), source="all.csv")
    told = " ".join(warnings(report_of(run)))
    assert told == (
        "Warning: the labels of anna, bert and cleo come from the same file (all.csv); make sure "
        "that these are different people's judgements."
    )
    output = run_cli(run, monkeypatch)
    assert output.count("Left out of") == 1
    assert "Left out of every pair: 1 without a blind label." in output


def test_status_counts_people(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("12", "a"))
    for rater in ("anna", "anna.2", "bert"):
        label(run, rater, {"1": "a"})
    label(run, "anna", {"2": "a"})
    label(run, "anna.2", {"2": "a"})
    found = run_status(run)
    assert (found.several, found.several_blind, found.alpha) == (1, 1, None)
    assert [p.intra_rater for p in found.pairs] == [True, False, False]


def test_a_model_does_not_learn_from_a_second_pass(maker: Maker) -> None:
    maker.book = MULTIPLE
    run = maker.run(dict.fromkeys("123", "a"))
    label(run, "anna", {"1": "a", "2": "b"})
    label(run, "anna.2", {"1": "c", "3": "c"})
    file = run.path / "all.csv"
    rows = [row for rater in run.raters() for row in blind_rows(run, rater)]
    file.write_text(labels_csv(rows), encoding="utf-8")
    examples = read_examples(file, run.codebook, run.issues)
    assert {e.issue.id: e.codes for e in examples} == {"1": ("a",), "2": ("b",)}
    read = read_label_file(file, run.codebook, run.issues, "anna.2")
    assert {la.issue_id: la.codes for la in read.labels} == {"1": ("c",), "3": ("c",)}


def test_two_passes_are_intra_rater_and_not_two_people(maker: Maker, monkeypatch) -> None:
    run = maker.run({f"{n:02}": "ab"[n % 2] for n in range(30)})
    codes = {f"{n:02}": "ab"[n % 2] for n in range(30)}
    label(run, "anna", codes)
    # More labels than the first pass have no bearing on whose agreement is the headline.
    label(run, "anna.2", {**codes, "00": "b"})
    report = report_of(run)
    assert [(p.left, p.right) for p in report.pairs if p.intra_rater] == [("anna", "anna.2")]
    sentence = headline_sentence(report)
    assert "anna and anna.2, one person twice, agree in 97% of 30 issues (intra-rater)" in sentence
    assert "agree with each other" not in sentence
    text = markdown(report)
    assert "| anna and anna.2 (intra-rater) | code | 30 |" in text
    assert "intra-rater" in run_cli(run, monkeypatch)
    kinds = {r["kind"] for r in csv.DictReader(io.StringIO(disagreements_csv(report)))}
    assert kinds == {"blind", "intra-rater"}


def test_a_second_pass_is_never_the_headline(maker: Maker) -> None:
    run = maker.run({f"{n:02}": "ab"[n % 2] for n in range(30)})
    label(run, "anna", {f"{n:02}": "a" for n in range(10)})
    label(run, "anna.2", {f"{n:02}": "a" for n in range(30)})
    report = report_of(run)
    assert headline(report).right == "anna"
    assert report.corrected[0].rater == report.trust.rater == "anna"


def test_a_second_pass_is_in_no_figure_over_people(maker: Maker) -> None:
    run, truth, _ = study(maker, issues=40)
    for rater in ("anna", "anna.2", "bert"):
        label(run, rater, truth)
    report = report_of(run)
    assert report.together == ()
    assert report.stand_in[0].raters == ("anna", "bert")
    assert report.stand_in[0].test.passed is None
    label(run, "cleo", truth)
    report = report_of(run)
    assert report.together[0].agreement.raters == ("anna", "bert", "cleo")


def test_two_passes_that_are_one_file_are_pointed_out_as_such(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("123", "a"))
    for rater in ("anna", "anna.2"):
        label(run, rater, {"1": "a", "2": "b"}, source="one.csv")
    text = markdown(report_of(run))
    assert "make sure that the issues were coded anew" in text
    assert "two people's judgements" not in text
