"""The methods appendix of a paper: a paragraph to correct, and what guidelines ask for."""

from __future__ import annotations

import re

from coder.report.escaping import LETTERS_DEFINED, latex, markdown, one_line
from coder.report.methods import (
    BLANK,
    Logged,
    failures,
    parameters,
    prompt,
    topics,
    when,
    where,
)
from coder.report.model import Report
from coder.report.sentences import headline, headline_sentence, sample
from coder.report.wording import describe_model, figure, plural, title

_HASH = re.compile(r"[0-9a-f]{16}(?=[0-9a-f])")


def appendix_markdown(report: Report, log: Logged) -> str:
    """``appendix.md``; every text is escaped, every blank is bold."""
    blocks = [
        f"# Methods appendix: {_md(report.run.name)}"
        + (f" · {_md(report.study)}" if report.study else ""),
        _md(paragraph(report, log)),
    ]
    for topic in topics(report, log):
        rows = [f"| {_md(what)} | {_md(said)} |" for what, said in topic.entries]
        blocks += [f"## {_md(topic.name)}", "\n".join(["| | |", "| --- | --- |", *rows])]
    return "\n\n".join(blocks) + "\n"


def appendix_latex(report: Report, log: Logged) -> str:
    """``appendix.tex``: the same, as lists, which go on over pages and columns."""
    run = one_line(report.run.name) + (f" of {one_line(report.study)}" if report.study else "")
    lines = [
        f"% Methods appendix of run {run}, made by coder report --appendix.",
        r"% In the preamble, for pdfLaTeX: \usepackage[T1]{fontenc}",
        LETTERS_DEFINED,
        "",
        _tex(paragraph(report, log)),
    ]
    for topic in topics(report, log):
        rows = [rf"  \item[{{{_tex(what)}}}] {_tex(said)}" for what, said in topic.entries]
        lines += [
            "", rf"\paragraph{{{_tex(topic.name)}}}", r"{\sloppy", r"\begin{description}", *rows,
            r"\end{description}}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _md(text: str) -> str:
    return markdown(text).replace(BLANK.strip(), f"**{BLANK.strip()}**")


def _tex(text: str) -> str:
    breakable = _HASH.sub(r"\g<0>\\allowbreak{}", latex(text))
    return breakable.replace(BLANK.strip(), rf"\textbf{{{BLANK.strip()}}}")


def paragraph(report: Report, log: Logged) -> str:
    """The methods in a paragraph that can be pasted and then corrected."""
    run, cover, book = report.run, report.coverage, report.codebook
    issues = f"{plural(cover.issues, 'issue')}{where(report)}"
    if chosen := sample(report):
        issues += f", {chosen},"
    parts = [
        f"We used {describe_model(run.model)} to propose codes for {issues} by the codebook "
        f"“{book.name}”, version {book.version}, with issue-coder "
        f"{run.versions.get('issue-coder', BLANK + 'version')}.",
        f"The model answered {when(log)}.",
        f"It gave {cover.answered:,} answers; {failures(report)}.",
    ]
    if run.model.get("kind") == "llm":
        parts.append(f"It was asked with {prompt(run.model)} and {parameters(run.model)}.")
    parts.append(f"{_raters(report)}.")
    if (pair := headline(report)) is not None:
        parts.append(headline_sentence(report))
        parts.append(
            f"Cohen's kappa of {title(pair)} is {figure(pair.cohen_kappa)}, Gwet's AC1 "
            f"{figure(pair.gwet_ac1)}; intervals are 95%."
        )
    parts.append(f"{BLANK}what the model's codes were used for, and why a model was used.")
    return " ".join(parts)


def _raters(report: Report) -> str:
    labelled = [r for r in report.coverage.raters if r.blind_labels]
    if not labelled:
        return "Nobody gave blind labels"
    listed = ", ".join(f"{r.rater} ({plural(r.blind_labels, 'issue')})" for r in labelled)
    return f"Labels given before the rater saw any suggestion: {listed}"


def blanks(report: Report, log: Logged) -> int:
    """How many entries are left to the authors."""
    return sum(BLANK in said for topic in topics(report, log) for _, said in topic.entries)
