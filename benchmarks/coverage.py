"""How often a 95% interval holds the truth, in simulated studies.

    python benchmarks/coverage.py [STUDIES=2000]

Each study draws issues and labels from a known population and takes the interval that the report
would take (500 draws where it is a bootstrap). Coverage is to be 93 to 97%; ``+-`` is one standard
error of the simulation itself. Widths are means.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np

from coder.agreement import agree, dsl, labels_alone, ppi
from coder.records import Estimate

CODES = tuple("abcde")
SHARES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
Draw = Callable[[np.random.Generator], Estimate]


def pair(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two raters who see the same truth, each wrong in ``noise`` of ``n`` issues."""
    truth = rng.choice(5, n, p=SHARES)
    sides = (np.where(rng.random(n) < noise, rng.choice(5, n, p=SHARES), truth) for _ in range(2))
    first, second = sides
    return first, second


def named(codes: np.ndarray) -> dict[str, tuple[str, ...]]:
    return {f"i{k:06}": (CODES[code],) for k, code in enumerate(codes)}


def truths(noise: float) -> dict[str, float]:
    """The figures of the whole population, from the joint table of two such raters."""
    mix = (1 - noise) * np.eye(5) + noise * SHARES
    table = (mix.T * SHARES) @ mix
    observed, expected = np.trace(table), float((table.sum(0) * table.sum(1)).sum())
    kappa = (observed - expected) / (1 - expected)
    return {"cohen_kappa": kappa, "krippendorff_alpha": kappa, "percent_agreement": observed}


def agreement(figure: str, n: int, noise: float) -> tuple[str, float, Draw]:
    def draw(rng: np.random.Generator) -> Estimate:
        first, second = pair(rng, n, noise)
        found = agree(named(first), named(second), codes=CODES, draws=500,
                      seed=int(rng.integers(1 << 31)))  # fmt: skip
        estimate: Estimate = getattr(found, figure)
        return estimate

    return f"{figure}, {n} issues, noise {noise}", truths(noise)[figure], draw


def clustered(figure: str, groups: int, size: int, noise: float) -> tuple[str, float, Draw]:
    """Repositories of ``size`` issues, some of which are harder than others."""
    levels = np.array([noise / 2, noise * 1.5])

    def draw(rng: np.random.Generator) -> Estimate:
        sides: tuple[list[int], list[int]] = ([], [])
        for level in rng.choice(levels, groups):
            for side, codes in zip(sides, pair(rng, size, float(level)), strict=True):
                side.extend(codes)
        first, second = (named(np.array(side)) for side in sides)
        repo = {f"i{k:06}": f"r{k // size}" for k in range(groups * size)}
        found = agree(first, second, codes=CODES, groups=repo, draws=500,
                      seed=int(rng.integers(1 << 31)))  # fmt: skip
        estimate: Estimate = getattr(found, figure)
        return estimate

    mixes = [(1 - level) * np.eye(5) + level * SHARES for level in levels]
    table = np.mean([(mix.T * SHARES) @ mix for mix in mixes], axis=0)
    observed, expected = np.trace(table), float((table.sum(0) * table.sum(1)).sum())
    kappa = float((observed - expected) / (1 - expected))
    return f"{figure}, {groups} repositories of {size}", kappa, draw


def prevalence(
    how: str, n: int, issues: int = 2000, share: float = 0.15
) -> tuple[str, float, Draw]:
    def draw(rng: np.random.Generator) -> Estimate:
        truth = (rng.random(issues) < share).astype(float)
        said = np.where(rng.random(issues) < 0.25, rng.random(issues) < 0.4, truth).astype(float)
        if how == "dsl":
            chance = np.where(said > 0, 2.0, 0.5)
            chance *= n / chance.sum()
            human = np.where(rng.random(issues) < chance, truth, np.nan)
            return dsl(human, said, chance)[0]
        at = rng.permutation(issues)
        labelled, rest = at[:n], at[n:]
        if how == "labels alone":
            return labels_alone(truth[labelled])[0]
        if how == "the model's count":
            p = said.mean()
            half = 1.96 * (p * (1 - p) / issues) ** 0.5
            return Estimate(value=p, low=p - half, high=p + half, n=issues)
        return ppi(truth[labelled], said[labelled], said[rest])[0]

    return f"prevalence by {how}, {n} labels of {issues} issues", share, draw


def cases() -> Iterator[tuple[str, float, Draw]]:
    for figure in ("cohen_kappa", "krippendorff_alpha", "percent_agreement"):
        for n, noise in ((100, 0.3), (200, 0.3), (400, 0.15)):
            yield agreement(figure, n, noise)
    for figure in ("cohen_kappa", "krippendorff_alpha"):
        yield clustered(figure, 40, 10, 0.3)
    for how in ("the model's count", "labels alone", "ppi", "dsl"):
        yield prevalence(how, 200)


def main(studies: int) -> None:
    print(f"| figure | coverage of {studies} studies | +- | mean width |\n|---|---|---|---|")
    for name, truth, draw in cases():
        rng = np.random.default_rng(2026)
        found = [draw(rng) for _ in range(studies)]
        held = np.mean([e.low <= truth <= e.high for e in found if e.low is not None])
        width = np.mean([e.high - e.low for e in found if e.low is not None])
        error = (held * (1 - held) / studies) ** 0.5
        print(f"| {name} | {held:.1%} | {error:.1%} | {width:.3f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
