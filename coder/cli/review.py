"""``coder review``: opens a run for one rater and hands it to the screen or to the line mode."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import click

from coder.cli.arguments import issue_id, rater_name, run_names

if TYPE_CHECKING:
    from coder.review.learning import Learner
    from coder.review.queues import Only
    from coder.review.session import ReviewSession
    from coder.storage.run import Run
    from coder.study import Study

_ORDERS = ("random", "uncertain", "by-code", "disagreement", "novel", "file")


@click.command("review")
@click.argument("name", shell_complete=run_names)
@click.option(
    "--rater",
    callback=rater_name,
    required=True,
    help="Who is reviewing; decisions are kept per rater.",
)
@click.option("--plain", is_flag=True, help="One command a line, for screen readers and scripts.")
@click.option(
    "--order",
    type=click.Choice(_ORDERS),
    help="Which issues first; the first three allow estimates about the others.  [default: random]",
)
@click.option(
    "--against",
    metavar="RUN",
    shell_complete=run_names,
    help="The other run, for --order disagreement.",
)
@click.option("--code", metavar="CODE", help="Only issues the model gave this code or category.")
@click.option("--repo", help="Only issues of this repository.")
@click.option("--flagged", type=click.Choice(("me", "anyone")), help="Only issues flagged by whom.")
@click.option("--stale", is_flag=True, help="Only answers a change of the codebook made stale.")
@click.option("--issue", metavar="ID", help="Only this issue, also to answer it anew.")
@click.option(
    "--answered", metavar="CODE", help="Only issues you gave this code or category, to go back."
)
@click.option(
    "--slips", is_flag=True, help="Only your answers that lie far from your others with that code."
)
@click.option("--blind", is_flag=True, help="Code every issue before its suggestion is shown.")
@click.option("--blind-share", type=float, help="The same for this share of issues.  [0 to 1]")
@click.option("--holdout", type=float, help="Show no suggestion for this share.  [0 to 1]")
@click.option(
    "--learn/--no-learn",
    default=None,
    help="Whether later suggestions learn from your answers (built-in classifier only).",
)
def command(
    name: str,
    rater: str,
    plain: bool,
    order: str | None,
    against: str | None,
    blind: bool,
    blind_share: float | None,
    holdout: float | None,
    learn: bool | None,
    **limits: Any,
) -> None:
    """Go through proposals one by one.

    Accept, correct, skip or flag each.

    Every answer is on disk before the next issue shows; the same command goes on where you
    stopped. Without a terminal to draw on, --plain is used by itself.
    """
    from coder.cli.review_words import not_blind, summary
    from coder.cli.terminal import plain as plain_text
    from coder.errors import UsageError
    from coder.review.keymap import keymap
    from coder.review.queues import Order
    from coder.review.session import ReviewSession
    from coder.storage.blinding import Shares, salt
    from coder.storage.run import Run
    from coder.study import Study

    if blind and blind_share is not None:
        raise UsageError("--blind and --blind-share exclude each other", "give one of them")
    share = 1.0 if blind else blind_share
    study = Study.open(review={"blind_share": share, "holdout": holdout, "learn": learn})
    settings = study.settings.review
    keys = keymap(study.settings.keys)
    run = Run.open(study.runs, name)
    shares = Shares(settings.blind_share, settings.holdout, salt(run.manifest))
    only = _only(study, run, rater, **limits)
    order = order or (Order.FILE if only.chosen else Order.RANDOM)
    other = Run.open(study.runs, against) if against else None
    if order == Order.NOVEL:
        _say_once(run)
    with ExitStack() as held:
        for journal in (run.decision_journal(rater), run.label_journal(rater)):
            held.enter_context(journal.writing("coder review"))
        learner = held.enter_context(_learner(study, run, rater))
        session = ReviewSession(
            run, rater, Order(order), only, other, shares=shares, keys=keys, suggester=learner
        )
        for line in not_blind(session.view):
            click.echo(line, err=True)
        _go_through(session, plain)
    if learner is not None and learner.failure:
        click.echo(plain_text(f"suggestions did not learn from your answers: {learner.failure}"))
    click.echo(summary(session.view))


def _only(
    study: Study,
    run: Run,
    rater: str,
    code: str | None,
    repo: str | None,
    flagged: Literal["me", "anyone"] | None,
    stale: bool,
    issue: str | None,
    answered: str | None,
    slips: bool,
) -> Only:
    """Which issues are asked for, by the options that limit them."""
    from coder.codebook.load import resolver
    from coder.review.queues import Only

    resolve = resolver(run.codebook)
    return Only(
        code=resolve(code) if code else "",
        repo=repo or "",
        flagged=flagged or "",
        stale=stale,
        answered=resolve(answered) if answered else "",
        issue=issue_id(run, issue) if issue else "",
        slips=_slips(study, run, rater) if slips else (),
    )


def _slips(study: Study, run: Run, rater: str) -> tuple[str, ...]:
    from coder.retrieval.embedders import is_code, open_embedder
    from coder.retrieval.embedding_cache import FILE, remembered
    from coder.review.label_errors import likely_slips

    setting = study.settings.retrieval.embedder
    # Code of others may send elsewhere the whole texts it is given.
    masked = study.settings.model.redact and is_code(setting)
    encoder = open_embedder("none" if masked else setting, study.root)
    click.echo("Comparing your answers with each other.", err=True)
    kept = remembered(encoder, study.cache / FILE) if encoder is not None else None
    return likely_slips(run, rater, kept)


def _learner(study: Study, run: Run, rater: str) -> AbstractContextManager[Learner | None]:
    from coder.review.learning import Learner, learns

    if not (study.settings.review.learn and learns(run.manifest)):
        return nullcontext()
    return Learner(run, rater, embedder=study.settings.retrieval.embedder, cache=study.cache)


def _go_through(session: ReviewSession, plain: bool) -> None:
    if plain or not can_draw():
        from coder.cli.review_plain import review_plain

        review_plain(session)
    else:
        from coder.cli.screen.review import review_on_screen

        review_on_screen(session)


def can_draw() -> bool:
    # Textual draws on the standard error.
    is_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


def _say_once(run: Run) -> None:
    """Before the words of all issues are compared, which takes seconds for many thousands."""
    from coder.review.queues import novelty_file

    if not novelty_file(run).exists():
        click.echo("Comparing the words of all issues; kept for the next time.", err=True)
