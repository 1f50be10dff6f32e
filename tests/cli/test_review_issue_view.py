"""An issue as pieces: nothing of it can act on a terminal, nothing of it moves, evidence shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.cli.issue_view import TOTAL_CHARACTERS, clean, pieces
from coder.records import Comment, Evidence, Issue

TEXT = st.text(
    st.sampled_from("ab `~#>\n<!-\x1b\u202e\u200b\u0301é🙂字") | st.characters(codec="utf-8"),
    max_size=200,
).map(lambda text: text.replace("\r", ""))


def quote(text: str, start: int, end: int) -> Evidence:
    return Evidence(quote=text[start:end], start=start, end=end, verified=True)


@given(TEXT, TEXT, st.lists(TEXT, max_size=3), st.data())
def test_pieces_hold_the_whole_text_and_mark_exactly_the_evidence(
    title: str, body: str, comments: list[str], data: st.DataObject
) -> None:
    issue = Issue(
        id="1", title=title, body=body, comments=tuple(Comment(body=text) for text in comments)
    )
    length = len(issue.text)
    start = data.draw(st.integers(0, length))
    end = data.draw(st.integers(start, length))
    found = pieces(issue, [quote(issue.text, start, end)], unfolded=True)
    shown = "".join(piece.text for piece in found if piece.kind != "head")
    assert shown.replace("\n", "") == clean(issue.text).replace("\n", "")
    marked = "".join(piece.text for piece in found if piece.evidence)
    assert marked.replace("\n", "") == clean(issue.text[start:end]).replace("\n", "")


@given(TEXT, st.data())
def test_folding_never_hides_evidence(text: str, data: st.DataObject) -> None:
    body = (
        "x" * 3000 + "\n```\n" + "log\n" * 40 + text + "\n```\n<!--" + "note " * 20 + text + "-->"
    )
    issue = Issue(id="1", body=body)
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(len(body), start + 50)))
    marked = [p.text for p in pieces(issue, [quote(body, start, end)]) if p.evidence]
    assert "".join(marked) == clean(body[start:end])


def test_long_things_are_folded_and_counted() -> None:
    log = "\n".join(f"line {n}" for n in range(50))
    body = f"<!-- {'please read ' * 9}-->\n```\n{log}\n```\n{'y' * 60_000}\nlast words"
    text = "".join(piece.text for piece in pieces(Issue(id="1", title="t", body=body), []))
    assert "┄ template note folded ┄" in text
    assert "┄ 39 lines folded ┄" in text
    assert "characters folded" in text
    assert text.endswith("last words")
    assert len(text) < TOTAL_CHARACTERS


def test_bots_comments_are_shown_as_no_part_of_the_text() -> None:
    comments = (Comment(author="b", body="stale", bot=True), Comment(author="ann", body="me too"))
    issue = Issue(id="1", title="t", body="b", comments=comments)
    start = issue.text.index("me too")
    found = pieces(issue, [quote(issue.text, start, start + 2)])
    assert [(p.text, p.kind) for p in found if p.kind == "bot"] == [("stale", "bot")]
    assert [p.text for p in found if p.evidence] == ["me"]


@pytest.mark.parametrize(
    "body", ["<!--" * 15_000, "```\n" * 15_000, "`a` " * 15_000, "\x1b]0;" * 15_000, ">" * 60_000]
)
def test_hostile_bodies_are_folded_around_their_evidence(body: str) -> None:
    found = pieces(Issue(id="1", body=body), [quote(body, 30_000, 30_010)])
    assert "".join(p.text for p in found if p.evidence) == clean(body[30_000:30_010])
    assert sum(len(p.text) for p in found) < len(body)


def test_windows_line_ends_show_as_line_ends() -> None:
    assert clean("a\r\nb\rc") == "a\nb·c"
