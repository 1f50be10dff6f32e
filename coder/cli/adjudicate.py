"""``coder adjudicate``: opens a run's disagreements on the screen or in the line mode."""

from __future__ import annotations

import click

from coder.cli.arguments import issue_id, open_run, rater_name, run_names


@click.command("adjudicate")
@click.argument("name", shell_complete=run_names)
@click.option("--by", callback=rater_name, required=True, help="Who resolves the disagreements.")
@click.option("--anonymous", is_flag=True, help="Call raters A and B, in an order of its own each.")
@click.option("--assisted", is_flag=True, help="Also take answers given after a suggestion.")
@click.option("--issue", metavar="ID", help="Only this issue, also to resolve it anew.")
@click.option("--plain", is_flag=True, help="One command a line, for screen readers and scripts.")
def command(
    name: str, by: str, anonymous: bool, assisted: bool, issue: str | None, plain: bool
) -> None:
    """Resolve disagreements between raters.

    Walks the issues of run NAME that its raters labelled differently, all labels and memos in
    sight, and keeps what was agreed on with its reason.

    Every answer is on disk before the next issue shows; the same command goes on where you
    stopped. Only blind labels are compared, unless --assisted.
    """
    from coder.cli.adjudicate_words import set_aside, summary
    from coder.cli.review import can_draw
    from coder.review.adjudication import AdjudicationSession

    run = open_run(name)
    only = issue_id(run, issue) if issue else ""
    with run.adjudications.writing("coder adjudicate"):
        session = AdjudicationSession(run, by, assisted=assisted, anonymous=anonymous, only=only)
        for line in set_aside(session):
            click.echo(line, err=True)
        if session.progress.total == 0:
            pass
        elif plain or not can_draw():
            from coder.cli.adjudicate_plain import adjudicate_plain

            adjudicate_plain(session)
        else:
            from coder.cli.screen.adjudicate import adjudicate_on_screen

            adjudicate_on_screen(session)
    click.echo(summary(session))
