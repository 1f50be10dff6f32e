"""``coder package``: a study as one archive that anybody can check."""

from __future__ import annotations

from pathlib import Path

import click

from coder.cli.arguments import run_names


@click.command("package")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=run_names)
@click.option(
    "-o", "--output", required=True, metavar="STUDY.zip",
    type=click.Path(path_type=Path, dir_okay=False), help="Replaced when it exists.",
)  # fmt: skip
@click.option(
    "--no-text", is_flag=True, help="Leave the words of the issues out; ids and URLs stay."
)
@click.option("--pseudonyms", is_flag=True, help="Let raters go by numbers.")
def command(names: tuple[str, ...], output: Path, no_text: bool, pseudonyms: bool) -> None:
    """Pack runs into a replication package.

    coder verify checks it. It holds codebooks with their versions, prompts, labels, decisions,
    proposals, manifests and reports, with a README, how to cite it, licence notes and checksums.
    The same study gives the same bytes.
    """
    from coder.cli.terminal import console, err_console, safe
    from coder.exports.package import package
    from coder.study import Study
    from coder.text.spelling import plural, some

    study = Study.open()
    made = package(study, names, output, text=not no_text, pseudonyms=pseudonyms)
    console.print(
        f"[bold]{safe(output)}[/]: {plural(len(made.record.runs), 'run')}, "
        f"{plural(made.files, 'file')}, {output.stat().st_size / 1e6:.1f} MB",
        soft_wrap=True,
    )
    if made.added:
        console.print(
            f"With {safe(some(made.added))}: these were screened there, or raters saw suggestions "
            "there for the same issues, which tells what is blind.",
            soft_wrap=True,
        )
    for what, lines in (("what looks like a key", made.keys), ("a rater's own name", made.names)):
        if lines:
            where = some([f"{safe(name)} ({plural(n, 'line')})" for name, n in lines.items()])
            err_console.print(f"[yellow]Look at {what} in[/] {where}", soft_wrap=True)
    console.print(f"Next: coder verify {safe(output)}", soft_wrap=True)
