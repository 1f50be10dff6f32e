"""Comparisons as files: Markdown to read, JSON for programs, CSV for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from coder.compare.model import Against, Comparison, Member, Multiverse, RunPair
from coder.compare.wording import (
    CAUTION,
    MULTIVERSE,
    QUESTION,
    Names,
    apart,
    codebooks,
    enough,
    flips,
    notes,
    p_value,
    same_issues,
    too_few,
    verdict,
)
from coder.files.atomic_write import write_atomically
from coder.proposers.budget import money
from coder.report.escaping import csv_table, web_url
from coder.report.escaping import markdown as text
from coder.report.wording import figure, number, reasons
from coder.report.write import to_json

SHOWN = 30
"""How many flipped issues of each pair Markdown lists; all are in the CSV file."""
COLUMNS = ("left_run", "right_run", "issue_id", "repo", "url", "title", "left", "right", "labels")


def write_comparison(comparison: Comparison, folder: Path) -> tuple[Path, ...]:
    """Write compare.md, .json and flips.csv into ``folder``, and return their paths."""
    return _write(folder, {
        "compare.md": _comparison(comparison),
        "compare.json": to_json(comparison),
        "flips.csv": _flips(comparison),
    })  # fmt: skip


def write_multiverse(found: Multiverse, folder: Path) -> tuple[Path, ...]:
    """Write multiverse.md and .json into ``folder``, and return their paths."""
    return _write(folder, {
        "multiverse.md": _multiverse(found), "multiverse.json": to_json(found),
    })  # fmt: skip


def _write(folder: Path, texts: dict[str, str]) -> tuple[Path, ...]:
    for name, content in texts.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in texts)


def _comparison(comparison: Comparison) -> str:
    names = Names(comparison)
    how = comparison.resampling
    blocks = ["# Runs compared", *map(text, codebooks(comparison)), _members(comparison.runs)]
    for pair in comparison.pairs:
        blocks += [f"## {text(pair.left)} and {text(pair.right)}", text(same_issues(pair))]
        blocks += [text(apart(pair, names)), _codes(pair, names)]
        told = enough(pair)
        blocks += [text(verdict(pair, found, names)) for found in told]
        blocks += map(text, too_few(pair, names))
        if told:
            blocks.append(_against(pair, told, names))
        blocks += map(text, notes(pair))
        blocks += [_per_code(pair, found, names) for found in told]
        blocks += _flipped(pair, names)
    blocks += [
        f"In brackets: {how.confidence:.0%} intervals by {how.draws:,} paired draws, seed "
        f"{how.seed}; differences are left less right. {CAUTION}"
    ]
    return "\n\n".join(blocks) + "\n"


def _members(runs: Sequence[Member]) -> str:
    return _table(
        ("run", "model", "issues", "shared", "answered", "left out", "learnt from", "cost"),
        (
            (
                text(run.name), text(run.model), f"{run.issues:,}", f"{run.shared:,}",
                f"{run.answered:,}", text(reasons(run.left_out)) or "–", f"{run.learnt_from:,}",
                money(run.usage.cost) if run.usage else "–",
            )
            for run in runs
        ),
    )  # fmt: skip


def _codes(pair: RunPair, names: Names) -> str:
    return _table(
        ("code", text(pair.left), text(pair.right)),
        (
            (
                text(names.name(code.code)) + (f" ({names.level(m.level)})" * (not names.flat)),
                f"{code.left:,}",
                f"{code.right:,}",
            )
            for m in pair.models
            for code in m.codes
            if code.left or code.right
        ),
    )


def _against(pair: RunPair, told: Sequence[Against], names: Names) -> str:
    left, right = text(pair.left), text(pair.right)
    head = (
        "rater", "by", "n", "figure", left, right, "difference",
        f"only {left} right", f"only {right} right", "McNemar p",
    )  # fmt: skip
    rows = []
    for found in told:
        test = found.mcnemar
        who = (text(found.rater), names.level(found.level), f"{found.n:,}")
        for name, change in (("right", found.right), ("kappa", found.kappa)):
            three = (change.left, change.right, change.difference)
            tested = (f"{test.only_left:,}", f"{test.only_right:,}", p_value(test.p_value))
            rows.append(
                (*who, name, *map(figure, three), *(tested if name == "right" else ("–",) * 3))
            )
    return _table(head, rows)


def _per_code(pair: RunPair, found: Against, names: Names) -> str:
    title = f"F1 of each {names.level(found.level)} by {text(found.rater)}'s labels"
    return f"{title}:\n\n" + _table(
        ("code", "labels", text(pair.left), text(pair.right), "difference"),
        (
            (
                text(names.name(code.code)), f"{code.labels:,}", figure(code.f1.left),
                figure(code.f1.right), figure(code.f1.difference),
            )
            for code in found.per_code
        ),
    )  # fmt: skip


def _flipped(pair: RunPair, names: Names) -> Iterator[str]:
    if not pair.flips:
        yield "No issue is coded differently."
        return
    yield _table(
        ("issue", "title", text(pair.left), text(pair.right), "labels"),
        (
            (
                f"[{text(f.issue_id)}]({web_url(f.url)})" if web_url(f.url) else text(f.issue_id),
                text(f.title, 80),
                text(names.codes(f.left)),
                text(names.codes(f.right)),
                text(_labels(f.labels, names)),
            )
            for f in pair.flips[:SHOWN]
        ),
    )
    if len(pair.flips) > SHOWN:
        yield f"{len(pair.flips) - SHOWN:,} more are in flips.csv."


def _labels(labels: dict[str, tuple[str, ...]], names: Names) -> str:
    return "; ".join(f"{rater}: {names.codes(codes)}" for rater, codes in labels.items())


def _flips(comparison: Comparison) -> str:
    names = Names(comparison)
    return csv_table(
        COLUMNS,
        (
            (
                pair.left, pair.right, f.issue_id, f.repo, f.url, f.title, names.codes(f.left),
                names.codes(f.right), _labels(f.labels, names),
            )
            for pair in comparison.pairs
            for f in pair.flips
        ),
    )  # fmt: skip


def _multiverse(found: Multiverse) -> str:
    names = Names(found)
    runs = [text(run.name) for run in found.runs]
    blocks = ["# Multiverse", *map(text, codebooks(found)), _members(found.runs)]
    blocks += ["## Settings that differ"]
    blocks += [
        _table(
            ("setting", *runs),
            (
                (text(s.name), *(text(s.values[run.name], 60) for run in found.runs))
                for s in found.settings
            ),
        )
        if found.settings
        else "None: the runs were made alike."
    ]
    blocks += ["## Conclusions"]
    blocks += [
        _table(
            ("conclusion", *runs, "flips"),
            (
                (
                    QUESTION[c.name],
                    *(text(names.value(c, c.values[run.name])) for run in found.runs),
                    flips(c),
                )
                for c in found.conclusions
            ),
        )
    ]
    single = [
        (QUESTION[c.name], text(setting), f"{apart} of {pairs}")
        for c in found.conclusions
        for setting, (pairs, apart) in c.by_setting.items()
    ]
    if single:
        blocks += ["Pairs of runs that differ in one setting alone, and how many disagree:"]
        blocks += [_table(("conclusion", "setting", "disagree"), single)]
    blocks += [
        "## Counts",
        _counts(found, names),
        "## Days to resolution",
        _times(found),
        MULTIVERSE,
    ]
    return "\n\n".join(blocks) + "\n"


def _counts(found: Multiverse, names: Names) -> str:
    rows = []
    for at, count in enumerate(found.universes[0].counts):
        of = [universe.counts[at] for universe in found.universes]
        rows.append((text(names.name(count.code)), *(f"{one.count:,}" for one in of)))
        if found.labels:
            shares = (figure(one.corrected) if one.corrected else "–" for one in of)
            rows.append((f"– share corrected by {text(found.rater)}'s labels", *shares))
    rows.append(("No code fits", *(f"{universe.none:,}" for universe in found.universes)))
    rows.append(
        ("Counted, leaked ones too", *(f"{universe.answered:,}" for universe in found.universes))
    )
    return _table(("category", *(text(universe.run) for universe in found.universes)), rows)


def _times(found: Multiverse) -> str:
    rows = []
    for universe in found.universes:
        time = universe.time
        rows.append((
            text(universe.run), f"{time.n:,}", f"{time.open:,}", f"{time.stale:,}",
            "–" if time.h is None else f"{time.h:.1f}", p_value(time.p_value),
            number(time.epsilon_squared), f"{time.rare:,}", f"{time.several:,}",
            f"{time.undated:,}", text(time.note),
        ))  # fmt: skip
    return (
        _table(
            ("run", "tested", "still open", "closed as stale", "H", "p", "epsilon²", "rare codes",
             "several codes", "undated", "note"),
            rows,
        )
        + "\n\nKruskal-Wallis on days from opening to closing; open issues and those a bot closed "
        "for inactivity are censored and left out, which can hide a difference or make one."
    )  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
