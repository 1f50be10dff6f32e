"""A quote is found where it is, whatever a model did to it, and never where it is not."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coder.text.evidence import locate

TEXT = "Title here\n\nThe **model** runs  out of\n`memory` — it’s “odd”. Straße 10, ﬁne\u2028Done."

WORDS = st.text(st.sampled_from("abcdefgh \n*_`’ß\u2028é"), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("runs  out", "runs  out"),
        ("the model runs out of memory", "The **model** runs  out of\n`memory"),
        ('IT\'S "ODD".', "it’s “odd”."),
        ("strasse 10, fine done", "Straße 10, ﬁne\u2028Done"),
        ("The model runs out off memory - it's odd", None),
        ("an entirely different sentence about cats", None),
        ("", None),
        ("***", None),
    ],
)
def test_examples(quote, found):
    evidence = locate(TEXT, quote)
    if found is not None:
        assert evidence.verified and evidence.quote == found
    elif quote.startswith("The model"):
        assert evidence.verified and evidence.quote.startswith("The **model** runs")
    else:
        assert not evidence.verified and evidence.start is None


@given(WORDS, st.data())
def test_an_exact_quote_is_found_word_for_word(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = text[start:end].strip()
    assume(quote)
    evidence = locate(text, quote)
    assert evidence.verified and evidence.quote == quote
    assert text[evidence.start : evidence.end] == quote


@given(WORDS, WORDS)
def test_offsets_always_hold_the_quote(text, quote):
    evidence = locate(text, quote)
    if evidence.verified:
        assert text[evidence.start : evidence.end] == evidence.quote != ""
    else:
        assert (evidence.start, evidence.end) == (None, None)


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=3, max_size=8))
def test_markup_case_and_space_do_not_hide_a_quote(words):
    text = "Before. " + " \n ".join(f"**{word.upper()}**" for word in words) + " after."
    evidence = locate(text, " ".join(words))
    assert evidence.verified
    assert [w.strip("*").lower() for w in evidence.quote.split()] == words


def test_a_short_quote_is_not_guessed():
    assert not locate("the cat sat on the mat", "the cut sat").verified
    assert not locate("short", "short but the quote is much longer than the text").verified
