"""``coder doctor``: what is present, what is missing, and what to do about it."""

from __future__ import annotations

import click


@click.command("doctor")
def command() -> None:
    """Say what is missing, and how to mend it.

    Looks at models, keys, embedder, token files and the study folder.

    Exits with an error when the model this study is set to cannot run.
    """
    from coder.cli.terminal import console, safe
    from coder.doctor import examine
    from coder.errors import ModelError
    from coder.study import Study

    findings = examine(Study.open())
    marks = {True: "[green]ok[/]      ", False: "[red]missing[/] ", None: "[dim]optional[/]"}
    for finding in findings:
        # Not a table: its columns would break paths, which people copy.
        console.print(
            f"{marks[finding.ok]}  {safe(finding.what)}: {safe(finding.found)}", soft_wrap=True
        )
        if finding.remedy:
            console.print(f"{'':10}→ {safe(finding.remedy)}", soft_wrap=True)
    broken = [finding for finding in findings if finding.ok is False]
    if broken:
        raise ModelError(f"{broken[0].what}: {broken[0].found}", broken[0].remedy)
