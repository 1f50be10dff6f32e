"""``coder verify``: checks a replication package."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("archive", metavar="STUDY.zip", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--issues", "issues_file", metavar="ISSUES.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Fetched again: tell which texts are still those that were coded.",
)  # fmt: skip
def command(archive: Path, issues_file: Path | None) -> None:
    """Check a replication package.

    Its sums, its journals, its hashes, and each report, which is made again.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import RunError
    from coder.exports.verify import verify
    from coder.sources.issues import load_issues
    from coder.text.spelling import plural

    found = verify(archive, load_issues(issues_file) if issues_file else ())
    for check in found.checks:
        mark = "[red]wrong[/]" if check.wrong else "[green]holds[/]"
        note = f" [dim]{safe(check.note)}[/]" if check.note else ""
        console.print(f"{mark}  {safe(check.what)}{note}", soft_wrap=True)
        for wrong in check.wrong[:20]:
            console.print(f"       {safe(wrong)}", soft_wrap=True)
        if len(check.wrong) > 20:
            console.print(f"       and {len(check.wrong) - 20:,} more")
    if not found.holds:
        failed = sum(bool(check.wrong) for check in found.checks)
        raise RunError(
            f"{plural(failed, 'check')} of {archive} {'does' if failed == 1 else 'do'} not hold",
            "what is wrong is named above",
        )
