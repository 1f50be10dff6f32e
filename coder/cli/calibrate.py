"""``coder calibrate``: makes confidences mean what they say, by a rater's blind labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import open_run, rater_name, run_names

if TYPE_CHECKING:
    from coder.records import Calibration

_NAMES = {"platt": "Platt scaling", "isotonic": "isotonic regression"}
_SOURCES = {
    "agreement": "by the agreement of samples",
    "likelihood": "by the server's log-probabilities",
    "stated": "as the model stated it",
    "model": "of the classifier",
}


@click.command("calibrate")
@click.argument("name", shell_complete=run_names)
@click.option("--rater", callback=rater_name, help="Whose blind labels; by default who has most.")
def command(name: str, rater: str | None) -> None:
    """Fit the confidences of run NAME to blind labels.

    Where that lowers the cross-validated Brier score, review and report show the fitted
    confidence from then on. The proposals themselves stay as they are.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import RunError
    from coder.report.calibrate import calibrate

    run = open_run(name)
    made = calibrate(run, rater)
    if not made:
        raise RunError(
            f"no proposal of run {run.name!r} has both a confidence and a blind label",
            "label some of its issues: coder label import",
        )
    with run.calibrations.writing("coder calibrate"):
        run.calibrations.append(made)
    for one in made:
        console.print(safe(_said(one)), soft_wrap=True)


def _said(made: Calibration) -> str:
    pairs = f"{made.proposals:,} proposed code{'' if made.proposals == 1 else 's'}"
    told = f"Confidence {_SOURCES[made.source]}: {pairs} against the labels of {made.rater}."
    if made.method == "identity":
        return f"{told} It stays as it is: {made.note}."
    return (
        f"{told} {_NAMES[made.method].capitalize()} lowers the Brier score from "
        f"{made.brier_before:.3f} to {made.brier_after:.3f} (cross-validated)."
    )
