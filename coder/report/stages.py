"""The stage before: the run whose codes screened the issues, as a methods appendix tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coder.errors import CoderError
from coder.ratings.delivered import RunAnswers
from coder.ratings.screened import Where
from coder.records import Screening
from coder.report.build import build_report
from coder.report.model import Report
from coder.report.screening import ScreeningReport, screening_report
from coder.report.screening_words import lines
from coder.report.sentences import agreements, sample
from coder.report.wording import describe_model
from coder.storage.run import Run


@dataclass(frozen=True)
class Stage:
    """The screening run's own report, and what it keeps and misses, both as they are now."""

    report: Report
    screen: ScreeningReport


def stage_before(run: Run, **settings: Any) -> Stage | None:
    """What is known of the run that screened ``run``'s issues, by a report with ``settings``;
    ``None`` where nothing did, or that run is not beside this one or cannot be read."""
    made = run.manifest.screening
    if made is None:
        return None
    try:
        first = Run.open(run.path.parent, made.run)
        where = Where(made.run, made.code, made.negated)
        _, screen = screening_report(RunAnswers(first), where, certified=made.certified)
        return Stage(build_report(first, **settings), screen)
    except CoderError:
        return None


def told(stage: Stage) -> Iterator[tuple[str, str]]:
    """The entries of the appendix: (what, answer)."""
    report = stage.report
    book = report.codebook
    yield "Codebook of the screening", f"{book.name}, version {book.version}, hash {book.hash}"
    yield "Model of the screening", describe_model(report.run.model)
    yield "Issues screened", f"{report.coverage.issues:,}, {sample(report) or 'all of the file'}"
    yield from agreements(report)
    yield "What it keeps and misses, as the run is now", " ".join(lines(stage.screen))


def screening(made: Screening) -> str:
    """The stage before: what was taken, on whose word, and where its own agreement is told."""
    kept, left = sum(made.taken.values()), sum(made.left.values())
    word = "is not" if made.negated else "is"
    said = (
        f"of {made.issues:,} issues of the run {made.run}, the {kept:,} whose final code {word} "
        f"{made.code} ({_counts(made.taken)}); {left:,} were left out ({_counts(made.left)})"
    )
    if made.undecided:
        said += f", {sum(made.undecided.values()):,} had no final code ({_counts(made.undecided)})"
    said += f"; codebook hash {made.codebook_hash}"
    if "model" in made.taken:
        said += "; no certificate holds for what the model alone decided"
    elif made.certified is not None:
        said += f"; the model's word was certified from a confidence of {made.certified:g} on"
    return said


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} by {source}" for source, n in found.items()) or "none"
