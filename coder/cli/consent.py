"""Asks, once per study and server, whether issue texts may leave this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.records import Issue
    from coder.study import Study

FILE = "consent.jsonl"


def require(study: Study, issues: Sequence[Issue], agreed: str | None) -> None:
    """Go on only if texts stay here, or somebody has agreed that they leave.

    ``agreed`` is the host named on the command line. Raises ``UsageError`` when nobody has agreed
    and nobody can be asked, and ``click.Abort`` when the answer is no.
    """
    if study.settings.model.name == "embedded":
        return
    from coder.errors import UsageError
    from coder.journal import Journal
    from coder.proposers.providers import endpoint
    from coder.records import Consent

    to = endpoint(study)
    if to.is_own:
        return
    redacted = study.settings.model.redact
    journal = Journal(study.runs / FILE, Consent)
    given = [consent for consent in journal if consent.host == to.host]
    # Who agreed to masked texts has not agreed to whole ones.
    if any(redacted or not consent.redacted for consent in given):
        return
    if agreed != to.host:
        if not sys.stdin.isatty():
            raise UsageError(
                f"{len(issues):,} issue texts would go to {to.host}, and nobody has agreed to that "
                "in this study",
                f"run it once in a terminal, or add: --send-to {to.host}",
            )
        _say(to.host, to.provider, issues, redacted)
        click.confirm("Send them?", abort=True)
    with journal.writing("coder propose"):
        journal.append([Consent(host=to.host, provider=to.provider, redacted=redacted)])


def _say(host: str, provider: str, issues: Sequence[Issue], redacted: bool) -> None:
    from coder.cli.terminal import console, safe
    from coder.sensitive import holds_key

    console.print(
        f"The texts of {len(issues):,} issues will go to {safe(host)} ({safe(provider)})."
    )
    if redacted:
        console.print("E-mail addresses, keys, user names and IP addresses in them are masked.")
        return
    keys = sum(holds_key(issue.text) for issue in issues)
    if keys:
        console.print(
            f"[yellow]{keys:,} of them hold what looks like a secret key; --redact masks it.[/]"
        )
