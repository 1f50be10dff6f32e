"""The structure of issue texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.records import Comment, Issue
from coder.text.structure import Kind, Part, is_template_heading, parts, prose, segments


def found(body: str, **fields: object) -> list[tuple[Kind, str]]:
    issue = Issue(id="i", body=body, **fields)  # type: ignore[arg-type]
    return [(s.kind, issue.text[s.start : s.end]) for s in segments(issue)]


def kinds(body: str) -> list[Kind]:
    return [kind for kind, _ in found(body)]


REPORT = """### Describe the bug
A clear and concise description of what the bug is.
<!-- Please search
before you post -->
Generation stops after one token. It worked in v4.30!

- [x] I have searched the existing issues
- [ ] Support batches
1. Load the model

```python
model.generate(x)
```

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    model.generate(x)
ValueError: bad input

> did you try 4.31?

![shot](https://example.org/a.png)
https://example.org/docs
| a | b |
|---|---|
"""


def test_kinds_of_a_typical_report() -> None:
    assert found(REPORT) == [
        (Kind.TEMPLATE, "### Describe the bug"),
        (Kind.TEMPLATE, "A clear and concise description of what the bug is."),
        (Kind.TEMPLATE, "<!-- Please search\nbefore you post -->"),
        (Kind.PROSE, "Generation stops after one token."),
        (Kind.PROSE, "It worked in v4.30!"),
        (Kind.TEMPLATE, "- [x] I have searched the existing issues"),
        (Kind.CHECKBOX, "- [ ] Support batches"),
        (Kind.LIST, "1. Load the model"),
        (Kind.CODE, "```python\nmodel.generate(x)\n```"),
        (
            Kind.LOG,
            'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n'
            "    model.generate(x)\nValueError: bad input",
        ),
        (Kind.QUOTE, "> did you try 4.31?"),
        (Kind.IMAGE, "![shot](https://example.org/a.png)"),
        (Kind.LINK, "https://example.org/docs"),
        (Kind.TABLE, "| a | b |\n|---|---|"),
    ]


@pytest.mark.parametrize(
    ("body", "sentences"),
    [
        ("模型无法加载。请帮忙！谢谢", ["模型无法加载。", "请帮忙！", "谢谢"]),
        ("See e.g. the docs. Then run it", ["See e.g. the docs.", "Then run it"]),
        ("Uses torch 2.1.0. It fails", ["Uses torch 2.1.0.", "It fails"]),
        ("What?! Why...", ["What?!", "Why..."]),
        (
            "This long line was wrapped by the editor of its author\nand goes on here.\nNew line",
            [
                "This long line was wrapped by the editor of its author\nand goes on here.",
                "New line",
            ],
        ),
    ],
)
def test_sentences(body: str, sentences: list[str]) -> None:
    assert [text for _, text in found(body)] == sentences


def test_a_wall_of_text_is_cut_into_quotable_pieces() -> None:
    pieces = [text for _, text in found("word " * 1000)]
    assert max(map(len, pieces)) <= 600
    assert " ".join(pieces).split() == ["word"] * 1000


@pytest.mark.parametrize(
    "line",
    [
        "- [ ] Non-english titles will be closed",
        "* [X] Docker",
        "1. [x] Chat Data",
        "[ ] Bug",
        "> - [x] quoted",
        "- [] 我愿意",
        "- [ ]",
    ],
)
def test_what_can_be_ticked_is_nothing_that_people_say(line: str) -> None:
    issue = Issue(id="i", title="T", body=f"Said by its author.\n{line}\n")
    assert kinds(issue.body) == [Kind.PROSE, Kind.CHECKBOX]
    assert prose(issue) == "T\nSaid by its author."


@pytest.mark.parametrize(
    "line", ["- [x](https://x.org) is a link", "- x[ ] = 1 is an array", "[sic] it"]
)
def test_brackets_are_not_always_boxes(line: str) -> None:
    assert Kind.CHECKBOX not in kinds(line)


def test_a_checkbox_that_goes_on_in_the_next_line_does_so_whole() -> None:
    wrapped = "- [ ] " + "word " * 12 + "and\n  so on. And on."
    assert {*kinds(wrapped)} == {*kinds(wrapped.replace("\n  ", "\n"))} == {Kind.CHECKBOX}
    short = "- [x] There is a test.\n  Its patch has a branch.\n  And a name.\n\nSaid. Done"
    assert kinds(short) == [Kind.CHECKBOX] * 3 + [Kind.PROSE] * 2
    assert kinds("- [x] A test.\nSaid after it.") == [Kind.CHECKBOX, Kind.PROSE]


def test_fenced_log_is_a_log_and_fence_may_be_long_or_tildes() -> None:
    assert kinds('```\nTraceback (most recent call last):\n  File "x", line 1\n```') == [Kind.LOG]
    assert kinds("~~~~\n```\ninner\n```\n~~~~\nafter") == [Kind.CODE, Kind.PROSE]


def test_indented_code_but_not_an_indented_list() -> None:
    assert kinds("Run\n\n    x y z\n    more\n\ndone") == [Kind.PROSE, Kind.CODE, Kind.PROSE]
    assert Kind.CODE not in kinds("- one\n\n    still the item")


def test_an_unclosed_fence_or_comment_ends_with_its_part() -> None:
    issue = Issue(
        id="i",
        title="T",
        body="```\nnever closed",
        comments=(
            Comment(body="<!-- nor this"),
            Comment(body="Fixed."),
            Comment(body="x", bot=True),
        ),
    )
    assert [(s.kind, s.part) for s in segments(issue)] == [
        (Kind.PROSE, Part.TITLE),
        (Kind.CODE, Part.BODY),
        (Kind.TEMPLATE, Part.COMMENT),
        (Kind.PROSE, Part.COMMENT),
    ]
    assert prose(issue) == "T\nFixed."


def test_blank_parts_are_not_there() -> None:
    issue = Issue(id="i", title=" ", body="\n\n", comments=(Comment(body="b"),))
    assert parts(issue) == [(Part.COMMENT, 0, 1)]


def test_headings() -> None:
    assert is_template_heading("**Steps to Reproduce:**")
    assert is_template_heading("### Expected behavior")
    assert not is_template_heading("# Training diverges")
    assert kinds("# Training diverges") == [Kind.HEADING]


HOSTILE = {
    "backticks": "`" * 60_000,
    "dots": "." * 60_000 + "x",
    "dot and bracket": ".)" * 30_000 + "x",
    "comments": "<!--" * 15_000,
    "images": "![" * 30_000,
    "tags": "<a" * 30_000,
    "fences": "```\n" * 15_000,
    "one word": "a" * 60_000,
    "wrapped": ("a" * 60 + "\n") * 1000,
    "underscores": "_" * 60_000,
    "chinese": "。" * 60_000,
    "blanks": " \n" * 30_000,
    "error-like": "aError" * 10_000,
    "emphasis": "**" + "a" * 60_000,
    "item": "- " * 30_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    started = time.process_time()
    segments(Issue(id="i", body=HOSTILE[name]))
    assert time.process_time() - started < 2, "quadratic code needs minutes for these"


PIECES = [
    "```", "~~~", "\n", "\r\n", " ", "    ", "<!--", "-->", ">", "#", "- [x] I ", "![a](b)", "|",
    "。", "e.g. ", "x", ". ", "**", "\u2028", "\x85", "at a(b:1)", "Error: ", "\ud83d", "$ ",
]  # fmt: skip
markup = st.lists(st.sampled_from(PIECES)).map("".join)


@given(title=st.text(max_size=20), body=markup, comment=markup)
def test_segments_are_in_order_and_miss_nothing(title: str, body: str, comment: str) -> None:
    issue = Issue(id="i", title=title, body=body, comments=(Comment(body=comment),))
    at = 0
    for s in segments(issue):
        assert not issue.text[at : s.start].strip()
        assert s.start < s.end
        assert issue.text[s.start : s.end].strip() == issue.text[s.start : s.end]
        at = s.end
    assert not issue.text[at:].strip()
