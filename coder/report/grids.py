"""The report's tables as plain text; each format escapes and draws them in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from coder.report import conclusions
from coder.report.model import AltTestResult, ConfidenceQuality, Corrected, Pair, Report
from coder.report.sentences import enough, too_few
from coder.report.sentences import together as all_raters
from coder.report.wording import (
    ANSWERS,
    Names,
    accepter,
    adjudicated,
    code_notes,
    coefficient_notes,
    figure,
    footnotes,
    notes,
    number,
    reading,
    reasons,
    share,
    title,
    together_notes,
)


@dataclass(frozen=True)
class Grid:
    """A table: cells are unescaped text, those from column ``numeric_from`` on are figures.

    ``name`` is what it is referred to by, ``notes`` stand below it.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 1
    notes: tuple[str, ...] = ()


def agreement(report: Report, pairs: Iterable[Pair]) -> Grid:
    """The coefficients of pairs, each with its interval and n."""
    names, given = Names(report), list(pairs)
    pairs = enough(given)
    return Grid(
        "agreement",
        "Agreement, blind labels only",
        ("pair", "level", "n", "agree", "baseline", "Cohen's κ", "Krippendorff's α", "AC1",
         "α reads as"),
        tuple(
            (
                title(pair), names.level(pair.level), f"{pair.n:,}",
                figure(pair.percent_agreement), names.baseline(pair),
                *map(figure, (pair.cohen_kappa, pair.krippendorff_alpha, pair.gwet_ac1)),
                reading(pair.krippendorff_alpha),
            )
            for pair in pairs
        ),
        2,
        (*too_few(given), *coefficient_notes(report, pairs), *notes(report, pairs)),
    )  # fmt: skip


def resolved(report: Report, pairs: Iterable[Pair]) -> Grid:
    """The coefficients of pairs with the resolved labels, and how many were adjudicated."""
    pairs = list(pairs)
    plain = agreement(report, pairs)
    rows = zip(enough(pairs), plain.rows, strict=True)
    return Grid(
        "resolved",
        "Agreement with resolved labels, which are not independent",
        (*plain.head[:3], "of them adjudicated", *plain.head[3:]),
        tuple((*row[:3], f"{adjudicated(report, pair):,}", *row[3:]) for pair, row in rows),
        2,
        plain.notes,
    )


def left_out(report: Report, pairs: Iterable[Pair]) -> Grid:
    """How many issues each pair is computed from, and what became of the others."""
    names = Names(report)
    return Grid(
        "left-out",
        "Issues compared and left out",
        ("pair", "level", "n compared", "left out"),
        tuple(
            (title(p), names.level(p.level), f"{p.n:,}", reasons(p.excluded) or "–")
            for p in enough(pairs)
        ),
        2,
    )


def per_code(report: Report, pair: Pair) -> Grid:
    """Each code of a pair that a side used."""
    names = Names(report)
    return Grid(
        f"codes-{pair.left}-{pair.right}-{pair.level}",
        f"Per {names.level(pair.level)}: {title(pair)}; {pair.right} is the reference for "
        f"precision and recall, n = {pair.n:,}",
        ("code", pair.left, pair.right, "precision", "recall", "F1", "κ"),
        tuple(
            (
                names.path(c.code), f"{c.support_left:,}", f"{c.support_right:,}",
                *map(figure, (c.precision, c.recall, c.f1, c.cohen_kappa)),
            )
            for c in pair.per_code
            if c.support_left or c.support_right
        ),
        1,
        tuple(code_notes(report, pair)),
    )  # fmt: skip


def corrected(report: Report) -> list[Grid]:
    """The share of all issues with each code, one table a level."""
    return [_counted(report, f) if f.sampling == "all" else _corrected(report, f)
            for f in report.corrected]  # fmt: skip


def _counted(report: Report, found: Corrected) -> Grid:
    """Where every issue is labelled: counts, which have no interval."""
    names = Names(report)
    return Grid(
        f"prevalence-{found.level}",
        f"All {report.coverage.issues:,} issues by {names.level(found.level)}, each labelled by "
        f"{found.rater}",
        (
            names.level(found.level),
            "model's count",
            f"{found.rater}'s count",
            *([f"in all {found.frame:,}"] if found.frame else ()),
        ),
        tuple(
            (
                names.path(s.code),
                *(share(round(part * found.n), found.n) for part in parts),
                *([conclusions.percent(s.frame)] if s.frame else ()),
            )
            for s in conclusions.shown(found)
            for parts in ((s.model, s.labels.value or 0),)
        ),
    )


def _corrected(report: Report, found: Corrected) -> Grid:
    names = Names(report)
    whole = (f"in all {found.frame:,}",) if found.frame else ()
    return Grid(
        f"prevalence-{found.level}",
        f"Share of all {report.coverage.issues:,} issues by {names.level(found.level)}, by "
        f"{found.n:,} labels of {found.rater}",
        (names.level(found.level), "model's count", "labels alone", "corrected",
         *whole),
        tuple(
            (
                names.path(s.code), f"{s.model:.1%}",
                conclusions.percent(s.labels), conclusions.percent(s.corrected),
                *([conclusions.percent(s.frame)] if s.frame else ()),
            )
            for s in conclusions.shown(found)
        ),
        1,
        tuple(
            footnotes(
                (names.name(s.code), which, estimate)
                for s in conclusions.shown(found)
                for which, estimate in (("alone", s.labels), ("corrected", s.corrected))
            )
        ),
    )  # fmt: skip


def prevalence(report: Report) -> list[Grid]:
    """Raw counts, one table a level; none of a level nobody used."""
    names, found = Names(report), []
    for level, counts in groupby(report.prevalence, key=lambda p: p.level):
        used = [p for p in counts if p.model.count or any(c.count for c in p.raters.values())]
        if not used:
            continue
        found.append(
            Grid(
                f"counts-{level}",
                f"Raw counts by {names.level(level)}, uncorrected",
                (names.level(level), "model", *used[0].raters),
                tuple(
                    (
                        names.path(p.code),
                        share(p.model.count, p.model.of),
                        *(share(c.count, c.of) for c in p.raters.values()),
                    )
                    for p in used
                ),
            )
        )
    return found


def reliability(found: ConfidenceQuality) -> Grid:
    """How far confidence and truth lie apart, before and after calibration."""
    stages = [("as the model gave it", found.stated)]
    if found.calibrated is not None:
        stages.append(("calibrated", found.calibrated))
    return Grid(
        "confidence",
        "How far the model's confidence lies from how often it was right",
        ("confidence", "n", "expected calibration error", "Brier score"),
        tuple((name, f"{r.n:,}", figure(r.ece), figure(r.brier)) for name, r in stages),
        1,
        tuple(
            footnotes(
                (name, which, estimate)
                for name, r in stages
                for which, estimate in (("ECE", r.ece), ("Brier", r.brier))
            )
        ),
    )


def bins(found: ConfidenceQuality) -> Grid:
    """The reliability diagram of the confidence people are shown, in figures."""
    return Grid(
        "reliability",
        "How often the model was right, by the confidence people are shown",
        ("confidence above", "up to", "n", "mean confidence", "right"),
        tuple(
            (
                number(b.low), number(b.high), f"{b.right.n:,}", number(b.confidence),
                conclusions.percent(b.right),
            )
            for b in (found.calibrated or found.stated).bins
        ),
        0,
    )  # fmt: skip


def workload(found: ConfidenceQuality) -> Grid:
    """What accepting the surest proposals unseen would mean."""
    return Grid(
        "workload",
        "What accepting proposals unseen would mean",
        ("confidence at least", "accepted", "n", "errors among them"),
        tuple(
            (number(p.threshold), f"{p.share:.0%}", f"{p.error.n:,}", conclusions.percent(p.error))
            for p in conclusions.workload(found)
        ),
        0,
    )


def certificates(report: Report, found: ConfidenceQuality) -> Grid:
    """For issues truly in each code: what could be accepted unseen, and how many are missed."""
    names = Names(report)
    return Grid(
        "certificates",
        "What may be accepted unseen, by the code an issue truly has",
        ("true code", "labels", "certified from", "accepted", "n", "effective n",
         "with another code", "n needed"),
        tuple(
            (
                names.path(c.code), f"{c.labels:,}",
                "–" if c.certificate.threshold is None else number(c.certificate.threshold),
                "–" if c.certificate.share is None else f"{c.certificate.share:.0%}",
                f"{c.certificate.n:,}", f"{c.certificate.effective:,.0f}",
                f"{c.certificate.errors:,}",
                "none is enough" if c.certificate.needed is None else f"{c.certificate.needed:,}",
            )
            for c in found.certificates
            if c.code
        ),
        1,
    )  # fmt: skip


def sway(report: Report) -> Grid:
    """Agreement with the model by whether the suggestion was on the screen."""
    names = Names(report)
    return Grid(
        "anchoring",
        "Agreement with the model with its suggestion on the screen and without",
        ("rater", "level", "n with", "with", "n without", "without", "difference",
         "blind first", "revised", "to the model's"),
        tuple(
            (
                s.rater, names.level(s.level), f"{s.anchoring.assisted.n:,}",
                figure(s.anchoring.assisted), f"{s.anchoring.alone.n:,}",
                figure(s.anchoring.alone), figure(s.anchoring.difference),
                f"{s.blind_first:,}", f"{s.revised:,}", f"{s.toward:,}",
            )
            for s in report.sway
        ),
        2,
        tuple(
            footnotes(
                (f"{s.rater} by {names.level(s.level)}", which, estimate)
                for s in report.sway
                for which, estimate in (
                    ("with", s.anchoring.assisted),
                    ("without", s.anchoring.alone),
                    ("difference", s.anchoring.difference),
                )
            )
        ),
    )  # fmt: skip


def stand_in(report: Report, found: AltTestResult) -> Grid:
    """Each rater held against the model."""
    test = found.test
    return Grid(
        f"alt-test-{found.level}",
        f"Alternative annotator test by {Names(report).level(found.level)}: winning rate "
        f"{number(test.winning_rate)}, {conclusions.price(test.epsilon)}; false discovery rate "
        f"{number(test.q)}",
        ("rater set aside", "n", "model at least as near", "rater less model", "p",
         "model wins"),
        tuple(
            (
                h.rater, f"{h.n:,}", f"{h.advantage:.1%}", number(h.difference),
                conclusions.probability(h.p_value), "yes" if h.rejected else "no",
            )
            for h in test.humans
        ),
    )  # fmt: skip


def trends(report: Report) -> Grid:
    """A rater's answers in blocks by time."""
    names = Names(report)
    return Grid(
        "trend",
        "How often answers were the model's, over the time of the review",
        ("rater", "answers", "level", "from", "until", "n", "the model's"),
        tuple(
            (
                t.rater, ANSWERS[t.kind], names.level(t.level), f"{b.since:%Y-%m-%d %H:%M}",
                f"{b.until:%Y-%m-%d %H:%M}", f"{b.agrees.n:,}", conclusions.percent(b.agrees),
            )
            for t in report.trends
            for b in t.blocks
        ),
        5,
    )  # fmt: skip


def acceptance(report: Report) -> Grid:
    """What raters did with what they were shown."""
    return Grid(
        "acceptance",
        "Acceptance of proposals (assisted: not agreement)",
        ("rater", "accept", "correct", "reject", "skip", "flag", "accepted", "set aside"),
        tuple(
            (
                accepter(a),
                *(f"{n:,}" for n in (a.accept, a.correct, a.reject, a.skip, a.flag)),
                figure(a.acceptance), reasons(a.set_aside) or "–",
            )
            for a in report.acceptance
        ),
        1,
        tuple(footnotes((accepter(a), "", a.acceptance) for a in report.acceptance)),
    )  # fmt: skip


def expressed(report: Report) -> Grid:
    """Raters with the model, by how it found its code in the text."""
    return Grid(
        "expressed",
        "Codes the model found stated, and codes it read between the lines",
        ("rater", "answers", "in the text", "n", "same code, or accepted"),
        tuple(
            (e.rater, e.kind, e.expression, f"{e.share.n:,}", figure(e.share))
            for e in report.expressed
        ),
        3,
        tuple(footnotes((f"{e.rater}, {e.kind}", e.expression, e.share) for e in report.expressed)),
    )


def together(report: Report) -> Grid:
    """All people at once."""
    names = Names(report)
    return Grid(
        "together",
        "All raters together",
        ("level", "n", "agree", "Fleiss' κ", "Krippendorff's α", "AC1"),
        tuple(
            (
                names.level(t.level), f"{t.agreement.n:,}",
                *map(figure, (
                    t.agreement.percent_agreement, t.agreement.fleiss_kappa,
                    t.agreement.krippendorff_alpha, t.agreement.gwet_ac1,
                )),
            )
            for t in all_raters(report)
        ),
        1,
        tuple(together_notes(report, all_raters(report))),
    )  # fmt: skip
