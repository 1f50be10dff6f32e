"""How often a printed certificate does not hold, and how often one is given at all.

Run: python benchmarks/certificates.py [runs]. Each run draws an issue tracker's labels anew; a
certificate is violated when the error in the population at its threshold is above epsilon. Counted
are runs in which any certificate of the family is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from coder.agreement import certify

EPSILON, DELTA = 0.1, 0.05
SHARES = (0.57, 0.4, 0.03)
"""Of the true codes; the model never proposes the last."""
LEVELS = np.array([0.55, 0.75, 0.92, 0.97])


@dataclass(frozen=True)
class Case:
    name: str
    labels: int
    uncertain: bool = False
    repositories: int = 0
    clustered: bool = False
    border: bool = False
    """The error of frequent codes lies just above epsilon at every threshold."""


CASES = [
    Case("even draws", 600),
    Case("even draws, error .105", 600, border=True),
    Case("uncertain first", 600, uncertain=True),
    Case("uncertain first, error .105", 600, uncertain=True, border=True),
    Case("40 repositories, not clustered", 600, repositories=40, border=True),
    Case("40 repositories, clustered", 600, repositories=40, clustered=True, border=True),
]


def one(case: Case, seed: int) -> tuple[list[bool], list[bool]]:
    """Whether each certificate, over all and by code, is given, and whether it is violated."""
    draw = np.random.default_rng(seed)
    issues = 6000
    truth = draw.choice(3, size=issues, p=SHARES)
    confidence = draw.choice(LEVELS, size=issues, p=[0.15, 0.2, 0.3, 0.35])
    below = [confidence < 0.6, confidence < 0.8, confidence < 0.95]
    rate = np.full(issues, 0.105) if case.border else np.select(below, [0.3, 0.12, 0.05], 0.01)
    expected = np.where(truth == 2, 1.0, rate)
    group = None
    if case.repositories:
        of = draw.integers(case.repositories, size=issues)
        group = of
        # Repositories differ (a beta distribution around the rate): labels of one are alike.
        tilt = draw.beta(0.105 * 8, 0.895 * 8, size=case.repositories)
        expected = np.where(truth == 2, 1.0, tilt[of])
    right = draw.random(issues) > expected
    chance = np.full(issues, case.labels / issues)
    if case.uncertain:
        weight = np.maximum(1 - confidence, 0.05)
        chance = -np.expm1(-weight * 0.5)
    seen = draw.random(issues) < chance
    given, violated = [], []
    for code in (None, 0, 1, 2):
        inside = seen if code is None else seen & (truth == code)
        everyone = np.ones(issues, bool) if code is None else truth == code
        found = certify(
            confidence[inside], right[inside], weights=1 / chance[inside],
            groups=group[inside] if case.clustered and group is not None else None,
            epsilon=EPSILON, delta=DELTA, certificates=4,
        )  # fmt: skip
        given.append(found.threshold is not None)
        above = everyone & (confidence >= (found.threshold or 0))
        # The error for issues like these, not that of this draw of them.
        mean = np.where(truth == 2, 1.0, rate)[above].mean()
        violated.append(given[-1] and mean > EPSILON)
    return given, violated


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| labels | any violated | given: all | 57% code | 40% code | 3% code, never proposed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        found = [one(case, seed) for seed in range(runs)]
        wrong = np.mean([any(violated) for _, violated in found])
        given = np.mean([given for given, _ in found], axis=0)
        print(f"| {case.name} | {wrong:.1%} | " + " | ".join(f"{g:.0%}" for g in given) + " |")


if __name__ == "__main__":
    main()
