"""What the report says in words, the same in every output that has words."""

from __future__ import annotations

import json

import pytest
from support.runs import AT, MULTIPLE, TREE, Maker, decide, issue, label

from coder.cli.report import show
from coder.records import Action, Estimate, Example, Label, Status
from coder.report import Report, build_report
from coder.report.html import html
from coder.report.markdown import markdown
from coder.report.sentences import baseline_notes, headline, headline_sentence, sample
from coder.report.wording import footnotes, reading
from coder.report.write import to_json
from coder.storage.run import Run

pytestmark = pytest.mark.usefixtures("few_are_enough")


def report_of(run: Run) -> Report:
    return build_report(run, draws=100)


def test_agreement_on_the_issues_a_model_is_sure_of_is_not_told_as_that_on_all(
    maker: Maker,
) -> None:
    run = maker.run({"1": "a", "2": "b", "3": Status.UNSURE, "4": Status.UNSURE})
    label(run, "anna", {"1": "a", "2": "b", "3": "b"})
    said = headline_sentence(report_of(run))
    assert "in 100% of 2 issues" in said
    assert "Not counted: 1 issue of which the model is not sure, so this says nothing" in said
    sure = maker.run({"1": "a", "2": "b"}, "sure")
    label(sure, "anna", {"1": "a", "2": "b"})
    assert "Not counted" not in headline_sentence(report_of(sure))


def test_a_model_that_learnt_is_not_called_independent(maker: Maker) -> None:
    codes = {"1": "a", "2": "b", "3": (), "4": "c"}
    maker.examples = tuple(
        Example(issue=issue(i), codes=(c,) if isinstance(c, str) else ()) for i, c in codes.items()
    )
    run = maker.run(dict.fromkeys("1234", "a"), **{i: {"excluded": [i]} for i in "1234"})
    label(run, "anna", codes)
    label(run, "bert", {"1": "b", "2": "b"})
    report = report_of(run)
    assert report.coverage.learnt_from == 4
    assert [r.shared_with_examples for r in report.coverage.raters] == [4, 1]
    sentence = headline_sentence(report)
    assert "independently" not in sentence
    assert "had not seen that issue's own label (out of fold)" in sentence
    assert "learnt from 4 labels, 4 of them anna's own, 1 of them bert's own." in sentence
    coverage = json.loads(to_json(report))["coverage"]
    assert coverage["learnt_from"] == 4
    assert coverage["raters"][1]["shared_with_examples"] == 1


def test_without_examples_both_coded_independently(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "a", "2": "b"})
    sentence = headline_sentence(report_of(run))
    assert "both coded independently" in sentence
    assert "learnt" not in sentence


def test_a_sample_is_called_one(maker: Maker) -> None:
    maker.sampled_from = 343
    report = report_of(maker.run({"1": "a", "2": "b"}))
    assert sample(report) == "a random sample of 2 of 343 (seed 0)"
    assert sample(report) in html(report) and sample(report) in markdown(report)
    maker.sampled_from = None
    assert sample(report_of(maker.run({"1": "a"}, "whole"))) == ""


@pytest.mark.parametrize(("model", "agreed"), [("aabb", 0.75), ("aaaa", 0.75), ("bbba", 0.0)])
def test_the_model_is_held_against_the_most_frequent_code(
    maker: Maker, model: str, agreed: float
) -> None:
    run = maker.run(dict(zip("1234", model, strict=True)))
    label(run, "anna", dict(zip("1234", "aaab", strict=True)))
    report = report_of(run)
    (pair,) = report.pairs
    assert pair.majority_agreement is not None
    assert (pair.majority_agreement.value, pair.majority_agreement.codes) == (0.75, ("a",))
    assert pair.percent_agreement.value == agreed
    (line,) = baseline_notes(report)
    assert line.endswith("would agree in 75%: the model is not above that.")
    assert line in html(report).replace("&#39;", "'") and "not above that" in markdown(report)
    better = maker.run(dict(zip("1234", "aaab", strict=True)), "better")
    label(better, "anna", dict(zip("1234", "aaab", strict=True)))
    assert baseline_notes(report_of(better)) == []


def test_raters_with_the_same_labels_are_pointed_out(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("123", "a"))
    label(run, "anna", {"1": "a", "2": "b"}, source="one.csv")
    label(run, "bert", {"1": "a", "2": "b"}, source="two.csv")
    label(run, "cleo", {"1": "b", "2": "b", "3": "c"}, source="one.csv")
    report = report_of(run)
    found = [(s.left, s.right, s.identical, s.sources) for s in report.coverage.same_labels]
    assert found == [("anna", "bert", True, ()), ("anna", "cleo", False, ("one.csv",))]
    for text in (html(report), markdown(report)):
        assert "the labels of anna and bert are identical on all 2 issues" in text
        assert "the labels of anna and cleo come from the same file" in text
    assert "anna and bert agree with each other" not in headline_sentence(report)


def test_two_peoples_own_reviews_are_no_common_file(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("123", "a"))
    label(run, "anna", {"1": "a", "2": "b"}, source="review")
    label(run, "bert", {"1": "a", "2": "a"}, source="review")
    assert report_of(run).coverage.same_labels == ()


def test_the_headline_is_of_the_rater_with_most_and_adds_what_people_reach(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("1234", "a"))
    label(run, "cleo", dict.fromkeys("123", "a"))
    label(run, "bert", {"1": "a", "2": "b", "3": "a"})
    label(run, "anna", {"1": "a"})
    report = report_of(run)
    main = headline(report)
    assert main is not None and main.right == "bert"
    assert "bert and cleo agree with each other in 67% of 3 issues" in headline_sentence(report)


def test_a_flat_codebook_has_codes_not_categories(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b"})
    label(run, "anna", {"1": "a", "2": "a"})
    report = report_of(run)
    assert "agree on the code in" in headline_sentence(report)
    assert "categor" not in markdown(report)
    maker.book = TREE
    tree = maker.run({"1": "call"}, "tree")
    label(tree, "anna", {"1": "call"})
    assert "agree on the category in" in headline_sentence(report_of(tree))


def test_draws_left_out_are_told_in_one_line() -> None:
    def of(note: str) -> Estimate:
        return Estimate(value=None, note=note)

    undefined = "{} of 2000 draws undefined, left out"
    assert footnotes(
        [("A", "F1", of("odd; " + undefined.format(7))), ("B", "F1", of(undefined.format(12))),
         ("C", "κ", of("")), ("D", "κ", of(undefined.format(7)))]
    ) == [
        "A (F1): odd.",
        "Of 2000 draws left out because they are undefined: 7 for A (F1) and D (κ), 12 for B (F1).",
    ]  # fmt: skip
    assert footnotes([("A", "F1", of(undefined.format(7)))]) == [undefined.format(7) + "."]


def test_assisted_decisions_have_no_coefficients_but_a_list_of_their_own(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b", "3": "c"})
    label(run, "anna", {"1": "b"})
    decide(run, "dora", {"1": Action.ACCEPT, "2": (Action.CORRECT, "a")})
    report = report_of(run)
    text = markdown(report)
    tables = text[: text.index("## Disagreements")]
    assert "model and dora" not in tables
    assert text.index("## Disagreements: model and anna") < text.index("## Assisted answers")
    page = html(report)
    assert page.index('<option value="blind">') < page.index('<option value="assisted">')
    assert "all assisted (not agreement)" in page
    assert "as if they were agreement" not in page
    assert any(p.kind == "assisted" for p in report.pairs)


def test_an_uncalibrated_confidence_is_called_so(maker: Maker) -> None:
    maker.model = {"kind": "classifier", "name": "embedded", "calibrated": False}
    run = maker.run({"1": "a"})
    label(run, "anna", {"1": "b"})
    for text in (html(report_of(run)), markdown(report_of(run))):
        assert "Model’s confidence (uncalibrated)" in text
    maker.model = {"kind": "classifier", "name": "embedded", "calibrated": True}
    run = maker.run({"1": "a"}, "calibrated")
    label(run, "anna", {"1": "b"})
    assert "(uncalibrated)" not in html(report_of(run))


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.5, 0.4, 0.6, "too low to draw conclusions from (below .667)"),
        (0.6, 0.4, 0.7, "(below .667); the interval reaches into 'tentative'"),
        (0.7, 0.5, 0.9, "the interval reaches into 'too low' and 'reliable'"),
        (0.9, 0.8, 1.0, "reliable (.8 and above)"),
    ],
)
def test_alpha_is_read_in_words(value: float, low: float, high: float, said: str) -> None:
    assert reading(Estimate(value=value, low=low, high=high, n=100)).endswith(said)


def test_two_issues_are_not_called_reliable() -> None:
    said = reading(Estimate(value=1, low=1, high=1, n=2))
    assert said == "reliable (.8 and above), but 2 issues cannot carry that"


def test_notes_stand_on_paper(maker: Maker) -> None:
    maker.book = MULTIPLE
    run = maker.run({"1": ("a", "b"), "2": ("a",)})
    run.label_journal("anna").append(
        Label(issue_id=i, rater="anna", codes=("a",), at=AT) for i in "12"
    )
    page = html(report_of(run))
    assert "<li>† model and anna by code (κ, AC1): several codes per issue" in page


def test_the_page_holds_the_codebook_and_what_made_the_run(maker: Maker) -> None:
    maker.model = {"kind": "classifier", "name": "embedded", "encoder": "mini-lm"}
    page = html(report_of(maker.run({"1": "a"})))
    for expected in ("The second.", "mini-lm", "seed 0", "version 1"):
        assert expected in page


def test_who_only_opened_the_review_has_answered_nothing(maker: Maker, capsys) -> None:
    run = maker.run({"1": "a"})
    label(run, "anna", {"1": "a"})
    run.decision_journal("zoe").path.parent.mkdir(exist_ok=True)
    run.decision_journal("zoe").path.touch()
    report = report_of(run)
    assert "anna" in markdown(report) and "zoe" not in markdown(report)
    assert "<b>anna</b>" in html(report) and "<b>zoe</b>" not in html(report)
    show(report)
    assert "zoe: nothing answered." in capsys.readouterr().out
