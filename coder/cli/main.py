"""The ``coder`` command: finds each verb in its own file, and imports it only when it is needed."""

from __future__ import annotations

import difflib
import importlib

import click

VERBS = {
    "demo": "coder.cli.demo",
    "init": "coder.cli.init",
    "fetch": "coder.cli.fetch",
    "import": "coder.cli.import_",
    "clean": "coder.cli.clean",
    "sample": "coder.cli.sample",
    "codebook": "coder.cli.codebook",
    "prompt": "coder.cli.prompt",
    "propose": "coder.cli.propose",
    "label": "coder.cli.label",
    "assign": "coder.cli.assign",
    "review": "coder.cli.review",
    "run": "coder.cli.run",
    "status": "coder.cli.status",
    "adjudicate": "coder.cli.adjudicate",
    "merge": "coder.cli.merge",
    "calibrate": "coder.cli.calibrate",
    "screen": "coder.cli.screening",
    "report": "coder.cli.report",
    "durations": "coder.cli.durations",
    "flow": "coder.cli.flow",
    "plan": "coder.cli.plan",
    "verdict": "coder.cli.verdict",
    "compare": "coder.cli.compare",
    "multiverse": "coder.cli.multiverse",
    "audit": "coder.cli.audit",
    "export": "coder.cli.export",
    "package": "coder.cli.package",
    "verify": "coder.cli.verify",
    "doctor": "coder.cli.doctor",
}
"""In the order a study uses them, which is the order ``coder --help`` shows."""


class Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = difflib.get_close_matches(args[0], VERBS, 1) if args else []
        if near and args[0] not in VERBS:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-v", "--verbose", is_flag=True, help="Tell on stderr what is opened, asked and answered."
)
@click.version_option(package_name="issue-coder", prog_name="coder")
def cli(verbose: bool) -> None:
    """Pre-code GitHub issues against a codebook, review in the terminal, audit the agreement.

    Try it: coder demo
    """
    if verbose:
        from coder.cli.terminal import show_log

        show_log()
