"""The flow of issues as words: lines for a terminal, Markdown, and a table for a paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coder.report.escaping import LETTERS_DEFINED, one_line
from coder.report.escaping import markdown as escaped
from coder.report.flow_model import Flow
from coder.report.grids import Grid
from coder.report.latex import draw

CAPTION = "Flow of issues"


def terminal_lines(flow: Flow) -> list[str]:
    """One line a step and one for each reason, the numbers below each other."""
    wide = max((len(f"{step.n:,}") for step in flow.steps), default=0)
    lines = []
    for step in flow.steps:
        source = f"  ({step.source})" if step.source else ""
        lines.append(f"{step.n:>{wide},}  {step.what}{source}")
        lines += [f"{'':{wide}}    {count.n:,} {count.what}" for count in step.of]
        lines += [f"{'':{wide}}  - {count.n:,} {count.what}" for count in step.left_out]
    return lines


def markdown(flows: Sequence[Flow]) -> str:
    """A table for each flow; what cannot be told stands below it."""
    parts = []
    for flow in flows:
        rows = [f"| {n} | {escaped(what)} | {escaped(out)} |" for n, what, out in _rows(flow)]
        gaps = [f"- Not known: {escaped(gap)}." for gap in flow.gaps]
        head = [f"## {CAPTION}, run {escaped(flow.run)}", ""]
        table = ["| n | | left out |", "|---:|---|---|", *rows]
        parts.append("\n".join([*head, *table, *([""] if gaps else []), *gaps]) + "\n")
    return "\n".join(parts)


def latex(flows: Sequence[Flow]) -> str:
    """A ``table`` for each flow."""
    head = (
        "% Made by coder flow. In the preamble: \\usepackage{booktabs}, and for pdfLaTeX "
        "\\usepackage[T1]{fontenc}\n" + LETTERS_DEFINED + "\n"
    )
    return head + "\n" + "\n".join(draw(_grid(flow)) for flow in flows)


def sentence(flow: Flow) -> str:
    """The steps before the run itself in one phrase; empty where none is known."""
    said = []
    for step in flow.steps[:-2]:
        less = ", ".join(f"{count.n:,} {count.what}" for count in step.left_out)
        said.append(f"{step.n:,} {step.what}" + (f" (left out: {less})" if less else ""))
    return "; ".join([*said, *(f"not known: {gap}" for gap in flow.gaps)]) if said else ""


def _grid(flow: Flow) -> Grid:
    rows = tuple((what, out, n) for n, what, out in _rows(flow))
    gaps = tuple(f"Not known: {gap}." for gap in flow.gaps)
    name = f"flow-{flow.run}"
    return Grid(name, f"{CAPTION}, run {one_line(flow.run)}", ("", "left out", "n"), rows, 2, gaps)


def _rows(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """How many, of what, and the reason for which others are left out."""
    for step in flow.steps:
        yield f"{step.n:,}", step.what, ""
        for count in step.of:
            yield f"{count.n:,}", f"of these {count.what}", ""
        for count in step.left_out:
            yield f"{count.n:,}", "", count.what
