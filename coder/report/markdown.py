"""The report as Markdown, for a repository or an appendix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from coder.records import Estimate
from coder.report.disagreements import rows
from coder.report.inert import markdown as text
from coder.report.inert import web_url
from coder.report.model import Pair, Report
from coder.report.sentences import (
    baseline_notes,
    headline_sentence,
    resolved,
    sample,
    warnings,
)
from coder.report.wording import (
    BASELINE,
    CHANGES,
    DISAGREEMENTS,
    NOT_INDEPENDENT,
    READING_GUIDE,
    STATUS,
    UNCORRECTED,
    Names,
    acceptance_notes,
    accepter,
    adjudicated,
    code_notes,
    confidence,
    confusions,
    describe_model,
    figure,
    footnotes,
    interval_note,
    notes,
    number,
    order,
    reading,
    reasons,
    share,
    spent,
    title,
    together_notes,
)

SHOWN = 30
"""How many disagreements of each pair are listed; all are in the CSV file."""
_FIGURES = (
    "pair", "level", "n", "agree", "baseline", "Cohen's κ", "Krippendorff's α", "AC1", "α reads as",
)  # fmt: skip


def markdown(report: Report) -> str:
    """The whole report; every text from issues, models and people is escaped."""
    names = Names(report)
    blocks = [
        f"# Agreement report: {text(report.run.name)}",
        f"**{text(headline_sentence(report))}**",
        *_about(report),
        "## Coverage",
        *_coverage(report),
        "## Agreement (blind labels only)",
        *_agreement(report, names),
        *_together(report, names),
        f"{text(interval_note(report))}\n\n{text(READING_GUIDE)}",
        *_resolved(report, names),
        *_acceptance(report),
        *_changes(report, names),
        "## Prevalence (uncorrected)",
        UNCORRECTED,
        *_prevalence(report, names),
    ]
    for pair in report.pairs:
        if pair.kind == "blind":
            blocks += _per_code(report, pair, names)
    blocks += _disagreements(report, names)
    return "\n\n".join(blocks) + "\n"


def _table(head: Sequence[str], body: Iterable[Sequence[str]], numeric_from: int = 1) -> str:
    rule = ["---" if i < numeric_from else "---:" for i in range(len(head))]
    lines = [head, rule, *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _about(report: Report) -> Iterator[str]:
    run, book = report.run, report.codebook
    encoder, version = run.model.get("encoder"), run.versions.get("issue-coder", "")
    issues = filter(None, (f"{report.coverage.issues:,}", sample(report)))
    used = (f"- Used: {text(spent(report.usage), 400)}",) if report.usage else ()
    yield "\n".join(
        (
            f"- Model: {text(describe_model(run.model))}",
            *used,
            *([f"- Encoder: {text(str(encoder))}"] if encoder else ()),
            f"- Codebook: {text(book.name)}, version {text(book.version)} (`{book.hash[:12]}`)"
            + _earlier_version(report),
            f"- Run made: {run.created_at:%Y-%m-%d %H:%M} UTC, seed {run.seed}"
            + (f", issue-coder {text(version)}" if version else ""),
            f"- Issues: {', '.join(issues)} (`{run.data_hash[:12]}`)",
        )
    )


def _earlier_version(report: Report) -> str:
    run = report.run
    if run.codebook_hash == report.codebook.hash:
        return ""
    return (
        f"; the model was asked with version {text(run.codebook_version)}, and answers from before "
        "this version are carried over into it, except where they are stale"
    )


def _coverage(report: Report) -> Iterator[str]:
    cover = report.coverage
    statuses = [(f"model: {STATUS[s]}", share(n, cover.issues)) for s, n in cover.by_status.items()]
    yield _table(
        ("issues", f"{cover.issues:,}"),
        [
            *statuses,
            ("leaked, not compared with the model", share(cover.leaked, cover.issues)),
            ("labels the model learnt from", f"{cover.learnt_from:,}"),
        ],
    )
    if cover.raters:
        yield _table(
            ("rater", "blind labels", "usable", "set aside", "not in this run", "decisions",
             "same as learnt from"),
            [
                (
                    text(r.rater), f"{r.blind_labels:,}", f"{r.usable:,}",
                    reasons(r.set_aside) or "–", f"{r.not_in_run:,}", f"{r.decisions:,}",
                    f"{r.shared_with_examples:,}",
                )
                for r in cover.raters
            ],
        )  # fmt: skip
    if found := warnings(report):
        yield "\n".join(f"- **{text(line)}**" for line in found)


def _agreement(report: Report, names: Names) -> Iterator[str]:
    pairs = [pair for pair in report.pairs if pair.kind == "blind"]
    if not pairs:
        yield "No blind labels: nothing can be said about agreement."
        return
    yield _table(_FIGURES, [_figures(pair, names) for pair in pairs], numeric_from=2)
    yield f"Baseline: {BASELINE}"
    yield from _bullets(baseline_notes(report))
    yield from _bullets(notes(report, pairs))
    yield from _further(pairs, names)
    yield from _left_out(pairs, names)


def _bullets(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(f"- {text(line)}" for line in lines)


def _figures(pair: Pair, names: Names) -> tuple[str, ...]:
    return (
        text(title(pair)), names.level(pair.level), f"{pair.n:,}",
        text(figure(pair.percent_agreement)), text(names.baseline(pair)),
        *(text(figure(e)) for e in (pair.cohen_kappa, pair.krippendorff_alpha, pair.gwet_ac1)),
        reading(pair.krippendorff_alpha),
    )  # fmt: skip


def _resolved(report: Report, names: Names) -> Iterator[str]:
    if report.resolved is None:
        return
    pairs = [pair for pair in report.pairs if pair.kind == "resolved"]
    yield "## Against resolved labels"
    yield f"{text(resolved(report))} {NOT_INDEPENDENT}"
    yield _table(
        (*_FIGURES[:3], "of them adjudicated", *_FIGURES[3:]),
        [
            (*cells[:3], f"{adjudicated(report, pair):,}", *cells[3:])
            for pair in pairs
            for cells in (_figures(pair, names),)
        ],
        numeric_from=2,
    )
    yield from _bullets(notes(report, pairs))
    yield from _left_out(pairs, names)


def _further(pairs: Sequence[Pair], names: Names) -> Iterator[str]:
    def optional(estimate: Estimate | None) -> str:
        return text(figure(estimate)) if estimate else "–"

    head = ["pair", "level", "macro-F1"]
    if not names.flat:
        head += ["tree α", "agree given category", "κ given category"]
    body = []
    for pair in pairs:
        nested = pair.subcategory_given_category
        cells = [text(title(pair)), names.level(pair.level), text(figure(pair.macro_f1))]
        if not names.flat:
            cells += [
                optional(pair.tree_alpha),
                optional(nested.percent_agreement if nested else None),
                optional(nested.cohen_kappa if nested else None),
            ]
        body.append([*cells, optional(pair.mean_jaccard)])
    yield _table([*head, "Jaccard"], body, numeric_from=2)


def _left_out(pairs: Sequence[Pair], names: Names) -> Iterator[str]:
    body = [
        (text(title(p)), names.level(p.level), f"{p.n:,}", reasons(p.excluded) or "–")
        for p in pairs
    ]
    yield _table(("pair", "level", "n compared", "left out"), body, numeric_from=2)


def _together(report: Report, names: Names) -> Iterator[str]:
    if not report.together:
        return
    yield "All raters together:"
    yield _table(
        ("level", "n", "agree", "Fleiss' κ", "Krippendorff's α", "AC1"),
        [
            (
                names.level(t.level), f"{t.agreement.n:,}",
                *(text(figure(e)) for e in (
                    t.agreement.percent_agreement, t.agreement.fleiss_kappa,
                    t.agreement.krippendorff_alpha, t.agreement.gwet_ac1,
                )),
            )
            for t in report.together
        ],
    )  # fmt: skip
    yield from _bullets(together_notes(report))


def _acceptance(report: Report) -> Iterator[str]:
    if not report.acceptance:
        return
    yield "## Acceptance (assisted decisions)"
    yield from acceptance_notes(report)
    yield _table(
        ("rater", "accept", "correct", "reject", "skip", "flag", "accepted", "set aside"),
        [
            (
                text(accepter(a)),
                *(f"{n:,}" for n in (a.accept, a.correct, a.reject, a.skip, a.flag)),
                text(figure(a.acceptance)), reasons(a.set_aside) or "–",
            )
            for a in report.acceptance
        ],
    )  # fmt: skip
    yield from _bullets(footnotes((accepter(a), "", a.acceptance) for a in report.acceptance))


def _changes(report: Report, names: Names) -> Iterator[str]:
    if not report.codebook_changes:
        return
    yield "## Changes of the codebook proposed while coding"
    yield _table(
        ("rater", "issue", "what", "about", "why"),
        [
            (
                text(c.rater), text(c.issue_id), CHANGES[c.change],
                text(names.codes(c.codes)) if c.codes else "–", text(c.memo),
            )
            for c in report.codebook_changes
        ],
        numeric_from=5,
    )  # fmt: skip


def _prevalence(report: Report, names: Names) -> Iterator[str]:
    for level, counts in groupby(report.prevalence, key=lambda p: p.level):
        used = [p for p in counts if p.model.count or any(c.count for c in p.raters.values())]
        if not used:
            yield "Nobody has coded anything yet."
            return
        raters = list(used[0].raters)
        yield _table(
            (names.level(level), "model", *map(text, raters)),
            [
                (
                    text(names.path(p.code)),
                    share(p.model.count, p.model.of),
                    *(share(c.count, c.of) for c in p.raters.values()),
                )
                for p in used
            ],
        )


def _per_code(report: Report, pair: Pair, names: Names) -> Iterator[str]:
    used = [c for c in pair.per_code if c.support_left or c.support_right]
    if not used:
        return
    yield f"## Per {names.level(pair.level)}: {text(pair.left)} and {text(pair.right)}"
    yield f"{text(pair.right)} is the reference for precision and recall. n = {pair.n:,}."
    yield _table(
        ("code", text(pair.left), text(pair.right), "precision", "recall", "F1", "κ"),
        [
            (
                text(names.path(c.code)), f"{c.support_left:,}", f"{c.support_right:,}",
                *(text(figure(e)) for e in (c.precision, c.recall, c.f1, c.cohen_kappa)),
            )
            for c in used
        ],
    )  # fmt: skip
    yield from _bullets(code_notes(report, pair))
    if apart := confusions(pair):
        yield "Most frequent confusions:"
        yield _table(
            (text(pair.left), text(pair.right), "issues"),
            [
                (text(names.path(left)), text(names.path(right)), f"{count:,}")
                for left, right, count in apart[:10]
            ],
            numeric_from=2,
        )


def _disagreements(report: Report, names: Names) -> Iterator[str]:
    for pair, found in rows(report):
        if not found:
            continue
        yield f"## {DISAGREEMENTS[pair.kind]}: {text(pair.left)} and {text(pair.right)}"
        yield (
            f"{min(SHOWN, len(found)):,} of {len(found):,} shown; all are in disagreements.csv. "
            f"{order(report)}"
        )
        yield _table(
            ("issue", text(pair.left), text(pair.right), confidence(report)),
            [
                (
                    _issue(row.case.issue_id, row.case.title, row.case.url),
                    text(names.codes(row.left)),
                    text(names.codes(row.right)),
                    number(row.confidence),
                )
                for row in found[:SHOWN]
            ],
            numeric_from=3,
        )


def _issue(issue_id: str, heading: str, url: str) -> str:
    shown = text(f"{issue_id} {heading}", 90)
    link = web_url(url).replace("(", "%28").replace(")", "%29").replace("|", "%7C")
    return f"[{shown}](<{link}>)" if link else shown
