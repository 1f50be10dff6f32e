"""What looking things up for an issue gives, and what every way of searching must offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coder.records import Code, Example, Issue, NearCode, Neighbour
from coder.text.structure import below_title

Ranked = Sequence[tuple[str, float]]
"""Ids with their similarity, the nearest first; ties in a fixed order."""


MOST_CHARACTERS = 4_000
"""Of what people say in an issue, for searches by words: later text is logs and other people's
problems more often than not, and time grows with it."""


@dataclass(frozen=True)
class Text:
    """What of an issue, or of anything else, is compared: how it is headed, and all it says."""

    title: str
    body: str

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.body}"


def searched_text(issue: Issue) -> Text:
    """An issue's title and what people say below it, without templates, code and logs.

    On real labelled issues its vector found more of the right code than that of the raw text did,
    and its words as many: see benchmarks/retrieval.py.
    """
    text = issue.text
    body = "\n".join(text[s.start : s.end] for s in below_title(issue))
    return Text(issue.title, body)


@dataclass(frozen=True)
class Found:
    """What is near to an issue: ``examples`` and ``neighbours`` go together, in the order they are
    shown in; ``excluded`` are all labelled issues that were kept away, because they are the issue
    itself or a near-duplicate of it; ``definitions`` are codes, the nearest first."""

    neighbours: tuple[Neighbour, ...] = ()
    examples: tuple[Example, ...] = ()
    excluded: tuple[str, ...] = ()
    definitions: tuple[NearCode, ...] = ()


class Search(Protocol):
    """One way to rank labelled issues and codes by how similar they are to texts.

    Excludes nothing. What is not similar at all may be left out.
    """

    def search(self, texts: Sequence[Text], issues: int, codes: int) -> list[tuple[Ranked, Ranked]]:
        """For each text at most so many labelled issues and so many codes. What is found for a text
        does not depend on the others."""
        ...


def code_text(code: Code) -> str:
    """What of a code is compared with an issue: name, definition, what it includes, examples."""
    return "\n".join([f"{code.name}. {code.definition}", *code.include, *code.examples])
