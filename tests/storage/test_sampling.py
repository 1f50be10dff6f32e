"""Inclusion probabilities: estimates from what a rater met, over many seeds that are fixed.

Every simulation goes through the real queues, one Queue for each of a rater's sessions, and the
means over the seeds are held against the truth with their own standard error.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from support.runs import make_issue, make_proposal, make_run
from support.sampling import inclusion

from coder.records import ScoredCode
from coder.review.queues import EVERYTHING, Only, Order, Queue, ReviewPool
from coder.storage import sampling
from coder.storage.run import Run
from coder.storage.sampling import Draw

N, SEEDS = 60, 600


@dataclass(frozen=True)
class Met:
    issue_id: str
    queue: str
    chance: float
    weight: float


class Review:
    """A rater's sessions on one run; seeds differ from one review to the next."""

    def __init__(self, run: Run, pile: ReviewPool, seed: int) -> None:
        self._run, self._pile = run, pile
        run.manifest = SimpleNamespace(seed=seed)  # type: ignore[assignment]
        self._met: dict[str, Draw] = {}

    def session(self, order: Order, count: int, only: Only = EVERYTHING) -> None:
        queue = Queue(self._run, "ann", self._pile, self._met, order, only, None)
        for _ in range(count):
            entry = queue.following(lambda issue_id: issue_id not in self._met)
            assert entry is not None
            self._met[entry.issue_id] = queue.draw(entry.issue_id)

    @property
    def records(self) -> list[Met]:
        return [Met(i, d.queue, d.chance, d.weight) for i, d in self._met.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ReviewPool]:
    """Issue n is proposed with confidence n / (N + 1); the first half is Bland, the other Sour, but
    for every tenth, which is Green."""
    issues = [make_issue(n) for n in range(1, N + 1)]
    proposals = [
        make_proposal(
            issue,
            codes=(
                ScoredCode(
                    code="looks.green"
                    if n % 10 == 0
                    else "taste.bland"
                    if n <= N / 2
                    else "taste.sour",
                    confidence=n / (N + 1),
                ),
            ),
        )
        for n, issue in enumerate(issues, start=1)
    ]
    run = make_run(tmp_path_factory.mktemp("sampling"), issues, proposals)
    run.codebook  # noqa: B018 - cached before the manifest is replaced
    return run, ReviewPool(run)


def wrong(issue_id: str) -> int:
    """Whether the model errs on an issue: it does where it is in doubt."""
    return int(issue_id[1:]) <= N * 0.4


def total(records: list[Met]) -> float:
    """The Horvitz-Thompson estimate of how many issues the model errs on."""
    return sum(wrong(i) / probability for i, probability in inclusion(records).items())


def close(estimates: list[float], truth: float) -> bool:
    """Whether the mean is the truth but for chance: three standard errors."""
    error = statistics.stdev(estimates) / math.sqrt(len(estimates))
    return abs(statistics.fmean(estimates) - truth) < 3 * error


TRUTH = sum(wrong(f"i{n}") for n in range(1, N + 1))


@pytest.mark.parametrize(
    "sessions",
    [
        [(Order.RANDOM, 12)],
        [(Order.UNCERTAIN, 12)],
        [(Order.UNCERTAIN, 3)],
        [(Order.UNCERTAIN, 6), (Order.UNCERTAIN, 6)],
        [(Order.BY_CODE, 12)],
        [(Order.UNCERTAIN, 6), (Order.BY_CODE, 12)],
        [(Order.BY_CODE, 8), (Order.RANDOM, 12)],
        [(Order.FILE, 5), (Order.RANDOM, 12)],
        [(Order.UNCERTAIN, 8), (Order.RANDOM, 12)],
        [(Order.RANDOM, 8), (Order.UNCERTAIN, 12)],
        [(Order.RANDOM, 6), (Order.UNCERTAIN, 5), (Order.RANDOM, 12), (Order.FILE, 4)],
        [(Order.UNCERTAIN, 6), (Order.FILE, 4), (Order.UNCERTAIN, 12)],
    ],
    ids=lambda sessions: "-".join(f"{order}{count}" for order, count in sessions),
)
def test_totals_are_unbiased_whatever_the_rater_did_before_and_after(made, sessions) -> None:
    estimates = []
    for seed in range(SEEDS):
        review = Review(*made, seed)
        for order, count in sessions:
            review.session(order, count)
        estimates.append(total(review.records))
    assert close(estimates, TRUTH)


@pytest.mark.parametrize("order", [Order.RANDOM, Order.UNCERTAIN])
def test_a_queue_limited_to_a_code_leaves_the_rest_a_fair_draw(made, order: Order) -> None:
    estimates = []
    for seed in range(SEEDS):
        review = Review(*made, seed)
        review.session(order, 9, Only(code="taste.bland"))
        review.session(order, 15)
        estimates.append(total(review.records))
    assert close(estimates, TRUTH)


def test_the_weighted_share_beats_the_unweighted_one(made) -> None:
    weighted, plain = [], []
    for seed in range(SEEDS):
        review = Review(*made, seed)
        review.session(Order.UNCERTAIN, 15)
        probability = inclusion(review.records)
        weighted.append(total(review.records) / N)
        plain.append(statistics.fmean(wrong(i) for i in probability))
    truth = TRUTH / N
    assert abs(statistics.fmean(weighted) - truth) < 0.1 * abs(statistics.fmean(plain) - truth)
    assert rms(weighted, truth) < rms(plain, truth)


def rms(estimates: list[float], truth: float) -> float:
    return math.sqrt(statistics.fmean((estimate - truth) ** 2 for estimate in estimates))


def test_the_probabilities_are_how_often_an_issue_comes(made) -> None:
    """Given a time and not a count, the probability of a clock is exact for every issue."""
    weights = {f"i{n}": sampling.weight_of(n / (N + 1)) for n in range(1, N + 1)}
    rang = dict.fromkeys(weights, 0)
    for seed in range(2000):
        for issue_id, time in sampling.clocks(weights, seed).items():
            rang[issue_id] += time <= 0.5
    for issue_id, weight in weights.items():
        expected = 1 - math.exp(-weight * 0.5)
        error = math.sqrt(expected * (1 - expected) / 2000)
        assert abs(rang[issue_id] / 2000 - expected) < 4 * error


def test_whoever_reviewed_all_of_a_queue_met_every_issue_for_certain(made) -> None:
    for order in (Order.RANDOM, Order.UNCERTAIN):
        review = Review(*made, 1)
        review.session(order, N)
        assert set(inclusion(review.records).values()) == {1.0}


def test_queues_that_draw_nothing_allow_no_estimate(made) -> None:
    review = Review(*made, 1)
    review.session(Order.FILE, 10)
    assert {(m.chance, m.weight) for m in review.records} == {(1.0, 1.0)}
    assert inclusion(review.records) == {}


def test_two_sessions_in_one_queue_are_one_draw(made) -> None:
    once, twice = Review(*made, 5), Review(*made, 5)
    once.session(Order.UNCERTAIN, 20)
    twice.session(Order.UNCERTAIN, 7)
    twice.session(Order.UNCERTAIN, 13)
    assert once.records == twice.records


@pytest.mark.parametrize(
    ("queue", "share"),
    [
        ("random", 1.0),
        ("by-code codebook=2 repo=a/b", 1.0),
        ("uncertain calibration=2 part=0.45#3 code=taste.sour repo=a b/c", 0.45),
        ("random part=0.3", 0.3),
        ("random flagged=me", None),
        ("uncertain stale code=taste", None),
        ("novel", None),
        ("disagreement against=b", None),
        ("file repo=random", None),
        ("", None),
    ],
)
def test_a_queue_draws_by_its_name(queue: str, share: float | None) -> None:
    kind = sampling.kind_of(queue)
    assert (kind and kind.share) == share


def test_the_share_of_an_assignment_is_part_of_the_probability() -> None:
    half = [
        Met("a", "uncertain part=0.5", 0.5 * (1 - math.exp(-1.0)), 1.0),
        Met("b", "uncertain part=0.5", 0.5 * (1 - math.exp(-0.4 * 2.0)), 0.4),
    ]
    assert inclusion(half) == pytest.approx(
        {"a": 0.5 * (1 - math.exp(-2.0)), "b": 0.5 * (1 - math.exp(-0.8))}
    )
    assert inclusion([Met("a", "random part=0.5", 0.1, 1.0), Met("b", "random part=0.5", 0.2, 1)])[
        "a"
    ] == pytest.approx(0.2)
