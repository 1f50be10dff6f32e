"""``coder demo``: the main job, end to end, on the project's own sample."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.storage.run import Run

RATER = "author"
"""The rater under whose name the sample's intended codes are kept."""

SHOWN = ("minnowstack/semdex#231", "oakbyte/codewhistle#158", "harborlight/voice-notes#412")
"""Two issues that a code is proposed for, and one that the classifier is not sure of."""


@click.command("demo")
@click.option("--run", "name", default="demo", show_default=True, help="The run's name.")
def command(name: str) -> None:
    """Run the main job on a sample of issues.

    Pre-codes them and reports the agreement; needs no key.

    The sample was written for this project, with the code its author had in mind for each issue. It
    shows what coder does; it says nothing about how well it does on real issues.
    """
    from coder.cli.label import read_label_file
    from coder.cli.propose import propose_with_progress
    from coder.cli.report import show
    from coder.cli.terminal import console, safe
    from coder.codebook import load as codebooks
    from coder.files.resources import PACKAGE, shipped
    from coder.proposers import run_loop as driver
    from coder.report import build_report, write_report
    from coder.sources.issues import load_issues
    from coder.study import Study

    sample = PACKAGE / "sample"
    study = Study.open(model={"name": "embedded"})
    codebook_path = shipped("codebook") / "ptm-reuse.yaml"
    issues = load_issues(sample / "issues.jsonl")
    console.print(
        f"[bold]{len(issues)} sample issues[/], written for this project, each with the code its "
        "author had in mind. The sample is illustrative: it shows what coder does, not how well it "
        "does on real issues.\n"
    )
    run, proposer = driver.start(study, name, codebook_path, issues, ())
    propose_with_progress(run, proposer)
    labels = read_label_file(
        sample / "labels.csv", codebooks.load(codebook_path), run.issues, RATER
    )
    run.add_labels(RATER, labels.labels)
    _show_proposals(run)
    report = build_report(
        run, study=study.name, seed=study.settings.seed, **study.settings.report.model_dump()
    )
    files = write_report(report, run.path / "report")
    show(report)
    console.print(f"\nReport: {safe(files[0])}", soft_wrap=True)
    command = f"{_program()} review {name} --rater YOU"
    console.print(
        f"Next, go through the proposals yourself:  [bold]{safe(command)}[/]", soft_wrap=True
    )


def _program() -> str:
    """How this very shell starts ``coder``: by its name only where the name would find it."""
    called = Path(sys.argv[0])
    found = shutil.which("coder")
    if found and called.stem == "coder" and Path(found).resolve() == called.resolve():
        return "coder"
    if called.stem == "coder" and os.access(called, os.X_OK):
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m coder"


def _show_proposals(run: Run) -> None:
    """A few proposals as a reviewer would see them: code, confidence, evidence, rationale."""
    from rich.panel import Panel

    from coder.cli.terminal import console, safe, safe_lines
    from coder.report.wording import STATUS

    proposals = run.latest_proposals()
    scale = "confidence" if run.manifest.model.get("calibrated") else "similarity"
    for issue_id in SHOWN:
        issue, proposal = run.issues[issue_id], proposals[issue_id]
        lines = [
            f"[bold]{safe(run.first_codebook.path(code.code))}[/] "
            + (f"[dim]{scale} {code.confidence:.2f}[/]" if code.confidence is not None else "")
            for code in proposal.codes
        ] or [f"[yellow]{STATUS[proposal.status]}[/]"]
        lines += [f'  "{safe(_one_line(e.quote))}"' for e in proposal.evidence]
        lines.append(f"[dim]{safe_lines(proposal.rationale)}[/]")
        title = f"{safe(issue_id)}: {safe(_one_line(issue.title))}"
        console.print(Panel("\n".join(lines), title=title, title_align="left"))


def _one_line(text: str, width: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
