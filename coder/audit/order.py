"""Whether a run's codes depend on the order in which the options and the examples stand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coder.agreement.arrays import Floats
from coder.agreement.intervals import Statistic, bootstrap, wilson
from coder.audit.reask import CONTROL, Codes, Heard, Reasker, codes_of
from coder.records import NONE_CODE, Code, Codebook, Estimate, Issue
from coder.storage.run import Run

NAME = "order"
TRIES = 50
"""Shuffles drawn for each order wanted: a small codebook has few."""


@dataclass(frozen=True)
class Change:
    """One issue: its codes in the run, and in each order; ``None`` for no usable answer."""

    issue_id: str
    then: Codes
    orders: tuple[Codes | None, ...]

    @property
    def answered(self) -> int:
        return sum(codes is not None for codes in self.orders)

    @property
    def changed(self) -> int:
        return sum(codes not in (None, self.then) for codes in self.orders)


@dataclass(frozen=True)
class Place:
    """How often the code that stood in one place was chosen, and how often the run chose that same
    code for the same issues; ``gain`` is the difference as a share of ``of`` answers."""

    chosen: int
    expected: int
    of: int
    gain: Estimate


@dataclass(frozen=True)
class Shift:
    """How often a code was chosen in all orders, beside how often the run's answers would give
    it; ``first`` and ``last`` are what it gained in the orders where it stood there, ``None`` when
    it never did."""

    code: str
    then: int
    shuffled: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Ordered:
    """``share`` is that of changed answers, its interval over issues; ``touched`` that of issues
    with any change; ``noise`` is the share that changes when the very same is asked again."""

    changes: tuple[Change, ...]
    orders: int
    share: Estimate
    touched: Estimate
    noise: Estimate | None
    first: Place
    last: Place
    shifts: tuple[Shift, ...]


def draw(run: Run, size: int) -> list[Issue]:
    """A random sample of the issues with a usable answer; a larger one holds the smaller."""
    answered = [i for i, p in run.latest_proposals().items() if p.status.answered]
    random.Random(f"order {run.manifest.seed}").shuffle(answered)
    return [run.issues[issue_id] for issue_id in answered[:size]]


def orders(codebook: Codebook, count: int, seed: int) -> list[Codebook]:
    """At most ``count`` different orders of the codebook, siblings among themselves, its own left
    out. More of them begin with the same ones."""
    own = tuple(code.id for code in _walk(codebook, None, None))
    found: dict[tuple[str, ...], Codebook] = {}
    for attempt in range(TRIES * count):
        codes = tuple(_walk(codebook, None, random.Random(f"{seed} {attempt}")))
        key = tuple(code.id for code in codes)
        if key != own and key not in found:
            found[key] = codebook.changed(codes=codes)
        if len(found) == count:
            break
    return list(found.values())


def reorder(
    asker: Reasker,
    issues: Sequence[Issue],
    shuffled: Sequence[Codebook],
    control: bool,
    heard: Heard,
    *,
    draws: int = 2000,
) -> Ordered:
    """Ask the run's model about ``issues`` once in each order and, as a control, as in the run.

    May be stopped at any moment and called again. Raises what :meth:`Reasker.ask` raises.
    """
    with asker.asking():
        again = asker.ask(CONTROL, issues, heard) if control else {}
        heard_in = [
            asker.ask(variant(number), issues, heard, codebook=book, shuffle=number)
            for number, book in enumerate(shuffled, start=1)
        ]
    then = {i: codes_of(p) for i, p in asker.run.latest_proposals().items()}
    changes = []
    for issue in issues:
        codes = then[issue.id]
        answers = tuple(codes_of(answers.get(issue.id)) for answers in heard_in)
        if codes is not None and any(answer is not None for answer in answers):
            changes.append(Change(issue.id, codes, answers))
    seed = asker.run.manifest.seed
    return Ordered(
        changes=tuple(changes),
        orders=len(shuffled),
        share=_mean([(c.changed, c.answered) for c in changes], draws, seed),
        touched=wilson(sum(c.changed > 0 for c in changes), len(changes)),
        noise=_noise(then, {i: codes_of(p) for i, p in again.items()}) if control else None,
        first=_place(changes, [book.leaves[0].id for book in shuffled], draws, seed),
        last=_place(changes, [book.leaves[-1].id for book in shuffled], draws, seed),
        shifts=tuple(_shifts(changes, shuffled)),
    )


def variant(number: int) -> str:
    return f"order-{number}"


def _walk(codebook: Codebook, parent: str | None, rng: random.Random | None) -> Iterator[Code]:
    """The codes below ``parent``, each before those below it, siblings shuffled by ``rng``."""
    siblings = list(codebook.children.get(parent, ()))
    if rng is not None:
        rng.shuffle(siblings)
    for code in siblings:
        yield code
        yield from _walk(codebook, code.id, rng)


def _noise(then: Mapping[str, Codes | None], again: Mapping[str, Codes | None]) -> Estimate:
    both = [i for i in again if again[i] is not None and then[i] is not None]
    return wilson(sum(again[i] != then[i] for i in both), len(both))


def _mean(rows: Sequence[tuple[int, int]], draws: int, seed: int) -> Estimate:
    """The sum of the first over the sum of the second of each issue's row, its interval by
    drawing issues: the answers about one issue resemble each other."""
    cells, cell = np.unique(np.array(rows).reshape(-1, 2), axis=0, return_inverse=True)

    def share(counts: Floats) -> Floats:
        found: Floats = (counts @ cells[:, 0]) / (counts @ cells[:, 1])
        return found

    statistic = Statistic(share, "no issue was answered in another order")
    found = bootstrap(
        {"share": statistic}, cell.ravel(), draws=draws, seed=seed, nothing=statistic.undefined
    )
    return found["share"][0]


def _place(changes: Sequence[Change], standing: Sequence[str], draws: int, seed: int) -> Place:
    """``standing`` is the code in the place in question, in each order."""
    chosen = expected = 0
    rows = []
    for change in changes:
        pairs = [
            (c, code) for c, code in zip(change.orders, standing, strict=True) if c is not None
        ]
        now, then = (
            sum(code in c for c, code in pairs),
            sum(code in change.then for _, code in pairs),
        )
        chosen, expected = chosen + now, expected + then
        rows.append((now - then, len(pairs)))
    return Place(chosen, expected, sum(of for _, of in rows), _mean(rows, draws, seed))


def _shifts(changes: Sequence[Change], shuffled: Sequence[Codebook]) -> Iterator[Shift]:
    """Every code that was gained or lost anywhere, the most moved first."""
    then: Counter[str] = Counter()
    now: Counter[str] = Counter()
    gains: dict[int, Counter[str]] = {0: Counter(), -1: Counter()}
    for change in changes:
        for codes, book in zip(change.orders, shuffled, strict=True):
            if codes is None:
                continue
            then.update(change.then or (NONE_CODE,))
            now.update(codes or (NONE_CODE,))
            for place, gained in gains.items():
                code = book.leaves[place].id
                gained[code] += (code in codes) - (code in change.then)
    stood = {place: {book.leaves[place].id for book in shuffled} for place in gains}
    moved = [code for code in {*then, *now} if now[code] != then[code] or gains[0][code]]
    for code in sorted(moved, key=lambda code: (-abs(now[code] - then[code]), code)):
        first, last = (gains[p][code] if code in stood[p] else None for p in gains)
        yield Shift(code, then[code], now[code], first, last)
