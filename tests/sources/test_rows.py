"""One cell at a time: texts, numbers, dates, labels, comments and who is a bot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from coder.sources.github import BOTS, is_bot, is_pull_request, issue_from_url, repo_from_url
from coder.sources.rows import Values, WrongType

MARCH = datetime(2019, 3, 22, 7, 43, 39, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2019-03-22T07:43:39Z",
        "2019-03-22 07:43:39",
        " 2019-03-22 07:43:39+00:00 ",
        "2019-03-22 07:43:39 UTC",
        "2019-03-22T09:43:39+02:00",
        "20190322T074339Z",
        "1553240619",
        1553240619,
        1553240619.0,
        1553240619000,
        "1553240619000",
    ],
)
def test_dates(written: Any) -> None:
    values = Values()
    moment = values.date(written)
    assert moment == MARCH
    assert moment is not None and moment.tzinfo is UTC
    assert len(values.bad_dates) == 0


@pytest.mark.parametrize("nothing", [None, "", "  ", "NaT", "nan", "None", float("nan")])
def test_no_date_is_not_a_bad_date(nothing: Any) -> None:
    values = Values()
    assert values.date(nothing) is None
    assert len(values.bad_dates) == 0


@pytest.mark.parametrize(
    "bad", ["yesterday", "22/03/2019", "0001-01-01T00:00:00+14:00", True, [], {"a": 1}, 1e300]
)
def test_a_bad_date_is_counted(bad: Any) -> None:
    values = Values()
    assert values.date(bad) is None
    assert len(values.bad_dates) == 1


def test_texts_are_kept_but_for_line_ends_and_what_is_no_text() -> None:
    values = Values()
    assert values.text("a\r\nb\rc\u2028d\u0085\t e", "body") == "a\nb\nc\u2028d\u0085\t e"
    assert not values.bad_text
    assert values.text("x\ud800y\0z", "body") == "x\ufffdy\ufffdz"
    assert values.bad_text


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (float("nan"), ""), (3, "3"), (3.0, "3"), (2.5, "2.5")]
)
def test_texts_from_other_types(value: Any, text: str) -> None:
    assert Values().text(value, "title") == text


@pytest.mark.parametrize("value", [True, {"a": 1}, ["a"]])
def test_what_cannot_be_a_text_says_so(value: Any) -> None:
    with pytest.raises(WrongType, match=r"title is .*, not text"):
        Values().text(value, "title")


@pytest.mark.parametrize(
    ("value", "number"),
    [(12, 12), (12.0, 12), ("12", 12), (" #12 ", 12), ("12.0", 12), ("", None), (None, None)],
)
def test_numbers(value: Any, number: int | None) -> None:
    assert Values().number(value) == number


@pytest.mark.parametrize("value", ["x", 1.5, True, float("inf"), "١٢", [], "9" * 30])
def test_what_is_no_whole_number_says_so(value: Any) -> None:
    with pytest.raises(WrongType, match="not a whole number"):
        Values().number(value)


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (None, ()),
        ("", ()),
        ("bug", ("bug",)),
        ("bug, ui;x", ("bug", "ui", "x")),
        ('["a,b", {"name": "c"}]', ("a,b", "c")),
        (["a", {"name": "b"}], ("a", "b")),
        ({"nodes": [{"name": "b"}]}, ("b",)),
        ("[torn", ("[torn",)),
    ],
)
def test_labels(value: Any, labels: tuple[str, ...]) -> None:
    assert Values().labels(value) == labels


@pytest.mark.parametrize("value", [None, "", 4, 4.0, "4", "[]", [], {"nodes": []}])
def test_a_count_of_comments_is_no_comment(value: Any) -> None:
    assert Values().comments(value) == ()


def test_comments_in_a_table_cell() -> None:
    (comment,) = Values().comments('[{"user": "stale[bot]", "body": "bye"}]')
    assert (comment.author, comment.body, comment.bot) == ("stale[bot]", "bye", True)
    assert [c.body for c in Values().comments("just text")] == ["just text"]


@pytest.mark.parametrize("value", [{"a": 1}, True and [3], [["x"]]])
def test_what_is_no_comment_says_so(value: Any) -> None:
    with pytest.raises(WrongType, match="comments"):
        Values().comments(value)


def test_bots() -> None:
    assert is_bot("anything[bot]") and is_bot("Codecov") and is_bot("app/renovate")
    assert is_bot("x", {"user_type": "Bot"}) and is_bot("x", {}, {"type": "Bot"})
    assert is_bot("x", {"is_bot": True}) and is_bot("x", {"__typename": "Bot"})
    assert not is_bot("robot-lover", {"user_type": "User"}, {"is_bot": False})
    assert not is_bot("")
    assert all(name == name.lower() and not name.endswith("[bot]") for name in BOTS)


def test_a_comment_that_states_whether_its_writer_is_a_bot_is_believed() -> None:
    (comment,) = Values().comments([{"author": "codecov", "body": "b", "bot": False}])
    assert not comment.bot


def test_pull_requests() -> None:
    assert is_pull_request({"pull_request": {}})
    assert is_pull_request({"is_pull_request": "True"})
    assert is_pull_request({"isPullRequest": True})
    for row in ({}, {"pull_request": None}, {"pull_request": ""}, {"is_pull_request": "False"}):
        assert not is_pull_request(row)


def test_urls() -> None:
    assert issue_from_url("https://github.com/o/r/issues/5#issuecomment-1") == ("o/r", 5)
    assert issue_from_url("https://api.github.com/repos/o/r/issues/5") == ("o/r", 5)
    assert issue_from_url("https://huggingface.co/o/r/discussions/5") is None
    assert repo_from_url("https://api.github.com/repos/o/r") == "o/r"
    assert repo_from_url("o/r") == "o/r"
