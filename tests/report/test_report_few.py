"""What may be said of a handful of issues, of runs that are labelled throughout, and of chances."""

from __future__ import annotations

import csv
import json

import pytest
from support.runs import FLAT, MULTIPLE, TREE, Maker, label
from test_report_findings import decided, reviewed

from coder.__main__ import run as command
from coder.compare import compare, write_comparison
from coder.records import Estimate, Mode
from coder.report import build_report
from coder.report.appendix import appendix_markdown
from coder.report.conclusions import confidence, in_short, stand_in, sway
from coder.report.html import html
from coder.report.latex import latex
from coder.report.long_csv import tables
from coder.report.markdown import markdown
from coder.report.methods import logged
from coder.report.model import Report
from coder.report.sentences import headline, headline_sentence, too_few
from coder.report.wording import footnotes
from coder.report.write import to_json
from coder.storage.run import Run


def outputs(report: Report) -> dict[str, str]:
    return {"page": html(report), "markdown": markdown(report), "latex": latex(report)}


def few(maker: Maker) -> Run:
    """20 issues labelled by ann, 9 of them by bea, too."""
    run = maker.run({f"{n:02}": "abc"[n % 3] for n in range(20)})
    label(run, "ann", {f"{n:02}": "ab"[n % 2] for n in range(20)})
    label(run, "bea", {f"{n:02}": "ac"[n % 2] for n in range(9)})
    return run


@pytest.fixture
def maker(tmp_path) -> Maker:
    return Maker(tmp_path / "runs", FLAT)


def test_a_pair_with_nine_issues_is_one_line_in_every_output(maker: Maker, capsys, monkeypatch):
    run = few(maker)
    report = build_report(run, draws=100)
    assert {p.right for p in report.pairs if p.n == 9} == {"bea"}
    monkeypatch.chdir(run.path.parents[1])
    assert command(["report", run.name]) == 0
    said = outputs(report) | {"terminal": " ".join(capsys.readouterr().out.split())}
    for name, text in said.items():
        assert text.count("Too few issues in common for a figure (10 are needed)") == 1, name
        assert "bea" not in headline_sentence(report)
    held = json.loads(to_json(report))
    assert {p["n"]: p["too_few"] for p in held["pairs"]} == {
        20: "", 9: "too few issues in common for a figure (10 are needed)"
    }  # fmt: skip
    assert any(p["n"] == 9 and p["cohen_kappa"]["value"] is not None for p in held["pairs"])
    for name in ("agreement.csv", "codes.csv", "confusion.csv"):
        rows = list(csv.DictReader(tables(report)[name].splitlines()))
        few_of = [row for row in rows if row["right"] == "bea"]
        assert [row.get("figure") for row in few_of] == ["too_few"] * 2 * (name[0] == "a"), name
    appendix = appendix_markdown(report, logged(run, ()))
    assert "| Agreement of model and ann by code | n = 20;" in appendix
    assert "Agreement of model and bea" not in appendix
    assert appendix.count("Too few issues in common for a figure (10 are needed)") == 1


def test_nothing_is_taken_home_from_nine_issues(maker: Maker):
    run = maker.run({f"{n}": "abc"[n % 3] for n in range(9)})
    label(run, "ann", {f"{n}": "ab"[n % 2] for n in range(9)})
    report = build_report(run, draws=100)
    assert headline(report) is None
    assert "Too few issues in common" in headline_sentence(report)
    for text in outputs(report).values():
        assert "Krippendorff's alpha is" not in text
        assert "Too few issues in common" in text
        assert "Brier score is" not in text and "Expected calibration" not in text
    assert "are too few (10 are needed)" in " ".join(confidence(report))
    assert list(in_short(report)) == []


def test_who_has_too_few_by_subcategory_alone_is_told_so(tmp_path):
    run = Maker(tmp_path / "tree", TREE).run({f"{n:02}": "call" for n in range(20)})
    label(run, "ann", {f"{n:02}": "call" if n < 4 else "use" for n in range(20)})
    (line,) = too_few(build_report(run, draws=0).pairs)
    assert "model and ann (4 by subcategory)" in line


def test_nobody_is_called_swayed_by_a_handful_of_issues(maker: Maker):
    run = maker.run({f"{n:02}": "a" for n in range(30)})
    reviewed(run, "ann", [(f"{n:02}", "b", {}) for n in range(9)])
    decided(run, "ann", [(f"{n:02}", "a") for n in range(9, 30)], Mode.ASSISTED)
    report = build_report(run, draws=100)
    said = " ".join(sway(report, report.sway[0]))
    assert "cannot be told: 21 issues with the suggestion on the screen and 9 without" in said
    assert "pull towards" not in said


def test_runs_are_not_compared_by_nine_labels(maker: Maker, tmp_path):
    left = few(maker)
    right = maker.run({f"{n:02}": "ab"[n % 2] for n in range(20)}, "right")
    found = compare([left, right], draws=50)
    assert {one.rater: bool(one.too_few) for one in found.pairs[0].against} == {
        "ann": False, "bea": True
    }  # fmt: skip
    write_comparison(found, tmp_path)
    text = (tmp_path / "compare.md").read_text()
    assert text.count("Too few blind labels on issues both models answered") == 1
    assert "(10 are needed): bea (9)." in text
    assert "bea's" not in text and "| bea |" not in text and "ann's" in text


def test_near_full_coverage_the_report_says_that_exact_intervals_are_wide(maker: Maker):
    run = maker.run({f"{n:03}": "abc"[n % 3] for n in range(100)})
    label(run, "ann", {f"{n:03}": "ab"[n % 2] for n in range(95)})
    report = build_report(run, draws=50)
    for text in (*outputs(report).values(), appendix_markdown(report, logged(run, ()))):
        if "\\begin{table}" not in text:
            said = " ".join(text.split())
            assert "hold more often than in 95% of studies, so they are wider than need be" in said
    assert r"exact (hypergeometric) where few" in appendix_markdown(report, logged(run, ()))


def test_where_all_is_labelled_no_certificate_is_planned(maker: Maker, monkeypatch, capsys):
    run = maker.run({f"{n:02}": "abc"[n % 3] for n in range(30)})
    label(run, "ann", {f"{n:02}": "ab"[n % 2] for n in range(30)})
    monkeypatch.chdir(run.path.parents[1])
    assert command(["plan", run.name]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "there is nothing to plan" in said and "certificate" not in said
    assert "Intervals of corrected counts" not in appendix_markdown(
        build_report(run, draws=50), logged(run, ())
    )


def test_a_run_that_is_labelled_throughout_has_counts_and_no_interval(maker: Maker):
    run = maker.run({f"{n:02}": "abc"[n % 3] for n in range(30)})
    label(run, "ann", {f"{n:02}": "ab"[n % 2] for n in range(30)})
    report = build_report(run, draws=100)
    (found,) = report.corrected
    assert {(s.corrected.low, s.corrected.high) for s in found.shares} == {(None, None)}
    text = markdown(report)
    assert text.count("Every issue is labelled") == 1
    assert "| Alpha | 10 (33%) | 15 (50%) |" in text


@pytest.mark.parametrize(
    ("epsilon", "meaning"), [(0.2, "expert raters"), (0.1, "crowd raters"), (0.3, "for this study")]
)
def test_the_price_of_a_rater_is_said_with_its_meaning(maker: Maker, epsilon, meaning):
    run = maker.run({f"{n:02}": "abc"[n % 3] for n in range(40)})
    for rater, shift in (("ann", 0), ("bea", 0), ("cy", 1)):
        label(run, rater, {f"{n:02}": "abc"[(n + shift * (n % 5 == 0)) % 3] for n in range(40)})
    report = build_report(run, draws=100, alt_test_epsilon=epsilon)
    assert report.stand_in[0].test.epsilon == epsilon
    for name, text in outputs(report).items():
        assert meaning in " ".join(text.split()), name
    said = " ".join(stand_in(report, report.stand_in[0]))
    assert (
        "ε is what a person's answer costs more"
        in dict(in_short(report))["Standing in for a rater"]
    )
    assert f"behind in surely less than {epsilon:.0%} of issues" in said
    assert ".15 for skilled raters" in said and said.count(meaning) == 1
    (row,) = [
        row for row in csv.DictReader(tables(report)["alt_test.csv"].splitlines())
        if row["figure"] == "epsilon"
    ]  # fmt: skip
    assert float(row["value"]) == epsilon


def test_a_price_out_of_bounds_is_one_line(maker: Maker, monkeypatch, capsys):
    run = few(maker)
    monkeypatch.chdir(run.path.parents[1])
    (run.path.parents[1] / "study.toml").write_text("[report]\nalt_test_epsilon = 1.5\n")
    assert command(["report", run.name]) != 0
    assert "alt_test_epsilon" in capsys.readouterr().err


def test_ac1_says_how_many_codes_are_possible_and_sets_that_they_are_sets(tmp_path, maker: Maker):
    assert "(q = 3 codes)" in markdown(build_report(few(maker), draws=100))
    run = Maker(tmp_path / "sets", MULTIPLE).run({f"{n:02}": ["a", "b"] for n in range(12)})
    label(run, "ann", {f"{n:02}": ["a", "b"] if n % 2 else ["a"] for n in range(12)})
    report = build_report(run, draws=100)
    assert "give equal sets of codes in 50%" in headline_sentence(report)
    for name, text in outputs(report).items():
        assert "raters agree where their sets are equal" in " ".join(text.split()), name
        assert "(q = 2)" in text and "q = 3" not in text, name
    assert "mean Jaccard |" in markdown(report)
    assert report.pairs[0].ac1_categories is None


def test_the_categories_of_ac1_are_those_it_was_computed_with(maker: Maker):
    run = maker.run({f"{n:02}": "ab"[n % 2] for n in range(20)})
    label(run, "ann", {f"{n:02}": "a" if n % 3 else "b" for n in range(20)})
    report = build_report(run, draws=50)
    (pair,) = report.pairs
    agreed = sum((n % 2 == 0) == (n % 3 != 0) for n in range(20)) / 20
    uses = [(10 + 13) / 40, (10 + 7) / 40, 0.0]
    chance = sum(p * (1 - p) for p in uses) / (pair.ac1_categories - 1)
    assert pair.ac1_categories == 3
    assert pair.gwet_ac1.value == pytest.approx((agreed - chance) / (1 - chance))
    rows = csv.DictReader(tables(report)["agreement.csv"].splitlines())
    assert [float(r["value"]) for r in rows if r["figure"] == "ac1_categories"] == [3]


def test_of_sets_every_sentence_says_that_they_are_equal(tmp_path):
    maker = Maker(tmp_path / "sets", MULTIPLE)
    run = maker.run({f"{n:02}": ["a", "b"] for n in range(60)})
    for rater, share in (("ann", 2), ("ann.2", 3), ("bea", 4)):
        said = {f"{n:02}": ["a", "b"] if n % share else ["a"] for n in range(30)}
        label(run, rater, said)
    reviewed(run, "cy", [(f"{n:02}", "a", {}) for n in range(30)])
    decided(run, "cy", [(f"{n:02}", "a") for n in range(30, 60)], Mode.ASSISTED)
    report = build_report(run, draws=50)
    said = headline_sentence(report)
    assert said.count("give equal sets of codes in") == 3 and "with each other" not in said
    assert "cy gave the model's set of codes in" in sway(report, report.sway[0])[0]
    # One note of all pairs' kappa and AC1, not one for each pair.
    assert markdown(report).count("several codes per issue: see the figures per code") == 2


def test_a_note_of_all_figures_of_a_kind_names_the_kind_once():
    whole, part = Estimate(value=0.5, n=20), Estimate(value=None, n=20, note="no kappa here")
    pairs = [("x and y", part), ("x and z", part)]
    found = footnotes(
        [(who, label, e) for who, k in pairs for label, e in (("α", whole), ("κ", k))]
    )
    assert found == ["κ: no kappa here."]
    one = [("x and y", "α", whole), ("x and y", "κ", part), ("x and z", "κ", whole)]
    assert footnotes(one) == ["x and y (κ): no kappa here."]


def test_of_very_many_pairs_the_first_are_named(maker: Maker):
    run = maker.run({f"{n}": "abc"[n % 3] for n in range(9)})
    for rater in "abcdefgh":
        label(run, f"rater-{rater}", {f"{n}": "ab"[n % 2] for n in range(9)})
    said = headline_sentence(build_report(run, draws=0))
    assert "model and rater-a (9)" in said
    (line,) = too_few(build_report(run, draws=0).pairs)
    assert line.endswith("and 28 more.") and line.count("(9)") == 8
