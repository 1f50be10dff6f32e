"""The review's screen, driven by keys in memory."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from support.apps import play_app, text
from support.runs import done, make_issue, make_proposal, make_run
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from coder.cli.screen.review import ReviewApp
from coder.errors import StorageError
from coder.records import Evidence, Status
from coder.review.keymap import keymap
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares
from coder.storage.run import Run

Scene = Callable[[Pilot[None], ReviewApp], Coroutine[Any, Any, None]]


def play(run: Run, scene: Scene, size: tuple[int, int] = (80, 24)) -> ReviewApp:
    return play_with(ReviewSession(run, "ann", Order.FILE), scene, size)


def told(run: Run) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.issue_id, d.action.value, d.codes) for d in done(run)]


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_all_is_visible_and_enter_accepts_and_advances(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "Taste > Too Sour" in text(app, "suggestion")
        assert "72% sure" in text(app, "suggestion")
        assert "The reporter says" in text(app, "suggestion")
        assert "0/3" in text(app, "top")
        assert "trial · ann · file" in text(app, "top")
        keys = app.query_one("#keys")
        assert keys.region.bottom == size[1]
        assert keys.region.height == 1
        assert "Enter accept" in text(app, "keys")
        assert "q quit" in text(app, "keys")
        await pilot.press("enter")
        assert "acme/fruit#2" in text(app, "where")
        assert "accepted: Taste > Too Sour" in text(app, "notice")

    play(run, scene, size)
    assert told(run) == [("i1", "accept", ("taste.sour",))]


def test_the_definition_comes_before_the_grounds_and_every_code_with_its_category(
    tmp_path: Path,
) -> None:
    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        shown = text(app, "suggestion")
        assert "2 Taste > Too Bland" in shown
        assert shown.index("2 Taste") < shown.index("Acid beyond") < shown.index("The reporter")

    play(make_run(tmp_path), scene)


@pytest.mark.parametrize(("calibrated", "words"), [(True, "72% sure"), (False, "similarity 72%")])
def test_how_sure_stays_on_one_line_and_promises_nothing(
    tmp_path: Path, calibrated: bool, words: str
) -> None:
    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        pane = app.query_one("#suggestion", Static)
        assert any(words in pane.render_line(y).text for y in range(pane.size.height))
        assert text(app, "suggestion").count("sure") == ("sure" in words)

    run = make_run(tmp_path)
    run.manifest.model["calibrated"] = calibrated
    play(run, scene, (36, 24))


def test_none_is_offered_only_where_it_is_allowed(tmp_path: Path) -> None:
    async def offered(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "n none" in text(app, "keys")

    async def hidden(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "n none" not in text(app, "keys")
        await pilot.press("n")
        assert "n when none fits" not in text(app, "notice")

    play(make_run(tmp_path, name="yes"), offered)
    play(make_run(tmp_path, name="no", allow_none=False), hidden)


def test_a_search_without_a_match_says_so_and_takes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("slash", *"zzqx")
        await pilot.pause()
        (only,) = app.screen.query_one(OptionList).options
        assert "nothing matches" in str(only.prompt)
        await pilot.press("down", "enter", "escape")

    play(run, scene)
    assert told(run) == []


def test_a_message_is_gone_with_the_next_key(tmp_path: Path) -> None:
    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("enter")
        assert "accepted" in text(app, "notice")
        await pilot.press("z")
        assert not text(app, "notice").strip()
        await pilot.press("slash", *"sour", "enter")
        await pilot.pause()
        assert "accepted: Taste > Too Sour" in text(app, "notice")

    play(make_run(tmp_path), scene)


def test_evidence_is_marked_where_it_is(tmp_path: Path) -> None:
    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        content = app.query_one("#text", Static).content
        marked = [content.plain[s.start : s.end] for s in content.spans if "underline" in s.style]  # type: ignore[union-attr]
        assert marked == ["The apples are sour"]

    play(make_run(tmp_path), scene)


def test_digit_find_and_none(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("2", "slash", *"brui", "enter")
        await pilot.pause()
        await pilot.press("n")

    play(run, scene)
    assert told(run) == [
        ("i1", "correct", ("taste.bland",)),
        ("i2", "correct", ("looks.bruised",)),
        ("i3", "reject", ()),
    ]


def test_escape_leaves_the_search_without_an_answer(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("slash", *"nq", "escape")
        await pilot.press("m", *"q", "escape")
        await pilot.press("question_mark", "escape", "l", "l")

    play(run, scene)
    assert told(run) == []


def test_memo_flag_skip_and_undo_of_all(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("m", *"odd", "enter")
        await pilot.pause()
        assert "odd" in text(app, "suggestion")
        await pilot.press("f", "s", "u", "u")
        assert "answer taken back" in text(app, "notice")
        await pilot.press("u")
        assert "memo taken back" in text(app, "notice")
        assert "acme/fruit#1" in text(app, "where")
        assert "odd" not in text(app, "suggestion")
        await pilot.press("u")
        assert "nothing to undo" in text(app, "notice")

    play(run, scene)
    assert [action for _, action, _ in told(run)] == ["memo", "flag", "skip", *["undo"] * 3]


def test_several_codes_are_marked_with_digits_and_search(tmp_path: Path) -> None:
    run = make_run(tmp_path, cardinality="multiple")

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("2", "slash", *"bruised", "enter")
        await pilot.pause()
        assert "4 [x] Looks > Bruised" in text(app, "suggestion")
        await pilot.press("1", "enter")

    play(run, scene)
    assert told(run) == [("i1", "correct", ("looks.green", "looks.bruised"))]


def test_a_failed_proposal_shows_as_that(tmp_path: Path) -> None:
    issue = make_issue(1)
    failed = make_proposal(issue, status=Status.OFF_CODEBOOK, codes=(), runners_up=())
    run = make_run(tmp_path, [issue], [failed])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "No suggestion (off_codebook)" in text(app, "suggestion")
        assert "Enter" not in text(app, "keys")
        await pilot.press("enter")
        assert "nothing to accept" in text(app, "notice")
        await pilot.press("slash", *"sour", "enter")

    play(run, scene)
    assert told(run) == [("i1", "correct", ("taste.sour",))]


def test_where_the_model_is_not_sure_its_ranking_is_a_digit_away(tmp_path: Path) -> None:
    issue = make_issue(1)
    unsure = make_proposal(issue, status=Status.UNSURE, codes=(), evidence=())
    run = make_run(tmp_path, [issue], [unsure])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        shown = text(app, "suggestion")
        assert "Not sure" in shown and "No suggestion" not in shown
        assert "1 Looks > Still Green" in shown and "Choose a code with its number or /" in shown
        await pilot.press("1")

    play(run, scene)
    assert told(run) == [("i1", "correct", ("looks.green",))]


def test_the_end_says_what_stands_and_can_still_be_undone(tmp_path: Path) -> None:
    run = make_run(tmp_path, 1)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("enter")
        assert "1 of 1 reviewed" in text(app, "text")
        await pilot.press("enter", "n", "m", "slash", "o", "e", "x", "l", "escape", "u")
        assert "acme/fruit#1" in text(app, "where")

    play(run, scene)
    assert [action for _, action, _ in told(run)] == ["accept", "undo"]


def test_evidence_far_down_is_one_key_away(tmp_path: Path) -> None:
    issue = make_issue(1, "line\n" * 200 + "here it is")
    start = issue.text.index("here it is")
    quote = Evidence(quote="here it is", start=start, end=start + 10, verified=True)
    run = make_run(tmp_path, [issue], [make_proposal(issue, evidence=(quote,))])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("e")
        await pilot.pause()
        reading = app.query_one("#reading")
        line = text(app, "text").splitlines().index("here it is")
        assert reading.scroll_y <= line < reading.scroll_y + reading.size.height

    play(run, scene)


def test_how_a_code_stands_in_the_text_is_said(tmp_path: Path) -> None:
    issue = make_issue(1)
    run = make_run(tmp_path, [issue], [make_proposal(issue, expression="interpretive")])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "In the text  read between the lines" in text(app, "suggestion")

    play(run, scene)


def test_hostile_text_shows_as_text(tmp_path: Path) -> None:
    evil = "\x1b]52;c;aGk=\x07[red]x[/red] [@click=app.quit]y[/] [link=http://e]z[/link]\u202e" * 3
    issue = make_issue(1, evil + "w" * 60_000, title=evil, repo=evil, labels=(evil,))
    proposal = make_proposal(issue, rationale=evil, evidence=(Evidence(quote=evil),))
    run = make_run(tmp_path, [issue], [proposal])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        for pane in ("where", "text", "suggestion"):
            assert not {"\x1b", "\x07", "\u202e"} & set(text(app, pane))
            assert "[@click=app.quit]y[/]" in text(app, pane)
            content = app.query_one(f"#{pane}", Static).content
            assert all(isinstance(span.style, str) for span in content.spans)  # type: ignore[union-attr]
            assert not any("click" in span.style for span in content.spans)  # type: ignore[union-attr]

    play(run, scene)


def test_a_full_disk_ends_the_session_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        def full(_: object) -> None:
            raise StorageError("no space", "free some")

        await pilot.press("enter")
        monkeypatch.setattr(app.session.journal, "append", full)
        await pilot.press("n")

    assert isinstance(play(run, scene).failure, StorageError)
    assert [action for _, action, _ in told(run)] == ["accept"]


def test_ctrl_c_is_told_from_quitting(tmp_path: Path) -> None:
    async def interrupt(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("slash", "ctrl+c")

    async def quit_(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("q")

    assert play(make_run(tmp_path), interrupt).stopped_by == signal.SIGINT
    assert play(make_run(tmp_path), quit_).stopped_by is None


def play_with(session: ReviewSession, scene: Scene, size: tuple[int, int] = (80, 24)) -> ReviewApp:
    return play_app(ReviewApp(session), scene, size)


def everything(app: ReviewApp) -> str:
    return "\n".join(text(app, pane) for pane in ("top", "where", "text", "suggestion", "keys"))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_blind_first_shows_nothing_of_the_model_before_the_label(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    issue = make_issue(1, "Crate 1.\n\nThe apples are sour.\n\n" + "log line\n" * 3)
    run = make_run(tmp_path, [issue], [make_proposal(issue, left_out=9)])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        shown = everything(app)
        for words in ("Sour", "72%", "The reporter", "not shown 9", "Enter", "evidence", "take"):
            assert words not in shown
        content = app.query_one("#text", Static).content
        assert not any("underline" in span.style for span in content.spans)  # type: ignore[union-attr]
        await pilot.press("l", "e", "enter", "t")
        assert not app.screen.is_modal
        assert not list(run.decision_journal("ann"))
        await pilot.press("2")
        assert "1 Still Green" in text(app, "suggestion")
        await pilot.press("escape")
        assert "2 Looks" in text(app, "suggestion")
        await pilot.press("2", "1")
        (label,) = run.label_journal("ann")
        assert label.codes == ("looks.green",)
        shown = text(app, "suggestion")
        assert shown.index("Looks > Still Green") < shown.index("Taste > Too Sour")
        assert "72% sure" in shown
        assert "You and the suggestion differ." in shown
        assert "Enter keep" in text(app, "keys")
        assert "t take" in text(app, "keys")
        assert app.query_one("#keys").region.height == 1
        await pilot.press("enter")

    play_with(ReviewSession(run, "ann", Order.FILE, shares=Shares(blind=1)), scene, size)
    assert told(run) == [("i1", "correct", ("looks.green",))]


def test_after_the_label_t_takes_the_suggestion(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("n", "t")
        assert "acme/fruit#2" in text(app, "where")
        await pilot.press("slash", *"sour", "enter")
        await pilot.pause()
        assert "The suggestion is the same." in text(app, "suggestion")
        await pilot.press("u")
        assert "your own label stays" in text(app, "notice")
        await pilot.press("enter", "u")
        assert "Yours" in text(app, "suggestion")

    play_with(ReviewSession(run, "ann", Order.FILE, shares=Shares(blind=1)), scene)
    assert [action for _, action, _ in told(run)] == ["accept", "accept", "undo"]


def test_the_place_in_a_long_issue_stays_when_the_suggestion_comes(tmp_path: Path) -> None:
    run = make_run(tmp_path, [make_issue(1, "line\n" * 200)])

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("space", "space")
        place = app.query_one("#reading").scroll_y
        assert place > 0
        await pilot.press("n")
        await pilot.pause()
        assert app.query_one("#reading").scroll_y == place

    play_with(ReviewSession(run, "ann", Order.FILE, shares=Shares(blind=1)), scene)


def test_keys_of_ones_own_work_and_are_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, 5)
    keys = keymap({"accept": "space", "none": "0", "memo": ",", "skip": "f2", "undo": "A"})

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "Space accept" in text(app, "keys")
        assert "0 none" in text(app, "keys")
        await pilot.press("space", "0", "f2", "comma", *"hm", "enter")
        await pilot.pause()
        await pilot.press("A", "enter", "n", "m", "s", "u", "question_mark")
        help_shown = str(app.screen.query(Static)[1].content)
        assert "    F2  decide later" in help_shown
        assert "  PgDn  scroll on" in help_shown

    play_with(ReviewSession(run, "ann", Order.FILE, keys=keys), scene)
    assert [action for _, action, _ in told(run)] == ["accept", "reject", "skip", "memo", "undo"]


def test_a_change_of_the_codebook_is_proposed_in_a_dialog(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        await pilot.press("c", "s", *"limes", "enter")
        await pilot.pause()
        assert "split a code in two (Taste > Too Sour): limes" in text(app, "suggestion")
        await pilot.press("c", "down", "enter", *"no", "escape", "c", "escape")
        await pilot.press("c", "n", "enter")
        await pilot.pause()
        assert "was not kept" in text(app, "notice")
        await pilot.press("u")
        assert "limes" not in text(app, "suggestion")

    play(run, scene)
    assert [(d.action.value, d.change) for d in done(run)] == [
        ("memo", "split"),
        ("undo", None),
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 200])
def test_the_key_bar_is_one_line_that_always_tells_of_help(tmp_path: Path, width: int) -> None:
    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        keys = text(app, "keys")
        assert "? help" in keys
        assert "q quit" in keys
        if width >= 60:
            assert len(keys.rstrip()) <= width
            assert app.query_one("#keys").region.height == 1

    play(make_run(tmp_path), scene, (width, 24))


def test_several_codes_beside_the_suggestion(tmp_path: Path) -> None:
    run = make_run(tmp_path, cardinality="multiple")

    async def scene(pilot: Pilot[None], app: ReviewApp) -> None:
        assert "Enter" not in text(app, "keys")
        await pilot.press("2", "1", "enter")
        shown = text(app, "suggestion")
        assert "Looks > Still Green" in shown.splitlines()[0]
        assert "Taste > Too Sour" in shown.splitlines()[1]
        assert "2 [x] Looks > Still Green" in shown
        assert "Enter keep" in text(app, "keys")
        await pilot.press("1")
        assert "Enter accept" in text(app, "keys")
        await pilot.press("enter")

    play_with(ReviewSession(run, "ann", Order.FILE, shares=Shares(blind=1)), scene)
    assert told(run) == [("i1", "correct", ("taste.sour", "looks.green"))]


def test_both_panes_say_that_there_is_more_and_where(tmp_path: Path) -> None:
    body = "\n\n".join(f"Line {n} of a long issue." for n in range(60))
    issue = make_issue(1, body)
    long = "It rambles on. " * 80
    run = make_run(tmp_path, [issue], [make_proposal(issue, rationale=long)])
    app = ReviewApp(ReviewSession(run, "ann", Order.FILE))
    seen: list[list[str]] = []

    async def scene() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            for keys in ((), ("pagedown",), ("end",), ("tab", "end")):
                await pilot.press(*keys)
                await pilot.pause(0.1)
                lines = app.query(".more").results(Static)
                seen.append([str(line.content) for line in lines if line.display])

    asyncio.run(scene())
    ends = [[line.partition(":")[0] for line in lines] for lines in seen]
    assert ends == [
        ["more below", "more below"],
        ["more below and above", "more below"],
        ["more above", "more below"],
        ["more above", "more above"],
    ]
