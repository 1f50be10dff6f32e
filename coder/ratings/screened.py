"""Two stages: the issues that one run's codes screen in for another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from coder.codebook.load import resolver
from coder.errors import UsageError
from coder.ratings.comparable import Codes, Levels
from coder.ratings.delivered import Delivered, FinalSource, RunAnswers, delivered
from coder.records import Codebook, Issue, Screening

_WHERE = re.compile(r"(?P<run>[^=!]+)(?P<not>!)?=(?P<code>.+)")


@dataclass(frozen=True)
class Where:
    """``RUN=CODE``: the issues whose final code in a run is CODE or below it; ``!=``: all others
    that have one."""

    run: str
    code: str
    negated: bool = False

    @classmethod
    def parse(cls, text: str) -> Where:
        found = _WHERE.fullmatch(text.strip())
        if found is None:
            raise UsageError(
                f"{text!r} does not name a run and a code",
                "for example: --where screening=ptm-related",
            )
        return cls(found["run"].strip(), found["code"].strip(), bool(found["not"]))

    def __str__(self) -> str:
        return f"{self.run}{'!' if self.negated else ''}={self.code}"


def holds(book: Codebook, codes: Codes, code: str) -> bool:
    """Whether ``code`` is among ``codes`` or is the category of one of them."""
    return code in codes or code in Levels(book).at("category", codes)


def screened(
    found: RunAnswers, where: Where, *, certified: float | None = None
) -> tuple[dict[str, Issue], Screening]:
    """The issues that ``where`` takes, and on whose word: counts by who stands behind the code.

    Issues without a final code (disputed, or nobody answered) are taken neither by ``=`` nor by
    ``!=``.
    """
    run = found.run
    code = resolver(run.codebook)(where.code)
    final = delivered(found, certified=certified)
    taken = {
        i: one
        for i, one in final.items()
        if one.codes is not None and holds(run.codebook, one.codes, code) != where.negated
    }
    out = {i: one for i, one in final.items() if one.codes is not None and i not in taken}
    return {i: run.issues[i] for i in taken}, Screening(
        run=run.name,
        code=code,
        negated=where.negated,
        codebook_hash=run.codebook.hash,
        issues=len(final),
        taken=_by_source(taken),
        left=_by_source(out),
        undecided=_by_source({i: one for i, one in final.items() if one.codes is None}),
        certified=certified,
    )


def _by_source(found: Mapping[str, Delivered]) -> dict[str, int]:
    counts = Counter(one.source for one in found.values())
    return {source.value: counts[source] for source in FinalSource if counts[source]}
