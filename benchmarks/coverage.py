"""How often a 95% interval holds the truth, in simulated studies.

    python benchmarks/coverage.py [STUDIES=2000] [WORDS IN THE NAME]

Each study draws issues and labels from a known population and takes the interval that the report
would take (500 draws where it is a bootstrap). Coverage is to be 93 to 97%; ``+-`` is one standard
error of the simulation itself. Widths are means. A coefficient is to cover that of the population,
a share that of the study's own issues, as the report says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from coder.agreement import Agreement, agree, dsl, labels_alone, ppi
from coder.agreement.arrays import Ints
from coder.records import Estimate

CODES = tuple("abcde")
SHARES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
Draw = Callable[[np.random.Generator], tuple[Estimate, float]]
"""One study: its interval, and the truth."""


def pair(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two raters who see the same truth, each wrong in ``noise`` of ``n`` issues."""
    truth = rng.choice(5, n, p=SHARES)
    sides = (np.where(rng.random(n) < noise, rng.choice(5, n, p=SHARES), truth) for _ in range(2))
    first, second = sides
    return first, second


def named(codes: np.ndarray) -> dict[str, tuple[str, ...]]:
    return {f"i{k:06}": (CODES[code],) for k, code in enumerate(codes)}


def truth(figure: str, levels: Sequence[float]) -> float:
    """A figure of the whole population, from the joint table of two such raters."""
    mixes = [(1 - noise) * np.eye(5) + noise * SHARES for noise in levels]
    table = np.mean([(mix.T * SHARES) @ mix for mix in mixes], axis=0)
    if figure == "kappa of the rare code":
        both, gave = table[-1, -1], table[-1].sum()
        return float((both - gave**2) / (gave - gave**2))
    observed, expected = np.trace(table), float((table.sum(0) * table.sum(1)).sum())
    return float(
        observed if figure == "percent_agreement" else (observed - expected) / (1 - expected)
    )


def taken(figure: str, found: Agreement) -> Estimate:
    if figure == "kappa of the rare code":
        return found.per_code[-1].cohen_kappa
    estimate: Estimate = getattr(found, figure)
    return estimate


def agreement(figure: str, n: int, noise: float) -> tuple[str, Draw]:
    right = truth(figure, [noise])

    def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
        first, second = pair(rng, n, noise)
        found = agree(named(first), named(second), codes=CODES, draws=500,
                      seed=int(rng.integers(1 << 31)))  # fmt: skip
        return taken(figure, found), right

    return f"{figure}, {n} issues, noise {noise}", draw


def even(rng: np.random.Generator, groups: int) -> Ints:
    return np.full(groups, 10)


def uneven(rng: np.random.Generator, groups: int) -> Ints:
    """Sizes as of repositories: log-normal, ten on average, the largest much larger."""
    return np.maximum(1, rng.lognormal(np.log(10) - 0.5, 1, groups)).astype(np.int64)


def one_large(rng: np.random.Generator, groups: int) -> Ints:
    return np.array([10 * (groups - 1), *[10] * (groups - 1)])


def clustered(
    figure: str, groups: int, sizes: Callable[[np.random.Generator, int], Ints], how: str
) -> tuple[str, Draw]:
    """Repositories, some of which are harder than others."""
    levels = np.array([0.15, 0.45])
    right = truth(figure, levels.tolist())

    def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
        sides: tuple[list[int], list[int]] = ([], [])
        repos: list[int] = []
        for repo, size in enumerate(sizes(rng, groups).tolist()):
            for side, codes in zip(sides, pair(rng, size, float(rng.choice(levels))), strict=True):
                side.extend(codes)
            repos.extend([repo] * size)
        first, second = (named(np.array(side)) for side in sides)
        repo_of = {f"i{k:06}": f"r{repo}" for k, repo in enumerate(repos)}
        found = agree(first, second, codes=CODES, groups=repo_of, draws=500,
                      seed=int(rng.integers(1 << 31)))  # fmt: skip
        return taken(figure, found), right

    return f"{figure}, {groups} repositories {how}", draw


def prevalence(
    how: str, n: int, share: float, wrong: float = 0.25, repositories: int = 0
) -> tuple[str, Draw]:
    """Labels on some of 2,000 issues; the model answers ``wrong`` of them at random."""
    issues = 2000
    anyway = 0.4 if share > 0.1 else 0.1

    def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
        chances: float | np.ndarray = share
        if repositories:
            each = rng.beta(2 * share, 2 - 2 * share, repositories)
            chances = each[rng.integers(repositories, size=issues)]
        codes = (rng.random(issues) < chances).astype(float)
        at_random = rng.random(issues) < wrong
        said = np.where(at_random, rng.random(issues) < anyway, codes).astype(float)
        at = rng.permutation(issues)
        labelled, rest = at[:n], at[n:]
        if how == "dsl":
            chance = np.where(said > 0, 2.0, 0.5)
            chance *= n / chance.sum()
            human = np.where(rng.random(issues) < chance, codes, np.nan)
            found = dsl(human, said, chance)[0]
        elif how == "labels alone":
            found = labels_alone(codes[labelled], issues)[0]
        elif how == "the model's count":
            p = said.mean()
            half = 1.96 * (p * (1 - p) / issues) ** 0.5
            found = Estimate(value=p, low=p - half, high=p + half, n=issues)
        else:
            found = ppi(codes[labelled], said[labelled], said[rest])[0]
        return found, float(codes.mean())

    clusters = f", {repositories} unlike repositories" if repositories else ""
    return f"share of {share:.0%} by {how}, {n} labels, model {wrong:.0%} at random{clusters}", draw


def near_full(how: str, issues: int, covered: float, share: float) -> tuple[str, Draw]:
    """Labels on the part ``covered`` of ``issues``, of which a code has about ``share``."""
    n = round(issues * covered)

    def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
        codes = (rng.random(issues) < share).astype(float)
        at_random = rng.random(issues) < 0.25
        said = np.where(at_random, rng.random(issues) < 0.1, codes).astype(float)
        if how == "dsl":
            chance = np.clip(np.where(said > 0, 1.2, 0.98) * covered, 0, 1)
            human = np.where(rng.random(issues) < chance, codes, np.nan)
            return dsl(human, said, chance)[0], float(codes.mean())
        at = rng.permutation(issues)
        labelled, rest = at[:n], at[n:]
        if how == "labels alone":
            return labels_alone(codes[labelled], issues)[0], float(codes.mean())
        found = ppi(codes[labelled], said[labelled], said[rest])[0]
        return found, float(codes.mean())

    return f"share of {share:.0%} by {how}, {covered:.0%} of {issues:,} labelled", draw


def cases() -> Iterator[tuple[str, Draw]]:
    for figure in ("cohen_kappa", "krippendorff_alpha", "percent_agreement"):
        for n, noise in ((100, 0.3), (200, 0.3), (400, 0.15)):
            yield agreement(figure, n, noise)
    for figure in ("cohen_kappa", "krippendorff_alpha"):
        yield clustered(figure, 40, even, "of 10")
    for groups in (20, 10, 5, 3):
        yield clustered("cohen_kappa", groups, even, "of 10")
    for groups in (40, 20, 10):
        yield clustered("cohen_kappa", groups, uneven, "of uneven size")
    yield clustered("cohen_kappa", 20, one_large, "of which one has half of the issues")
    for n in (100, 200, 400):
        yield agreement("kappa of the rare code", n, 0.3)
    yield clustered("kappa of the rare code", 40, even, "of 10")
    yield prevalence("the model's count", 200, 0.15)
    for how in ("labels alone", "ppi", "dsl"):
        for share in (0.15, 0.05):
            for n in (200, 100, 60):
                yield prevalence(how, n, share)
    for how in ("ppi", "dsl"):
        yield prevalence(how, 100, 0.15, wrong=0.05)
        yield prevalence(how, 100, 0.15, wrong=0.9)
        yield prevalence(how, 200, 0.15, repositories=20)
    for how in ("labels alone", "ppi", "dsl"):
        for issues in (160, 1000):
            for share in (0.02, 0.05, 0.15):
                for covered in (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99):
                    yield near_full(how, issues, covered, share)


def main(studies: int, wanted: str) -> None:
    print(f"| figure | coverage of {studies} studies | +- | mean width |\n|---|---|---|---|")
    for name, draw in cases():
        if wanted not in name:
            continue
        rng = np.random.default_rng(2026)
        found = [
            (e, right) for e, right in (draw(rng) for _ in range(studies)) if e.low is not None
        ]
        held = np.mean([e.low - 1e-12 <= right <= e.high + 1e-12 for e, right in found])
        width = np.mean([e.high - e.low for e, _ in found])
        error = (held * (1 - held) / studies) ** 0.5
        print(f"| {name} | {held:.1%} | {error:.1%} | {width:.3f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, " ".join(sys.argv[2:]))
