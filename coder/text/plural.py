"""Counts in words."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """``1 category``, ``2 categories``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"
