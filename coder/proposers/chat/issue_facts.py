"""What is known of an issue besides its text, and how much of a labelled one is shown."""

from __future__ import annotations

import re

from coder.records import Codebook, Issue

MOST_LABELS = 12
LONGEST_FACT = 80
"""Characters of a name; those of projects are shorter."""

_SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’）]*")
_LEAST_SHARE = 1 / 3
"""A first sentence shorter than this share of the room is not all that is shown."""


def about(issue: Issue, codebook: Codebook, labels: bool) -> str:
    """Repository, the project's ``labels`` and state of an issue, in one line; empty if unknown.

    Labels called like a code are left out: where a study's labels were made from the project's,
    they would be the answer.
    """
    facts = []
    if repo := _fact(issue.repo):
        facts.append(f"repository: {repo}")
    spoken = {name.casefold() for name in codebook.spoken}
    given = [_fact(label) for label in issue.labels if label.strip().casefold() not in spoken]
    if labels and any(given):
        facts.append(f"labels of the project: {', '.join(filter(None, given[:MOST_LABELS]))}")
    if issue.closed_at is not None:
        facts.append("state: closed")
    return "; ".join(facts)


def _fact(text: str) -> str:
    return " ".join(text.split())[:LONGEST_FACT]


def without_repeated_title(issue: Issue) -> str:
    """The text of an issue whose body begins with its title, without the first of the two."""
    title, text = " ".join(issue.title.split()), " ".join(issue.text.split())
    rest = text[len(title) :].lstrip()
    return rest if title and rest.casefold().startswith(title.casefold()) else text


def cut_at_sentence(text: str, longest: int) -> str:
    """``text`` up to the last sentence that ends within ``longest`` characters; where none does, up
    to the last whole word."""
    if len(text) <= longest:
        return text
    ends = [m.end() for m in _SENTENCE_END.finditer(text[: longest + 1]) if m.end() <= longest]
    if ends and ends[-1] >= longest * _LEAST_SHARE:
        return text[: ends[-1]]
    words = text[: longest + 1].rfind(" ")
    return text[:words] if words > 0 else text[:longest]
