"""Times of a run by the codes of people and model, against scipy on the same numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import survdiff
from support.runs import FLAT, MULTIPLE, TREE, Maker, issue, label

from coder.agreement.durations_errors import Figures
from coder.errors import InputError, UsageError
from coder.files.hashing import sha256_of
from coder.ratings.delivered import RunAnswers
from coder.records import Adjudication, Comment, Estimate, Label, Mode
from coder.report import Report, build_report
from coder.report.durations import Asked, durations
from coder.report.durations_model import Errors
from coder.report.durations_paper import plots
from coder.report.durations_words import conclusion, error_conclusion
from coder.report.html import html
from coder.report.latex import latex
from coder.report.markdown import markdown
from coder.report.write import to_json
from coder.storage.run import Run

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOWER = {"a": 1.0, "b": 4.0, "c": 9.0}


def ids(n):
    return [f"{'pqr'[k % 3]}{k:03}" for k in range(n)]


def timed(name, days, answer=None):
    closed = None if days is None else START + timedelta(days=days)
    talk = ()
    if answer is not None:
        at = START + timedelta(days=answer)
        talk = (Comment(author="bea", body="See the manual.", created_at=at),)
    return issue(name, created_at=START, closed_at=closed, comments=talk, author="ann")


@pytest.fixture
def world(tmp_path):
    """150 issues of three repositories; each tenth is open, codes by people are all known; the
    model takes every third slow issue for code a."""
    rng = np.random.default_rng(7)
    truth, model, made, took = {}, {}, [], {}
    for k, name in enumerate(ids(150)):
        code = "abc"[int(rng.integers(3))]
        days = None if k % 10 == 3 else float(np.round(rng.exponential(SLOWER[code]), 2))
        truth[name], took[name] = code, days
        model[name] = "a" if k % 3 == 0 and (days or 99) > 3 else code
        made.append(timed(name, days, answer=(days or 50) / 2 if k % 4 else None))
    return Maker(tmp_path / "runs", issues=made), truth, model, took


def asked(run, **choices):
    return durations(run, Asked(draws=100, **choices), RunAnswers(run))


def times(truth, took):
    found = defaultdict(list)
    for name, code in truth.items():
        if took[name] is not None:
            found[code].append(took[name])
    return [np.array(found[code]) for code in "abc"]


def test_every_figure_of_human_labels_is_that_of_scipy(world):
    maker, truth, model, took = world
    run = maker.run(model)
    label(run, "ann", truth)
    found = asked(run, labels="ann").resolution
    groups = times(truth, took)
    assert [(g.group, g.n) for g in found.groups] == [
        (code, len(group)) for code, group in zip("abc", groups, strict=True)
    ]
    for ours, group in zip(found.groups, groups, strict=True):
        assert ours.median.value == np.median(group)
        ends = stats.quantile_test(group, q=1, p=0.5).confidence_interval()
        assert (ours.median.low, ours.median.high) == (ends.low, ends.high)
        assert [ours.spread.p25, ours.spread.p75] == list(np.quantile(group, [0.25, 0.75]))
    by_name = {test.name: test for test in found.tests}
    theirs = stats.kruskal(*groups)
    assert by_name["Kruskal-Wallis"].statistic == theirs.statistic
    assert by_name["Kruskal-Wallis"].p_value == theirs.pvalue
    assert by_name["Kruskal-Wallis"].n == sum(map(len, groups))
    within = by_name["Kruskal-Wallis within repositories"]
    assert within.statistic != pytest.approx(theirs.statistic)
    end = max(days for days in took.values() if days is not None)
    spans = np.array([end if took[i] is None else took[i] for i in truth])
    ended = np.array([took[i] is not None for i in truth], int)
    codes, repos = np.array([*truth.values()]), np.array([i[0] for i in truth])
    for name, strata in (("Log-rank", None), ("Log-rank within repositories", repos)):
        expected = survdiff(spans, ended, codes, strata=strata)
        assert (by_name[name].statistic, by_name[name].p_value) == pytest.approx(expected)
    assert by_name["Log-rank"].n == len(truth)
    for pair in found.pairs:
        left, right = (groups["abc".index(code)] for code in (pair.left, pair.right))
        u = stats.mannwhitneyu(left, right).statistic
        assert pair.delta.value == pytest.approx(2 * u / (len(left) * len(right)) - 1)
    assert set(by_name) == {
        "Kruskal-Wallis", "Log-rank", "Kruskal-Wallis within repositories",
        "Log-rank within repositories",
    }  # fmt: skip


def test_two_groups_are_tested_by_mann_whitney(world):
    maker, truth, _, took = world
    two = {name: "a" if code == "a" else "b" for name, code in truth.items()}
    run = maker.run(two)
    found = asked(run, labels="model").resolution
    a, b, c = times(truth, took)
    theirs = stats.mannwhitneyu(a, np.concatenate([b, c]))
    first = found.tests[0]
    assert (first.name, first.statistic, first.p_value) == (
        "Mann-Whitney", theirs.statistic, theirs.pvalue
    )  # fmt: skip
    assert first.effect.value < 0
    assert {test.name for test in found.tests[1:]} >= {"van Elteren", "Log-rank"}
    assert found.pairs == ()


def test_open_issues_are_censored_at_the_snapshot_which_is_said(world):
    maker, _, model, _ = world
    run = maker.run(model)
    found = asked(run, labels="model")
    assert (found.resolution.counts.waiting, found.snapshot_from) == (15, "latest date")
    early = asked(run, labels="model", snapshot=START + timedelta(days=1))
    assert early.resolution.counts.waiting > 15
    assert early.snapshot_from == "given"


def test_the_data_of_a_fetch_end_when_it_did(world):
    """Also where the issues are those that another run screened in."""
    maker, _, model, _ = world
    run, later = maker.run(model), maker.run(model, "later")
    fetched = run.path.parent.parent / "issues.jsonl"
    fetched.write_text("{}\n")
    file = {"file": "../../issues.jsonl", "sha256": sha256_of(fetched), "issues": 150}
    ended = START + timedelta(days=400)
    record: dict[str, object] = {
        "output": {**file, "file": "issues.jsonl"},
        "finished_at": ended.isoformat(),
    }
    record["repositories"] = [{"pull_requests": 1, "filtered": 0}]
    fetched.with_name("issues.snapshot.json").write_text(json.dumps(record))
    screening = {"run": "demo", "code": "a", "codebook_hash": "", "issues": 150}
    screening |= {"taken": {}, "left": {}, "undecided": {}}
    for one, more in ((run, {"issues_file": file}), (later, {"screening": screening})):
        manifest = one.path / "manifest.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | more))
        found = asked(Run(one.path), labels="model")
        assert (found.snapshot, found.snapshot_from) == (ended, "fetched")
        assert max(g.survival.curve[-1].days for g in found.resolution.groups) == 400
    given = asked(Run(run.path), labels="model", snapshot=START + timedelta(days=90))
    assert given.snapshot_from == "given"
    fetched.with_name("issues.snapshot.json").write_text("[")
    assert asked(Run(run.path), labels="model").snapshot_from == "latest date"


def test_first_answers_have_figures_of_their_own(world):
    maker, _, model, _ = world
    found = asked(maker.run(model), labels="model").response
    assert found.counts.ended == sum(k % 4 != 0 for k in range(150))
    assert found.counts.silent + found.counts.waiting == 150 - found.counts.ended


def test_without_answers_by_others_nothing_is_said_of_them(tmp_path):
    made = [timed(name, 3.0) for name in ids(12)]
    run = Maker(tmp_path / "runs", issues=made).run({i.id: "a" for i in made})
    assert asked(run, labels="model").response is None


def test_the_model_hides_what_people_see_and_the_correction_brings_it_back(tmp_path):
    """The model gives a to all slow issues: by its codes a is slow. By people's it is quick."""
    rng = np.random.default_rng(1)
    truth, model, made = {}, {}, []
    for name in ids(400):
        code = "ab"[int(rng.integers(2))]
        days = float(rng.exponential(SLOWER[code]))
        truth[name] = code
        model[name] = "a" if days > 3 else code
        made.append(timed(name, days))
    run = Maker(tmp_path / "runs", issues=made).run(model)
    picked = rng.permutation(list(truth))[:120]
    label(run, "ann", {name: truth[name] for name in picked})
    found = asked(run, labels="model").errors
    people, machine, design, drawn = found.figures
    assert [one.source for one in found.figures] == ["people", "model", "design", "resampled"]
    assert (found.coded, found.closed, found.sampling) == (120, 400, "unknown")
    assert machine.medians[0].value > machine.medians[1].value
    for one in (people, design, drawn):
        assert one.medians[0].value < one.medians[1].value
    assert design.delta.low < design.delta.value < design.delta.high < 0
    assert found.people == "ann"
    assert "but Beta took longest and Alpha shortest" in error_conclusion(found)


@pytest.mark.parametrize(
    ("queue", "weights", "sampling"),
    [("random", (1.0, 1.0), "random"), ("uncertain", (0.5, 2.0), "known"), ("", (1, 1), "unknown")],
)
def test_how_issues_came_to_be_coded_is_reckoned_with(tmp_path, queue, weights, sampling):
    """Where issues of long ones were likelier to be drawn, people's own median is too long."""
    rng = np.random.default_rng(2)
    took = {name: float(np.round(rng.exponential(5), 3)) for name in ids(900)}
    code = {name: "ab"[int(rng.integers(2))] for name in took}
    made = [timed(name, days) for name, days in took.items()]
    run = Maker(tmp_path / "runs", issues=made).run(code)
    weight = {name: weights[days > 5] for name, days in took.items()}
    chance = {name: 1 - np.exp(-0.4 * w) if queue == "uncertain" else 0.3
              for name, w in weight.items()}  # fmt: skip
    run.label_journal("ann").append(
        Label(
            issue_id=i, rater="ann", codes=(code[i],), queue=queue, chance=chance[i],
            weight=weight[i], mode=Mode.HOLDOUT if queue else None,
        )
        for i in took if rng.random() < chance[i]
    )  # fmt: skip
    found = asked(run, labels="ann").errors
    assert found.sampling == sampling
    people, _, design, _ = found.figures
    for at, group in enumerate("ab"):
        true = np.median([days for name, days in took.items() if code[name] == group])
        assert design.medians[at].low < true < design.medians[at].high
        assert bool(people.medians[at].low > true) is (queue == "uncertain")


def test_where_all_is_labelled_the_model_is_held_against_people_alone(world):
    maker, truth, model, _ = world
    run = maker.run(model)
    label(run, "ann", truth)
    found = asked(run).errors
    assert [one.source for one in found.figures] == ["people", "model"]
    assert found.sampling == "all"
    assert "by people's codes" in error_conclusion(found)


def figures(source, p_value, medians, significant=None):
    made = tuple(
        Estimate(value=value, low=value * 0.8, high=value * 1.2, n=50) for value in medians
    )
    return Figures(
        source=source, n=99, medians=made, p_value=p_value, epsilon_squared=Estimate(value=0.1),
        significant=significant,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "truth", "said"),
    [
        ((0.01, (1, 2, 9)), (0.01, (1, 2, 9)), "The conclusion stands."),
        ((0.2, (1, 2, 9)), (0.3, (9, 2, 1)), "The conclusion stands."),
        ((0.01, (1, 2, 9)), (0.3, (1, 2, 9)), "not confirmed"),
        ((0.2, (1, 2, 9)), (0.01, (1, 2, 9)), "hide a difference"),
        ((0.01, (1, 2, 9)), (0.01, (9, 2, 1)), "but Alpha took longest and Gamma shortest"),
        ((0.01, (1, 8, 9)), (0.01, (1, 9, 8)), "not sure"),
        ((0.01, (1, 9)), (0.01, (9.1, 9)), "but Alpha took longest and Beta shortest"),
    ],
)
def test_what_stands_of_the_models_conclusion(model, truth, said):
    codes = "abc"[: len(model[1])]
    found = Errors(
        people="ann", closed=300, coded=99, sampling="random", groups=tuple(codes),
        names=("Alpha", "Beta", "Gamma")[: len(codes)], draws=100, seed=0,
        figures=(
            figures("people", *truth), figures("model", *model), figures("design", *truth),
            figures("resampled", *truth, significant=float(truth[0] < 0.05)),
        ),
    )  # fmt: skip
    assert said in error_conclusion(found)
    flips = found.model_copy(
        update={"figures": (*found.figures[:3], figures("resampled", *truth, significant=0.6))}
    )
    stands = said == "The conclusion stands."
    assert ("could flip it" in error_conclusion(flips)) is stands


def test_what_the_model_may_have_learnt_from_corrects_nothing(world):
    """Ten labelled issues were shown to the model with their own label."""
    maker, truth, model, _ = world
    shown = [*truth][:10]
    run = maker.run(model, **{name: {"shown": [name]} for name in shown})
    label(run, "ann", {name: truth[name] for name in [*truth][:100]})
    found = asked(run).errors
    people, _, design, _ = found.figures
    closed = sum(maker.issues[k].closed_at is not None for k in range(100))
    leaked = sum(maker.issues[k].closed_at is not None for k in range(10))
    assert (people.n, design.n) == (closed, closed - leaked)
    assert found.coded == closed


def test_where_something_was_adjudicated_resolved_labels_are_peoples(world):
    maker, truth, model, _ = world
    run = maker.run(model)
    label(run, "ann", truth)
    label(
        run, "bea", {name: "b" if k < 8 else code for k, (name, code) in enumerate(truth.items())}
    )
    assert asked(run).errors.people == "ann"
    name = next(i for i, code in truth.items() if code != "b")
    said = {"ann": (truth[name],), "bea": ("b",)}
    run.adjudications.append(
        [Adjudication(issue_id=name, by="eve", codes=(truth[name],), judged=said, blind=True)]
    )
    assert asked(run).errors.people == "resolved"
    assert asked(run, labels="bea").errors.people == "bea"


def test_without_labels_the_errors_cannot_be_told(world):
    maker, _, model, _ = world
    found = asked(maker.run(model), labels="model")
    assert found.errors is None
    assert "nobody has coded" in error_conclusion(found.errors)


def test_what_is_in_no_group_is_counted(tmp_path):
    made = [timed(name, k + 1.0) for k, name in enumerate(ids(20))] + [timed("q999", 2.0)]
    maker = Maker(tmp_path / "runs", MULTIPLE, made)
    run = maker.run({i.id: ("a", "b") if k < 3 else () if k < 5 else "a"
                     for k, i in enumerate(made[:-1])})  # fmt: skip
    found = asked(run, labels="model")
    assert (found.several, found.none, found.uncoded, found.issues) == (3, 2, 1, 21)
    assert sum(g.n for g in found.resolution.groups) == 15


def test_by_repository_no_codes_are_needed(world):
    maker, _, model, took = world
    found = asked(maker.run(model), by="repository")
    groups = defaultdict(list)
    for name, days in took.items():
        if days is not None:
            groups[name[0]].append(days)
    assert [g.n for g in found.resolution.groups] == [len(groups[r]) for r in "pqr"]
    theirs = stats.kruskal(*(groups[r] for r in "pqr"))
    assert found.resolution.tests[0].p_value == theirs.pvalue
    assert found.errors is None
    assert not any("within" in test.name for test in found.resolution.tests)


def test_by_code_and_by_category_are_two_levels(tmp_path):
    made = [timed(name, k + 1.0) for k, name in enumerate(ids(24))]
    maker = Maker(tmp_path / "runs", TREE, made)
    run = maker.run({i.id: ("call", "set", "speed")[k % 3] for k, i in enumerate(made)})
    by_code = asked(run, by="code", labels="model").resolution
    assert [g.group for g in by_code.groups] == ["call", "set", "speed"]
    assert [g.group for g in asked(run, labels="model").resolution.groups] == ["use", "perf"]


def test_the_codes_of_another_run_make_the_groups(world):
    maker, truth, model, _ = world
    run = maker.run(dict.fromkeys(truth, "a"))
    other = maker.run(model, "other")
    found = durations(run, Asked(labels="model", draws=100), RunAnswers(other))
    assert (found.run, found.coding) == ("demo", "other")
    assert [g.group for g in found.resolution.groups] == ["a", "b", "c"]


def test_of_another_run_only_the_issues_both_have_are_corrected(world):
    maker, truth, model, _ = world
    run = maker.run(model)
    maker.issues = maker.issues[:100]
    other = maker.run({i.id: model[i.id] for i in maker.issues}, "other")
    label(other, "ann", {i.id: truth[i.id] for i in maker.issues[:60]})
    found = durations(run, Asked(labels="ann", draws=100), RunAnswers(other)).errors
    assert found.closed == sum(i.closed_at is not None for i in maker.issues)


def test_what_was_adjudicated_after_suggestions_is_nobodys_blind_code(world):
    maker, truth, model, _ = world
    run = maker.run(model)
    label(run, "ann", {name: truth[name] for name in [*truth][:80]})
    said = {"bea": ("a",), "cem": ("b",)}
    run.adjudications.append(
        [Adjudication(issue_id=[*truth][90], by="eve", codes=("a",), judged=said, blind=False)]
    )
    assert asked(run).errors.people == "ann"


HOSTILE = "=<script>alert(1)</script> |[x](javascript:y) \\input{/etc/passwd} & \u202e%"


def test_names_of_codes_are_text_in_every_output(world):
    maker, truth, model, _ = world
    maker.book = FLAT.replace("name: Alpha", f"name: {json.dumps(HOSTILE)}")
    run = maker.run(model)
    label(run, "ann", {name: truth[name] for name in [*truth][:90]})
    report = build_report(run, draws=100)
    assert Report.model_validate(json.loads(to_json(report))) == report
    page, tables = html(report), latex(report)
    assert 'id="durations"' in page and "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page.split('id="durations"')[1]
    assert "<script" not in markdown(report)
    assert "tab:durations-errors" in tables and "\\input" not in tables and "\u202e" not in tables
    for plot in plots(report.durations):
        svg = ElementTree.fromstring(plot.drawing.svg(plot.title, plot.caption))
        assert HOSTILE[:20] in "".join(svg.itertext())
        assert not [e for e in svg.iter() if e.tag.endswith("script")]


def test_what_is_not_there_is_a_line(tmp_path):
    run = Maker(tmp_path / "runs").run({"a1": "a"})
    with pytest.raises(InputError, match="says when it was opened"):
        asked(run)
    made = [timed("p1", 1.0)]
    run = Maker(tmp_path / "runs", issues=made).run({"p1": "a"}, "dated")
    with pytest.raises(UsageError, match="no blind labels by 'bob'"):
        asked(run, labels="bob")


def test_too_few_for_a_test_is_said(tmp_path):
    made = [timed(name, 1.0) for name in ids(3)]
    run = Maker(tmp_path / "runs", issues=made).run({i.id: "a" for i in made})
    found = asked(run, labels="model")
    assert "fewer than two groups" in conclusion(found, found.resolution)
