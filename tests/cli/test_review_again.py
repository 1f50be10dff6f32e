"""Going back: one issue by its name, or all that were answered with a code."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.runs import make_run

from coder.cli.main import cli
from coder.records import Action
from coder.storage.run import Run
from coder.storage.sampling import kind_of

CODES = ("taste.sour", "looks.green")


def review(study: Path, typed: str, *options: str) -> str:
    command = ["review", "trial", "--rater", "ann", "--plain", *options]
    found = CliRunner().invoke(cli, command, input=typed, catch_exceptions=False)
    return found.output


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Four issues, all accepted as too sour."""
    made = make_run(tmp_path / "runs", 4)
    monkeypatch.chdir(tmp_path)
    review(tmp_path, "\n\n\n\n", "--order", "file")
    assert {d.codes for d in made.decisions("ann").values()} >= {("taste.sour",)}
    return made


@pytest.mark.parametrize("name", ["i1", "https://example.org/acme/fruit/issues/1", "acme/fruit#1"])
def test_one_issue_is_answered_anew_by_its_names(run: Run, tmp_path: Path, name: str) -> None:
    before = run.decisions("ann")
    out = review(tmp_path, "/looks.green\n", "--issue", name)
    assert "your answer so far: Taste > Too Sour" in out
    after = run.decisions("ann")
    assert after["i1"].codes == ("looks.green",) and after["i1"].action is Action.CORRECT
    assert {i: d.id for i, d in after.items() if i != "i1"} == {
        i: d.id for i, d in before.items() if i != "i1"
    }
    assert [d.action for d in run.decision_journal("ann")].count(Action.UNDO) == 0
    assert before["i1"].queue == after["i1"].queue == "file", "it was drawn once"


def test_what_was_answered_with_a_code_or_category_comes_again(run: Run, tmp_path: Path) -> None:
    usual = [i for i, d in run.decisions("ann").items() if d.codes == ("taste.sour",)]
    assert len(usual) > 1
    out = review(tmp_path, "/looks.green\nq\n", "--answered", "taste.sour")
    assert f"of {len(usual)}" in out
    out = review(tmp_path, "q\n", "--answered", "Taste")
    assert f"of {len(usual) - 1}" in out
    out = review(tmp_path, "q\n", "--answered", "Looks")
    assert "so far: Looks > Still Green" in out


def test_an_issue_nobody_has_is_named(run: Run, tmp_path: Path) -> None:
    for options in (("--issue", "acme/fruit#99"), ("--issue", "i1", "--order", "random")):
        found = CliRunner().invoke(cli, ["review", "trial", "--rater", "ann", *options])
        assert found.exit_code != 0 and found.exception is not None


def test_an_issue_not_met_before_is_no_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_run(tmp_path / "runs", 4)
    monkeypatch.chdir(tmp_path)
    review(tmp_path, "\n", "--issue", "i2")
    (decision,) = made.decisions("ann").values()
    assert kind_of(decision.queue) is None, "it was chosen"
    assert decision.queue == "file issue=i2"
