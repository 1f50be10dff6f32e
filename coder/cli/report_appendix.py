"""Writes the methods appendix beside a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.report import Report
    from coder.storage.run import Run
    from coder.study import Study


def write(study: Study, run: Run, report: Report) -> None:
    """``appendix.md`` and ``appendix.tex``, and a word on what the authors have to add."""
    from coder.cli.consent import FILE
    from coder.cli.terminal import console, safe
    from coder.files.atomic_write import write_atomically
    from coder.records import Consent
    from coder.report import appendix, methods
    from coder.storage.journal import Journal

    log = methods.logged(run, Journal(study.runs / FILE, Consent))
    files = {
        "appendix.md": appendix.appendix_markdown(report, log),
        "appendix.tex": appendix.appendix_latex(report, log),
    }
    for name, text in files.items():
        write_atomically(run.path / "report" / name, text)
    console.print(
        f"Methods appendix: {safe(', '.join(files))}. Of its entries "
        f"{appendix.blanks(report, log)} are for you to fill in; they begin with "
        f"{methods.BLANK.strip()!r}"
    )
