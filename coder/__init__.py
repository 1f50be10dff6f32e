"""LLM-assisted qualitative coding of issues: propose, review in the terminal, audit the agreement.

The packages, from the ground up; imports run downwards only, which ``pyproject.toml`` holds:

    telemetry     every switch that keeps dependencies from calling home
    errors        what a user can act on: a message, a hint, an exit code
    escaping      control characters and formulas, for files that people open
    addresses     of servers, in one form; which are one's own
    records/      every data type; canonical JSON; content hashes
    files/        bounded reading, atomic writing, caches, permissions, where shipped files are
    text/         structure of an issue, evidence, injection, redaction, spellings, templates
    study         the study folder and its settings
    agreement/    the statistics, pure: coefficients, alternative annotator test, calibration ...
    codebook/     YAML, .qdc, tables <-> Codebook; names, search, changes, crosswalks, translation
    retrieval/    embedders, kept vectors, index, search by words, rank fusion, near-duplicates
    storage/      run folder, journals, blinding, intra-rater passes, sampling, history, merge
    sources/      other people's files -> issues and labels
    fetch/        issues from GitHub's API, kept page by page
    proposers/    issue -> proposal: the loop of a run, costs; embedded/ and chat/ propose
    revision/     a codebook during a study: new version, migration of runs, code suggestions
    cleaning/     issues -> those worth coding; what is set aside, by which rule
    ratings/      who said what about which issue, made comparable; resolved labels; final codes
    review/       session, queues, learning, adjudication, assignments
    audit/        what a run's files prove, and what its model says when asked again
    report/       run -> tables, figures, Markdown, JSON, HTML, LaTeX, CSV
    pipeline      a study as one file: its stages, and which are due
    compare/      several runs of the same issues; which conclusions hang on the settings
    exports/      the coded data for other programs; the replication package, and what checks one
    doctor        what is present and what is missing
    cli/          one file per verb, and all that touches a terminal
"""

import sys
from typing import TYPE_CHECKING

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # For ``python -m coder`` python looks for modules in the current folder first, the standard
    # library's too. That is a study, which may be anybody's: nothing in it is code.
    del sys.path[0]

from coder.telemetry import switch_off

switch_off()

if TYPE_CHECKING:
    from coder.codebook.load import load as load_codebook
    from coder.errors import CoderError
    from coder.exports.load import load
    from coder.records import (
        Call,
        Codebook,
        Decision,
        Estimate,
        Issue,
        Label,
        Manifest,
        Proposal,
    )  # fmt: skip
    from coder.report import Report, build_report, write_report
    from coder.storage.run import Run
    from coder.study import Study

__all__ = [
    "Call", "Codebook", "CoderError", "Decision", "Estimate", "Issue", "Label", "Manifest",
    "Proposal", "Report", "Run", "Study", "build_report", "load", "load_codebook", "write_report",
]  # fmt: skip

_HOMES = {
    "coder.codebook.load": {"load_codebook": "load"},
    "coder.errors": {"CoderError": "CoderError"},
    "coder.exports.load": {"load": "load"},
    "coder.report": {name: name for name in ("Report", "build_report", "write_report")},
    "coder.storage.run": {"Run": "Run"},
    "coder.study": {"Study": "Study"},
}
"""Where what is public lives, by the name it has there; all else is in ``coder.records``."""


def __getattr__(name: str) -> object:
    """What is public, imported when it is first asked for: ``coder --help`` imports none of it."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'coder' has no attribute {name!r}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), names[name])
    return getattr(import_module("coder.records"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
