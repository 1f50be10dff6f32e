"""The bootstrap: right distribution, right clusters, honest notes."""

from __future__ import annotations

import numpy as np
import pytest

from coder.agreement import Statistic, agree, bootstrap, cohen_kappa
from coder.agreement.arrays import Floats
from coder.agreement.intervals import even_units, tail_of
from coder.records import Estimate

CODES = ("a", "b", "c")


def mean_of(values: list[float]) -> dict[str, Statistic]:
    return {"mean": Statistic(lambda w: w @ np.array(values) / w.sum(-1), "never")}


def only(found: dict[str, tuple[Estimate, ...]]) -> Estimate:
    ((estimate,),) = found.values()
    return estimate


def test_resampling_cells_is_resampling_issues() -> None:
    rng = np.random.default_rng(3)
    left = rng.integers(3, size=150)
    right = np.where(rng.random(150) < 0.7, left, rng.integers(3, size=150))

    def kappa(weights: Floats) -> Floats:
        tables = np.zeros((len(weights), 9))
        tables[:, cells] = weights
        return cohen_kappa(tables.reshape(-1, 3, 3))

    cells, cell = np.unique(left * 3 + right, return_inverse=True)
    ours = only(bootstrap({"kappa": Statistic(kappa, "")}, cell, draws=4000, seed=1))

    picks = rng.integers(150, size=(4000, 150))
    naive = np.zeros((4000, 9))
    for draw, pick in enumerate(picks):
        naive[draw] = np.bincount(left[pick] * 3 + right[pick], minlength=9)
    tail = tail_of(150)
    expected = np.quantile(cohen_kappa(naive.reshape(-1, 3, 3)), [tail, 1 - tail])
    assert [ours.low, ours.high] == pytest.approx(expected, abs=0.01)


def test_resampling_groups_is_resampling_groups_one_by_one() -> None:
    rng = np.random.default_rng(5)
    group = np.sort(rng.integers(30, size=300))
    cell = (rng.random(300) < np.linspace(0.1, 0.9, 30)[group]).astype(np.int64)
    ours = only(bootstrap(mean_of([0, 1]), cell, group, draws=4000, seed=1))

    members = [cell[group == g] for g in range(30)]
    naive = [
        np.concatenate([members[g] for g in rng.integers(30, size=30)]).mean() for _ in range(4000)
    ]
    tail = tail_of(even_units(np.bincount(group)))
    expected = np.quantile(naive, [tail, 1 - tail])
    assert [ours.low, ours.high] == pytest.approx(expected, abs=0.015)
    issues = only(bootstrap(mean_of([0, 1]), cell, draws=4000, seed=1))
    assert ours.high - ours.low > 1.5 * (issues.high - issues.low)
    assert ours.value == issues.value == pytest.approx(cell.mean())


def test_of_a_mean_of_few_units_the_interval_is_that_of_student() -> None:
    """And a plain percentile interval would be a seventh narrower."""
    values = list(np.linspace(-3, 3, 12))
    half = 2.200985 * np.std(values, ddof=1) / 12**0.5
    for group in (None, np.arange(12)):
        found = only(bootstrap(mean_of(values), np.arange(12), group, draws=20_000))
        assert [found.low, found.high] == pytest.approx([-half, half], rel=0.05)


def test_uneven_groups_count_for_fewer() -> None:
    assert even_units([7, 7, 7, 7]) == 4
    assert even_units([30, 1, 1, 1]) == pytest.approx(33**2 / 903)
    assert tail_of(4) < tail_of(40) < tail_of(4000) == pytest.approx(0.025, abs=1e-3)
    assert tail_of(1.2) == tail_of(2) < 1e-6


def test_uneven_repositories_are_covered() -> None:
    """20 repositories of log-normal sizes. A plain percentile interval covers 176 of 200 times."""
    rng = np.random.default_rng(21)
    covered = 0
    for study in range(200):
        sizes = np.maximum(1, rng.lognormal(1.8, 1, 20)).astype(int)
        group = np.repeat(np.arange(20), sizes)
        share = rng.choice([0.1, 0.5], 20)
        cell = (rng.random(len(group)) < share[group]).astype(np.int64)
        found = only(bootstrap(mean_of([0, 1]), cell, group, draws=300, seed=study))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.3 <= found.high
    assert 184 <= covered <= 199


def test_a_group_for_every_issue_is_no_grouping() -> None:
    cell = np.array([0] * 60 + [1] * 40)
    alone = only(bootstrap(mean_of([0, 1]), cell, np.arange(100), draws=4000))
    plain = only(bootstrap(mean_of([0, 1]), cell, draws=4000))
    assert [alone.low, alone.high] == pytest.approx([plain.low, plain.high], abs=0.011)


def test_one_group_resamples_issues() -> None:
    cell = np.array([0, 1, 1, 0, 1])
    assert bootstrap(mean_of([0, 1]), cell, np.zeros(5, dtype=np.int64)) == bootstrap(
        mean_of([0, 1]), cell
    )


def test_few_groups_are_said() -> None:
    cell = np.random.default_rng(0).integers(2, size=60)
    few = only(bootstrap(mean_of([0, 1]), cell, np.arange(60) % 7))
    enough = only(bootstrap(mean_of([0, 1]), cell, np.arange(60) % 10))
    assert few.note == "only 7 groups to resample: the interval may be too narrow"
    assert enough.note == ""
    uneven = only(bootstrap(mean_of([0, 1]), cell, np.minimum(np.arange(60), 10)))
    assert uneven.note.startswith("only 11 groups to resample, so uneven that they count for 1:")


def test_the_seed_decides_and_the_chunk_size_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = np.random.default_rng(0).integers(5, size=80)
    values = [0.0, 1, 3, 7, 9]
    for group in (None, np.arange(80) % 12):
        first = bootstrap(mean_of(values), cell, group, draws=700, seed=4)
        assert first == bootstrap(mean_of(values), cell, group, draws=700, seed=4)
        assert first != bootstrap(mean_of(values), cell, group, draws=700, seed=5)
        with monkeypatch.context() as patch:
            patch.setattr("coder.agreement.intervals._CHUNK_DRAWS", 7)
            assert first == bootstrap(mean_of(values), cell, group, draws=700, seed=4)


def test_memory_stays_bounded() -> None:
    widest = 0

    def watch(weights: Floats) -> Floats:
        nonlocal widest
        widest = max(widest, weights.nbytes)
        return weights.sum(-1)

    cell = np.arange(200_000)
    bootstrap({"n": Statistic(watch, "")}, cell, cell, draws=30)
    assert widest <= 16 << 20


def test_undefined_draws_are_left_out_and_counted() -> None:
    def inverse(weights: Floats) -> Floats:
        hits = weights[:, 1]
        return np.where(hits > 0, weights.sum(-1) / np.maximum(hits, 1), np.nan)

    found = only(bootstrap({"x": Statistic(inverse, "")}, np.array([0, 0, 1]), draws=1000, seed=2))
    # (2/3)^3 = 30% of the draws hold no issue of the second cell.
    left_out = int(found.note.split(" of 1000 draws undefined")[0])
    assert 240 < left_out < 350
    assert found.low == 1.0
    assert found.high == 3.0


def test_undefined_value_gives_the_reason() -> None:
    never = Statistic(lambda w: np.full(len(w), np.nan), "because")
    found = only(bootstrap({"x": never}, np.array([0, 1, 1])))
    assert found == Estimate(value=None, n=3, note="because")


def test_no_issue_one_issue_no_draws() -> None:
    nothing = Statistic(lambda w: np.full(len(w), np.nan), "because")
    empty = np.empty(0, dtype=np.int64)
    assert only(bootstrap({"x": nothing}, empty, empty)) == Estimate(
        value=None, n=0, note="no issue was coded by two raters"
    )
    one = only(bootstrap(mean_of([4]), np.array([0])))
    assert (one.value, one.low, one.high, one.note) == (4, None, None, "one issue: no interval")
    none = only(bootstrap(mean_of([4, 5]), np.array([0, 1]), draws=0))
    assert (none.value, none.low, none.note) == (4.5, None, "no interval: no draws")


def test_an_interval_of_no_width_says_what_it_is() -> None:
    found = only(bootstrap(mean_of([1, 1]), np.array([0, 1, 0])))
    assert (found.low, found.high) == (1, 1)
    assert "understates uncertainty" in found.note


def test_intervals_cover_the_truth() -> None:
    # Three codes, .7 copied: kappa is .7 whatever the prevalence. 200 studies of 120 issues.
    rng = np.random.default_rng(11)
    covered = 0
    for study in range(200):
        left = rng.choice(3, p=[0.5, 0.3, 0.2], size=120)
        right = np.where(rng.random(120) < 0.7, left, rng.choice(3, p=[0.5, 0.3, 0.2], size=120))
        found = agree(
            {str(i): (CODES[c],) for i, c in enumerate(left)},
            {str(i): (CODES[c],) for i, c in enumerate(right)},
            codes=CODES,
            draws=300,
            seed=study,
        ).cohen_kappa
        covered += found.low <= 0.7 <= found.high
    assert 176 <= covered <= 199
