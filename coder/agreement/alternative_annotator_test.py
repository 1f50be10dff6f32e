"""The alternative annotator test, of whether a model may stand in for a rater (Calderon, Reichart &
Dror 2025, ACL, arXiv 2501.10970).

Each human in turn is set aside, and the model is held against them: who is nearer to the other
humans? The model may stand in for people if it loses to at least half of them by less than
``epsilon``, the price of what a human costs more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from coder.agreement.arrays import Bools, Floats, Ints
from coder.agreement.coefficients import overlaps
from coder.records import Record

Answer = str | Collection[str]

RATE = 0.05
"""False discovery rate over the humans."""
PASSED = 0.5
"""The winning rate from which on the model may stand in for a human."""
FEWEST_HUMANS = 3
FEWEST_ITEMS = 30
"""What the test's authors ask for: so many humans, and so many items of each of them."""
_TIE = 1e-9


class HeldAgainst(Record):
    """One human against the model on ``n`` items, both judged by the remaining humans.

    ``advantage`` is the share of items where the model is at least as near to them, ``difference``
    the human's share less the model's; ``p_value`` is of the hypothesis that the difference is
    ``epsilon`` or more, which ``rejected`` tells.
    """

    rater: str
    n: int
    advantage: float
    difference: float
    p_value: float
    rejected: bool


class AltTest(Record):
    """What the test says. ``winning_rate`` and ``advantage`` are ``None`` when nobody could be held
    against the model, and ``passed`` is ``None`` when there was too little to tell; ``note`` says
    why.

    ``left_out`` are humans with fewer than ``FEWEST_ITEMS`` items, with their numbers;
    ``unanswered`` counts the items the model gave no answer to.
    """

    winning_rate: float | None
    advantage: float | None
    passed: bool | None
    epsilon: float
    q: float
    humans: tuple[HeldAgainst, ...]
    left_out: dict[str, int]
    items: int
    unanswered: int
    note: str = ""

    @property
    def p_values(self) -> dict[str, float]:
        return {human.rater: human.p_value for human in self.humans}


def alt_test(
    model: Mapping[str, Answer | None],
    humans: Mapping[str, Mapping[str, Answer | None]],
    epsilon: float = 0.2,
    q: float = RATE,
) -> AltTest:
    """The test of ``model`` (item to code) against ``humans`` (rater to item to code).

    A code is a text, or a collection of texts where an item may have several (none of them is an
    answer too). One code matches another or does not, sets match by their Jaccard similarity.
    ``None`` is no answer. Items need two humans besides an answer of the model. ``epsilon`` is .2
    where the humans are experts, .15 for skilled raters, .1 for a crowd.
    """
    given = {
        rater: {item: answer for item, answer in labels.items() if answer is not None}
        for rater, labels in humans.items()
    }
    number: dict[str, int] = {}
    for labels in given.values():
        for item in labels:
            number[item] = number.get(item, 0) + 1
    shared = [item for item, raters in number.items() if raters > 1]
    items = [item for item in shared if model.get(item) is not None]
    words = _Words([model[item] for item in items], *(labels.values() for labels in given.values()))
    at = {item: position for position, item in enumerate(items)}
    ours = words.numbers(model[item] for item in items)
    near = np.zeros((len(items), len(words.sets)))
    columns: dict[str, tuple[Ints, Ints]] = {}
    for rater, labels in given.items():
        here = [item for item in labels if item in at]
        rows = np.array([at[item] for item in here], dtype=np.int64)
        theirs = words.numbers(labels[item] for item in here)
        near[rows] += words.similarity[theirs]
        columns[rater] = rows, theirs

    tested: dict[str, tuple[Floats, Floats]] = {}
    for rater, (rows, theirs) in columns.items():
        if len(rows) < FEWEST_ITEMS:
            continue
        human = near[rows, theirs] - 1
        machine = near[rows, ours[rows]] - words.similarity[ours[rows], theirs]
        wins = (machine >= human - _TIE).astype(np.float64)
        tested[rater] = wins, (human >= machine - _TIE) - wins
    held = _held_against(tested, epsilon, q)
    rate = sum(human.rejected for human in held) / len(held) if held else None
    enough = len(held) >= FEWEST_HUMANS
    return AltTest(
        winning_rate=rate,
        advantage=float(np.mean([human.advantage for human in held])) if held else None,
        passed=rate >= PASSED if enough and rate is not None else None,
        epsilon=epsilon,
        q=q,
        humans=held,
        left_out={r: len(rows) for r, (rows, _) in columns.items() if r not in tested},
        items=len(items),
        unanswered=len(shared) - len(items),
        note="" if enough else _too_few(len(held)),
    )


def _held_against(
    tested: Mapping[str, tuple[Floats, Floats]], epsilon: float, q: float
) -> tuple[HeldAgainst, ...]:
    """``tested`` are each human's items: where the model wins, and the human's share less its."""
    p_values = [_p_value(loss, epsilon) for _, loss in tested.values()]
    return tuple(
        HeldAgainst(
            rater=rater,
            n=len(wins),
            advantage=float(wins.mean()),
            difference=float(loss.mean()),
            p_value=p_value,
            rejected=bool(rejected),
        )
        for (rater, (wins, loss)), p_value, rejected in zip(
            tested.items(), p_values, _rejected(p_values, q), strict=True
        )
    )


def _too_few(held: int) -> str:
    found = "nobody has" if not held else f"only {held} {'has' if held == 1 else 'have'}"
    return (
        f"the test needs {FEWEST_HUMANS} humans who each coded {FEWEST_ITEMS} items that somebody "
        f"else coded too; {found}"
    )


class _Words:
    """The distinct answers, and how much each is like each other: (answers, answers)."""

    def __init__(self, *answers: Iterable[Answer | None]) -> None:
        found = {_set(answer) for some in answers for answer in some if answer is not None}
        self.sets = sorted(found, key=sorted)
        self._number = {answer: number for number, answer in enumerate(self.sets)}
        both, either = overlaps(self.sets)
        # Two answers that no code fits are the same answer.
        self.similarity: Floats = np.where(either == 0, 1.0, both / np.maximum(either, 1))

    def numbers(self, answers: Iterable[Answer | None]) -> Ints:
        found = [self._number[_set(answer)] for answer in answers if answer is not None]
        return np.array(found, dtype=np.int64)


def _set(answer: Answer) -> frozenset[str]:
    return frozenset((answer,)) if isinstance(answer, str) else frozenset(answer)


def _p_value(loss: Floats, epsilon: float) -> float:
    """One-sided t-test that the mean of ``loss`` (n,) is below ``epsilon``."""
    from scipy.stats import ttest_1samp

    if loss.std() == 0:  # of which the test would say nothing
        return 0.0 if loss[0] < epsilon else 1.0
    return float(ttest_1samp(loss, epsilon, alternative="less").pvalue)


def _rejected(p_values: list[float], q: float) -> Bools:
    """Which hypotheses fall (Benjamini & Yekutieli 2001, Ann. Stat. 29:1165-1188)."""
    from scipy.stats import false_discovery_control

    if not p_values:
        return np.zeros(0, dtype=np.bool_)
    falls: Bools = false_discovery_control(p_values, method="by") <= q
    return falls
