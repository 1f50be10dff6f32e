"""A person who codes twice is one person: ``anna.2`` is anna again."""

from __future__ import annotations

import csv
import io

import pytest
from run_maker import Maker, label
from test_report_findings import study
from test_report_outputs import run_cli

from coder.report import Report, build_report
from coder.report.markdown import markdown
from coder.report.passes import people, person, same_person
from coder.report.sentences import headline, headline_sentence
from coder.report.table import disagreements_csv


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
