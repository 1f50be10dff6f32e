"""``coder adjudicate`` as lines in and lines out, with the letters of the screen.

What takes words takes them on the same line ("1 the log says so", "/memory"). An answer without a
reason on its line is asked for one on the next, which may be empty.
"""

from __future__ import annotations

import click

from coder.cli.adjudicate_words import before, keys, resolution_line, who
from coder.cli.browser import open_page
from coder.cli.issue_view import clean, pieces, unfolding
from coder.cli.review_words import names, where
from coder.cli.terminal import plain, plain_line
from coder.cli.typed_lines import read_line, with_further_lines
from coder.codebook.load import UnknownCode, resolver
from coder.codebook.search import find_codes
from coder.errors import UsageError
from coder.ratings.comparable import Codes
from coder.review.adjudication import AdjudicationSession

_FOUND = 9


def adjudicate_plain(session: AdjudicationSession) -> None:
    """Read commands from standard input until ``q`` or its end."""
    _Lines(session).run()


class _Lines:
    def __init__(self, session: AdjudicationSession) -> None:
        self._session = session
        self._book = session.codebook
        self._found: Codes = ()
        """What the last search listed; while it is not empty, digits mean these."""

    def run(self) -> None:
        self._show()
        while True:
            line = read_line("> ")
            if line is None or line == "q":
                return
            try:
                self._obey(line)
            except UsageError as error:
                click.echo(plain(f"not possible: {error.message}. {error.hint}"))

    def _obey(self, line: str) -> None:
        found, self._found = self._found, ()
        first, _, words = line.partition(" ")
        if first.isdecimal():
            number = int(first)
            if not found:
                self._resolve(self._session.answer(number), words)
            elif 1 <= number <= len(found):
                self._take(found[number - 1], words)
            else:
                raise UsageError(f"there is no number {number} here", "find a code with /")
        elif not line and found:
            click.echo("nothing chosen")
        elif not line:
            if not self._session.several or not self._session.selected:
                raise UsageError(
                    "no code is marked", "take an answer by its number, or find with /"
                )
            self._resolve(self._session.selected, "")
        elif line[0] == "/":
            self._find(line[1:].strip())
        elif first == "m" and words:
            self._session.reason = with_further_lines(words)
            click.echo("the reason is kept for the next answer")
        elif first == "n":
            self._resolve((), words)
        elif words:
            click.echo(f"{plain(line)!r} is no command; ? lists them. Nothing was changed.")
        else:
            self._letter(first)

    def _letter(self, letter: str) -> None:
        session = self._session
        match letter:
            case "s":
                session.skip()
                click.echo("left for later")
                self._show()
            case "u":
                if session.undo() is None:
                    click.echo("there is nothing to undo")
                else:
                    click.echo("answer taken back; answer again, or u for the one before")
                    self._show()
            case "x":
                self._show(unfolded=True)
            case "o":
                issue = session.dispute.issue if session.dispute else None
                click.echo(open_page(issue.url) if issue else "no disagreement is left")
            case "?":
                for key in keys(session):
                    click.echo(f"{key.key:>5}  {key.long}")
            case _:
                click.echo(f"{plain(letter)!r} is no command; ? lists them. Nothing was changed.")

    def _resolve(self, codes: Codes, reason: str) -> None:
        codes = self._session.checked(codes)
        if not reason and not self._session.reason:
            given = read_line("reason (Enter for none): ")
            if given is None:
                return  # the input ended before the answer was complete
            reason = with_further_lines(given)
        click.echo(resolution_line(self._session, self._session.resolve(codes, reason)))
        self._show()

    def _take(self, code: str, reason: str) -> None:
        if not self._session.several:
            self._resolve((code,), reason)
            return
        self._session.mark(code)
        marked = self._session.selected
        shown = names(self._book, marked) if marked else "nothing"
        click.echo(f"marked: {shown}. An empty line takes these.")

    def _find(self, words: str) -> None:
        """Take a code spelled out in full at once; otherwise list what it may mean."""
        try:
            code = resolver(self._book)(words)
        except UnknownCode:
            code = ""
        if code in self._book.by_id:
            self._take(code, "")
            return
        matches = find_codes(self._book, words)
        shown = matches if not words else matches[:_FOUND]
        if not shown:
            click.echo(f"nothing matches {plain(words)!r}; / alone lists all")
            return
        self._found = tuple(match.id for match in shown)
        for number, match in enumerate(shown, start=1):
            click.echo(f"{number:>3}  {names(self._book, (match.id,))}  ({match.id})")
        click.echo("a number takes that code; an empty line goes back")

    def _show(self, unfolded: bool = False) -> None:
        dispute = self._session.dispute
        progress = self._session.progress
        if dispute is None:
            left = f"; {progress.postponed} left for later" if progress.postponed else ""
            click.echo(f"no disagreement is left{left}: u takes back the last answer, q ends")
            return
        issue = dispute.issue
        place = min(progress.done + 1, progress.total)
        click.echo(f"\n=== {place} of {progress.total} ({progress.done} resolved)")
        click.echo(plain_line(f"{where(issue)} {issue.url}").rstrip())
        click.echo("".join(piece.text for piece in pieces(issue, (), unfolded)))
        if unfolded:
            click.echo(unfolding(pieces(issue, ()), pieces(issue, (), True), opens=True))
        click.echo("---")
        if earlier := before(self._session):
            click.echo(f"resolved so far: {earlier}")
        for answer in dispute.answers:
            head = who(self._session, dispute, answer)
            click.echo(f"{head}: {names(self._book, answer.codes)}")
            for line in clean(answer.memo).splitlines():
                click.echo(f"   memo: {line}")
        for code_id in dispute.codes:
            code = self._book.by_id[code_id]
            click.echo(f"{names(self._book, (code_id,))} means: {plain(code.definition)}")
            for rule in code.include:
                click.echo(f"  include: {plain(rule)}")
            for rule in code.exclude:
                click.echo(f"  exclude: {plain(rule)}")
        if self._session.selected:
            click.echo(f"marked: {names(self._book, self._session.selected)}")
