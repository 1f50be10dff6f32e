"""Full-screen review and adjudication that end from outside, at every kind of moment.

Whatever ends them: what they had acknowledged is on disk, the log is whole, and an issue whose
suggestion had been drawn is never blind again. Where they can, they give the terminal back.
"""

from __future__ import annotations

import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.runs import done, make_run, seen
from support.screens import Screen

from coder.audit.log import check_log
from coder.cli.screen import panes
from coder.records import Label
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares
from coder.storage.run import Run

CLOSED = 0
"""Not a signal: the terminal itself goes away."""
ENDINGS = [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL, CLOSED]
NAMES = ["HUP", "TERM", "INT", "KILL", "closed"]
CODES = {signal.SIGKILL: -9, CLOSED: 128 + signal.SIGHUP}
"""The exit code of an ending, where it is not 128 and the signal's number."""

REVIEW = ("review", "trial", "--rater", "ann", "--order", "file")
ADJUDICATE = ("adjudicate", "trial", "--by", "cy")


@dataclass(frozen=True)
class Moment:
    """``keys`` bring it about, each awaited by what it draws; ``given`` are the answers that were
    acknowledged by then, ``drawn`` the issues whose suggestion was on the screen."""

    keys: tuple[tuple[str, str], ...] = ()
    given: tuple[tuple[str, tuple[str, ...]], ...] = ()
    drawn: frozenset[str] = frozenset()
    blind: bool = False


SOUR, GREEN = ("taste.sour",), ("looks.green",)
FIRST, SECOND = frozenset({"i1"}), frozenset({"i1", "i2"})
REVIEWS = {
    "suggestion on the screen": Moment(drawn=FIRST),
    "in a memo": Moment((("m", "keeps the memo"), ("half a", "half a")), drawn=FIRST),
    "in a search": Moment((("/", "takes the code"), ("bruis", "bruis")), drawn=FIRST),
    "just after accepting": Moment(
        (("\r", "accepted: "),), given=(("accept", SOUR),), drawn=SECOND
    ),
    "just after a dialog answered": Moment(
        (("/", "takes the code"), ("green", "green"), ("\r", "corrected: ")),
        given=(("correct", GREEN),), drawn=SECOND,
    ),
    "blind, before the own code": Moment((("2", "1 Still Green"),), blind=True),
    "blind, after the reveal": Moment(
        (("2", "1 Still Green"), ("1", "You and the suggestion differ.")),
        given=(("label", GREEN),), drawn=FIRST, blind=True,
    ),
    "blind, after the second answer": Moment(
        (("2", "1 Still Green"), ("1", "You and the suggestion differ."), ("t", "crate 2")),
        given=(("label", GREEN), ("accept", SOUR)), drawn=FIRST, blind=True,
    ),
}  # fmt: skip
ADJUDICATIONS = {
    "answers on the screen": Moment(),
    "in the reason": Moment((("1", "why?"), ("half a", "half a"))),
    "in a search": Moment((("/", "takes the code"), ("bruis", "bruis"))),
    "just after the answer": Moment(
        (("1", "why?"), ("acid", "acid"), ("\r", "resolved: ")), given=(("acid", SOUR),)
    ),
}


@contextmanager
def opened(study: Path, *command: str, **options: Callable[[], None]) -> Iterator[Screen]:
    screen = Screen(study, *command, **options)  # type: ignore[arg-type]
    try:
        screen.see("q quit")
        yield screen
    finally:
        screen.close()


def bring_about(moment: Moment, screen: Screen) -> None:
    for keys, drawn in moment.keys:
        before = len(screen.text)
        screen.keys(keys)
        screen.see(drawn, after=before)


def ended(screen: Screen, how: int) -> None:
    assert screen.end(how) == CODES.get(how, 128 + how)
    if how not in (signal.SIGKILL, CLOSED):
        screen.left_as_found()


def whole(run: Run) -> None:
    assert [problem for checked in check_log(run) for problem in checked.problems] == []


def still_blind(run: Run) -> set[str]:
    """The issues that a review would offer to be coded blind, and an import would take as that."""
    session = ReviewSession(run, "ann", Order.FILE, shares=Shares(blind=1))
    offered = set()
    while session.item is not None and session.item.issue.id not in offered:
        if session.item.hidden:
            offered.add(session.item.issue.id)
        session.skip()
    labels = [Label(issue_id=i, rater="ann", codes=("looks",), source="a.csv") for i in run.issues]
    assert {label.issue_id for label in run.add_labels("ann", labels).added} == offered
    return offered


@pytest.mark.parametrize("how", ENDINGS, ids=NAMES)
@pytest.mark.parametrize("moment", REVIEWS.values(), ids=REVIEWS)
def test_a_review_ended(tmp_path: Path, moment: Moment, how: int) -> None:
    run = make_run(tmp_path / "runs", 4)
    with opened(tmp_path, *REVIEW, *["--blind"] * moment.blind) as screen:
        bring_about(moment, screen)
        ended(screen, how)
    found = [("label", label.codes) for label in run.label_journal("ann")]
    found += [(decision.action.value, decision.codes) for decision in done(run)]
    assert tuple(found) == moment.given
    whole(run)
    assert still_blind(run) == run.issues.keys() - moment.drawn


@pytest.mark.parametrize("how", ENDINGS, ids=NAMES)
@pytest.mark.parametrize("moment", ADJUDICATIONS.values(), ids=ADJUDICATIONS)
def test_an_adjudication_ended(tmp_path: Path, moment: Moment, how: int) -> None:
    run = disputed(tmp_path)
    with opened(tmp_path, *ADJUDICATE) as screen:
        bring_about(moment, screen)
        ended(screen, how)
    assert tuple((record.reason, record.codes) for record in run.adjudications) == moment.given
    whole(run)


def disputed(study: Path, issues: int = 3) -> Run:
    run = make_run(study / "runs", issues)
    for rater, codes in (("ann", SOUR), ("bea", GREEN)):
        run.label_journal(rater).append(
            Label(issue_id=issue_id, rater=rater, codes=codes) for issue_id in run.issues
        )
    return run


def test_a_review_ended_at_any_moment_loses_nothing_it_said_and_hides_nothing_it_drew(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "runs", 200)
    moments = random.Random(7)
    kept = 0
    for _ in range(12):
        how, wanted = moments.choice(ENDINGS), kept + moments.randrange(6)
        with opened(tmp_path, *REVIEW) as screen:
            screen.keys("".join(moments.choices("\r1nf", k=9)))
            screen.until(lambda: said(screen) >= wanted)  # noqa: B023
            time.sleep(moments.uniform(0, 0.05))
            ended(screen, how)
        written = done(run)
        assert len(written) >= said(screen)
        assert [d.issue_id for d in written] == [f"i{n}" for n in range(1, len(written) + 1)]
        drawn = {f"i{number}" for number in re.findall(r"acme/fruit#(\d+)", screen.text)}
        assert drawn <= seen(run)
        kept = len(written)
    assert kept > 20
    whole(run)


def said(screen: Screen) -> int:
    """How many issues the screen said were answered."""
    return max((int(number) for number in re.findall(r"(\d+)/200", screen.text)), default=0)


@pytest.mark.parametrize(
    ("opened_by", "closed_by", "given"),
    [
        ([("m", "keeps the memo"), ("odd", "odd")], "\r\r", [("memo", ())]),
        ([("/", "takes the code"), ("green", "green")], "\r\r", [("correct", GREEN)]),
        (
            [("c", "takes the kind"), ("r", "among the memos"), ("why", "why")],
            "\r\r",
            [("memo", SOUR)],
        ),
        ([("?", "decide later")], "\r\r", []),
        ([("?", "decide later")], "qq", []),
        ([("l", "Apples of crate 99")], "\r\x1b[27u", []),
    ],
)
def test_keys_that_close_a_dialog_twice_answer_once(
    tmp_path: Path,
    opened_by: list[tuple[str, str]],
    closed_by: str,
    given: list[tuple[str, tuple[str, ...]]],
) -> None:
    run = make_run(tmp_path / "runs")
    with opened(tmp_path, *REVIEW) as screen:
        bring_about(Moment(tuple(opened_by)), screen)
        screen.keys(closed_by)
        while screen.process.is_alive():
            screen.keys("q")  # means nothing to a dialog that is still there
            screen.pause()
        assert screen.wait() == 0
        screen.left_as_found()
    assert [(d.action.value, d.codes) for d in done(run)] == given


def test_a_reason_given_with_two_enters_is_kept_once(tmp_path: Path) -> None:
    run = disputed(tmp_path)
    with opened(tmp_path, *ADJUDICATE) as screen:
        bring_about(Moment((("1", "why?"), ("acid", "acid"))), screen)
        screen.keys("\r\r")
        screen.see("resolved: ", "acme/fruit#2")
        screen.keys("q")
        assert screen.wait() == 0
    assert [(r.codes, r.reason) for r in run.adjudications] == [(SOUR, "acid")]


def broken() -> None:
    def neighbours(*_: object) -> None:
        secret = "what is in no line of an error"
        raise ValueError(f"no\nsuch thing as {len(secret)}")

    panes.neighbours = neighbours  # type: ignore[assignment]


def test_a_bug_ends_the_screen_with_one_line_and_a_code(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    with opened(tmp_path, *REVIEW, before=broken) as screen:
        screen.keys("\r")
        screen.see("accepted: ")
        before = len(screen.text)
        screen.keys("l")
        assert screen.wait() == 1
        screen.left_as_found()
    said = screen.text[before:].split("error: ")[-1].split("\r\n")
    assert said[0].startswith("the screen broke down (ValueError at ")
    assert "no such thing as 30)" in said[0]
    assert said[1].startswith("hint: every answer")
    assert "secret" not in screen.text
    assert "Traceback" not in screen.text
    assert [d.action.value for d in done(run)] == ["accept"]
    whole(run)


def test_a_terminal_that_takes_nothing_more_does_not_hold_up_the_second_signal(
    tmp_path: Path,
) -> None:
    make_run(tmp_path / "runs")
    with opened(tmp_path, *REVIEW) as screen:
        for _ in range(300):
            screen.keys("?q")  # drawn, and never read
            time.sleep(0.005)
        for _ in range(2):
            with suppress(ProcessLookupError):
                os.kill(screen.process.pid or 0, signal.SIGTERM)
            screen.process.join(2)
        # The first one is enough only where the machine was too slow to draw so much.
        assert screen.process.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_terminal_that_goes_without_a_signal_ends_the_review(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    ours, theirs = pty.openpty()
    # A session of its own whose terminal this is not: nobody sends it SIGHUP.
    with subprocess.Popen(
        [sys.executable, "-m", "coder", *REVIEW],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        heard = b""
        while b"The reporter says" not in heard:
            heard += os.read(ours, 65536)
        os.close(ours)
        assert process.wait(30) == 128 + signal.SIGHUP
    assert seen(run) == {"i1"}
    whole(run)
