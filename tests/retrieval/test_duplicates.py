"""Looking near-duplicates up finds exactly those that comparing every pair finds."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from coder.records import Issue
from coder.retrieval.duplicates import Duplicates, same_issue

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=45).map(" ".join)
BASE = [f"w{i}" for i in range(60)]


@st.composite
def versions(draw: st.DrawFn) -> str:
    """One text with some words changed, so that overlaps lie on both sides of the threshold."""
    words = BASE[: draw(st.integers(0, 60))]
    for place in draw(st.lists(st.integers(0, 59), max_size=6)):
        if place < len(words):
            words[place] = draw(st.sampled_from(["x", "y", "w1"]))
    return " ".join(words)


@given(st.lists(st.one_of(WORDS, versions()), max_size=12))
@example(["", "", "a", "a", "A a"])
@example([" ".join(BASE[:38]), *[" ".join(BASE[:24])] * 4])
def test_the_index_finds_what_comparing_all_finds(texts: list[str]) -> None:
    # In the second example 21 of 35 shingles are shared, just enough, and the other 14 are rarer.
    issues = [Issue(id=str(number), title=text) for number, text in enumerate(texts)]
    index = Duplicates(issues[::2])
    for issue in issues:
        assert index.of(issue) == [other for other in issues[::2] if same_issue(issue, other)]
