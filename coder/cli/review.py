"""``coder review``: opens a run for one rater and hands it to the screen or to the line mode."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.learning import Learner
    from coder.store import Run
    from coder.study import Study

_ORDERS = ("random", "uncertain", "file")


@click.command("review")
@click.argument("name")
@click.option("--rater", required=True, help="Who is reviewing; decisions are kept per rater.")
@click.option("--plain", is_flag=True, help="One command a line, for screen readers and scripts.")
@click.option(
    "--order",
    type=click.Choice(_ORDERS),
    default="random",
    show_default=True,
    help="Only random allows estimates about the issues you do not review.",
)
@click.option(
    "--learn/--no-learn",
    default=None,
    help="Whether later suggestions learn from your answers (built-in classifier only).",
)
def command(name: str, rater: str, plain: bool, order: str, learn: bool | None) -> None:
    """Go through proposals one by one.

    Accept, correct, skip or flag each.

    Every answer is on disk before the next issue shows; the same command goes on where you
    stopped. Without a terminal to draw on, --plain is used by itself.
    """
    from coder.cli.review_words import summary
    from coder.cli.terminal import plain as plain_text
    from coder.queues import Order
    from coder.review import ReviewSession
    from coder.store import Run
    from coder.study import Study

    study = Study.open(review={"learn": learn})
    run = Run.open(study.runs, name)
    session_file = run.decision_journal(rater)
    with session_file.writing("coder review"), _learner(study, run, rater) as learner:
        session = ReviewSession(run, rater, Order(order), suggester=learner)
        if plain or not _can_draw():
            from coder.cli.review_plain import review_plain

            review_plain(session)
        else:
            from coder.cli.screen.app import review_on_screen

            review_on_screen(session)
    if learner is not None and learner.failure:
        click.echo(plain_text(f"suggestions did not learn from your answers: {learner.failure}"))
    click.echo(summary(session))


def _learner(study: Study, run: Run, rater: str) -> AbstractContextManager[Learner | None]:
    from coder.learning import Learner, learns

    if not (study.settings.review.learn and learns(run.manifest)):
        return nullcontext()
    return Learner(run, rater, embedder=study.settings.retrieval.embedder, cache=study.cache)


def _can_draw() -> bool:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"
