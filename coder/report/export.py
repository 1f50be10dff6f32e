"""Labels as a CSV file that ``coder label import`` reads back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coder.codebook.translate import Translate, Untranslated
from coder.ratings.comparable import Codes, raters
from coder.ratings.resolved import resolve
from coder.records import NONE_CODE
from coder.report.escaping import csv_table
from coder.revision.migration import carry
from coder.storage.run import Run

COLUMNS = ("id", "code", "memo", "who")

Row = tuple[str, Codes, str, str]

TRANSLATED = (*COLUMNS, "translated_from")
SET_ASIDE = ("id", "code", "who", "why")


@dataclass(frozen=True)
class Translation:
    """Labels as CSV in another codebook's codes, and those without a translation, by why."""

    labels: str
    set_aside: str
    translated: int
    why: Counter[Untranslated]


def blind_rows(run: Run, rater: str) -> Iterator[Row]:
    """A rater's blind labels in the order they were given, with the codes of the codebook of now;
    without those that are stale, which an import would take for given with it."""
    for issue_id, label in run.labels(rater).items():
        codes = carry(run, label)
        if isinstance(codes, tuple):
            yield issue_id, codes, label.memo, rater


def resolved_rows(run: Run) -> Iterator[Row]:
    """The resolved labels in the run's order; ``who`` is everybody who agreed, or who adjudicated,
    whose reason is the memo."""
    resolution = resolve(run, raters(run, {}))
    for issue_id, codes in resolution.side.answers.items():
        if record := resolution.adjudicated.get(issue_id):
            yield issue_id, codes, record.reason, f"adjudicated by {record.by}"
        else:
            given = resolution.agreed[issue_id]
            memo = "\n".join(f"{a.rater}: {a.memo}" for a in given if a.memo)
            yield issue_id, codes, memo, ", ".join(a.rater for a in given)


def labels_csv(rows: Iterable[Row]) -> str:
    """``rows`` as CSV; cells that a spreadsheet would run are made text."""
    return csv_table(
        COLUMNS, ((i, ";".join(codes) or NONE_CODE, memo, who) for i, codes, memo, who in rows)
    )


def translated(rows: Iterable[Row], translate: Translate) -> Translation:
    """Labels as they are in another codebook; only what is certain is translated."""
    done: list[tuple[str, ...]] = []
    left: list[tuple[str, ...]] = []
    why: Counter[Untranslated] = Counter()
    for issue_id, codes, memo, who in rows:
        given, found = ";".join(codes) or NONE_CODE, translate(codes)
        if isinstance(found, Untranslated):
            left.append((issue_id, given, who, found.value))
            why[found] += 1
        else:
            done.append((issue_id, ";".join(found), memo, who, given))
    return Translation(csv_table(TRANSLATED, done), csv_table(SET_ASIDE, left), len(done), why)
