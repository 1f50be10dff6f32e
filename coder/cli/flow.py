"""``coder flow``: how many issues there were at each step of a study, and why others left."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from coder.report.flow_model import Flow

ENDINGS = (".md", ".tex", ".json", ".svg", ".pdf")


@click.command("flow")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=run_names)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write it: .md, .tex, .json, or a figure as .svg or .pdf.",
)
def command(runs: tuple[str, ...], output: Path | None) -> None:
    """Show how many issues each step of a study left.

    Every number is computed from what files hold: the records beside fetched, imported,
    cleaned and sampled files, the runs, and what people and models answered. A step that
    cannot be tied to the one before is named.
    """
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.files.atomic_write import write_atomically
    from coder.report.flow import build_flows
    from coder.report.flow_text import terminal_lines
    from coder.report.model import Choices
    from coder.study import Study

    if output is not None and output.suffix not in ENDINGS:
        raise UsageError(f"{output}: no such format", f"a name that ends in {', '.join(ENDINGS)}")
    study = Study.open()
    choices = Choices(**study.settings.report.model_dump(exclude={"draws"}))
    flows = build_flows(study.runs, runs, choices)
    for flow in flows:
        console.print(f"[bold]Run {safe(flow.run)}[/]")
        for line in terminal_lines(flow):
            console.print(safe(line), soft_wrap=True)
        for gap in flow.gaps:
            console.print(f"[yellow]Not known[/]: {safe(gap)}", soft_wrap=True)
    if output is not None:
        write_atomically(output, _written(flows, output))
        console.print(f"Written: {safe(output)}", soft_wrap=True)


def _written(flows: list[Flow], output: Path) -> str | bytes:
    import json

    from coder.escaping import json_text
    from coder.report import flow_text

    if output.suffix == ".md":
        return flow_text.markdown(flows)
    if output.suffix == ".tex":
        return flow_text.latex(flows)
    if output.suffix in (".svg", ".pdf"):
        return _drawn(flows, output.suffix)
    dumped = [flow.model_dump(mode="json") for flow in flows]
    return json_text(json.dumps(dumped, indent=2, ensure_ascii=False)) + "\n"


def _drawn(flows: list[Flow], ending: str) -> str | bytes:
    from coder.errors import UsageError
    from coder.report.flow_figure import plot

    if len(flows) > 1:
        names = ", ".join(flow.run for flow in flows)
        raise UsageError(f"a figure shows one flow, not those of {names}", "name one of the runs")
    figure = plot(flows[0])
    if ending == ".svg":
        return figure.drawing.svg(figure.title, figure.caption)
    if not (find_spec("typst") and find_spec("font_roboto")):
        raise UsageError(".pdf needs typst and Roboto", "pip install 'issue-coder[figures]'")
    from coder.report.paper import pdf

    return pdf(figure)
