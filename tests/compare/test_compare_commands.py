"""The commands over several runs: what they print fits into 80 columns, mistakes are one line."""

from __future__ import annotations

import json
import unicodedata
from types import SimpleNamespace

import pytest
from support.runs import TREE, Maker, issue, label

from coder.__main__ import run as coder
from coder.cli.printing import folder_of

LONG = "a-run-with-a-name-as-long-as-some-people-like-them"


@pytest.fixture
def study(tmp_path, monkeypatch, capsys):
    """A study with two runs, one of them labelled, whose titles are hostile and wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coder.cli.terminal.console._width", 80)
    (tmp_path / "study.toml").write_text("[report]\ndraws = 100\n")
    title = "[red]:bug: 漢字漢字漢字 \x1b[31m" + "x" * 90
    maker = Maker(tmp_path / "runs", issues=[issue(f"{n:02}", title=title) for n in range(40)])
    one = maker.run({f"{n:02}": "abc"[n % 3] for n in range(40)}, LONG)
    maker.model = {"kind": "classifier", "name": "other"}
    maker.run({f"{n:02}": "ab"[n % 2] for n in range(40)}, "other")
    label(one, "a-rater-with-a-long-name", {f"{n:02}": "abc"[n % 3] for n in range(35)})
    return maker


def printed(capsys, *arguments: str) -> str:
    assert coder(list(arguments)) == 0
    return capsys.readouterr().out


def width(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in line.rstrip())


@pytest.mark.parametrize(
    "command",
    [("compare", LONG, "other"), ("multiverse", LONG, "other"), ("plan", LONG)],
    ids=lambda command: command[0],
)
def test_tables_fit_into_80_columns(study, capsys, command):
    text = printed(capsys, *command)
    unfolded = ("Written: ", "Next: ")
    assert [ln for ln in text.split("\n") if width(ln) > 80 and not ln.startswith(unfolded)] == []
    assert "\x1b[31m" not in text


def test_output_goes_where_it_is_asked_for(study, capsys, tmp_path):
    printed(capsys, "compare", LONG, "other", "-o", "out")
    printed(capsys, "multiverse", LONG, "other", "-o", "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"compare.md", "compare.json", "flips.csv", "multiverse.md", "multiverse.json"}
    assert not (tmp_path / "runs" / LONG / "report").exists()
    saved = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert saved["resampling"]["draws"] == 100


def test_another_comparison_leaves_the_first_where_it_is(study, capsys, tmp_path):
    study.run({f"{n:02}": "a" for n in range(40)}, "third")
    for runs in ((LONG, "other"), (LONG, "third"), (LONG, "other", "third")):
        for command in ("compare", "multiverse"):
            assert "Written: " in printed(capsys, command, *runs)
    told = {
        folder.name: [
            [run["name"] for run in json.loads((folder / f"{what}.json").read_text())["runs"]]
            for what in ("compare", "multiverse")
        ]
        for folder in (tmp_path / "runs" / LONG / "report").iterdir()
    }
    assert told == {
        "with-other": [[LONG, "other"]] * 2,
        "with-third": [[LONG, "third"]] * 2,
        "with-other+third": [[LONG, "other", "third"]] * 2,
    }


def test_many_runs_have_a_folder_whose_name_is_not_too_long(tmp_path):
    def runs(last):
        return [SimpleNamespace(name=f"{n}" * 80, path=tmp_path) for n in (1, 2, 3, 4, last)]

    names = {folder_of(runs(last)).name for last in (5, 6)}
    assert len(names) == 2
    assert all(len(name) < 200 for name in names)


def test_a_plan_ends_with_the_next_command(study, capsys):
    text = printed(capsys, "plan", LONG)
    assert f"coder review {LONG} --rater a-rater-with-a-long-name --order random --blind" in text
    assert "a random pilot" in printed(capsys, "plan", "other")


def test_a_label_of_a_category_alone_is_none_by_subcategory(study, capsys):
    study.book = TREE
    run = study.run({f"{n:02}": ("call", "speed")[n % 2] for n in range(40)}, "tree")
    label(run, "bea", {f"{n:02}": ("use", "speed")[n % 2] for n in range(40)})
    by_category, by_code = printed(capsys, "plan", "tree").split("By subcategory")
    known = "Every share is known: all issues are labelled"
    assert known in by_category and known not in by_code
    assert "Usage" not in by_category, "a share that is known has no row"
    assert "20 of the 40 labels name a category alone" in by_code
    assert " 6 more (" in by_code and "Next: " not in by_code
    assert "Next, for categories: coder report tree" in by_code
    assert "Next, for subcategories: coder label import FILE --rater bea --run tree" in by_code
    label(run, "bea", {f"{n:02}": "call" for n in range(0, 40, 2)})
    text = printed(capsys, "plan", "tree")
    assert "All 40 issues of run tree have a blind label of bea" in text
    assert "there is nothing to plan" in text and "Kappa" not in text
    assert "Next: coder report tree" in text


def test_a_figure_lists_issues_until_all_are_asked_for(study, capsys):
    figure = "kappa.model_vs_a-rater-with-a-long-name"
    some = printed(capsys, "audit", "figure", LONG, figure)
    assert "... and 20 more issues: add --all" in some
    every = printed(capsys, "audit", "figure", LONG, figure, "--all")
    assert sum(line.startswith("proposals.jsonl:") for line in every.split("\n")) == 35
    assert sum(line.startswith("labels/") and ":" in line for line in every.split("\n")) == 35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "other"), "nothing to compare"),
        (("compare", "other", "nowhere"), "no run called 'nowhere'"),
        (("multiverse", "other", "other"), "nothing to compare"),
        (("audit", "figure", "other", "kapa"), "no figure called 'kapa'"),
    ],
)
def test_mistakes_are_a_line_and_a_hint(study, capsys, arguments, message):
    assert coder(list(arguments)) in (2, 4)
    said = capsys.readouterr().err
    assert message in said
    assert "hint: " in said
    assert "Traceback" not in said
