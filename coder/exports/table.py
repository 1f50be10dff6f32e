"""The coded data as a flat table: a row an issue, and of each cell who it is from.

Blind labels, decisions with a suggestion in sight, resolved codes and the model's stand in columns
of their own. The final code is the best of them that there is, and its source says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from coder.agreement.durations import days
from coder.ratings.comparable import Codes, Levels, Rater
from coder.ratings.delivered import Delivered, FinalSource, RunAnswers, delivered
from coder.records import NONE_CODE, Codebook, Issue, Proposal

Cell = str | int | float | datetime | None
CODES = "ids of codes joined by ';'; none: no code fits; empty: no answer"


@dataclass(frozen=True)
class Column:
    """``kind`` is text, integer, number or time."""

    name: str
    kind: str
    meaning: str
    values: Sequence[Cell]


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...]

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        return list(zip(*(column.values for column in self.columns), strict=True))

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def table(found: RunAnswers, *, certified: float | None = None, wide: bool = False) -> Table:
    """The table of a run. ``certified`` is the confidence from which on the model's answers may be
    taken unseen; ``wide`` adds a column of 0 and 1 for each code."""
    run = found.run
    issues = list(run.issues.values())
    final = delivered(found, certified=certified)
    columns = [*_of_issues(issues)]
    coded = _Coded(run.codebook, [issue.id for issue in issues])
    columns += coded.columns("model", "What the model proposed", found.model.answers)
    columns.append(_confidence(found, issues))
    for rater in found.raters:
        columns += coded.columns(
            f"{rater.name}_blind", f"{rater.name}'s label, given before any suggestion was seen",
            rater.blind.answers, suffix="",
        )  # fmt: skip
        columns += coded.columns(
            f"{rater.name}_decision", f"{rater.name}'s decision with the suggestion in sight",
            rater.decided.answers, suffix="",
        )  # fmt: skip
    columns += coded.columns(
        "resolved", "What raters agreed on blindly, or what was adjudicated",
        found.resolution.side.answers,
    )  # fmt: skip
    codes = {i: one.codes for i, one in final.items() if one.codes is not None}
    columns += coded.columns("final", "The code that stands; see final_source", codes)
    columns.append(_source(issues, final))
    columns.append(_text("memo", "Raters' memos, each after its rater's name", issues,
                         lambda issue: _memos(found.raters, issue.id)))  # fmt: skip
    columns.append(_text("evidence", "What the model quoted of the issue, joined by ' | '", issues,
                         lambda issue: _evidence(found.proposals.get(issue.id))))  # fmt: skip
    if wide:
        columns += coded.matrix(codes)
    return Table(tuple(columns))


class _Coded:
    """Columns of codes, with their categories where the codebook is nested."""

    def __init__(self, book: Codebook, issue_ids: Sequence[str]) -> None:
        self._book, self._ids = book, issue_ids
        self._levels = Levels(book)

    def columns(
        self, name: str, meaning: str, answers: Mapping[str, Codes], suffix: str = "_code"
    ) -> list[Column]:
        found = [Column(name + suffix, "text", f"{meaning}: {CODES}", self._cells(answers))]
        if len(self._levels.all) > 1:
            above = {i: self._levels.at("category", codes) for i, codes in answers.items()}
            cells = self._cells(above)
            found.append(Column(f"{name}_category", "text", "Its category, by id", cells))
        return found

    def matrix(self, answers: Mapping[str, Codes]) -> list[Column]:
        """For each code, whether it is among the final ones; empty where there are none."""
        return [
            Column(
                f"final:{code}", "integer", f"1: the final codes hold {code}; 0: they do not",
                [int(code in answers[i]) if i in answers else None for i in self._ids],
            )
            for code in (one.id for one in self._book.leaves)
        ]  # fmt: skip

    def _cells(self, answers: Mapping[str, Codes]) -> list[Cell]:
        return [(";".join(answers[i]) or NONE_CODE) if i in answers else None for i in self._ids]


def _of_issues(issues: Sequence[Issue]) -> list[Column]:
    return [
        _text("id", "The issue's id in the run", issues, lambda issue: issue.id),
        _text("repo", "The repository", issues, lambda issue: issue.repo),
        Column("number", "integer", "The issue's number there", [i.number for i in issues]),
        _text("url", "Its address", issues, lambda issue: issue.url),
        _text("title", "Its title", issues, lambda issue: issue.title),
        Column("created_at", "time", "When it was opened, UTC", [i.created_at for i in issues]),
        Column("closed_at", "time", "When it was closed, UTC; empty: open, or not known",
               [i.closed_at for i in issues]),
        Column("days_open", "number", "Days from opened to closed; empty for an open issue",
               [days(issue) for issue in issues]),
    ]  # fmt: skip


def _text(name: str, meaning: str, issues: Sequence[Issue], of: Callable[[Issue], str]) -> Column:
    return Column(name, "text", meaning, [of(issue) or None for issue in issues])


def _confidence(found: RunAnswers, issues: Sequence[Issue]) -> Column:
    meaning = "The least confidence the model stated for one of its codes, 0 to 1"
    cells: list[Cell] = []
    for issue in issues:
        proposal = found.proposals.get(issue.id)
        told = [s.confidence for s in proposal.codes] if proposal is not None else []
        known = [one for one in told if one is not None]
        cells.append(min(known) if issue.id in found.model.answers and known else None)
    return Column("model_confidence", "number", meaning, cells)


def _source(issues: Sequence[Issue], final: Mapping[str, Delivered]) -> Column:
    listed = ", ".join(source.value for source in FinalSource)
    meaning = f"Who stands behind the final code; the first of these that applies: {listed}"
    return Column("final_source", "text", meaning, [final[i.id].source.value for i in issues])


def _memos(raters: Sequence[Rater], issue_id: str) -> str:
    found = []
    for rater in raters:
        label, decision = rater.labels.get(issue_id), rater.decisions.get(issue_id)
        said = [record.memo for record in (label, decision) if record is not None]
        said += [note.memo for note in rater.notes(issue_id)]
        found += [f"{rater.name}: {memo}" for memo in dict.fromkeys(filter(None, said))]
    return "\n".join(found)


def _evidence(proposal: Proposal | None) -> str:
    return " | ".join(one.quote for one in proposal.evidence) if proposal is not None else ""
