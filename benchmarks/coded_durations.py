"""Are times by group right when a model that errs has coded them? Simulated studies.

    python benchmarks/coded_durations.py [STUDIES=60]

1,500 closed issues in three groups; people coded a random 200. The model errs more on issues that
take long, and takes those for the first group. Told of each way to reckon: how often it finds a
difference at p < .05, where there is none and where there is one, and how often the 95% interval of
a group's median holds the truth of the population, with its mean width in days.
"""

from __future__ import annotations

import sys

import numpy as np

from coder.agreement.durations_errors import Coded, Figures, by_design, plain, resampled

ISSUES, CODED, GROUPS = 1500, 200, 3
SHARES = [0.5, 0.3, 0.2]
SLOWER = np.array([0.0, 0.5, 1.0])
"""In logarithms of days, where groups differ."""


def study(rng: np.random.Generator, differ: bool) -> Coded:
    group = rng.choice(GROUPS, size=ISSUES, p=SHARES)
    days = rng.lognormal(1 + differ * SLOWER[group], 1.5)
    order = np.argsort(days)
    days, group = days[order], group[order]
    long = np.arange(ISSUES) > ISSUES / 2
    wrong = rng.random(ISSUES) < np.where(long, 0.5, 0.2)
    model = np.where(wrong, np.where(long, 0, rng.integers(GROUPS, size=ISSUES)), group)
    people = np.full(ISSUES, -1)
    drawn = rng.permutation(ISSUES)[:CODED]
    people[drawn] = group[drawn]
    return Coded(days, people, model, np.full(ISSUES, CODED / ISSUES), GROUPS)


def ways(coded: Coded, seed: int) -> list[Figures]:
    return [
        plain("people", coded.days, coded.people, GROUPS),
        plain("model", coded.days, coded.model, GROUPS),
        by_design(coded, 400, seed),
        resampled(coded, 200, seed),
    ]


def main(studies: int) -> None:
    for differ in (False, True):
        truth = np.exp(1 + differ * SLOWER)
        rng = np.random.default_rng(5)
        found = [ways(study(rng, differ), seed) for seed in range(studies)]
        print(f"groups {'differ' if differ else 'are alike'}, {studies} studies")
        for way in zip(*found, strict=True):
            ends = np.array([[(m.low, m.high) for m in one.medians] for one in way])
            holds = (ends[:, :, 0] <= truth) & (truth <= ends[:, :, 1])
            shown = np.mean([one.p_value < 0.05 for one in way])
            width = (ends[:, :, 1] - ends[:, :, 0]).mean(0)
            print(
                f"  {way[0].source:10} difference found {shown:4.0%}   holds "
                + " ".join(f"{share:4.0%}" for share in holds.mean(0))
                + "   width "
                + " ".join(f"{days:5.2f}" for days in width)
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
