"""Reads label files for commands, and shows what had to be set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coder.records import Codebook, Example, Issue

SHOWN = 5
"""How many set-aside rows are named on the terminal; all are counted."""


def read_examples(path: Path, codebook: Codebook, issues: Mapping[str, Issue]) -> list[Example]:
    """The labelled issues in ``path``, for a model to learn from."""
    raise NotImplementedError
