"""Asks, once per study on this machine, whether the embedder that a study names may be run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.study import Study


def require(study: Study, issues: int) -> None:
    """Go on only if no code of others is run on the texts of the study, or the user allows it.

    Raises ``UsageError`` when nobody has and nobody can be asked, and ``click.Abort`` when the
    answer is no.
    """
    setting = study.settings.retrieval.embedder
    if not setting.startswith("langchain:"):
        return
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.files.permissions import permit
    from coder.retrieval.embedders import VARIABLE, is_allowed, subject
    from coder.text.spelling import plural

    model = study.settings.model
    masked = model.redact and model.name != "embedded"
    if is_allowed(setting, study.root, masked=masked):
        return
    module, _, name = setting.removeprefix("langchain:").partition(":")
    if not sys.stdin.isatty():
        raise UsageError(
            f"this study would run code that it names, {name} of {module}, and nobody has allowed "
            "that on this machine",
            f"run it once in a terminal, or set {VARIABLE}={setting} in the environment",
        )
    console.print(
        f"This study names code to run as its embedder: {safe(name)} of {safe(module)}, as it is "
        f"installed here. It is given the {'masked ' if masked else ''}texts of "
        f"{plural(issues, 'issue')}, of labelled issues and of the codebook, and may send them "
        "elsewhere.",
        soft_wrap=True,
    )
    click.confirm("Run it?", abort=True)
    permit(study.root, subject(setting, masked=masked))
