"""``coder screen``: how many issues a screening keeps, on whose word, and what it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.ratings.delivered import RunAnswers
    from coder.ratings.screened import Where
    from coder.records import Issue, Screening
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
    from coder.report.screening_words import how_to_learn, lines
    from coder.report.write import to_json
    from coder.study import Study

    asked, answers, certified = _read(Study.open(), where)
    _, found = screening_report(answers, asked, certified=certified)
    for line in [*lines(found), *how_to_learn(found)]:
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
