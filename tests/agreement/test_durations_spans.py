"""What a time is: closed, open, closed by a bot, opened again, answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coder.agreement.durations_spans import latest, resolution, response
from coder.records import Comment, Event, Issue

START = datetime(2026, 1, 1, tzinfo=UTC)
SNAPSHOT = START + timedelta(days=100)


def at(days):
    return START + timedelta(days=days)


def issue(closed=None, **fields):
    when = None if closed is None else at(closed)
    return Issue.model_validate(
        {"id": "i", "author": "ann", "created_at": START, "closed_at": when, **fields}
    )


def events(*kinds, **fields):
    return tuple(Event(kind=kind, at=at(day), **fields) for kind, day in kinds)


def comment(author, day, **fields):
    return Comment(author=author, created_at=at(day), body="So it is.", **fields)


def span(one, close="last", snapshot=SNAPSHOT):
    found = resolution([one], snapshot, close)
    kind = next(name for name, count in found.counts.model_dump().items() if count)
    return (kind, *((float(found.days[0]), bool(found.ended[0])) if len(found.ids) else ()))


def test_closed_open_and_neither():
    assert span(issue(closed=3)) == ("ended", 3, True)
    assert span(issue()) == ("waiting", 100, False)
    assert span(issue(closed=-1)) == ("undated",)
    assert span(issue(created_at=None)) == ("undated",)
    assert span(issue(created_at=at(200))) == ("undated",)


def test_what_happened_after_the_snapshot_had_not_happened():
    assert span(issue(closed=30), snapshot=at(20)) == ("waiting", 20, False)


def test_a_bot_that_closes_for_inactivity_censors():
    told = (comment("bot", 40, bot=True),)
    told = (told[0].model_copy(update={"body": "Closed: stale, no activity."}),)
    assert span(issue(closed=40, comments=told)) == ("stale", 40, False)
    assert span(issue(closed=40, labels=("stale",))) == ("stale", 40, False)


def test_a_person_who_closes_a_stale_issue_resolves_it():
    by_person = issue(closed=40, labels=("stale",), events=events(("closed", 40), actor="bea"))
    assert span(by_person) == ("ended", 40, True)
    by_bot = issue(closed=40, labels=("stale",), events=events(("closed", 40), actor="b", bot=True))
    assert span(by_bot) == ("stale", 40, False)


@pytest.mark.parametrize(
    ("close", "closed", "expected"),
    [
        ("last", 30, (30, True)),
        ("first", 30, (5, True)),
        ("last", None, (100, False)),
        ("first", None, (5, True)),
    ],
)
def test_which_closing_counts_of_an_issue_opened_again(close, closed, expected):
    kinds = [("closed", 5), ("reopened", 9), *([("closed", closed)] if closed else [])]
    found = resolution([issue(closed=closed, events=events(*kinds))], SNAPSHOT, close)
    assert (found.days[0], found.ended[0]) == expected
    assert found.counts.reopened == 1


def test_the_first_answer_is_by_a_person_who_is_not_the_author():
    talk = (comment("ann", 1), comment("ci", 2, bot=True), comment("bea", 4), comment("cy", 3))
    found = response([issue(closed=9, comments=talk)], SNAPSHOT)
    assert (found.days[0], found.ended[0], found.counts.ended) == (3, True, 1)


def test_who_was_not_answered_waits_until_the_closing_or_the_snapshot():
    alone = (comment("ann", 1),)
    closed = response([issue(closed=9, comments=alone)], SNAPSHOT)
    assert (closed.days[0], closed.ended[0], closed.counts.silent) == (9, False, 1)
    still = response([issue(comments=alone)], SNAPSHOT)
    assert (still.days[0], still.ended[0], still.counts.waiting) == (100, False, 1)
    unknown = response([issue(author="", comments=(comment("bea", 3),))], SNAPSHOT)
    assert (unknown.ids, unknown.counts.undated) == ((), 1)


def test_the_latest_date_is_anybodys():
    assert latest([Issue(id="i")]) is None
    assert latest([issue(closed=3)]) == at(3)
    assert latest([issue(closed=3, comments=(comment("bea", 8),))]) == at(8)
    assert latest([issue(events=events(("closed", 9)))]) == at(9)
