"""The issues on which two sides differ: what is known of each, as a CSV file and for the page.

The page's script makes rows of data as they are asked for, instead of all of them in its markup:
5,000 opened disagreements would be half a million elements. The first ones are markup, for readers
whose browser runs no script.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coder.escaping import inert
from coder.ratings.comparable import Confidence, Rater, status_of
from coder.ratings.model import MODEL, RESOLVED, Kind
from coder.ratings.resolved import Resolution
from coder.records import Action, Decision, Issue, Mode, Proposal, ScoredCode
from coder.report import wording
from coder.report.escaping import csv_table, web_url
from coder.report.model import Case, Judgement, Pair, Report
from coder.revision.migration import Versions
from coder.storage.run import Run

EXCERPT = 600
"""How many characters of an issue's text a disagreement shows."""

SHOWN = 6_000
"""How many disagreements the page holds in all; every one is in the JSON and CSV files."""

PLAIN = 300
"""How many of them are markup as well, readable without the script."""

COLUMNS = (
    "kind", "left", "right", "issue_id", "repo", "url", "title", "left_codes", "right_codes",
    "category_differs", "model_confidence", "rationale", "expression", "evidence", "memos",
)  # fmt: skip

Codes = tuple[str, ...]


@dataclass(frozen=True)
class Cases:
    """What a report shows of single issues, from a run that was read.

    ``proposals`` are the latest, by issue; ``confidence`` is the one people see.
    """

    run: Run
    raters: Sequence[Rater]
    proposals: Mapping[str, Proposal]
    resolution: Resolution
    versions: Versions
    confidence: Confidence

    def of(self, pairs: Iterable[Pair]) -> Iterator[Case]:
        """The issues on which some of ``pairs`` differ, in the run's order."""
        differing = {d.issue_id for pair in pairs for d in pair.disagreements}
        for issue_id, issue in self.run.issues.items():
            if issue_id in differing:
                yield self._case(issue, self.proposals.get(issue_id))

    def _case(self, issue: Issue, proposal: Proposal | None) -> Case:
        if proposal is not None:
            proposal, _ = self.versions.shown(proposal)
        return Case(
            issue_id=issue.id,
            repo=issue.repo,
            url=issue.url,
            title=issue.title,
            excerpt=_excerpt(issue),
            status=status_of(proposal),
            codes=tuple(map(self._told, proposal.codes)) if proposal else (),
            rationale=proposal.rationale if proposal else "",
            expression=proposal.expression if proposal else "",
            evidence=proposal.evidence if proposal else (),
            judgements=(
                *(j for rater in self.raters for j in _judgements(rater, issue.id)),
                *self._resolved(issue.id),
            ),
        )

    def _told(self, scored: ScoredCode) -> ScoredCode:
        told = self.confidence(scored)
        return (
            scored if told == scored.confidence else scored.model_copy(update={"confidence": told})
        )

    def _resolved(self, issue_id: str) -> Iterator[Judgement]:
        if record := self.resolution.adjudicated.get(issue_id):
            codes = self.resolution.side.answers[issue_id]
            yield Judgement(rater=RESOLVED, kind="resolved", codes=codes, memo=record.reason)


def _judgements(rater: Rater, issue_id: str) -> Iterator[Judgement]:
    if label := rater.labels.get(issue_id):
        yield Judgement(
            rater=rater.name,
            kind="blind",
            codes=rater.blind.answers.get(issue_id),
            memo=label.memo,
        )
    decision = rater.decisions.get(issue_id)
    notes = rater.notes(issue_id)
    if decision or notes:
        memos = [decision.memo] if decision and decision.memo else []
        yield Judgement(
            rater=rater.name,
            kind=_kind(decision or notes[-1]),
            action=decision.action if decision else Action.MEMO,
            codes=rater.decided.answers.get(issue_id),
            memo="\n".join((*memos, *(note.memo for note in notes))),
        )


def _kind(decision: Decision) -> Kind:
    """What a decision, or a note, is besides the blind labels."""
    if not decision.seen:
        return "blind"
    return "revised" if decision.mode is Mode.BLIND_FIRST else "assisted"


def _excerpt(issue: Issue) -> str:
    text = issue.read().removeprefix(issue.title).strip()
    return text if len(text) <= EXCERPT else text[:EXCERPT].rstrip() + " …"


# --- as rows -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One issue of which ``pair`` differs; ``category`` tells whether its category differs too."""

    pair: Pair
    case: Case
    left: Codes
    right: Codes
    category: bool

    @property
    def confidence(self) -> float | None:
        """How sure the model was of its first code, when it takes part and said so."""
        scored = self.case.codes
        return scored[0].confidence if self.pair.left == MODEL and scored else None


def rows(report: Report) -> Iterator[tuple[Pair, list[Row]]]:
    """Each pair (named by its finest level) and its rows, most confident model answers first."""
    cases = {case.issue_id: case for case in report.cases}
    by_sides: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in report.pairs:
        by_sides.setdefault((pair.kind, pair.left, pair.right), []).append(pair)
    for levels in by_sides.values():
        found: dict[str, Row] = {}
        coarse = {d.issue_id for d in levels[0].disagreements}
        # An issue somebody coded by category only is in no finer comparison: it keeps that row.
        for pair in levels:
            for d in pair.disagreements:
                differs = d.issue_id in coarse
                found[d.issue_id] = Row(pair, cases[d.issue_id], d.left, d.right, differs)
        yield levels[-1], sorted(found.values(), key=lambda row: -(row.confidence or 0))


def disagreements_csv(report: Report) -> str:
    """Every disagreement of every pair; cells that a spreadsheet would run are made text."""
    names = wording.Names(report)
    return csv_table(COLUMNS, (_cells(row, names) for _, found in rows(report) for row in found))


def _cells(row: Row, names: wording.Names) -> tuple[str, ...]:
    pair, case = row.pair, row.case
    return (
        wording.kind(pair), pair.left, pair.right, case.issue_id, case.repo, case.url, case.title,
        names.codes(row.left), names.codes(row.right), "yes" if row.category else "no",
        "" if row.confidence is None else f"{row.confidence:.4f}", case.rationale, case.expression,
        "\n".join(e.quote for e in case.evidence),
        "\n".join(f"{j.rater}: {j.memo}" for j in case.judgements if j.memo),
    )  # fmt: skip


# --- as the page holds them ---------------------------------------------------------------------


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
                told.append(_case_data(case, names))
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


def _case_data(case: Case, names: wording.Names) -> dict[str, object]:
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
