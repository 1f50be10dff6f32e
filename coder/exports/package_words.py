"""The pages of a replication package that people read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from coder.report import Report
from coder.text.spelling import plural

if TYPE_CHECKING:
    from coder.exports.package import PackageRecord


def readme(record: PackageRecord, reports: Mapping[str, Report]) -> str:
    """What the package holds, run by run, and how to check it."""
    text = (
        "The issues are whole, as they were coded."
        if record.text
        else "The words of the issues are left out: `issues.csv` of each run names them, with the "
        "hash of each text. What was sent to models is left out as well, and quotations are empty; "
        "rationales and memos are as they were written. With the issues fetched again, "
        "`coder verify PACKAGE --issues FILE` tells which texts are still the ones that were coded."
    )
    people = (
        "Raters go by numbers; their memos are as they wrote them."
        if record.pseudonyms
        else "Raters go by the names they coded under."
    )
    parts = [
        f"# Replication package: {record.study or 'coded issues'}",
        f"Made with coder {record.coder} (`issue-coder` on the Python Package Index).",
        f"{text} {people}",
        "## Runs",
        "\n".join(_run(name, report) for name, report in reports.items()),
        "## What is where",
        _WHERE,
        "## How to check it",
        "```\npip install issue-coder\ncoder verify PACKAGE.zip\n```",
        "That checks every file against `checksums.sha256`, every line of every journal against "
        "the one after it, every hash in the manifests against what it is of, and makes each "
        "report again: it must come out the same, byte for byte. Without coder: "
        "`sha256sum -c checksums.sha256`.",
    ]
    return "\n\n".join(parts) + "\n"


_WHERE = """\
- `study.toml`, `codebook/`, `prompts/`: the settings, codebooks and prompts of the study, where it
  has its own; `runs/stages.jsonl`: what was run, when, from which files.
- `runs/NAME/manifest.json`, `codebook.yaml`, `codebooks/`: what the run was made of, every version
  of its codebook.
- `runs/NAME/issues.jsonl`, `issues.csv`: the issues; their names alone, with the hash of each text.
- `runs/NAME/labels/`: blind labels, one file a rater; `decisions/`: what raters did with a
  suggestion before them; `adjudications.jsonl`: disagreements that were resolved.
- `runs/NAME/proposals.jsonl`: what the model proposed, with its rationales.
- `runs/NAME/report/`: the agreement report, as a page, Markdown, JSON, LaTeX and CSV tables."""


def _run(name: str, report: Report) -> str:
    made = report.run
    blind = sum(one.blind_labels for one in report.coverage.raters)
    return (
        f"- `{name}`: {plural(made.issues, 'issue')}, codebook {made.codebook_id} "
        f"{made.codebook_version}, model {made.model.get('name', 'unknown')}, "
        f"{plural(blind, 'blind label')} by {plural(len(report.coverage.raters), 'rater')}"
    )


def licences(record: PackageRecord) -> str:
    """Whose the parts are; what the package's makers have to decide is said to be open."""
    issues = (
        "The texts of the issues are their writers'. They are given here as they were read, for "
        "checking the study; their terms are those of the projects and of the site they come from."
        if record.text
        else "The texts of the issues are not in this package."
    )
    return (
        f"# Licences\n\n{issues}\n\nCodebooks, labels, decisions, memos and reports are the work "
        "of those who made the study; unless they say otherwise in this file or in CITATION.cff, "
        "all rights are theirs. The software that made the package, and the codebooks and prompts "
        "that come with it, are under the Apache License 2.0.\n"
    )


def citation(record: PackageRecord) -> str:
    """A CITATION.cff for a study that has none of its own."""
    name = record.study or "Coded issues"
    fields = {
        "cff-version": "1.2.0",
        "message": "If you use this data set, please cite it.",
        "type": "dataset",
        "title": f"Replication package: {name}",
        "authors": [{"name": f"The authors of {name}"}],
        "references": [
            {
                "type": "software",
                "title": "coder: LLM-assisted qualitative coding of GitHub issues",
                "version": record.coder,
                "authors": [{"name": "The authors of coder"}],
            }
        ],
    }
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
