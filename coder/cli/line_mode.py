"""Line mode: one command a line, for dumb terminals, screen readers and scripts.

What review and adjudication share of it: reading lines, finding a code, looking at the issue.
"""

from __future__ import annotations

import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import click

from coder.cli.issue_view import open_page, pieces, unfolding
from coder.cli.review_words import Key, names, where
from coder.cli.terminal import plain, plain_line
from coder.codebook.load import UnknownCode, resolver
from coder.codebook.search import find_codes
from coder.errors import UsageError
from coder.records import Code, Codebook, Evidence, Issue

SAME_PASTE = 0.05
"""Seconds within which the lines of a paste follow each other, and nobody types a line."""
_FOUND = 9


class LineMode(ABC):
    """A loop over the lines of standard input; ``obey`` is what each of them does.

    ``letters`` is what is typed for each action, and ``keys`` explains them.
    """

    NOTHING_LEFT: str

    def __init__(self, codebook: Codebook, letters: Mapping[str, str], keys: Iterable[Key]) -> None:
        self.codebook = codebook
        self.letters = letters
        self.actions = {letter: action for action, letter in letters.items()}
        self._keys = keys
        self._found: tuple[str, ...] = ()
        """What the last search listed; while it is not empty, digits mean these."""

    @abstractmethod
    def obey(self, line: str, found: Sequence[str]) -> None:
        """Do what ``line`` says; ``found`` are the codes that the line before it searched out."""

    @abstractmethod
    def take(self, code: str) -> None:
        """Answer with a code, or mark it."""

    @abstractmethod
    def show(self, unfolded: bool = False) -> None:
        """Print what is before the person now."""

    @abstractmethod
    def issue_shown(self) -> Issue | None: ...

    def run(self) -> None:
        """Read commands until the one that quits, or the end of the input."""
        self.show()
        while True:
            line = read_line("> ")
            if line is None or self.actions.get(line) == "quit":
                return
            found, self._found = self._found, ()
            try:
                self.obey(line, found)
            except UsageError as error:
                click.echo(plain(f"not possible: {error.message}. {error.hint}"))

    def look(self, action: str, line: str) -> None:
        """The actions that change nothing; any other is told to be no command."""
        match action:
            case "unfold":
                self.show(unfolded=True)
            case "open":
                issue = self.issue_shown()
                click.echo(open_page(issue.url) if issue else self.NOTHING_LEFT)
            case "help":
                for key in self._keys:
                    if key.action in self.letters:
                        click.echo(f"{self.letters[key.action]:>5}  {key.long}")
            case _:
                self.unknown(line)

    def unknown(self, line: str) -> None:
        shown = self.letters.get("help", "?")
        click.echo(f"{plain(line)!r} is no command; {shown} lists them. Nothing was changed.")

    def find(self, words: str) -> None:
        """Take a code spelled out in full at once; otherwise list what it may mean."""
        try:
            code = resolver(self.codebook)(words)
        except UnknownCode:
            code = ""
        if code in self.codebook.by_id:
            self.take(code)
            return
        matches = find_codes(self.codebook, words)
        shown = matches if not words else matches[:_FOUND]
        if not shown:
            alone = self.letters["find"]
            click.echo(f"nothing matches {plain(words)!r}; {alone} alone lists all")
            return
        self._found = tuple(match.id for match in shown)
        for number, match in enumerate(shown, start=1):
            click.echo(f"{number:>3}  {names(self.codebook, (match.id,))}  ({match.id})")
        click.echo("a number takes that code; an empty line goes back")

    def say_marked(self, codes: Sequence[str]) -> None:
        shown = names(self.codebook, codes) if codes else "nothing"
        click.echo(f"marked: {shown}. An empty line takes these.")

    def show_issue(self, issue: Issue, evidence: Sequence[Evidence], unfolded: bool) -> None:
        click.echo(plain_line(f"{where(issue)} {issue.url}").rstrip())
        shown = pieces(issue, evidence, unfolded)
        click.echo("".join(f"«{p.text}»" if p.evidence else p.text for p in shown))
        if unfolded:
            click.echo(unfolding(pieces(issue, evidence), shown, opens=True))

    @staticmethod
    def show_rules(code: Code) -> None:
        for rule in code.include:
            click.echo(f"  include: {plain(rule)}")
        for rule in code.exclude:
            click.echo(f"  exclude: {plain(rule)}")


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
