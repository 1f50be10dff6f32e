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


def people(raters: Iterable[str]) -> list[str]:
    """The first of ``raters``' passes of each person; what is between people is between these."""
    first: dict[str, str] = {}
    for rater in sorted(raters, key=_number):
        first.setdefault(person(rater), rater)
    return sorted(first.values())


def _number(rater: str) -> int:
    found = _PASS.fullmatch(rater)
    return int(found["number"]) if found else 1
