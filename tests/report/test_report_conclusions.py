"""What the report concludes, in the words and tables of Markdown and of the terminal."""

from __future__ import annotations

import random

import pytest
from support.runs import TREE, Maker, label
from test_report_findings import decided, reviewed, study
from test_report_outputs import run_cli

from coder.records import Calibration, Mode, Status
from coder.report import Report, build_report
from coder.report.conclusions import certificate, confidence, corrected, probability, stand_in, sway
from coder.report.markdown import markdown
from coder.storage.run import Run


def report_of(run: Run) -> Report:
    return build_report(run, draws=100)


def section(text: str, heading: str) -> str:
    """What stands between a heading and the next of its rank."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_sections_stand_in_the_order_of_a_paper(maker: Maker) -> None:
    run, truth, _ = study(maker)
    label(run, "ann", truth)
    text = markdown(report_of(run))
    headings = [line[3:] for line in text.split("\n") if line.startswith("## ")]
    assert headings[:7] == [
        "Coverage", "Agreement (blind labels only)", "May the model stand in for a rater?",
        "How many issues are really in each code?", "What is the model's confidence worth?",
        "Did suggestions sway the raters?", "Over the time of the review",
    ]  # fmt: skip


def test_a_count_outside_its_corrected_interval_is_pointed_out(maker: Maker, snapshot) -> None:
    """The model says b for every third a: its own count of b is far above the truth."""
    truth = {f"{n:03}": "b" if n % 5 == 0 else "a" for n in range(300)}
    said = {i: "b" if int(i) % 3 == 0 else code for i, code in truth.items()}
    run = maker.run(said)
    draw = random.Random(2)
    ids = draw.sample(sorted(truth), 150)
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 300}) for n, i in enumerate(ids)])
    report = report_of(run)
    assert corrected(report, report.corrected[0]) == snapshot
    rows = section(markdown(report), "How many issues are really in each code?").split("\n")
    (beta,) = [row for row in rows if row.startswith("| Beta") and "[" in row]
    found = next(s for s in report.corrected[0].shares if s.code == "b").corrected
    assert f"| {found.value:.1%} \\[{found.low:.1%}, {found.high:.1%}\\] |" in beta


def test_counts_say_how_their_labels_were_sampled_and_what_has_no_answer(maker, snapshot) -> None:
    run = maker.run({**{f"{n:02}": "ab"[n % 2] for n in range(59)}, "59": Status.FAILED})
    label(run, "ann", {f"{n:02}": "ab"[n % 2] for n in range(30)})
    report = report_of(run)
    assert corrected(report, report.corrected[0]) == snapshot


def test_the_certificate_is_a_sentence_with_its_n(maker: Maker, snapshot) -> None:
    run, truth, _ = study(maker)
    label(run, "ann", truth)
    report = report_of(run)
    made = report.trust.certificates[0].certificate
    said = certificate(report)
    assert said == snapshot
    assert f"n = {made.n:,}" in said and f"{made.share:.0%} of the proposals" in said
    assert said.replace("[", "\\[") in markdown(report)


def test_without_a_certificate_the_reason_stands(maker: Maker, snapshot) -> None:
    run, truth, _ = study(maker, issues=40)
    label(run, "ann", truth)
    assert certificate(report_of(run)) == snapshot


@pytest.mark.usefixtures("few_are_enough")
def test_confidence_says_what_it_was_compared_with_and_what_was_left_out(maker, snapshot) -> None:
    run = maker.run({"1": "a", "2": "a", "3": Status.FAILED, "4": Status.ABSTAINED, "5": "b"})
    label(run, "ann", {"1": "a", "2": "b", "3": "a", "4": "a"})
    assert confidence(report_of(run)) == snapshot


def test_calibration_is_told_before_and_after(maker: Maker) -> None:
    run, truth, _ = study(maker, issues=60)
    label(run, "ann", truth)
    assert "Calibrated" not in confidence(report_of(run))[0]
    run.calibrations.append(
        [Calibration(source="model", rater="ann", labels_hash="", proposals=60, method="platt",
                     parameters={"slope": (1.0,), "intercept": (0.0,)})]
    )  # fmt: skip
    report = report_of(Run(run.path))
    said = confidence(report)[0]
    assert "Calibrated: " in said and "a little too good" in said
    table = section(markdown(report), "What is the model's confidence worth?")
    assert "| as the model gave it | 60 |" in table and "| calibrated | 60 |" in table


def test_sway_is_told_with_its_interval_and_where_revisions_went(maker: Maker, snapshot) -> None:
    run, truth, said = study(maker, misses=0.4)
    ids = [*truth]
    decided(run, "ann", [(i, said[i]) for i in ids[:100]], Mode.ASSISTED)
    reviewed(run, "ann", [(i, truth[i], {}) for i in ids[100:200]])
    report = report_of(run)
    assert sway(report, report.sway[0]) == snapshot(name="some with the suggestion, some without")
    other = maker.run(dict.fromkeys("12345", "a"), "other")
    reviewed(other, "ann", [(i, "b", {"mode": Mode.BLIND_FIRST}) for i in "12345"])
    decided(other, "ann", [("1", "b"), ("2", "a"), ("3", "c")], Mode.BLIND_FIRST)
    report = report_of(other)
    assert sway(report, report.sway[0]) == snapshot(name="blind first, some revised")
    kept = maker.run(dict.fromkeys("12", "a"), "kept")
    reviewed(kept, "ann", [(i, "b", {"mode": Mode.BLIND_FIRST}) for i in "12"])
    decided(kept, "ann", [("1", "b"), ("2", "b")], Mode.BLIND_FIRST)
    report = report_of(kept)
    assert sway(report, report.sway[0]) == snapshot(name="blind first, none revised")


def test_the_test_of_the_model_gives_its_verdict_or_says_that_it_has_none(maker, snapshot) -> None:
    run, truth, _ = study(maker, misses=0.05)
    draw = random.Random(5)

    def rated() -> dict[str, str]:
        return {i: c if draw.random() < 0.7 else draw.choice("abc") for i, c in truth.items()}

    label(run, "ann", rated())
    label(run, "bea", rated())
    report = report_of(run)
    assert stand_in(report, report.stand_in[0]) == snapshot(name="two people")
    label(run, "cem", dict([*rated().items()]))
    label(run, "dee", dict([*truth.items()][:10]))
    report = report_of(run)
    assert stand_in(report, report.stand_in[0]) == snapshot(name="three people, and one with few")
    table = section(markdown(report), "May the model stand in for a rater?")
    assert "| cem | 300 |" in table and "| <.001 |".replace("<", "&lt;") in table


def test_probabilities_are_never_zero() -> None:
    assert [probability(p) for p in (0.0, 0.00099, 0.012, 1.0)] == [
        "<.001",
        "<.001",
        ".012",
        "1.000",
    ]


def test_what_cannot_be_concluded_is_said(maker: Maker, snapshot) -> None:
    assert markdown(report_of(maker.run({"1": "a"}))) == snapshot


def test_the_terminal_tells_the_conclusions_in_80_columns(maker, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run, truth, said = study(maker)
    ids = [*truth]
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 300}) for n, i in enumerate(ids[:90])])
    decided(run, "ann", [(i, said[i]) for i in ids[90:150]], Mode.ASSISTED)
    output = run_cli(run, monkeypatch)
    assert all(len(line) <= 80 for line in output.split("\n") if str(run.path) not in line)
    for about in ("What may be concluded", "Corrected counts.", "Confidence.", "Sway."):
        assert about in output
    assert "Share of all issues" in output
    assert "Standing in" not in output
    assert "tables.tex" in output


def test_the_terminal_says_nothing_of_what_nobody_can_conclude(maker, monkeypatch) -> None:
    output = run_cli(maker.run({"1": "a"}), monkeypatch)
    assert "What may be concluded" not in output
    assert "Share of all issues" not in output


def test_categories_are_spelt(maker: Maker) -> None:
    maker.book = TREE
    run = maker.run({f"{n:02}": "call" if n % 2 else "speed" for n in range(80)})
    label(run, "ann", {f"{n:02}": "set" if n % 3 else "error" for n in range(60)})
    assert "categorys" not in markdown(report_of(run))
    assert "2 categories" in markdown(report_of(run))
