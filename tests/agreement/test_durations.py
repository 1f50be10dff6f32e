"""Resolution time: days, censoring, and Kruskal-Wallis against a worked example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coder.agreement.durations import closed_for_inactivity, days, kruskal
from coder.records import Comment, Issue

START = datetime(2026, 1, 1, tzinfo=UTC)


def issue(name, took, opened=START):
    closed = None if took is None else opened + timedelta(days=took)
    return Issue(id=name, title="t", created_at=opened, closed_at=closed)


def test_days_are_from_opened_to_closed():
    assert days(issue("a", 1.5)) == 1.5
    assert days(issue("a", None)) is None
    assert days(issue("a", -1)) is None
    assert days(Issue(id="a", closed_at=START)) is None


def test_a_worked_example():
    """Ranks 1-5, 6-10 and 11-15: H = 12 / (15 * 16) * 5 * (3² + 8² + 13²) - 3 * 16 = 12.5."""
    times = {"a": range(5), "b": range(10, 15), "c": range(20, 25)}
    issues = [issue(f"{code}{n}", n) for code, spans in times.items() for n in spans]
    found = kruskal(issues, {i.id: (i.id[0],) for i in issues}, "abc")
    assert found.h == pytest.approx(12.5)
    assert found.p_value == pytest.approx(0.00193, abs=1e-5)
    assert found.epsilon_squared == pytest.approx(12.5 / 14)
    assert [(g.code, g.n, g.median) for g in found.groups] == [
        ("a", 5, 2), ("b", 5, 12), ("c", 5, 22)
    ]  # fmt: skip


def said(bot, body, after=None):
    at = None if after is None else START + timedelta(days=after)
    return Comment(author="x", bot=bot, body=body, created_at=at)


WARNING = "This issue is stale because it has been open 30 days with no activity."
CLOSED = (
    "This issue was closed because it has been inactive for 14 days since being marked as stale."
)


@pytest.mark.parametrize(
    ("comments", "labels", "stale"),
    [
        ((), (), False),
        ((), ("Stale",), True),
        ((), ("lifecycle/rotten", "bug"), True),
        ((), ("locked-due-to-inactivity", "locked: stale"), False),
        ((), ("stale-cache", "not stale at all", "interactive"), False),
        ((said(True, WARNING, 5), said(True, CLOSED, 10)), (), True),
        ((said(True, CLOSED, 10.001),), (), True),
        ((said(True, WARNING, 5), said(False, "Still there!", 6)), (), False),
        ((said(True, WARNING, 5), said(False, "Still there!", 6)), ("stale",), False),
        ((said(False, "Is this stale?", 5),), (), False),
        ((said(True, "Coverage went up.", 5),), (), False),
        ((said(True, WARNING), said(False, "Reopen please", 20)), (), True),
        ((said(False, "Fixed.", 9), said(True, "Closing due to lack of response.", 10)), (), True),
    ],
)
def test_an_issue_a_bot_closed_for_inactivity_was_not_resolved(comments, labels, stale):
    one = issue("a", 10).model_copy(update={"comments": comments, "labels": labels})
    assert closed_for_inactivity(one) is stale
    assert not closed_for_inactivity(one.model_copy(update={"closed_at": None}))


def test_what_a_bot_closed_is_censored():
    issues = [issue(f"a{n}", n) for n in range(6)] + [issue(f"b{n}", n + 3) for n in range(6)]
    answers = {i.id: (i.id[0],) for i in issues}
    stale = [issue(f"b9{n}", 100).model_copy(update={"labels": ("stale",)}) for n in range(9)]
    found = kruskal([*issues, *stale], answers | {i.id: ("b",) for i in stale}, "ab")
    assert (found.n, found.stale) == (12, 9)
    assert found.p_value == kruskal(issues, answers, "ab").p_value


def test_what_cannot_be_tested_is_counted():
    issues = [issue(f"a{n}", n) for n in range(6)] + [issue(f"b{n}", n + 3) for n in range(6)]
    issues += [issue("open", None), Issue(id="undated"), issue("two", 1), issue("rare", 1)]
    issues += [issue("none", 1), issue("unanswered", 1)]
    answers = {i.id: (i.id[0],) for i in issues if i.id[1:].isdigit()}
    answers |= {"open": ("a",), "undated": ("a",), "two": ("a", "b"), "rare": ("c",), "none": ()}
    found = kruskal(issues, answers, "abc")
    assert (found.n, found.open, found.undated, found.several, found.rare) == (12, 1, 1, 1, 1)
    assert found.p_value is not None


@pytest.mark.parametrize(
    ("issues", "note"),
    [
        ([issue("a1", None)], "no issue has dates"),
        ([issue(f"a{n}", n) for n in range(9)], "fewer than two codes"),
        ([issue(f"{'ab'[n % 2]}{n}", 1) for n in range(20)], "the same time"),
    ],
)
def test_an_undefined_test_says_why(issues, note):
    found = kruskal(issues, {i.id: (i.id[0],) for i in issues}, "ab")
    assert (found.h, found.p_value, found.epsilon_squared) == (None, None, None)
    assert note in found.note
