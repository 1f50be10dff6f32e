"""The disagreements as the page holds them: data that its script makes a table of.

Rows are made by the page's script as they are asked for, instead of all of them in its markup:
5,000 opened disagreements would be half a million elements. The first ones are markup, for readers
whose browser runs no script.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from coder.escaping import inert
from coder.report import wording
from coder.report.disagreements import Row, rows
from coder.report.escaping import web_url
from coder.report.model import Case, Pair, Report

SHOWN = 6_000
"""How many disagreements the page holds in all; every one is in the JSON and CSV files."""

PLAIN = 300
"""How many of them are markup as well, readable without the script."""


class Listed(NamedTuple):
    """The disagreements of one pair that the page holds, out of ``total``."""

    pair: Pair
    rows: list[Row]
    total: int


def listed(report: Report) -> list[Listed]:
    """Each pair's most confident disagreements; pairs with few leave their room to the others."""
    found = [(pair, differing) for pair, differing in rows(report) if differing]
    rooms = _rooms([len(differing) for _, differing in found], SHOWN)
    return [
        Listed(pair, differing[:room], len(differing))
        for (pair, differing), room in zip(found, rooms, strict=True)
    ]


def plain(found: Sequence[Listed]) -> list[Row]:
    """The disagreements between blind answers that the page shows before its script runs, or where
    it may not: some of each pair, in the order of the table."""
    blind = [one for one in found if one.pair.kind == "blind"] or list(found)
    rooms = _rooms([len(one.rows) for one in blind], PLAIN)
    return [row for one, room in zip(blind, rooms, strict=True) for row in one.rows[:room]]


def _rooms(wanted: Sequence[int], room: int) -> list[int]:
    given = [0] * len(wanted)
    left = len(wanted)
    for at in sorted(range(len(wanted)), key=wanted.__getitem__):
        given[at] = min(wanted[at], room // left)
        room, left = room - given[at], left - 1
    return given


def to_json(report: Report, found: Sequence[Listed]) -> str:
    """What the script reads, fit to stand inside a ``script`` element.

    ``pairs`` are ``[left, right, kind]``; ``codes`` the answers in words; ``rows`` are ``[pair,
    case, left, right, category differs, confidence]`` with numbers of the others.
    """
    names = wording.Names(report)
    cases: dict[str, int] = {}
    codes: dict[str, int] = {}
    told: list[dict[str, object]] = []
    lines: list[list[object]] = []
    for number, one in enumerate(found):
        for row in one.rows:
            case = row.case
            if case.issue_id not in cases:
                cases[case.issue_id] = len(told)
                told.append(_case(case, names))
            left, right = (
                codes.setdefault(inert(names.codes(answer)), len(codes))
                for answer in (row.left, row.right)
            )
            lines.append(
                [number, cases[case.issue_id], left, right, int(row.category), row.confidence]
            )
    data = {
        "pairs": [[inert(p.left), inert(p.right), p.kind] for p, _, _ in found],
        "codes": list(codes),
        "cases": told,
        "rows": lines,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # No text of an issue may end the element or open a comment in it.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _case(case: Case, names: wording.Names) -> dict[str, object]:
    return {
        "id": inert(case.issue_id),
        "title": inert(case.title or case.issue_id),
        "repo": inert(case.repo),
        "url": web_url(case.url),
        "text": inert(case.excerpt),
        "status": wording.STATUS[case.status],
        "codes": [[inert(names.path(s.code)), wording.number(s.confidence)] for s in case.codes],
        "why": inert(case.rationale),
        "how": case.expression,
        "quotes": [[inert(e.quote), int(e.verified)] for e in case.evidence],
        "said": [
            [
                inert(j.rater),
                j.kind,
                j.action.value if j.action else "",
                None if j.codes is None else inert(names.codes(j.codes)),
                inert(j.memo),
            ]
            for j in case.judgements
        ],
    }
