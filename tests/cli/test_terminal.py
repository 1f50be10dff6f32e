"""Foreign text cannot make a terminal do anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from coder.cli.terminal import console, plain, plain_line, safe


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred", "\x1b]52;c;aGk=\x07", "\x1b]0;title\x07", "\x9b2J", "\rback", "\x08\x08",
        "\u202eright to left", "\u2066isolate", "zero\u200bwidth", "\ufeffmark", "\u2028line",
        "\x00nul", "\x7fdelete", "\ue000private",
    ],
)  # fmt: skip
def test_what_a_terminal_would_obey_becomes_a_dot(hostile):
    assert "·" in plain(hostile)
    assert not any(c in plain(hostile) for c in "\x1b\x9b\r\x08\u202e\u2066\u200b\x00\x7f")


def test_ordinary_text_stays_as_it_is():
    text = "Ünïcode, 中文, עברית, emoji 🎉\n\tindented"
    assert plain(text) == text


def test_words_stay_words(capsys):
    console.print(safe("a :bug: in :+1:"))
    assert capsys.readouterr().out == "a :bug: in :+1:\n"


@given(st.text())
def test_offsets_into_the_text_hold(text):
    assert len(plain(text)) == len(text)


@given(st.text())
def test_no_markup_is_left(text):
    shown = Text.from_markup(f"[b]{safe(text)}[/b]")
    assert shown.plain == plain_line(text)
    assert len(shown.spans) <= 1


@given(st.text())
def test_a_name_cannot_begin_a_line_of_its_own(text):
    forged = f"{text}\nissues.jsonl: 5 issues\r\u2028\x85{text}"
    assert safe(forged).splitlines() == [safe(forged)]
    assert plain_line(forged).splitlines() == [plain_line(forged)]
