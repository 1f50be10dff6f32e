"""Warns that what was written would keep people from labelling blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.storage.run import Run


def warn_raters(run: Run) -> None:
    """Say who should not read what the model said of single issues, and what they may read."""
    from coder.cli.terminal import err_console, safe
    from coder.report.blind_view import still_blind
    from coder.report.wording import plural

    left = ", ".join(f"{rater} {count:,}" for rater, count in still_blind(run).items())
    if run.raters() and not left:
        return
    whom = (
        f"still labels blind ({left} of {plural(len(run.issues), 'issue')})"
        if left
        else ("is to label blind")
    )
    err_console.print(
        f"What the model said of single issues is in it: not for whoever {safe(whom)}."
    )
    err_console.print(f"For them: coder report {safe(run.name)} --for-raters", soft_wrap=True)
