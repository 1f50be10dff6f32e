"""What looking things up for an issue gives, and what every way of searching must offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coder.records import Code, Example, NearCode, Neighbour

Ranked = Sequence[tuple[str, float]]
"""Ids with their similarity, the nearest first; ties in a fixed order."""


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
    """One way to rank labelled issues and codes by how similar they are to a text.

    Excludes nothing. What is not similar at all may be left out.
    """

    def search(self, text: str, issues: int, codes: int) -> tuple[Ranked, Ranked]:
        """At most so many labelled issues and so many codes."""
        ...


def code_text(code: Code) -> str:
    """What of a code is compared with an issue: name, definition, what it includes, examples."""
    return "\n".join([f"{code.name}. {code.definition}", *code.include, *code.examples])
