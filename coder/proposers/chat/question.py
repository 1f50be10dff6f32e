"""One question to a chat model, and a talk about one issue: questions that follow one another."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from coder.records import Call

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
