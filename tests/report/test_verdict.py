"""Verdicts: each from its own evidence, and a delivered agreement that nobody's own word makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.runs import AT, Maker, label

from coder.__main__ import run as coder
from coder.ratings.delivered import RunAnswers
from coder.records import Label
from coder.report import build_report
from coder.report.verdict import Verdict, verdicts
from coder.storage.run import Run


def made(run: Run):
    return verdicts(RunAnswers(run), build_report(run, draws=100))


def study(tmp_path: Path, issues: int = 600) -> Run:
    """The model is right on a; of b it finds two in three and is right on half; c it never says."""
    truth, said, sure = {}, {}, {}
    for n in range(issues):
        i = f"{n:03}"
        truth[i] = "a" if n % 2 else ("b", "c", "b", "c", "b", "b")[n // 2 % 6]
        hit = truth[i] == "a" or (truth[i] == "b" and n % 3)
        said[i] = truth[i] if hit else "b" if truth[i] == "c" and n % 4 else "a"
        sure[i] = {"confidence": 0.95 if truth[i] == "a" else 0.4}
    run = Maker(tmp_path / "runs").run(said, "demo", **sure)
    run.label_journal("ann").append(
        Label(issue_id=i, rater="ann", codes=(code,), at=AT, seconds=30.0, queue="random",
              chance=1.0)
        for i, code in truth.items()
    )  # fmt: skip
    return run


def test_each_code_gets_the_verdict_of_its_evidence(tmp_path):
    found = {one.code: one for one in made(study(tmp_path)).codes}
    assert found["a"].verdict is Verdict.AUTOMATE
    assert found["a"].threshold is not None
    assert found["b"].verdict is Verdict.REVIEW
    assert found["c"].verdict is Verdict.BY_HAND
    few = {one.code: one for one in made(study(tmp_path / "few", 24)).codes}
    assert few["a"].verdict is Verdict.TOO_LITTLE
    assert few["a"].missing is not None and few["a"].missing > few["a"].positives


def test_the_ceiling_is_how_far_two_people_agree_on_the_code(tmp_path):
    run = study(tmp_path)
    ann = run.labels("ann")
    label(run, "bea", {i: ("b" if n % 10 == 0 else ann[i].codes) for n, i in enumerate(ann)})
    found = made(run)
    same = sum(ann[i].codes == other.codes for i, other in run.labels("bea").items())
    assert found.people.value == pytest.approx(same / 600)
    a = next(one for one in found.codes if one.code == "a").ceiling
    both = sum(ann[i].codes == ("a",) == o.codes for i, o in run.labels("bea").items())
    either = sum(
        (ann[i].codes == ("a",)) + (o.codes == ("a",)) for i, o in run.labels("bea").items()
    )
    assert a.value == pytest.approx(2 * both / either)


def test_the_delivered_agreement_is_counted_by_hand(tmp_path):
    run = study(tmp_path)
    ann = run.labels("ann")
    label(run, "bea", {i: ann[i].codes for i in list(ann)[:300]})
    label(run, "bea", dict.fromkeys(list(ann)[300:330], ("c",)))
    found = made(run)
    right = {
        p.issue_id: p.codes[0].code == ann[p.issue_id].codes[0]
        for p in run.latest_proposals().values()
    }
    first = found.curve[0]
    assert (first.read, first.hours) == (0, 0)
    assert first.agreement.value == pytest.approx(sum(right.values()) / 600)
    half = next(d for d in found.curve if d.read == 300)
    surest = [i for i in right if ann[i].codes == ("a",)]
    model = sum(right[i] for i in surest) / len(surest)
    assert found.people.value is not None
    assert half.agreement.value == pytest.approx(0.5 * found.people.value + 0.5 * model)
    assert half.hours == pytest.approx(300 * 30 / 3600)
    last = found.curve[-1]
    assert (last.read, last.agreement.value) == (600, pytest.approx(found.people.value))


def test_what_nothing_is_known_of_is_said(tmp_path):
    run = Maker(tmp_path / "runs").run({"1": "a", "2": "b"})
    found = made(run)
    assert {one.verdict for one in found.codes} == {Verdict.TOO_LITTLE}
    assert not found.curve and found.seconds is None
    assert any("nobody has labelled" in note for note in found.notes)


def test_the_command_writes_every_form(tmp_path, monkeypatch, capsys):
    run = study(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text("[report]\ndraws = 100\n")
    assert coder(["verdict", "demo"]) == 0
    said = capsys.readouterr().out
    assert "May be automated: Alpha" in said and "To be coded by hand: Gamma." in said
    assert "No two people labelled the same issues" in said
    folder = run.path / "report"
    told = json.loads((folder / "verdict.json").read_text())
    assert [one["verdict"] for one in told["codes"]] == ["automate", "review", "by hand"]
    assert "| Alpha | automate |" in (folder / "verdict.md").read_text()
    assert "Alpha & automate" in (folder / "verdict.tex").read_text()
    assert (folder / "verdict.csv").read_text().startswith("code,verdict")
    assert (folder / "verdict.svg").read_text().startswith("<svg")
