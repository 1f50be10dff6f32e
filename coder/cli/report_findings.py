"""What a run concludes beyond agreement, on the terminal: a line or two each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coder.cli.tables import table

if TYPE_CHECKING:
    from coder.report import Report
    from coder.report.model import Corrected


def show_findings(report: Report) -> None:
    """Print the conclusions in short, and the corrected counts by category where there are any."""
    from coder.cli.terminal import console, safe
    from coder.report import conclusions

    lines = list(conclusions.in_short(report))
    if lines:
        console.print("\n[bold]What may be concluded[/]")
    for about, said in lines:
        console.print(f"[bold]{safe(about)}.[/] {safe(said)}")
    for found in report.corrected:
        if found.level == "category" and found.sampling != "all":
            _counts(report, found)


def _counts(report: Report, found: Corrected) -> None:
    from coder.cli.terminal import console, safe
    from coder.report import conclusions, wording

    names = wording.Names(report)
    level = names.level(found.level)
    shares = table("Share of all issues", level, "model", "labels", "corrected")
    for share in conclusions.shown(found):
        alone = share.labels.value
        shares.add_row(
            safe(names.name(share.code)),
            f"{share.model:.1%}",
            "–" if alone is None else f"{alone:.1%}",
            conclusions.percent(share.corrected),
        )
    console.print(shares)
