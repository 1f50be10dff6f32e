"""``coder screen``: how many issues a screening keeps, on whose word, and what it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coder.ratings.delivered import RunAnswers
    from coder.ratings.screened import Where
    from coder.records import Estimate, Issue, Screening
    from coder.report.screening import ScreeningReport
    from coder.study import Study


@click.command("screen")
@click.argument("where", metavar="RUN=CODE")
def command(where: str) -> None:
    """Tell what the screening of a run keeps and misses.

    RUN=CODE keeps the issues of RUN whose final code is CODE or below it, RUN!=CODE all others.
    `coder propose --where RUN=CODE` codes them. Recall comes from blind labels on issues that were
    screened out and drawn at random.
    """
    from coder.cli.terminal import console, safe
    from coder.files.atomic_write import write_atomically
    from coder.report.screening import screening_report
    from coder.report.write import to_json
    from coder.study import Study

    asked, answers, certified = _read(Study.open(), where)
    _, found = screening_report(answers, asked, certified=certified)
    for line in lines(found):
        console.print(safe(line), soft_wrap=True)
    file = answers.run.path / "report" / "screening.json"
    write_atomically(file, to_json(found))


def take(study: Study, where: str) -> tuple[dict[str, Issue], Screening]:
    """The issues that ``where`` takes, and on whose word."""
    from coder.ratings.screened import screened

    asked, answers, certified = _read(study, where)
    return screened(answers, asked, certified=certified)


def _read(study: Study, where: str) -> tuple[Where, RunAnswers, float | None]:
    """What is asked for, all answers of that run, and from where on its model is certified."""
    from coder.ratings.delivered import RunAnswers
    from coder.ratings.screened import Where
    from coder.report.certified import certified_threshold
    from coder.report.model import Choices
    from coder.storage.run import Run

    asked = Where.parse(where)
    answers = RunAnswers(Run.open(study.runs, asked.run))
    choices = Choices(**study.settings.report.model_dump(exclude={"draws"}))
    return asked, answers, certified_threshold(answers, choices)


def lines(found: ScreeningReport) -> list[str]:
    """What the screening did and misses, in sentences."""
    from coder.report.screening import WIDTH
    from coder.text.spelling import plural

    made = found.screening
    side = f"{'not ' if made.negated else ''}{made.code}"
    kept, left = sum(made.taken.values()), sum(made.left.values())
    said = [
        f"Run {made.run}: of {plural(made.issues, 'issue')} {kept:,} are {side}, {left:,} are not, "
        f"{sum(made.undecided.values()):,} have no final code.",
        f"In by: {_listed(made.taken)}. Out by: {_listed(made.left)}."
        + (f" Without one: {_listed(made.undecided)}." if made.undecided else ""),
    ]
    if made.certified is None and (made.taken.get("model") or made.left.get("model")):
        said.append("The model's word is taken there though no certificate holds.")
    if found.rater:
        said.append(
            f"Against {found.rater}'s blind labels ({found.labelled_in:,} of {found.model_in:,} "
            f"that the model puts in, {found.labelled_out:,} of {found.model_out:,} that it puts "
            f"out): recall {_figure(found.recall)}, precision {_figure(found.precision)}, missed "
            f"by the model {_figure(found.missed)}"
            + (f", of which these labels bring back {found.found:,}." if found.found else ".")
        )
    said += [f"Note: {note}." for note in found.notes]
    if found.needed is not None and found.needed > found.labelled_out:
        more = found.needed - found.labelled_out
        said.append(
            f"{plural(more, 'more label')} on what the model puts out would bring the interval of "
            f"the recall to about {WIDTH:g}."
        )
    if not found.labelled_out:
        said.append(
            f"To learn what is missed: coder review {made.run} --rater YOU --blind --order "
            "by-code, or coder sample --where for labelling elsewhere."
        )
    return said


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {source}" for source, n in counts.items()) or "nobody"


def _figure(found: Estimate) -> str:
    if found.value is None:
        return f"not known ({found.note})"

    def short(value: float) -> str:
        return f"{value:.2f}" if value <= 1 else f"{value:,.0f}"

    ends = (
        ""
        if found.low is None or found.high is None
        else (f" [{short(found.low)}, {short(found.high)}]")
    )
    return f"{short(found.value)}{ends}"
