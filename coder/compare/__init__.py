"""Several runs of the same issues: what their models say of each other, and what would have been
concluded from each.

``compare`` holds runs against each other pair by pair, ``multiverse`` asks which conclusions hang
on the settings; ``write_comparison`` and ``write_multiverse`` put that into files.
"""

from __future__ import annotations

from coder.compare.model import Comparison, Multiverse
from coder.compare.multiverse import multiverse
from coder.compare.pairs import compare
from coder.compare.write import write_comparison, write_multiverse

__all__ = [
    "Comparison",
    "Multiverse",
    "compare",
    "multiverse",
    "write_comparison",
    "write_multiverse",
]
