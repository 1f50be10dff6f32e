"""Agreement across two codebooks in words, tables and files."""

from __future__ import annotations

from pathlib import Path

from coder.codebook.translate import Untranslated
from coder.compare.crosswalk import Across, AcrossCodebooks, Translated
from coder.files.atomic_write import write_atomically
from coder.records import Estimate
from coder.report.crosswalk import WORDS
from coder.report.escaping import csv_table
from coder.report.escaping import markdown as text
from coder.report.sentences import why_too_few
from coder.report.wording import figure
from coder.text.spelling import plural

PAIRS = ("who", "left", "right", "issues", "relation")
SHOWN = 20
"""Pairs of codes that Markdown shows of each; the CSV has all."""
CAUTION = (
    "A person who codes the same issues twice remembers: what they say under the second codebook "
    "is not independent of the first. Translated are only codes that are the same or part of one "
    "of the other codebook."
)


def write_across(found: AcrossCodebooks, folder: Path) -> tuple[Path, ...]:
    """Write crosswalk.md, .json and .csv into ``folder``, and return their paths."""
    from coder.report.write import to_json

    rows = (
        (t.who, t.left, t.right, t.issues, str(t.relation or "not linked")) for t in found.together
    )
    texts = {
        "crosswalk.md": _markdown(found),
        "crosswalk.json": to_json(found),
        "crosswalk.csv": csv_table(PAIRS, rows),
    }
    for name, content in texts.items():
        write_atomically(folder / name, content)
    return tuple(folder / name for name in texts)


def sentences(found: AcrossCodebooks, one: Across) -> list[str]:
    """What one answerer's codes say of the crosswalk."""
    coded = f"{one.who}: {plural(one.n, 'issue')} coded under both"
    said = [
        f"{coded}: {one.too_few}."
        if one.too_few
        else f"{coded}. Linked as the same or one as part of the other: {figure(one.linked)}; with "
        f"those only related: {figure(one.related)}."
    ]
    if one.without_code:
        said.append(f"{one.without_code:,} more have no code under one of the two.")
    return said


def figures(translated: Translated) -> tuple[Estimate, Estimate]:
    """Agreement and kappa after translation; undefined where too few issues are left for them."""
    if why := why_too_few(translated.n):
        nothing = Estimate(value=None, n=translated.n, note=why)
        return nothing, nothing
    return translated.percent_agreement, translated.cohen_kappa


def aside(translated: Translated) -> str:
    """Why answers have no translation, the most frequent first."""
    order = sorted(translated.set_aside.items(), key=lambda kept: -kept[1])
    return "; ".join(f"{count:,} × {Untranslated(why).value}" for why, count in order)


def _markdown(found: AcrossCodebooks) -> str:
    blocks = [
        f"# {text(found.left_codebook)} and {text(found.right_codebook)}",
        text(
            f"Runs {found.left_run} and {found.right_run}, {plural(found.shared, 'shared issue')}."
        ),
    ]
    for one in found.across:
        blocks += [f"## {text(one.who)}", *map(text, sentences(found, one))]
        table = ["| into | level | n | agree | Cohen's κ |", "| --- | --- | ---: | --- | --- |"]
        table += [
            f"| {text(t.into)} | {t.level} | {t.n:,} | {' | '.join(map(figure, figures(t)))} |"
            for t in one.translated
        ]
        blocks.append("\n".join(table))
        for into in dict.fromkeys(t.into for t in one.translated):
            why = aside(next(t for t in one.translated if t.into == into))
            blocks += [text(f"Not translated into {into}: {why}.")] if why else []
        pairs = [t for t in found.together if t.who == one.who]
        table = ["| left | right | issues | linked |", "| --- | --- | ---: | --- |"]
        table += [
            f"| {text(t.left)} | {text(t.right)} | {t.issues:,} | "
            f"{WORDS[t.relation] if t.relation else 'not linked'} |"
            for t in pairs[:SHOWN]
        ]
        blocks.append("\n".join(table))
    blocks.append(
        f"In brackets: {found.confidence:.0%} intervals by {found.draws:,} draws, seed "
        f"{found.seed}. {CAUTION}"
    )
    return "\n\n".join(blocks) + "\n"
