"""Asking a model: who must have agreed, what it may cost, and how costs and failures are told.

Shared by the verbs that ask one. What the user has agreed to is asked once per study: that issue
texts leave this machine for a server, and that the embedder which a study names is run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from coder.proposers.chat.providers import Endpoint
    from coder.records import Call, Issue, Status
    from coder.study import Study

FILE = "consent.jsonl"
"""In the study's runs: what was agreed to, for the report. It allows nothing; what the user has
allowed is kept outside the study, see :mod:`coder.files.permissions`."""

Command = Callable[..., None]

send_to = click.option(
    "--send-to",
    metavar="HOST",
    multiple=True,
    help="Agree that issue texts go to this server; again for a proxy that can read them.",
)


def capped(cost: str, tokens: str, calls: str) -> Callable[[Command], Command]:
    """The options that stop a verb; it is given them as ``caps``. The arguments are their help."""
    whole = click.IntRange(min=0)
    options = (
        click.option("--max-cost", type=click.FloatRange(min=0), metavar="USD", help=cost),
        click.option("--max-tokens", type=whole, metavar="N", help=tokens),
        click.option("--max-calls", type=whole, metavar="N", help=calls),
    )

    def with_caps(command: Command) -> Command:
        @wraps(command)
        def called(
            max_cost: float | None, max_tokens: int | None, max_calls: int | None, **others: Any
        ) -> None:
            from coder.proposers.budget import Caps

            cost = None if max_cost is None else Decimal(str(max_cost))
            command(caps=Caps(cost, max_tokens, max_calls), **others)

        for option in reversed(options):
            called = option(called)
        return called

    return with_caps


def agree_to_send(
    study: Study, issues: Sequence[Issue], agreed: Collection[str], what: str = ""
) -> None:
    """Go on only if texts stay here, or the user has agreed that they leave.

    ``agreed`` are the hosts named on the command line; ``what`` says what is sent where that is not
    the texts of ``issues``. Raises ``UsageError`` when nobody has agreed
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
        _ask(to, issues, masked, what)
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


def _ask(to: Endpoint, issues: Sequence[Issue], masked: bool, what: str) -> None:
    from coder.cli.terminal import console, safe
    from coder.errors import UsageError
    from coder.text.redaction import holds_key
    from coder.text.spelling import plural

    what = what or f"the texts of {plural(len(issues), 'issue')}"
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


def agree_to_run(study: Study, issues: int) -> None:
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


def how_many(status: Status, reasons: Sequence[str]) -> str:
    """``3 failed (2 of them: why)``: how many issues ended so, one for each of ``reasons``, and the
    reason that most of them have."""
    from coder.proposers.chat.failures import commonest

    name = "not sure" if status == "unsure" else status.value
    count = f"{len(reasons):,} {name}"
    if not any(reasons):
        return count
    why, alike = commonest(reasons)
    shared = (
        "" if len(reasons) == 1 else "all: " if alike == len(reasons) else f"{alike:,} of them: "
    )
    return f"{count} ({shared}{why})"


def say_used(study: Study, calls: Iterable[Call], by: str) -> None:
    """What ``calls`` have used in all sessions; nothing for a model that makes no calls."""
    from coder.cli.terminal import console, safe
    from coder.proposers.budget import find_price, in_words, spent_by
    from coder.proposers.chat.providers import endpoint

    spent = spent_by(calls)
    if spent.calls:
        price = find_price(study.root, study.settings.model.name, endpoint(study).identity)
        cost, as_of = (price.of(spent.usage), price.as_of) if price else (None, None)
        said = safe(in_words(spent, cost, as_of))
        console.print(f"Used by this {by} so far: {said}.", soft_wrap=True)
