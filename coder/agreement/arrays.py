"""Raters' codes as small integers, and the array operations every statistic here is built from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from coder.errors import InputError
from coder.records import NONE_CODE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """Elementwise quotient; ``nan``, without a warning, where the denominator is 0."""
    above, below = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    quotient: Floats = np.full(below.shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def sum_by(weights: Floats, index: Ints, size: int) -> Floats:
    """Sum the columns of ``weights`` (rows, columns) that share an ``index`` (columns,).

    Returns (rows, size). A matrix product with a one-hot matrix, without the memory of one.
    """
    rows = len(weights)
    flat = (np.arange(rows)[:, None] * size + index).ravel()
    summed = np.bincount(flat, weights=weights.ravel(), minlength=rows * size)
    return summed.astype(np.float64, copy=False).reshape(rows, size)


Codes = tuple[str, ...]


class Vocabulary:
    """The codes that can be told apart, in codebook order, and the distinct answers seen so far.

    An answer is a set of codes; "no code fits" is the set of ``NONE_CODE`` alone, a value like any
    other. Answers are sorted, so nothing depends on the order of the issues.
    """

    def __init__(self, codes: Sequence[str], answers: Iterable[Codes]) -> None:
        """Raises :class:`InputError` for a code that is not in ``codes``."""
        seen = {_spelled(answer) for answer in set(answers)}
        used = set().union(*seen)
        self.codes: Codes = tuple(dict.fromkeys(codes))
        if NONE_CODE in used and NONE_CODE not in self.codes:
            self.codes += (NONE_CODE,)
        order = {code: i for i, code in enumerate(self.codes)}
        if unknown := sorted(used - order.keys()):
            raise InputError(
                f"labels hold {len(unknown)} unknown code(s): {', '.join(unknown[:5])}",
                "compare labels that were given with the same codebook",
            )
        self.answers = tuple(
            sorted(
                (tuple(sorted(answer, key=order.__getitem__)) for answer in seen),
                key=lambda answer: [order[code] for code in answer],
            )
        )
        self._number = {frozenset(answer): i for i, answer in enumerate(self.answers)}
        self._written: dict[Codes, int] = {}
        self.member: Bools = np.zeros((len(self.answers), len(self.codes)), dtype=np.bool_)
        for row, answer in enumerate(self.answers):
            self.member[row, [order[code] for code in answer]] = True

    @property
    def sets(self) -> bool:
        """Whether any answer holds several codes."""
        return any(len(answer) > 1 for answer in self.answers)

    def number(self, answer: Codes) -> int:
        """The position of an answer in ``answers``."""
        found = self._written.get(answer)
        if found is None:
            found = self._written[answer] = self._number[_spelled(answer)]
        return found

    def numbers(self, answers: Iterable[Codes]) -> Ints:
        """The positions of many answers, each distinct one looked up once."""
        given = list(answers)
        for answer in set(given):
            self.number(answer)
        return np.array([self._written[answer] for answer in given], dtype=np.int64)

    def paths(self, paths: Mapping[str, Codes]) -> list[Codes]:
        """The path of each answer, every answer being one code. "No code fits" stands alone."""
        if missing := sorted({a[0] for a in self.answers} - paths.keys() - {NONE_CODE}):
            raise InputError(
                f"no path in the hierarchy for: {', '.join(missing[:5])}",
                "give every code its path from the category down to itself",
            )
        return [paths.get(code, (code,)) for (code,) in self.answers]


def group_numbers(issue_ids: Sequence[str], groups: Mapping[str, str] | None) -> Ints | None:
    """The group of each issue as 0..groups-1; an issue that ``groups`` leaves out is alone."""
    if groups is None:
        return None
    names = [("in", groups[i]) if i in groups else ("alone", i) for i in issue_ids]
    number = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _spelled(answer: Codes) -> frozenset[str]:
    codes = frozenset(answer) or frozenset((NONE_CODE,))
    if NONE_CODE in codes and len(codes) > 1:
        raise InputError(
            f"a label says both that no code fits and {', '.join(sorted(codes - {NONE_CODE}))}",
            f'leave "{NONE_CODE}" out, or leave the codes out',
        )
    return codes
