"""Asks, once per study and server, whether issue texts may leave this machine."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coder.proposers.chat.providers import Endpoint
    from coder.records import Issue
    from coder.study import Study

FILE = "consent.jsonl"
"""In the study's runs: what was agreed to, for the report. It allows nothing; what the user has
allowed is kept outside the study, see :mod:`coder.files.permissions`."""

send_to = click.option(
    "--send-to",
    metavar="HOST",
    multiple=True,
    help="Agree that issue texts go to this server; again for a proxy that can read them.",
)


def require(study: Study, issues: Sequence[Issue], agreed: Collection[str]) -> None:
    """Go on only if texts stay here, or the user has agreed that they leave.

    ``agreed`` are the hosts named on the command line. Raises ``UsageError`` when nobody has agreed
    and nobody can be asked, and ``click.Abort`` when the answer is no.
    """
    if study.settings.model.name == "embedded":
        return
    from coder.files.permissions import permit, permitted
    from coder.proposers.chat.providers import endpoint

    to = endpoint(study)
    masked = study.settings.model.redact
    texts = [] if to.is_own else [_texts(to, masked=masked)]
    # Who agreed to masked texts has not agreed to whole ones.
    if texts and masked and permitted(study.root, _texts(to, masked=False)):
        texts = [_texts(to, masked=False)]
    key = [f"{to.key_name} to {_address(to)}"] if to.strange_key else []
    missing = [subject for subject in texts + key if not permitted(study.root, subject)]
    if missing and not _readers(to) <= set(agreed):
        _ask(to, issues, masked)
    for subject in missing:
        permit(study.root, subject)
    for subject in texts:
        _note(study, to, subject)
    _say_where(to)


def _readers(to: Endpoint) -> set[str]:
    """The hosts that can read what is sent."""
    proxy = {to.proxy.host} if to.proxy and not to.is_encrypted else set()
    return {to.host} | proxy


def _address(to: Endpoint) -> str:
    """Where texts go, with the proxy if that can read them."""
    address = to.place
    if to.proxy and not to.is_encrypted:
        address += f" in clear through {to.proxy.public_url}"
    return address


def _texts(to: Endpoint, *, masked: bool) -> str:
    return f"{'masked texts' if masked else 'texts'} to {_address(to)}"


def _ask(to: Endpoint, issues: Sequence[Issue], masked: bool) -> None:
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.text.redaction import holds_key
    from coder.text.spelling import plural

    what = f"the texts of {plural(len(issues), 'issue')}"
    if to.key is not None:
        what += f" and the key in {to.key_name}"
    if not sys.stdin.isatty():
        flags = " ".join(f"--send-to {host}" for host in sorted(_readers(to)))
        raise UsageError(
            f"{what} would go to {to.where}, and nobody has agreed to that in this study on this "
            "machine",
            f"run it once in a terminal, or add: {flags}",
        )
    console.print(
        f"{safe(what[0].upper() + what[1:])} will go to {safe(to.where)}.", soft_wrap=True
    )
    if to.strange_key:
        console.print("The study folder names this address; the key is not from there.")
    if to.proxy:
        can = "sees only which server is asked" if to.is_encrypted else "can read all of it"
        console.print(f"The proxy {safe(to.proxy.host)} {can}.")
    if masked:
        console.print("E-mail addresses, keys, user names and IP addresses in them are masked.")
    elif keys := sum(holds_key(issue.text) for issue in issues):
        console.print(
            f"[yellow]{keys:,} of them hold what looks like a secret key; --redact masks it.[/]"
        )
    click.confirm("Send them?", abort=True)


def _say_where(to: Endpoint) -> None:
    from coder.cli.terminal import console, safe

    if not to.is_own:
        console.print(f"Texts go to {safe(to.where)}.", soft_wrap=True)
    elif to.bypassed is not None:
        console.print(
            f"Texts go to {safe(to.where)}, your own server, and not through the proxy "
            f"{safe(to.bypassed.public_url)}.",
            soft_wrap=True,
        )


def _note(study: Study, to: Endpoint, subject: str) -> None:
    """Keep with the study what texts are sent by, once."""
    from coder.files.permissions import permitted
    from coder.records import Consent
    from coder.storage.journal import Journal

    given = permitted(study.root, subject)
    assert given is not None
    consent = Consent(
        host=to.host,
        provider=to.provider,
        redacted=subject.startswith("masked"),
        endpoint=_address(to),
        at=given.at,
    )
    journal = Journal(study.runs / FILE, Consent)
    if consent not in journal:
        with journal.writing("coder propose"):
            journal.append([consent])
