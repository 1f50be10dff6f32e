"""The report's figures as tidy CSV tables, one figure a row, for a spreadsheet or a data frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from coder.records import Estimate
from coder.report import durations_csv
from coder.report.escaping import csv_table
from coder.report.model import Pair, Report
from coder.report.sentences import enough, together, why_too_few
from coder.report.wording import kind

Cell = str | float | int | None
Row = Iterable[Cell]

FIGURE = ("value", "low", "high", "n", "note")
"""The columns of an estimate; an undefined one has no value and the reason as its note."""


def tables(report: Report) -> dict[str, str]:
    """Every table by its file name; one without rows has its head alone."""
    return {name: csv_table(head, rows(report)) for name, (head, rows) in _TABLES.items()}


def _figure(estimate: Estimate) -> tuple[Cell, ...]:
    return estimate.value, estimate.low, estimate.high, estimate.n, estimate.note


def _count(value: float, n: int) -> tuple[Cell, ...]:
    """A figure that is known exactly."""
    return value, None, None, n, ""


def _sides(pair: Pair) -> tuple[str, ...]:
    return kind(pair), pair.level, pair.left, pair.right


def _coverage(report: Report) -> Iterator[Row]:
    cover = report.coverage
    yield "issues", "run", cover.issues, cover.issues
    for status, count in cover.by_status.items():
        yield f"model: {status}", "model", count, cover.issues
    yield "leaked", "model", cover.leaked, cover.issues
    yield "learnt_from", "model", cover.learnt_from, cover.learnt_from
    for r in cover.raters:
        yield "blind_labels", r.rater, r.blind_labels, cover.issues
        yield "usable", r.rater, r.usable, cover.issues
        for mode, count in r.by_mode.items():
            yield f"decisions: {mode}", r.rater, count, cover.issues
        for how, count in (("flagged", r.flagged), ("skipped", r.skipped)):
            yield how, r.rater, count, cover.issues
        for why, count in r.set_aside.items():
            yield f"set aside: {why}", r.rater, count, cover.issues


def _agreement(report: Report) -> Iterator[Row]:
    for pair in report.pairs:
        if why := why_too_few(pair.n):
            yield "too_few", *_sides(pair), None, None, None, pair.n, why
            continue
        inner = pair.subcategory_given_category
        figures: dict[str, Estimate | None] = {
            "percent_agreement": pair.percent_agreement,
            "cohen_kappa": pair.cohen_kappa,
            "krippendorff_alpha": pair.krippendorff_alpha,
            "gwet_ac1": pair.gwet_ac1,
            "macro_f1": pair.macro_f1,
            "mean_jaccard": pair.mean_jaccard,
            "tree_alpha": pair.tree_alpha,
            "percent_agreement_given_category": inner.percent_agreement if inner else None,
            "cohen_kappa_given_category": inner.cohen_kappa if inner else None,
        }
        for name, estimate in figures.items():
            if estimate is not None:
                yield name, *_sides(pair), *_figure(estimate)
        if pair.ac1_categories is not None:
            yield "ac1_categories", *_sides(pair), *_count(pair.ac1_categories, pair.n)
        if pair.majority_agreement is not None:
            baseline = _count(pair.majority_agreement.value, pair.n)
            yield "majority_agreement", *_sides(pair), *baseline
    for t in together(report):
        for name in ("percent_agreement", "fleiss_kappa", "krippendorff_alpha", "gwet_ac1"):
            sides = "blind", t.level, "; ".join(t.agreement.raters), "together"
            yield name, *sides, *_figure(getattr(t.agreement, name))


def _left_out(report: Report) -> Iterator[Row]:
    for pair in report.pairs:
        yield *_sides(pair), "compared", pair.n
        for why, count in pair.excluded.items():
            yield *_sides(pair), why.value, count


def _codes(report: Report) -> Iterator[Row]:
    for pair in enough(report.pairs):
        for c in pair.per_code:
            for name in ("precision", "recall", "f1", "cohen_kappa", "gwet_ac1"):
                yield name, *_sides(pair), c.code, *_figure(getattr(c, name))
            yield "support_left", *_sides(pair), c.code, *_count(c.support_left, pair.n)
            yield "support_right", *_sides(pair), c.code, *_count(c.support_right, pair.n)


def _confusion(report: Report) -> Iterator[Row]:
    for pair in enough(report.pairs):
        if pair.confusion is None:
            continue
        codes = pair.confusion.codes
        for left, row in zip(codes, pair.confusion.matrix, strict=True):
            for right, count in zip(codes, row, strict=True):
                if count:
                    yield *_sides(pair), left, right, count


def _prevalence(report: Report) -> Iterator[Row]:
    """Shares of issues; ``raw`` is of those the side answered, the others of all issues;
    ``frame`` of all that the run's were drawn from."""
    for p in report.prevalence:
        for who, count in {"model": p.model, **p.raters}.items():
            if count.of:
                yield "raw", p.level, who, p.code, "", *_count(count.count / count.of, count.of)
    for found in report.corrected:
        total = report.coverage.issues
        for s in found.shares:
            at = found.level, found.rater, s.code, found.sampling
            yield "model", *at, *_count(s.model, total)
            yield "labels", *at, *_figure(s.labels)
            yield "corrected", *at, *_figure(s.corrected)
            if s.frame is not None:
                yield "frame", *at, *_figure(s.frame)


def _confidence(report: Report) -> Iterator[Row]:
    if (found := report.trust) is None:
        return
    for stage, reliability in (("stated", found.stated), ("calibrated", found.calibrated)):
        if reliability is None:
            continue
        yield "ece", stage, found.rater, None, None, None, *_figure(reliability.ece)
        yield "brier", stage, found.rater, None, None, None, *_figure(reliability.brier)
        for b in reliability.bins:
            yield "right", stage, found.rater, b.low, b.high, b.confidence, *_figure(b.right)


def _certificates(report: Report) -> Iterator[Row]:
    for c in report.trust.certificates if report.trust else ():
        made = c.certificate
        yield (
            c.code, c.labels, made.epsilon, made.delta, made.tests, made.threshold, made.share,
            made.n, made.effective, made.errors, made.needed, made.note,
        )  # fmt: skip


def _workload(report: Report) -> Iterator[Row]:
    for point in report.trust.workload if report.trust else ():
        yield "error", point.threshold, point.share, *_figure(point.error)


def _expressed(report: Report) -> Iterator[Row]:
    for e in report.expressed:
        yield "share", e.rater, e.kind, e.expression, *_figure(e.share)


def _acceptance(report: Report) -> Iterator[Row]:
    for a in report.acceptance:
        who = a.rater, a.mode.value, "yes" if a.learnt else "no"
        yield "acceptance", *who, *_figure(a.acceptance)
        for name in ("accept", "correct", "reject", "skip", "flag"):
            yield name, *who, *_count(getattr(a, name), a.decisions)


def _sway(report: Report) -> Iterator[Row]:
    for s in report.sway:
        for name in ("assisted", "alone", "difference"):
            yield name, s.level, s.rater, *_figure(getattr(s.anchoring, name))
        yield "revised", s.level, s.rater, *_count(s.revised, s.blind_first)
        yield "revised_toward_model", s.level, s.rater, *_count(s.toward, s.revised)


def _stand_in(report: Report) -> Iterator[Row]:
    for found in report.stand_in:
        test = found.test
        for name, value in (("winning_rate", test.winning_rate), ("advantage", test.advantage)):
            yield name, found.level, "", value, None, None, test.items, test.note
        yield "epsilon", found.level, "", *_count(test.epsilon, test.items)
        for h in test.humans:
            yield "advantage", found.level, h.rater, *_count(h.advantage, h.n)
            yield "difference", found.level, h.rater, *_count(h.difference, h.n)
            yield "p_value", found.level, h.rater, *_count(h.p_value, h.n)
            yield "rejected", found.level, h.rater, *_count(int(h.rejected), h.n)


def _trend(report: Report) -> Iterator[Row]:
    for t in report.trends:
        for b in t.blocks:
            times = b.since.isoformat(), b.until.isoformat()
            yield "agrees", t.kind, t.level, t.rater, *times, *_figure(b.agrees)


def _durations(report: Report) -> Iterator[Row]:
    return durations_csv.rows(report.durations) if report.durations else iter(())


_SIDES = ("kind", "level", "left", "right")
_TABLES: dict[str, tuple[tuple[str, ...], Callable[[Report], Iterator[Row]]]] = {
    "coverage.csv": (("figure", "who", "value", "of"), _coverage),
    "agreement.csv": (("figure", *_SIDES, *FIGURE), _agreement),
    "left_out.csv": ((*_SIDES, "why", "n"), _left_out),
    "codes.csv": (("figure", *_SIDES, "code", *FIGURE), _codes),
    "confusion.csv": ((*_SIDES, "left_code", "right_code", "n"), _confusion),
    "prevalence.csv": (("figure", "level", "who", "code", "sampling", *FIGURE), _prevalence),
    "confidence.csv": (
        ("figure", "stage", "rater", "above", "up_to", "mean_confidence", *FIGURE),
        _confidence,
    ),
    "certificates.csv": (
        (
            "code",
            "labels",
            "epsilon",
            "delta",
            "tests",
            "threshold",
            "share",
            "n",
            "effective",
            "errors",
            "needed",
            "note",
        ),
        _certificates,
    ),
    "workload.csv": (("figure", "threshold", "share", *FIGURE), _workload),
    "acceptance.csv": (("figure", "rater", "mode", "learnt", *FIGURE), _acceptance),
    "expressed.csv": (("figure", "rater", "kind", "expression", *FIGURE), _expressed),
    "sway.csv": (("figure", "level", "rater", *FIGURE), _sway),
    "alt_test.csv": (("figure", "level", "rater", *FIGURE), _stand_in),
    "trend.csv": (("figure", "kind", "level", "rater", "since", "until", *FIGURE), _trend),
    "durations.csv": (durations_csv.COLUMNS, _durations),
}
