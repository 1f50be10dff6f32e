"""LLM-assisted qualitative coding of issues: propose, review in the terminal, audit the agreement.

The map, from the ground up; imports run downwards only:

    telemetry     every switch that keeps dependencies from calling home
    errors        what a user can act on: a message, a hint, an exit code
    escaping      control characters and formulas, for files that people open
    addresses     of servers, in one form; which are one's own
    records       every data type; canonical JSON; content hashes
    reading       text files and lines, never more than a set size
    sqlite_cache  a cache that several processes share and that damage empties
    atomic_write  files that appear once they are whole
    spelling      spellings of ids and codes that mean the same
    resources     finds prompts and codebooks: path given > study folder > shipped
    codebook      YAML -> Codebook, every problem with its line; names -> codes
    codebook_changes  two versions of a codebook -> what changed, and what an answer is then
    study         the study folder and its settings
    text          the structure of an issue's text: sentences, code, logs, template parts
    evidence      finds quotes in the text
    injection     finds text that speaks to a model
    agreement/    the statistics, pure functions
    durations     how long issues stayed open, and whether that differs between codes
    journal       append-only JSON Lines, chained by hash
    permissions   what a study may do on this machine, kept outside the study
    sensitive     finds keys, passwords, addresses and user names in a text
    redact        masks them in what is sent
    templates     the language of prompt templates: data and no code, bounded in work
    prompts       versioned templates, rendered into messages
    retrieval/    embedders and the index of labelled issues
    sources/      other people's files -> issues and labels
    store         the run folder
    proposers/    issue -> proposal: the embedded classifier, any chat model
    migration  a run under several versions of its codebook: what is carried over or stale
    propose       makes or resumes a run
    history       what a rater has done, from both of their files
    exposure      what each person has seen of the model, in any run of the study
    intra_rater  one person who codes twice: ann and ann.2
    plural        counts in words: 1 issue, 2 issues
    blinding  whose suggestion is hidden until, or for ever
    keymap        the review's keys
    new_version  makes the next version of a codebook
    code_suggestions  what a codebook does not cover, as candidate codes
    review        the state machine of a review
    merge         takes another copy of a run into this one
    learning      suggestions that learn from a rater's answers, by the learning_worker
    training_labels  which labelled issues a run's model can have learnt from
    audit/        what a run's files prove, and what its model says when asked again
    ratings/      the levels answers are compared at, and why an issue is in no comparison
    report/       run -> tables, figures, Markdown, JSON, HTML, LaTeX, CSV
    adjudication  the state machine of resolving disagreements
    compare/      several runs of the same issues; which conclusions hang on the settings
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
    from coder.codebook import load as load_codebook
    from coder.errors import CoderError
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
    from coder.store import Run
    from coder.study import Study

__all__ = [
    "Call", "Codebook", "CoderError", "Decision", "Estimate", "Issue", "Label", "Manifest",
    "Proposal", "Report", "Run", "Study", "build_report", "load_codebook", "write_report",
]  # fmt: skip

_HOMES = {
    "coder.codebook": {"load_codebook": "load"},
    "coder.errors": {"CoderError": "CoderError"},
    "coder.report": {name: name for name in ("Report", "build_report", "write_report")},
    "coder.store": {"Run": "Run"},
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
