"""Near-duplicates are found in every script, and looking them up finds what comparing all finds."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coder.records import Issue
from coder.retrieval.near_duplicates import Duplicates, same_issue

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=45).map(" ".join)
BASE = [f"w{i}" for i in range(60)]

SCRIPTS = {
    "Han": (0x4E00, 0x9FA0), "Hiragana": (0x3041, 0x3096), "Hangul": (0xAC00, 0xD7A3),
    "Thai": (0x0E01, 0x0E2E), "Cyrillic": (0x0430, 0x044F), "Arabic": (0x0627, 0x064A),
    "Devanagari": (0x0905, 0x0939), "Latin": (0x61, 0x7A),
}  # fmt: skip
SPACED = {"Cyrillic", "Arabic", "Devanagari", "Latin"}


@st.composite
def versions(draw: st.DrawFn) -> str:
    """One text with some words changed, so that overlaps lie on both sides of the threshold."""
    words = BASE[: draw(st.integers(0, 60))]
    for place in draw(st.lists(st.integers(0, 59), max_size=6)):
        if place < len(words):
            words[place] = draw(st.sampled_from(["x", "y", "w1"]))
    return " ".join(words)


def overlap(one: str, other: str) -> float:
    """Jaccard overlap of the sets of five characters in a row."""
    a, b = ({text[i : i + 5] for i in range(max(len(text) - 4, 1))} for text in (one, other))
    return len(a & b) / len(a | b)


@given(st.lists(st.one_of(WORDS, versions()), max_size=12))
@example(["", "", "a", "a", "A a"])
@example([" ".join(BASE[:38]), *[" ".join(BASE[:24])] * 4])
def test_the_index_finds_what_comparing_all_finds(texts: list[str]) -> None:
    issues = [Issue(id=str(number), title=text) for number, text in enumerate(texts)]
    index = Duplicates(issues[::2])
    for issue in issues:
        found = index.of(issue)
        assert all(same_issue(issue, other) for other in found)
        missed = [o for o in issues[::2] if same_issue(issue, o) and o not in found]
        # Those that overlap by hardly more than they must may be missed, of a thousand one or two.
        assert all(overlap(issue.title, other.title) < 0.68 for other in missed)


def written(rng: random.Random, script: str, characters: int) -> str:
    first, last = SCRIPTS[script]
    text = "".join(chr(rng.randint(first, last)) for _ in range(characters))
    if script in SPACED:
        return " ".join(text[i : i + 6] for i in range(0, len(text), 6))
    return text


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_character_in_25_changed_is_the_same_text_in_every_script(script: str) -> None:
    rng = random.Random(script)
    shortest = 120 if script in SPACED else 50
    texts = [written(rng, script, rng.randint(shortest, 600)) for _ in range(200)]
    issues = [Issue(id=str(n), title=text[:30], body=text[30:]) for n, text in enumerate(texts)]
    index = Duplicates(issues)
    changed = []
    for text in texts:
        letters = list(text)
        for place in range(24, len(letters), 25):
            letters[place] = "x" if letters[place] != "x" else "y"
        changed.append("".join(letters))
    found = [
        [twin.id for twin in index.of(Issue(id="new", title=text[:30], body=text[30:]))]
        for text in changed
    ]
    assert found == [[str(number)] for number in range(200)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Installation error on Windows", "Installation error on Linux"),
        ("无法加载模型", "无法保存模型"),
        ("Loading the tokenizer of Falcon fails with a KeyError in a fresh environment, see log",
         "Saving the pipeline to the hub is refused with a 403 in a fresh environment, see log"),
    ],
)  # fmt: skip
def test_titles_that_share_words_are_two_issues(one: str, other: str) -> None:
    assert not same_issue(Issue(id="1", title=one), Issue(id="2", title=other))


def test_case_width_and_punctuation_make_no_new_text() -> None:
    one = Issue(id="1", title="ＭＯＤＥＬ fails: to load (GPU)!")
    assert same_issue(one, Issue(id="2", title="model fails to load -- gpu"))
