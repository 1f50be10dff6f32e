"""How often a 95% interval of a share holds it where it is worst, without any simulation.

    python benchmarks/coverage_by_count.py

Of so many issues a part is labelled at random. For every count of issues that a code may truly have
the chances of all outcomes are added up exactly (hypergeometric) where the interval of the labels
alone holds that count. Told is the count of which it holds least often.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from coder.agreement import labels_alone

ISSUES = (60, 160, 343, 1000)
COVERED = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
ROUNDING = 1e-12


def worst(issues: int, n: int) -> tuple[float, int]:
    """The least coverage over all true counts, and the first count that has it."""
    seen = np.arange(n + 1)
    found = labels_alone(np.arange(n)[:, None] < seen, issues)
    low, high = (np.array([getattr(e, end) for e in found]) for end in ("low", "high"))
    held = [
        float(
            hypergeom.pmf(seen, issues, there, n)[
                (low - ROUNDING <= there / issues) & (there / issues <= high + ROUNDING)
            ].sum()
        )
        for there in range(issues + 1)
    ]
    # A code and its absence are covered alike, but for the last digits.
    return min(held), int(np.argmin(np.round(held, 9)))


def main() -> None:
    print("| issues | " + " | ".join(f"{part:.2f}" for part in COVERED) + " |")
    print("|---" * (1 + len(COVERED)) + "|")
    for issues in ISSUES:
        cells = (worst(issues, round(issues * part)) for part in COVERED)
        print(f"| {issues:,} | " + " | ".join(f"{held:.1%} ({at:,})" for held, at in cells) + " |")


if __name__ == "__main__":
    main()
