"""Blind labels and decisions made with a suggestion in sight are never mixed up, in any figure."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runs import AT, FLAT, Maker, label

from coder.cli.main import cli
from coder.records import Action, Decision, Label, Mode
from coder.report import build_report
from coder.report.latex import latex
from coder.report.long_csv import tables
from coder.report.markdown import markdown
from coder.report.status import run_status
from coder.report.trace import numbers

CODES = "abc"
CODE = st.sampled_from(CODES)


@dataclass(frozen=True)
class Met:
    """How one issue came before the rater, and what they made of it."""

    how: str
    own: str
    then: str
    model: str


MET = st.builds(
    Met,
    st.sampled_from(
        ("nothing", "file", "file, assisted", "assisted", "blind-first", "blind-first, open",
         "holdout", "holdout, skipped", "skipped")
    ),
    CODE, CODE, CODE,
)  # fmt: skip


def study(folder: Path, met: Sequence[Met], rater: str = "ann"):
    """A run of which one rater met every issue in its own way, by the records of a review."""
    issues = {f"{n:02}": one for n, one in enumerate(met)}
    run = Maker(folder / "runs", FLAT).run({i: one.model for i, one in issues.items()})
    for at, (issue_id, one) in enumerate(issues.items()):
        when = AT + timedelta(minutes=2 * at)
        if one.how.startswith("file"):
            label(run, rater, {issue_id: one.own})
        mode = next((m for m in Mode if one.how.startswith(m.value)), None)
        if mode in (Mode.BLIND_FIRST, Mode.HOLDOUT) and "skipped" not in one.how:
            run.label_journal(rater).append(
                [Label(issue_id=issue_id, rater=rater, codes=(one.own,), mode=mode,
                       source="review", queue="random", at=when)]
            )  # fmt: skip
        answered = one.how in ("file, assisted", "assisted", "blind-first")
        if answered or "skipped" in one.how:
            kept = Action.ACCEPT if one.then == one.model else Action.CORRECT
            run.decision_journal(rater).append(
                [Decision(id=f"d{issue_id}", issue_id=issue_id, proposal_id=f"p1-{issue_id}",
                          rater=rater, action=kept if answered else Action.SKIP,
                          codes=(one.then,) if answered else (),
                          mode=mode or Mode.ASSISTED, seen=mode is not Mode.HOLDOUT,
                          queue="random", at=when + timedelta(minutes=1))]
            )  # fmt: skip
    return run, issues


def ids_of(issues, *hows):
    return {i for i, one in issues.items() if one.how in hows}


LABELLED = ("file", "file, assisted", "blind-first", "blind-first, open", "holdout")


def behind(run, report):
    """By figure and file, the issues of the lines it names."""
    found = {}
    for figure in report.trace.figures:
        for file, spelled in figure.lines.items():
            rows = (run.path / file).read_text(encoding="utf-8").splitlines()
            found[figure.name, file] = {
                json.loads(rows[n - 1])["issue_id"] for n in numbers(spelled)
            }
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(MET, min_size=4, max_size=14))
def test_each_figure_comes_from_the_lines_of_its_own_mode(met):
    with tempfile.TemporaryDirectory() as folder:
        run, issues = study(Path(folder), met)
        report = build_report(run, draws=0)
        lines = behind(run, report)
    labels, decisions = "labels/ann.jsonl", "decisions/ann.jsonl"
    expected = {
        "blind.category.model_vs_ann": (ids_of(issues, *LABELLED), set()),
        "assisted.category.model_vs_ann": (set(), ids_of(issues, "file, assisted", "assisted")),
        "revised.category.model_vs_ann": (set(), ids_of(issues, "blind-first")),
        "prevalence.ann": (ids_of(issues, *LABELLED), set()),
        "corrected.category": (ids_of(issues, *LABELLED), set()),
        "trust": (ids_of(issues, *LABELLED), set()),
        "acceptance.ann.assisted": (
            set(), ids_of(issues, "file, assisted", "assisted", "skipped")
        ),
        "acceptance.ann.blind-first": (set(), ids_of(issues, "blind-first")),
        "acceptance.ann.holdout": (set(), ids_of(issues, "holdout, skipped")),
        "sway.ann.category": (
            ids_of(issues, "blind-first", "blind-first, open", "holdout"),
            ids_of(issues, "assisted", "blind-first"),
        ),
    }  # fmt: skip
    named = {figure.name for figure in report.trace.figures}
    for name in named - {"prevalence.model"}:
        of_labels, of_decisions = expected[name]
        assert lines.get((name, labels), set()) == of_labels, name
        assert lines.get((name, decisions), set()) == of_decisions, name
    # Nothing was shown of what was held out, so no proposal is behind it.
    assert ("acceptance.ann.holdout", "proposals.jsonl") not in lines
    check_values(report, issues)


def check_values(report, issues):
    """Every figure by hand, from what the issues were made with."""
    pairs = {pair.kind: pair for pair in report.pairs}
    told = {
        "blind": {i: issues[i].own for i in ids_of(issues, *LABELLED)},
        "assisted": {i: issues[i].then for i in ids_of(issues, "file, assisted", "assisted")},
        "revised": {i: issues[i].then for i in ids_of(issues, "blind-first")},
    }
    for kind, answers in told.items():
        pair = pairs.get(kind)
        assert set(pair.issue_ids if pair else ()) == answers.keys()
        if pair is None:
            continue
        apart = {i for i, code in answers.items() if code != issues[i].model}
        assert {d.issue_id for d in pair.disagreements} == apart
        assert pair.n + sum(pair.excluded.values()) == len(issues)
    for sway in report.sway:
        assisted, alone = set(sway.assisted_issue_ids), set(sway.alone_issue_ids)
        assert not assisted & alone
        assert set(sway.blind_first_issue_ids) == ids_of(issues, "blind-first")
        changed = [one for one in issues.values() if one.how == "blind-first"]
        changed = [one for one in changed if one.own != one.then]
        assert (sway.revised, sway.toward) == (
            len(changed), sum(one.then == one.model for one in changed)
        )  # fmt: skip
    for case in report.cases:
        for said in case.judgements:
            how = issues[case.issue_id].how
            if said.codes is not None and said.kind != "blind":
                assert said.kind == ("revised" if how == "blind-first" else "assisted")


ALL = [
    Met(how, own, then, model)
    for how, own, then, model in (
        ("assisted", "a", "b", "a"), ("blind-first", "a", "b", "c"), ("holdout", "a", "a", "b"),
        ("file", "a", "a", "b"), ("skipped", "a", "a", "a"), ("blind-first", "a", "a", "b"),
    )
]  # fmt: skip


def test_every_list_says_what_it_is(tmp_path: Path, monkeypatch):
    run, _ = study(tmp_path, ALL)
    report = build_report(run, draws=0)
    shown = markdown(report)
    assert "2 decisions after a blind label" in shown
    assert "## Assisted answers that differ from the proposal (not agreement)" in shown
    assert "## Answers after a blind label, the proposal seen, that differ" in shown
    assert "after a blind label" in latex(report)
    rows = list(csv.DictReader(io.StringIO(tables(report)["acceptance.csv"])))
    assert {(r["mode"], r["learnt"]) for r in rows} == {("assisted", "no"), ("blind-first", "no")}
    (tmp_path / "study.toml").touch()
    monkeypatch.chdir(tmp_path)

    def figure(name: str) -> str:
        done = CliRunner().invoke(cli, ["audit", "figure", "demo", name])
        assert done.exit_code == 0, done.output
        return done.output

    assert "after a blind label, correct: Beta" in figure("agreement.revised.model_vs_ann")
    assert "assisted, correct: Beta" in figure("agreement.assisted.model_vs_ann")
    blind = figure("agreement.model_vs_ann")
    assert "blind: Alpha" in blind
    assert "decisions/" not in blind


def test_who_labelled_elsewhere_or_was_told_by_the_queue_says_nothing_about_sway(tmp_path: Path):
    """Chance did not decide whether they saw the suggestion first."""
    run, _ = study(tmp_path, ALL)
    label(run, "bea", {"00": "a"})
    decision = Decision(id="x", issue_id="00", proposal_id="p1-00", rater="bea", codes=("a",),
                        action=Action.ACCEPT, at=AT)  # fmt: skip
    told = decision.model_copy(
        update={"id": "y", "issue_id": "01", "proposal_id": "p1-01", "queue": "random code=c"}
    )
    fair = decision.model_copy(
        update={
            "id": "z",
            "issue_id": "03",
            "proposal_id": "p1-03",
            "queue": "random repo=x/code=y",
        }
    )
    run.decision_journal("bea").append([decision, told, fair])
    run.label_journal("bea").append(
        [Label(issue_id="02", rater="bea", codes=("a",), mode=Mode.HOLDOUT, at=AT)]
    )
    (found,) = (s for s in build_report(run, draws=0).sway if s.rater == "bea")
    assert (found.assisted_issue_ids, found.alone_issue_ids) == (("03",), ("02",))


@settings(max_examples=25)
@given(st.lists(MET, min_size=1, max_size=12))
def test_the_status_counts_what_the_report_counts(met: list[Met]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, _ = study(Path(folder), met)
        (there,) = run_status(run).raters or (None,)
        (here,) = build_report(run, draws=0).coverage.raters or (None,)
    if there is None or here is None:
        assert there is here
        return
    modes = {Mode.ASSISTED: there.assisted, Mode.BLIND_FIRST: there.revised}
    assert here.by_mode == {mode: count for mode, count in modes.items() if count}
    assert (here.flagged, here.skipped) == (there.flagged, there.skipped)
    assert here.blind_labels == there.blind
    assert here.skipped == sum("skipped" in one.how for one in met)
