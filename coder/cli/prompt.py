"""``coder prompt``: a template, the messages it makes, and how two templates differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coder.cli.arguments import run_names

if TYPE_CHECKING:
    from coder.proposers.token_count import TokenCounter
    from coder.storage.run import Run
    from coder.study import Study


@click.group("prompt")
def command() -> None:
    """Show prompt templates, and the messages they make."""


@command.command("show")
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Show a template (a file, or a name) as it will be used."""
    from coder.cli.terminal import plain
    from coder.proposers.chat import prompts
    from coder.study import Study

    study = Study.open()
    source = prompts.read(name or study.settings.model.template, study.root)
    _heading(f"{source.path}, hash {source.hash[:12]}")
    _heading(f"variables: {', '.join(sorted(source.variables))}")
    if unused := prompts.VARIABLES - source.variables:
        _heading(f"not used: {', '.join(sorted(unused))}")
    click.echo(plain(source.text.rstrip("\n")))


@command.command("render")
@click.argument("issue_id")
@click.option(
    "--run", "name", required=True, shell_complete=run_names, help="The run the issue is in."
)
@click.option("--sent", is_flag=True, help="What was really sent, from the run's calls.jsonl.")
def render(issue_id: str, name: str, sent: bool) -> None:
    """Show the messages that a chat model is asked about ISSUE_ID with; asks nobody.

    They are made with the settings of the run; where it was made with the embedded classifier, with
    the study's.
    """
    from coder.errors import UsageError
    from coder.storage.run import Run
    from coder.study import Study

    study = Study.open()
    run = Run.open(study.runs, name)
    if issue_id not in run.issues:
        raise UsageError(
            f"run {name!r} holds no issue {issue_id!r}",
            f"the first one is {next(iter(run.issues), '')!r}",
        )
    (_show_sent if sent else _show_composed)(study, run, issue_id)


@command.command("diff")
@click.argument("old")
@click.argument("new")
def diff(old: str, new: str) -> None:
    """Show how two templates (files, or names) differ."""
    from difflib import unified_diff

    from rich.text import Text

    from coder.cli.terminal import console, plain
    from coder.proposers.chat import prompts
    from coder.study import Study

    root = Study.open().root
    (old_path, old_text), (new_path, new_text) = (prompts.read_text(n, root) for n in (old, new))
    if old_text == new_text:
        _heading("The two are the same.")
    lines = unified_diff(
        old_text.split("\n"), new_text.split("\n"), str(old_path), str(new_path), lineterm=""
    )
    styles = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}
    for line in lines:
        style = next((s for mark, s in styles.items() if line.startswith(mark)), "")
        console.print(Text(plain(line), style), soft_wrap=True)


def _show_composed(study: Study, run: Run, issue_id: str) -> None:
    from coder.proposers.chat.strategies import of_run

    proposal = run.latest_proposals().get(issue_id)
    codes = [code.code for code in proposal.codes] if proposal else []
    strategy = of_run(study, run.manifest, run.first_codebook, run.examples)
    for asked in strategy.expected(run.issues[issue_id], codes):
        for role, text in asked.composed.messages:
            _message(role, text, asked.composer.counter)


def _show_sent(study: Study, run: Run, issue_id: str) -> None:
    from coder.errors import RunError
    from coder.proposers.chat.server_dialect import system_in_user
    from coder.proposers.token_count import open_counter

    calls = [call for call in run.calls if call.issue_id == issue_id]
    if not calls:
        raise RunError(
            f"no request about {issue_id!r} is in the log of run {run.name!r}",
            "leave out --sent to see what would be sent",
        )
    counter = open_counter(calls[0].model, study.cache)
    system = _kept_system(run)
    for call in calls:
        _heading(f"Call {call.id}, {call.at:%Y-%m-%d %H:%M:%S} UTC, {call.model}, {call.prompt}")
        turns: list[tuple[str, str]] = []
        for message in call.request.get("messages", ()):
            text = message.get("content") or system.get(message.get("hash", ""))
            if text is None:
                raise RunError(
                    f"{run.path / 'system.txt'} is not the message that call {call.id} names",
                    f"restore it; coder audit log {run.name} says what else is broken",
                )
            turns.append((str(message.get("role")), text))
        if call.request.get("system_in_user"):
            turns = system_in_user(turns)
        for role, text in turns:
            _message(role, text, counter)


def _kept_system(run: Run) -> dict[str, str]:
    """The run's system messages by the hashes under which calls name them."""
    from coder.proposers.chat.prompt_composer import hash_of

    texts = [p.read_bytes().decode("utf-8", "replace") for p in run.path.glob("system*.txt")]
    return {hash_of(text): text for text in texts}


def _message(role: str, text: str, counter: TokenCounter) -> None:
    from coder.cli.terminal import plain

    about = "" if counter.exact else "about "
    _heading(f"[{role}: {about}{counter.count(text):,} tokens, counted by {counter.name}]")
    # Not through rich, which would expand tabs and put pictures for words such as :bug:.
    click.echo(plain(text) + "\n")


def _heading(text: str) -> None:
    from rich.text import Text

    from coder.cli.terminal import console, plain_line

    console.print(Text(plain_line(text), "bold"), soft_wrap=True)
