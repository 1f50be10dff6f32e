"""Typed or pasted text in the line mode: one line of standard input, or the lines of a paste."""

from __future__ import annotations

import select
import sys

import click

SAME_PASTE = 0.05
"""Seconds within which the lines of a paste follow each other, and nobody types a line."""


def read_line(prompt: str) -> str | None:
    """The next line without blanks around it; ``None`` at the end of the input."""
    click.echo(prompt, nl=False)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        click.echo()
        return None
    return line.strip()


def with_further_lines(text: str) -> str:
    """``text``, with the lines that belong to it: those of the same paste into a terminal, or the
    next one where a line ends in a backslash. They are no commands."""
    parts = [text]
    while parts[-1].endswith("\\") or _is_pasted():
        if parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1].rstrip()
        line = sys.stdin.readline()
        if not line:
            break
        parts.append(line.strip())
    return "\n".join(parts).strip()


def _is_pasted() -> bool:
    if sys.platform == "win32" or not sys.stdin.isatty():
        return False
    return bool(select.select([sys.stdin], [], [], SAME_PASTE)[0])
