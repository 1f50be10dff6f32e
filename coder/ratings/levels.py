"""Answers by category or by code: what every figure of the report is taken at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from coder.agreement.arrays import Floats
from coder.ratings.comparable import Codes
from coder.ratings.model import Level
from coder.records import NONE_CODE, Codebook


class Levels:
    """A codebook's levels, and answers as each of them sees them."""

    def __init__(self, book: Codebook) -> None:
        self._book = book
        self._above = frozenset(code for code in book.children if code is not None)
        self._category = {code.id: book.category(code.id) for code in book.codes}
        nested = any(code.parent is not None for code in book.codes)
        self.all: tuple[Level, ...] = ("category", "code") if nested else ("category",)

    def codes(self, level: Level) -> Codes:
        """Every code of the level, in codebook order."""
        codes = self._book.children[None] if level == "category" else self._book.leaves
        return tuple(code.id for code in codes)

    def at(self, level: Level, answer: Codes) -> Codes:
        """An answer by that level's codes."""
        if level == "code":
            return answer
        if len(answer) == 1:
            return (self._category[answer[0]],)
        return tuple(dict.fromkeys(self._category[code] for code in answer))

    def answers_at(self, level: Level, answers: Mapping[str, Codes]) -> dict[str, Codes]:
        """``answers`` by that level's codes, without those that name a category alone."""
        known = {
            answer: self.at(level, answer)
            for answer in set(answers.values())
            if level == "category" or self._above.isdisjoint(answer)
        }
        return {i: known[answer] for i, answer in answers.items() if answer in known}

    def member(self, level: Level, answers: Iterable[Codes | None]) -> Floats:
        """Which answers hold which code, (answers, codes + 1) of 0 and 1; the last column is "no
        code fits". An answer that is ``None`` holds nothing."""
        column = {code: i for i, code in enumerate((*self.codes(level), NONE_CODE))}
        rows = list(answers)
        distinct = {answer: row for row, answer in enumerate(dict.fromkeys(rows))}
        holds = np.zeros((len(distinct), len(column)))
        for answer, row in distinct.items():
            if answer is not None:
                for code in self.at(level, answer) or (NONE_CODE,):
                    if code in column:
                        holds[row, column[code]] = 1
        found: Floats = holds[[distinct[answer] for answer in rows]]
        return found


def same(one: Codes, other: Codes) -> bool:
    """Whether two answers are the same set of codes."""
    return set(one) == set(other)
