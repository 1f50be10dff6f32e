"""A question to a chat model: what of a codebook it is about, its messages, and the conversation
about one issue that it belongs to.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from coder.records import Call, Cardinality, Codebook


@dataclass(frozen=True)
class CodeSubset:
    """Codes to choose from, and how an issue coded by the whole codebook is coded by these."""

    whole: Codebook
    codebook: Codebook
    name: str = ""
    """Empty for the whole codebook."""
    others_are_none: bool = False
    """Whether an issue with other codes is an example of "no code fits", or of nothing."""

    def within(self, codes: Sequence[str]) -> tuple[str, ...] | None:
        """The codes an issue has in this scheme; ``None`` when its codes say nothing here."""
        leaves = {code.id for code in self.codebook.leaves}
        line = [above.id for code in codes for above in self.whole.lineage(code)]
        seen = tuple(dict.fromkeys(code for code in line if code in leaves))
        return seen if seen or not codes or self.others_are_none else None


def everything(codebook: Codebook) -> CodeSubset:
    """All codes at once."""
    return CodeSubset(codebook, codebook)


def categories(codebook: Codebook) -> CodeSubset:
    """The categories, each with its codes by name and definition as what it includes."""
    tops = []
    for top in codebook.children[None]:
        names = (f"{code.name}: {code.definition}" for code in codebook.children.get(top.id, ()))
        tops.append(top.model_copy(update={"include": (*top.include, *names)}))
    return CodeSubset(codebook, codebook.changed(codes=tuple(tops)), "categories")


def below(codebook: Codebook, category: str) -> CodeSubset:
    """The codes of one category."""
    chosen = tuple(code for code in codebook.codes if codebook.category(code.id) == category)
    return CodeSubset(codebook, codebook.changed(codes=chosen), category)


def alone(codebook: Codebook, code: str) -> CodeSubset:
    """One code, which fits or does not."""
    one = codebook.changed(
        codes=codebook.lineage(code), cardinality=Cardinality.SINGLE, allow_none=True
    )
    return CodeSubset(codebook, one, code, others_are_none=True)


T = TypeVar("T")

Messages = Sequence[tuple[str, str]]
"""(role, text) in order; roles are ``system``, ``user`` and ``assistant``."""


@dataclass(frozen=True)
class Question:
    """What is asked; everything in it changes the answer."""

    messages: Messages
    schema: Mapping[str, Any] | None
    """What the answer must look like; ``None`` asks for plain text."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that are not those the study is set to."""
    sample: int = 0
    """Which of several answers to the same question this is."""
    asked_tokens: int | None = field(default=None, compare=False)
    """The most tokens that the messages after the system's have, where that has been counted."""

    @property
    def has_system(self) -> bool:
        """Whether the first message is the system's."""
        return bool(self.messages) and self.messages[0][0] == "system"


Conversation = Generator[Question, Call, T]
"""Asks about one issue: yields questions, is sent the call that holds each answer, and returns what
it all amounts to. It waits for nothing itself, so many can be under way at once."""
