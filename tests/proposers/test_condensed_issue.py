"""A long issue is shown by its structure, within its budget, and every gap is marked."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from coder.proposers.chat.condensed_issue import MAX_LINE, condense
from coder.proposers.token_count import estimate
from coder.records import Comment, Issue


def shown(found) -> str:
    return "\n".join(f"[{p.number}] {p.text}" for p in found.passages)


def test_a_short_issue_is_shown_whole_with_every_sentence_numbered():
    issue = Issue(id="1", title="It fails", body="First. Second one!\n\n- a point",
                  comments=(Comment(body="Me too."), Comment(body="stale", bot=True)))  # fmt: skip
    found = condense(issue, estimate, 1000)
    assert shown(found).split("\n") == [
        "[1] It fails", "[2] First.", "[3] Second one!", "[4] - a point", "[5] >> Me too.",
    ]  # fmt: skip
    assert found.left_out == 0
    words = {n: issue.text[a:b] for n, (a, b) in found.spans.items()}
    assert words[3] == "Second one!" and words[5] == "Me too."


def test_a_long_log_keeps_its_beginning_and_its_end():
    rows = [f"2024-01-01 10:00:{n:02d} INFO row {n}" for n in range(60)]
    body = "It fails.\n\n```\n" + "\n".join(rows) + "\n```\n\nPlease help."
    found = condense(Issue(id="1", title="Log", body=body), estimate, 10_000)
    text = shown(found)
    assert "row 0" in text and "row 59" in text and "row 30" not in text
    assert "[... 46 lines of log left out ...]" in text
    assert found.left_out == 46 and "Please help." in text
    start, end = next(found.spans[p.number] for p in found.passages if "row 59" in p.text)
    assert body[start - 5 : end - 5].endswith("row 59")


def test_template_words_are_not_shown():
    body = "<!-- Please read the rules first -->\n- [x] I have searched\n\nIt broke."
    found = condense(Issue(id="1", title="T", body=body), estimate, 1000)
    assert [p.text for p in found.passages] == ["T", "It broke."]
    assert found.left_out == 2


def test_the_middle_of_logs_goes_before_what_people_say():
    log = "\n".join(f"2024-01-01 10:00:{n:02d} INFO row {n}" for n in range(40))
    said = [f"What we tried in step {n} changed nothing." for n in range(8)]
    body = "\n\n".join(f"{sentence}\n\n```\n{log}\n```" for sentence in said)
    issue = Issue(id="1", title="Log", body=body)
    text = shown(condense(issue, estimate, 600, words_first=True))
    assert all(sentence in text for sentence in said)
    assert text.count("row 39") == 8 and "row 0\n" not in text
    assert estimate(text) <= 600
    assert not all(sentence in shown(condense(issue, estimate, 600)) for sentence in said)


def test_logs_are_whole_where_there_is_room_for_them():
    issue = Issue(id="1", title="Log", body="It fails.\n\n```\none error\nand two\n```")
    assert condense(issue, estimate, 1000, words_first=True) == condense(issue, estimate, 1000)


def test_what_is_too_long_loses_its_middle():
    body = " ".join(f"Sentence number {n} is here." for n in range(2000))
    issue = Issue(id="1", title="Long", body=body, comments=(Comment(body="The cause was X."),))
    found = condense(issue, estimate, 500)
    text = shown(found)
    assert text.startswith("[1] Long\n[2] Sentence number 0") and "The cause was X." in text
    (gap,) = re.findall(r"\[\.\.\. ([\d,]+) lines left out \.\.\.\]", text)
    assert int(gap.replace(",", "")) == found.left_out
    numbers = [p.number for p in found.passages if p.number]
    assert len(numbers) + found.left_out == 2002 == numbers[-1]
    assert estimate(text) <= 500


def test_a_body_of_sixty_thousand_characters_is_cut_to_its_budget():
    for body in ("x" * 60_000, "a. " * 20_000, "```\n" * 15_000, "> " * 30_000, "\n" * 60_000):
        found = condense(Issue(id="1", title="Long", body=body), estimate, 2000)
        assert estimate(shown(found)) <= 2000
        assert all(len(p.text) <= MAX_LINE + 20 for p in found.passages)


PIECES = st.lists(
    st.sampled_from(
        ["One. Two! ", "\n", "\n\n", "```\n", "code = f(x)\n", "    at a.b(c.js:1)\n", "# Steps\n",
         "<!-- c -->", "- item\n", "> said\n", "![i](http://x/y.png)\n",
         "\u2028", "\u0085", "漢字。"]
    ),
    max_size=60,
)  # fmt: skip


@given(PIECES, PIECES, st.integers(60, 400))
def test_it_fits_and_its_numbers_point_at_the_words(body, comment, budget):
    issue = Issue(id="1", title="A title", body="".join(body),
                  comments=(Comment(body="".join(comment)),))  # fmt: skip
    found = condense(issue, estimate, budget)
    cost = sum(estimate(f"[{p.number}] {p.text}\n") for p in found.passages)
    assert cost <= budget
    numbers = [p.number for p in found.passages if p.number]
    assert numbers == sorted(set(numbers)) == sorted(found.spans)
    for passage in found.passages:
        if passage.number:
            start, end = found.spans[passage.number]
            words = " ".join(issue.text[start:end].split())
            assert passage.text.removeprefix(">> ") == words or not words
