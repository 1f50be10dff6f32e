"""The report as Markdown, for a repository or an appendix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from coder.records import Estimate
from coder.report import conclusions, durations_tables, durations_words, grids
from coder.report.disagreements import rows
from coder.report.escaping import markdown as text
from coder.report.escaping import web_url
from coder.report.model import Pair, Report
from coder.report.sentences import (
    baseline_notes,
    enough,
    headline_sentence,
    resolved,
    sample,
    together,
    warnings,
)
from coder.report.wording import (
    BASELINE,
    CHANGES,
    DISAGREEMENTS,
    EXPRESSED,
    NOT_INDEPENDENT,
    READING_GUIDE,
    STATUS,
    UNCORRECTED,
    Names,
    acceptance_notes,
    confidence,
    confusions,
    decisions,
    describe_model,
    figure,
    interval_note,
    number,
    order,
    reasons,
    share,
    spent,
    title,
)

SHOWN = 30
"""How many disagreements of each pair are listed; all are in the CSV file."""


def markdown(report: Report) -> str:
    """The whole report; every text from issues, models and people is escaped."""
    names = Names(report)
    blocks = [
        f"# Agreement report: {text(report.run.name)}"
        + (f" · {text(report.study)}" if report.study else ""),
        f"**{text(headline_sentence(report))}**",
        *_about(report),
        "## Coverage",
        *_coverage(report),
        "## Agreement (blind labels only)",
        *_agreement(report, names),
        *_together(report),
        f"{text(interval_note(report))}\n\n{text(READING_GUIDE)}",
        *_resolved(report),
        "## May the model stand in for a rater?",
        *_stand_in(report),
        "## How many issues are really in each code?",
        *_prevalence(report),
        "## What is the model's confidence worth?",
        *_trust(report),
        "## Did suggestions sway the raters?",
        *_sway(report),
        *_acceptance(report),
        *_expressed(report),
        "## Over the time of the review",
        *_trends(report),
        *_durations(report),
        *_changes(report, names),
    ]
    for pair in enough(report.pairs):
        if pair.kind == "blind":
            blocks += _per_code(report, pair, names)
    blocks += _disagreements(report, names)
    return "\n\n".join(blocks) + "\n"


def _table(head: Sequence[str], body: Iterable[Sequence[str]], numeric_from: int = 1) -> str:
    rule = ["---" if i < numeric_from else "---:" for i in range(len(head))]
    lines = [head, rule, *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def drawn(grid: grids.Grid) -> str:
    """A table and nothing else; every cell is escaped."""
    body = [[text(cell) for cell in row] for row in grid.rows]
    return _table([text(cell) for cell in grid.head], body, grid.numeric_from)


def _grid(grid: grids.Grid) -> Iterator[str]:
    """A table with its notes."""
    yield drawn(grid)
    yield from _bullets(grid.notes)


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
    if answered := [r for r in cover.raters if r.answered]:
        yield _table(
            ("rater", "blind labels", "usable", "set aside", "not in this run", "decisions",
             "same as learnt from"),
            [
                (
                    text(r.rater), f"{r.blind_labels:,}", f"{r.usable:,}",
                    reasons(r.set_aside) or "–", f"{r.not_in_run:,}", decisions(r) or "–",
                    f"{r.shared_with_examples:,}",
                )
                for r in answered
            ],
        )  # fmt: skip
    if found := warnings(report):
        yield "\n".join(f"- **{text(line)}**" for line in found)


def _agreement(report: Report, names: Names) -> Iterator[str]:
    pairs = [pair for pair in report.pairs if pair.kind == "blind"]
    if not pairs:
        yield "No blind labels: nothing can be said about agreement."
        return
    grid = grids.agreement(report, pairs)
    if not grid.rows:
        yield from _bullets(grid.notes)
        return
    yield drawn(grid)
    yield f"Baseline: {BASELINE}"
    yield from _bullets(baseline_notes(report))
    yield from _bullets(grid.notes)
    yield from _further(enough(pairs), names)
    yield drawn(grids.left_out(report, pairs))


def _bullets(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(f"- {text(line)}" for line in lines)


def _resolved(report: Report) -> Iterator[str]:
    if report.resolved is None:
        return
    pairs = [pair for pair in report.pairs if pair.kind == "resolved"]
    yield "## Against resolved labels"
    yield f"{text(resolved(report))} {NOT_INDEPENDENT}"
    grid = grids.resolved(report, pairs)
    if grid.rows:
        yield drawn(grid)
    yield from _bullets(grid.notes)
    if grid.rows:
        yield drawn(grids.left_out(report, pairs))


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
    yield _table([*head, "mean Jaccard"], body, numeric_from=2)


def _together(report: Report) -> Iterator[str]:
    if together(report):
        yield "All raters together:"
        yield from _grid(grids.together(report))


def _stand_in(report: Report) -> Iterator[str]:
    if not report.stand_in:
        yield conclusions.NO_STAND_IN
        return
    yield conclusions.ALT_TEST
    for found in report.stand_in:
        yield text(" ".join(conclusions.stand_in(report, found)))
        if found.test.humans:
            yield from _grid(grids.stand_in(report, found))


def _prevalence(report: Report) -> Iterator[str]:
    if not report.corrected:
        yield conclusions.NO_LABELS
    for found, grid in zip(report.corrected, grids.corrected(report), strict=True):
        yield text(" ".join(conclusions.corrected(report, found)))
        yield from _grid(grid)
    yield "### Raw counts"
    yield UNCORRECTED
    counts = grids.prevalence(report)
    for grid in counts:
        yield from _grid(grid)
    if not counts:
        yield "Nobody has coded anything yet."


def _trust(report: Report) -> Iterator[str]:
    yield text(" ".join(conclusions.confidence(report)))
    if report.trust is None or conclusions.few_compared(report.trust):
        return
    yield from _grid(grids.reliability(report.trust))
    yield from _grid(grids.bins(report.trust))
    yield f"**{text(conclusions.certificate(report))}** {text(conclusions.certified_codes(report))}"
    yield text(conclusions.half(report.trust))
    yield from _grid(grids.certificates(report, report.trust))
    yield from _grid(grids.workload(report.trust))


def _sway(report: Report) -> Iterator[str]:
    if not report.sway:
        yield conclusions.NO_SWAY
        return
    yield from _bullets([" ".join(conclusions.sway(report, found)) for found in report.sway])
    yield from _grid(grids.sway(report))


def _trends(report: Report) -> Iterator[str]:
    if not report.trends:
        yield conclusions.NO_TREND
        return
    yield from _bullets([conclusions.trend(report, found) for found in report.trends])
    yield from _grid(grids.trends(report))


def _durations(report: Report) -> Iterator[str]:
    if report.durations is None:
        return
    yield "## How long issues took"
    yield text(" ".join(durations_words.about(report.durations)))
    yield from _bullets(durations_words.conclusions(report.durations))
    for grid in durations_tables.grids(report.durations):
        yield f"### {text(grid.caption)}"
        yield from _grid(grid)


def _acceptance(report: Report) -> Iterator[str]:
    if report.acceptance:
        yield "### Acceptance (decisions after a suggestion)"
        yield from acceptance_notes(report)
        yield from _grid(grids.acceptance(report))


def _expressed(report: Report) -> Iterator[str]:
    if report.expressed:
        yield "### Stated, or read between the lines"
        yield EXPRESSED
        yield from _grid(grids.expressed(report))


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


def _per_code(report: Report, pair: Pair, names: Names) -> Iterator[str]:
    grid = grids.per_code(report, pair)
    if not grid.rows:
        return
    yield f"## Per {names.level(pair.level)}: {text(title(pair))}"
    yield f"{text(pair.right)} is the reference for precision and recall. n = {pair.n:,}."
    yield from _grid(grid)
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
