"""Counts and lists in words."""

from __future__ import annotations

from collections.abc import Sequence

SOME = 8
"""As many names stand in a sentence."""


def some(names: Sequence[str], join: str = ", ") -> str:
    """The names in one phrase; of very many the first, and how many more there are."""
    if len(names) <= SOME + 1:
        return join.join(names)
    return f"{join.join(names[:SOME])}{join}and {len(names) - SOME:,} more"


def plural(count: int, noun: str) -> str:
    """``1 category``, ``2 categories``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"
