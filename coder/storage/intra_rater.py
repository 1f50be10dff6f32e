"""One person who codes the same issues again: ``ann.2`` is the second pass of ``ann``.

Two passes of one person are not two people: how far they agree is intra-rater agreement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PASS = re.compile(r"(?P<person>.+)\.(?P<number>[2-9]|[1-9]\d+)")


def person(rater: str) -> str:
    """Who codes under the name ``rater``, in small letters; the same for each of their passes."""
    found = _PASS.fullmatch(rater)
    return (found["person"] if found else rater).casefold()


def same_person(left: str, right: str) -> bool:
    return person(left) == person(right)


def people(raters: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """Those of ``raters`` who are a person's first pass: what is between people, or is taken for
    the truth, is of these.

    ``known`` are all who did anything. Who has only a second pass among ``raters`` and an earlier
    one among ``known`` is left out: they met the issues before.
    """
    here = set(raters)
    first: dict[str, str] = {}
    for rater in sorted({*here, *known}, key=_number):
        first.setdefault(person(rater), rater)
    return sorted(here & {*first.values()})


def _number(rater: str) -> tuple[int, str]:
    found = _PASS.fullmatch(rater)
    return int(found["number"]) if found else 1, rater
