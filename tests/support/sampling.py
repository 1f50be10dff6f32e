"""Inclusion probabilities as one mapping."""

from __future__ import annotations

from collections.abc import Iterable

from coder.storage.sampling import Drawn, reached


def inclusion(records: Iterable[Drawn]) -> dict[str, float]:
    """The probability with which each issue a rater met was to come before them."""
    certain, drawn = reached(records)
    return dict.fromkeys(certain, 1.0) | drawn
