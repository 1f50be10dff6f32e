"""``coder review``: opens a run for one rater and hands it to the screen or to the line mode."""

from __future__ import annotations

import os
import sys

import click

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
@click.option("--blind", is_flag=True, help="Code every issue before its suggestion is shown.")
@click.option("--blind-share", type=float, help="The same for this share of issues.  [0 to 1]")
@click.option("--holdout", type=float, help="Show no suggestion for this share.  [0 to 1]")
def command(
    name: str,
    rater: str,
    plain: bool,
    order: str,
    blind: bool,
    blind_share: float | None,
    holdout: float | None,
) -> None:
    """Go through proposals one by one.

    Accept, correct, skip or flag each.

    Every answer is on disk before the next issue shows; the same command goes on where you
    stopped. Without a terminal to draw on, --plain is used by itself.
    """
    from coder.cli.review_words import summary
    from coder.errors import UsageError
    from coder.keymap import keymap
    from coder.modes import Shares, salt
    from coder.queues import Order
    from coder.review import ReviewSession
    from coder.store import Run
    from coder.study import Study

    if blind and blind_share is not None:
        raise UsageError("--blind and --blind-share exclude each other", "give one of them")
    share = 1.0 if blind else blind_share
    study = Study.open(review={"blind_share": share, "holdout": holdout})
    settings = study.settings.review
    keys = keymap(study.settings.keys)
    run = Run.open(study.runs, name)
    shares = Shares(settings.blind_share, settings.holdout, salt(run.manifest))
    decisions, labels = run.decision_journal(rater), run.label_journal(rater)
    with decisions.writing("coder review"), labels.writing("coder review"):
        session = ReviewSession(run, rater, Order(order), shares=shares, keys=keys)
        if plain or not can_draw():
            from coder.cli.review_plain import review_plain

            review_plain(session)
        else:
            from coder.cli.screen.app import review_on_screen

            review_on_screen(session)
    click.echo(summary(session))


def can_draw() -> bool:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"
