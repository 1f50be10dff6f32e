"""Keys that arrive faster than the screens draw: none of them may break a screen."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from support.runs import make_run
from textual import events

from coder.cli.screen.adjudicate import AdjudicateApp
from coder.cli.screen.review import ReviewApp
from coder.cli.screen.terminal_app import TerminalApp
from coder.records import Label
from coder.review.adjudication import AdjudicationSession
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares

NAMES = {"\r": "enter", "\x1b": "escape", "/": "slash", "?": "question_mark", " ": "space"}
TYPED = "\r\r\r\x1b\x1b129/nsfmcrulext? ab"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cardinality", ["single", "multiple"])
def test_a_review(tmp_path: Path, seed: int, cardinality: str) -> None:
    run = make_run(tmp_path, 12, cardinality=cardinality)
    shares = Shares(blind=0.4, holdout=0.2, salt=str(seed))
    type_at(ReviewApp(ReviewSession(run, "ann", Order.FILE, shares=shares)), seed)
    assert run.decision_journal("ann").broken_line() is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cardinality", ["single", "multiple"])
def test_an_adjudication(tmp_path: Path, seed: int, cardinality: str) -> None:
    run = make_run(tmp_path, 12, cardinality=cardinality)
    for rater, code in (("ann", "taste.sour"), ("bea", "looks.green")):
        run.label_journal(rater).append(
            Label(issue_id=issue_id, rater=rater, codes=(code,)) for issue_id in run.issues
        )
    type_at(AdjudicateApp(AdjudicationSession(run, "cy")), seed)
    assert run.adjudications.broken_line() is None


def type_at(app: TerminalApp, seed: int) -> None:
    """Bursts of keys, the last one while the app ends; what breaks it is raised."""
    draw = random.Random(seed)

    async def scene() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            for _ in range(25):
                await pilot.pause()
                for key in draw.choices(TYPED, k=draw.randrange(1, 7)):
                    app.post_message(events.Key(NAMES.get(key, key), key))

    asyncio.run(scene())


def test_what_is_typed_behind_an_enter_is_not_in_the_memo(tmp_path: Path) -> None:
    run = make_run(tmp_path, 3)
    app = ReviewApp(ReviewSession(run, "ann", Order.FILE))

    async def scene() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("m")
            for key in ("o", "d", "d", "enter", "z", "z"):
                app.post_message(events.Key(key, "\r" if key == "enter" else key))
            await pilot.pause()

    asyncio.run(scene())
    assert [line.memo for line in run.decision_journal("ann") if line.memo] == ["odd"]
