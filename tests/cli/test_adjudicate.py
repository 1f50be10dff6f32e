"""``coder adjudicate`` by lines and on the screen, and ``coder merge``, ``coder label export``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.apps import play_app, text
from support.runs import make_issue, make_run
from textual.pilot import Pilot
from textual.widgets import Static

from coder.cli.main import cli
from coder.cli.screen.adjudicate import AdjudicateApp
from coder.errors import CoderError, StorageError
from coder.records import Adjudication, Label
from coder.review.adjudication import AdjudicationSession
from coder.storage.run import Run

EVIL = "\x1b]52;c;aGk=\x07\x1b]0;title\x07\u202e\u200b[red]x[/red]"


def label(run: Run, rater: str, memo: str = "", /, **codes: str) -> None:
    run.label_journal(rater).append(
        Label(issue_id=issue, rater=rater, codes=(code,) if code else (), memo=memo)
        for issue, code in codes.items()
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Three disagreements of ann and bea, in the study that is the current folder."""
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs")
    label(run, "ann", "because of lemons", i1="taste.sour", i2="looks.green", i3="")
    label(run, "bea", i1="taste.bland", i2="looks.bruised", i3="looks")
    return run


def coder(lines: str, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments, input=lines)
    if result.exception and not isinstance(result.exception, SystemExit | CoderError):
        raise result.exception
    return result


def adjudicate(lines: str, *options: str) -> str:
    result = coder(lines, "adjudicate", "trial", "--by", "cy", *options)
    assert result.exit_code == 0, result.output
    return result.output


def told(run: Run) -> list[tuple[str, tuple[str, ...], str, bool]]:
    return [(r.issue_id, r.codes, r.reason, r.withdrawn) for r in run.adjudications]


def test_a_script_adjudicates_without_a_terminal(run: Run) -> None:
    out = adjudicate("1 acid is meant\nu\n2\nthe log\nm told by ann\n/looks.bruised\nn\n\nq\n")
    assert told(run) == [
        ("i1", ("taste.sour",), "acid is meant", False),
        ("i1", (), "", True),
        ("i1", ("taste.bland",), "the log", False),
        ("i2", ("looks.bruised",), "told by ann", False),
        ("i3", (), "", False),
    ]
    for words in (
        "=== 1 of 3 (0 resolved)",
        "1 ann: Taste > Too Sour",
        "memo: because of lemons",
        "2 bea: Taste > Too Bland",
        "Taste > Too Sour means: Acid beyond",
        "answer taken back",
        "no disagreement is left",
        "3 of 3 disagreements resolved",
        "next: coder report trial",
    ):
        assert words in out


@pytest.mark.parametrize("name", ["i1", "https://example.org/acme/fruit/issues/1", "acme/fruit#1"])
def test_one_issue_is_resolved_anew_without_undoing_the_others(run: Run, name: str) -> None:
    adjudicate("1 acid\n2 b\nn c\n")
    out = adjudicate("2 the log\n\n", "--issue", name)
    assert "=== 1 of 1 (1 resolved)" in out
    assert "resolved so far: Taste > Too Sour, by cy: acid" in out
    assert "no disagreement is left" in out and "1 of 1 disagreement resolved" in out
    assert told(run)[3:] == [("i1", ("taste.bland",), "the log", False)]
    assert [r.withdrawn for r in run.adjudications] == [False] * 4


def test_an_issue_that_is_no_disagreement_is_said_to_be_none(run: Run) -> None:
    label(run, "bea", i1="taste.sour")
    result = coder("", "adjudicate", "trial", "--by", "cy", "--issue", "i1")
    assert isinstance(result.exception, CoderError)
    assert result.exception.message == "issue 'i1' is no disagreement in run 'trial'"


def test_names_are_nowhere_when_hidden(run: Run) -> None:
    out = adjudicate("1\n\nx\n?\n", "--anonymous")
    assert "rater A: " in out
    assert "rater B: " in out
    assert not [line for line in out.splitlines() if line.startswith(("1 ann", "2 bea"))]
    assert next(iter(run.adjudications)).judged.keys() == {"ann", "bea"}


@pytest.mark.parametrize("line", ["z", "7", "nn", "0", "²", "", "/zzzz", "m"])
def test_what_is_no_command_changes_nothing(run: Run, line: str) -> None:
    adjudicate(f"{line}\n")
    assert told(run) == []


def test_an_answer_without_its_reason_is_not_kept_at_the_end_of_input(run: Run) -> None:
    assert "0 of 3 disagreements resolved" in adjudicate("1\n")
    assert told(run) == []


def test_several_codes_are_marked_and_taken(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs", cardinality="multiple")
    label(run, "ann", i1="looks")
    label(run, "bea", i1="taste")
    out = adjudicate("/looks\n/sour\n1\n\nboth\n")
    assert "marked: Looks; Taste > Too Sour. An empty line takes these." in out
    assert told(run) == [("i1", ("taste.sour", "looks"), "both", False)]


def test_nothing_in_dispute_and_nobody_to_compare(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs")
    result = coder("", "adjudicate", "trial", "--by", "cy")
    assert isinstance(result.exception, CoderError)
    assert result.exception.exit_code == 2
    label(run, "ann", i1="looks")
    label(run, "bea", i1="looks")
    assert "agree on every issue" in adjudicate("")


def test_what_is_set_aside_is_counted_and_named(run: Run) -> None:
    stale = Label(issue_id="i1", rater="bea", codes=("taste",), codebook_hash="another")
    run.label_journal("bea").append([stale])
    assert "set aside: 1 answer by bea made stale by a change of the codebook (i1)" in adjudicate(
        ""
    )


def test_hostile_text_reaches_the_terminal_as_dots(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    issue = make_issue(1, EVIL, title=EVIL, url=f"javascript:{EVIL}", repo=EVIL)
    run = make_run(tmp_path / "runs", [issue])
    label(run, "ann", EVIL, i1="taste.sour")
    label(run, "bea", EVIL, i1="taste.bland")
    out = adjudicate("o\nx\n/\x1b[2J\nm \x1b[2J\n1 \x1b[2J\n")
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(out)
    assert "[red]x[/red]" in out


# --- on the screen ------------------------------------------------------------------------------

Scene = Callable[[Pilot[None], AdjudicateApp], Coroutine[Any, Any, None]]


def play(
    run: Run, scene: Scene, size: tuple[int, int] = (80, 24), only: str = "", **options: bool
) -> AdjudicateApp:
    return play_app(
        AdjudicateApp(AdjudicationSession(run, "cy", only=only, **options)), scene, size
    )


def answers(app: AdjudicateApp) -> list[str]:
    shown = app.query_one("#answers").query_children(Static)
    return [str(column.content) for column in shown if column.display]


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_both_answers_stand_beside_each_other(run: Run, size: tuple[int, int]) -> None:
    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        left, right = app.query_one("#answers").query_children(Static)
        assert left.region.y == right.region.y
        assert left.region.right <= right.region.x
        assert "because of lemons" in answers(app)[0]
        assert "Too Bland" in answers(app)[1]
        assert "Acid beyond" in text(app, "meaning")
        assert "0/3 resolved" in text(app, "top")
        assert app.query_one("#keys").region.bottom == size[1]
        assert "q quit" in text(app, "keys")

    play(run, scene, size)


def test_the_screen_shows_how_an_issue_was_resolved_before(run: Run) -> None:
    adjudicate("1 acid\nq\n")

    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        assert "Resolved so far  Taste > Too Sour, by cy: acid" in text(app, "meaning")
        await pilot.press("2", "enter")
        await pilot.pause()
        assert "1 of 1 disagreements resolved" in text(app, "text")

    play(run, scene, only="i1")
    assert told(run)[1:] == [("i1", ("taste.bland",), "", False)]


def test_digit_find_none_reason_skip_and_undo(run: Run) -> None:
    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        await pilot.press("2", *"log", "enter")
        await pilot.pause()
        assert "acme/fruit#2" in text(app, "where")
        assert "resolved: Taste > Too Bland" in text(app, "notice")
        await pilot.press("1", "escape", "9", "enter")
        assert "a digit takes" in text(app, "notice")
        await pilot.press("m", *"why", "enter")
        await pilot.pause()
        assert "why" in text(app, "meaning")
        await pilot.press("slash", *"brui", "enter")
        await pilot.pause()
        await pilot.press("s")
        await pilot.press("n", "enter")
        await pilot.pause()
        assert "No disagreement is left" in text(app, "where")
        await pilot.press("u", "question_mark", "escape", "x", "o", "space")
        assert "acme/fruit#3" in text(app, "where")

    play(run, scene)
    assert told(run) == [
        ("i1", ("taste.bland",), "log", False),
        ("i2", ("looks.bruised",), "why", False),
        ("i3", (), "", False),
        ("i3", (), "", True),
    ]


def test_letters_instead_of_names_and_more_raters_than_columns(run: Run) -> None:
    for rater in ("cy", "dan"):
        label(run, rater, i2="taste")

    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        assert len(answers(app)) == 2
        await pilot.press("1", "enter")
        await pilot.pause()
        assert [shown.partition("\n")[0] for shown in answers(app)] == [
            f"{n} rater {letter}" for n, letter in enumerate("ABCD", start=1)
        ]
        first, second, *_ = app.query_one("#answers").query_children(Static)
        assert first.region.x == second.region.x
        await pilot.press("1", "enter")
        await pilot.pause()
        assert len(answers(app)) == 2

    play(run, scene, anonymous=True)


def test_a_full_disk_ends_the_session_and_keeps_the_dispute(run: Run, monkeypatch: Any) -> None:
    def full(*_: object) -> None:
        raise StorageError("cannot write: no space left", "free some space")

    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        monkeypatch.setattr(app.session.journal, "append", full)
        await pilot.press("1", "enter")
        await pilot.pause()

    app = play(run, scene)
    assert isinstance(app.failure, StorageError)
    assert app.session.dispute is not None
    assert app.session.dispute.issue.id == "i1"


def test_hostile_memos_stay_in_their_pane(run: Run) -> None:
    label(run, "bea", EVIL, i1="taste.bland")

    async def scene(pilot: Pilot[None], app: AdjudicateApp) -> None:
        shown = answers(app)[1]
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(shown)
        assert "[red]x[/red]" in shown

    play(run, scene)


# --- merge and export ---------------------------------------------------------------------------


def test_merge_names_what_it_took_and_what_is_in_conflict(run: Run, tmp_path: Path) -> None:
    theirs = Run(tmp_path / "usb" / "trial")
    shutil.copytree(run.path, theirs.path)
    label(theirs, "dan", i1="looks")
    result = coder("", "merge", str(theirs.path), "--into", "trial")
    assert result.exit_code == 0
    assert "labels/dan.jsonl: taken (1 lines)" in result.output
    label(run, "ann", i1="looks")
    label(theirs, "ann", i1="taste")
    dry = coder("", "merge", str(theirs.path), "--into", "trial", "--dry-run")
    result = coder("", "merge", str(theirs.path), "--into", "trial")
    for said in (dry, result):
        assert isinstance(said.exception, CoderError)
        assert said.exception.exit_code == 4
        assert "CONFLICT labels/ann.jsonl: both copies have lines" in said.output
        assert "both about: i1" in said.output
    assert "theirs is kept as labels/ann.jsonl.from-" in result.output
    result = coder("", "merge", str(theirs.path), "--into", "trial", "--take-both")
    assert result.exit_code == 0
    assert run.labels("ann")["i1"].codes == ("taste",)


def test_export_and_its_mistakes(run: Run, tmp_path: Path) -> None:
    run.adjudications.append(
        [
            Adjudication(
                issue_id="i1", by="cy", codes=("looks",), reason="r", blind=True,
                judged={"ann": ("taste.sour",), "bea": ("taste.bland",)},
            )
        ]
    )  # fmt: skip
    assert coder("", "label", "export", "trial", "--resolved", "-o", "r.csv").exit_code == 0
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines == ["id,code,memo,who", "i1,looks,r,adjudicated by cy"]
    assert coder("", "label", "export", "trial", "-o", "all.csv").exit_code == 0
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 7
    arguments = ["label", "export", "trial", "--rater", "ann", "-o", "ann.csv"]
    assert coder("", *arguments).exit_code == 0
    assert (
        coder("", "label", "import", "ann.csv", "--rater", "eve", "--run", "trial").exit_code == 0
    )
    assert {i: r.codes for i, r in run.labels("eve").items()} == {
        i: r.codes for i, r in run.labels("ann").items()
    }
    for wrong in (["--rater", "nobody"], ["--rater", "ann", "--resolved"]):
        assert coder("", "label", "export", "trial", *wrong, "-o", "x.csv").exit_code != 0
    assert not (tmp_path / "x.csv").exists()
