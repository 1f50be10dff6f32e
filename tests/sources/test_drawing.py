"""Random samples of files: sizes by the formulas, draws that extend, true probabilities."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs import Maker, issue, label

from coder.__main__ import run as coder
from coder.agreement import agree
from coder.agreement.planning import size_for_kappa, size_for_margin
from coder.records import Issue
from coder.sources.drawing import by_repository, draw
from coder.storage.run import Run


def frame(sizes: dict[str, int]) -> list[Issue]:
    return [
        issue(f"{repo}{n}", repo=f"acme/{repo}")
        for repo, count in sizes.items()
        for n in range(count)
    ]


def test_the_size_is_that_of_the_formula():
    # Krejcie & Morgan 1970 and every sample size table for 95% and 5%; the study's 8,373 issues.
    for issues, needed in [(100, 80), (1000, 278), (10_000, 370), (1_000_000, 384)]:
        assert size_for_margin(issues, 0.05) == needed
    assert size_for_margin(8373, 0.05) == 368
    assert size_for_margin(10, 0.5) <= 10


def test_with_the_size_for_a_kappa_its_interval_is_as_wide_as_asked():
    n = size_for_kappa(10**6, 0.7, 0.2, 0.5)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        left = rng.integers(0, 2, n)
        right = np.where(rng.random(n) < 0.15, 1 - left, left)  # agree in .85: kappa .7
        sides = [{str(i): (f"c{c}",) for i, c in enumerate(side)} for side in (left, right)]
        found.append(agree(*sides, codes=["c0", "c1"]).cohen_kappa)
    assert np.mean([one.high - one.low for one in found]) == pytest.approx(0.2, abs=0.025)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=1),
    st.integers(0, 5), st.sampled_from(("proportional", "equal")), st.data(),
)  # fmt: skip
def test_a_larger_draw_holds_the_smaller_one(sizes, seed, allocation, data):
    issues = frame(sizes)
    small = data.draw(st.integers(1, len(issues)))
    large = data.draw(st.integers(small, len(issues)))
    drawn = [
        draw(issues, size, name="f", seed=seed, strata=by_repository(issues), by="repo",
             allocation=allocation)
        for size in (small, large)
    ]  # fmt: skip
    first, second = ({one.id for one in found.issues} for found in drawn)
    assert len(first) == small and len(second) == large and first <= second
    counts = Counter(one.repo for one in drawn[0].issues)
    for group, (of, places) in drawn[0].sampling.strata.items():
        assert places == counts[group] <= of
    weights = sum(1 / drawn[1].chance(one.id) for one in drawn[1].issues)
    met = sum(of for of, places in drawn[1].sampling.strata.values() if places)
    assert weights == pytest.approx(met)


def test_every_issue_comes_as_often_as_its_probability_says():
    issues = frame({"a": 30, "b": 6})
    strata = by_repository(issues)
    times: Counter[str] = Counter()
    for seed in range(300):
        drawn = draw(issues, 8, name="f", seed=seed, strata=strata, by="repo", allocation="equal")
        times.update(one.id for one in drawn.issues)
    chance = {one.id: drawn.chance(one.id) for one in issues}
    assert chance["a0"] == pytest.approx(4 / 30) and chance["b0"] == pytest.approx(4 / 6)
    for one in issues:
        spread = (chance[one.id] * (1 - chance[one.id]) / 300) ** 0.5
        assert abs(times[one.id] / 300 - chance[one.id]) < 4.5 * spread


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = "".join(one.to_json() + "\n" for one in frame({"a": 30, "b": 10}))
    (tmp_path / "issues.jsonl").write_text(lines)
    return tmp_path


def test_the_command_draws_extends_and_tells_how(study, capsys):
    draw_on = ["sample", "issues.jsonl", "--by", "repo", "--seed", "3"]
    assert coder([*draw_on, "-o", "s.jsonl", "--size", "8"]) == 0
    assert (
        "s.jsonl: 8 issues of 40, seed 3, proportional by repo (2 strata)"
        in capsys.readouterr().out
    )
    assert (
        coder(["sample", "issues.jsonl", "-o", "l.jsonl", "--size", "20", "--extend", "s.jsonl"])
        == 0
    )
    small, large = ((study / f"{n}.jsonl").read_text().splitlines() for n in "sl")
    assert set(small) < set(large) and len(large) == 20
    with (study / "l.sampling.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["stratum"], row["chance"]) for row in rows} == {
        ("acme/a", "0.5"),
        ("acme/b", "0.5"),
    }
    told = json.loads((study / "l.sampling.json").read_text())
    assert (told["frame"], told["issues"], told["seed"]) == ("issues.jsonl", 40, 3)
    (study / "issues.jsonl").write_text((study / "l.jsonl").read_text())
    assert (
        coder(["sample", "issues.jsonl", "-o", "x.jsonl", "--size", "9", "--extend", "s.jsonl"])
        == 2
    )
    assert "drawn from another set of issues" in capsys.readouterr().err


@pytest.mark.parametrize("strata", [{}, {"all": [0, 0]}, {"all": [3, 4]}, {"all": [40, -1]}])
def test_a_record_that_cannot_be_true_is_none(study, capsys, strata):
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", "--size", "8"]) == 0
    record = study / "s.sampling.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"strata": strata}))
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", "--size", "9", "--extend", "s.jsonl"])
    assert "tells of no sample" in capsys.readouterr().err
    assert len((study / "s.jsonl").read_text().splitlines()) == 8


def test_a_sample_grows_in_its_place_and_never_replaces_its_frame(study, capsys):
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", "--size", "8"]) == 0
    before = (study / "s.jsonl").read_text().splitlines()
    grow = ["sample", "issues.jsonl", "--size", "20", "--extend", "s.jsonl", "-o"]
    assert coder([*grow, "s.jsonl"]) == 0
    after = (study / "s.jsonl").read_text().splitlines()
    assert len(after) == 20 and {*before} < {*after}
    assert coder([*grow, str(study / "issues.jsonl")]) == 2
    assert "replaced by its own sample" in capsys.readouterr().err


def test_other_strata_than_were_drawn_in_are_refused(study, capsys):
    ids = [f"a{n}" for n in range(30)] + [f"b{n}" for n in range(10)]
    made = Maker(study / "runs")
    made.run({i: "a" if i < "a25" else "b" for i in ids}, "first")
    made.run({i: "b" if i < "a25" else "a" for i in ids}, "second")
    by = ["sample", "issues.jsonl", "--by", "code", "--run"]
    equal = ["--size", "8", "--allocation", "equal"]
    assert coder([*by, "first", "-o", "s.jsonl", *equal]) == 0
    assert coder([*by, "second", "-o", "t.jsonl", "--size", "12", "--extend", "s.jsonl"]) == 2
    assert "would not be drawn again" in capsys.readouterr().err


def test_the_run_of_a_sample_knows_it_is_one(study, capsys):
    (study / "study.toml").write_text('[retrieval]\nembedder = "none"\n[report]\ndraws = 100\n')
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", "--margin", ".2"]) == 0
    assert coder(["propose", "s.jsonl", "--run", "first"]) == 0
    run = Run.open(study / "runs", "first")
    assert run.manifest.sampling is not None and run.manifest.sampling.issues == 40
    label(run, "ann", dict.fromkeys(run.issues, "model-usage.api-calls"))
    capsys.readouterr()
    assert coder(["report", "first"]) == 0
    assert (
        "a random sample of 16 of 40 (seed 0)"
        in (study / "runs" / "first" / "report" / "report.md").read_text()
    )
    # A file that was changed since is no longer that sample.
    lines = (study / "s.jsonl").read_text().splitlines(keepends=True)
    (study / "s.jsonl").write_text("".join(lines[:-1]))
    assert coder(["propose", "s.jsonl", "--run", "second"]) == 0
    assert Run.open(study / "runs", "second").manifest.sampling is None


def test_shares_of_an_uneven_sample_are_carried_to_what_it_was_drawn_from(study, capsys):
    (study / "study.toml").write_text('[retrieval]\nembedder = "none"\n[report]\ndraws = 100\n')
    how = ["--by", "repo", "--allocation", "equal", "--size", "16", "-o", "s.jsonl"]
    assert coder(["sample", "issues.jsonl", *how]) == 0
    assert coder(["propose", "s.jsonl", "--run", "first"]) == 0
    run = Run.open(study / "runs", "first")
    codes = {"acme/a": "model-usage.api-calls", "acme/b": "model-performance.regression"}
    label(run, "ann", {i: codes[one.repo] for i, one in run.issues.items()})
    capsys.readouterr()
    assert coder(["report", "first"]) == 0
    folder = study / "runs" / "first" / "report"
    shares = json.loads((folder / "report.json").read_text())["corrected"][0]
    found = {one["code"]: one for one in shares["shares"] if one["labels"]["value"]}
    assert shares["frame"] == 40 and len(found) == 2
    first = found["model-usage"]
    assert (first["corrected"]["value"], first["frame"]["value"]) == (0.5, 0.75)
    assert first["frame"]["low"] < 0.75 < first["frame"]["high"]
    said = (folder / "report.md").read_text()
    assert "in all 40" in said and "equal by repo; agreement and raw counts speak" in said


def test_strata_can_be_what_a_model_says(study):
    ids = [f"a{n}" for n in range(30)] + [f"b{n}" for n in range(10)]
    Maker(study / "runs").run({i: "a" if i < "a25" else "b" for i in ids}, "first")
    command = ["sample", "issues.jsonl", "-o", "s.jsonl", "--size", "10", "--by", "code"]
    assert coder([*command, "--run", "first", "--allocation", "equal"]) == 0
    told = json.loads((study / "s.sampling.json").read_text())["strata"]
    assert {code: places for code, (_, places) in told.items()} == {"a": 5, "b": 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "41"], "41 issues cannot be drawn from 40"),
        ([], "the size is to be told once"),
        (["--size", "3", "--margin", ".1"], "the size is to be told once"),
        (["--size", "3", "--by", "code"], "--by code and --run go together"),
        (["--size", "3", "--extend", "issues.jsonl"], "there is no issues.sampling.json"),
    ],
)
def test_what_cannot_be_drawn_is_said(study, capsys, words, said):
    assert coder(["sample", "issues.jsonl", "-o", "s.jsonl", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (study / "s.jsonl").exists()
