"""The review as lines in and lines out: for dumb terminals, screen readers and scripts.

The letters are those of the screen. What takes words takes them on the same line ("m a note",
"/memory"); an empty line accepts.
"""

from __future__ import annotations

import sys

import click

from coder.cli.browser import open_page
from coder.cli.issue_view import clean, pieces
from coder.cli.review_words import (
    addressed,
    keys,
    learnt,
    names,
    no_answer,
    pace,
    percent,
    said,
    sure,
    taken_back,
    unread,
    where,
)
from coder.cli.terminal import plain
from coder.codebook import UnknownCode, resolver
from coder.errors import UsageError
from coder.finder import find_codes
from coder.records import Decision
from coder.review import Item, ReviewSession

_FOUND = 9


def review_plain(session: ReviewSession) -> None:
    """Read commands from standard input until ``q``, its end, or the last issue."""
    for stream in (sys.stdout, sys.stdin):
        # A terminal or a pipe of another encoding must not end a session.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    _Lines(session).run()


class _Lines:
    def __init__(self, session: ReviewSession) -> None:
        self._session = session
        self._book = session.codebook
        self._found: tuple[str, ...] = ()
        """What the last search listed; while it is not empty, digits mean these."""

    def run(self) -> None:
        self._show()
        while True:
            line = self._read("> ")
            if line is None or line == "q":
                return
            try:
                self._obey(line)
            except UsageError as error:
                click.echo(plain(f"not possible: {error.message}. {error.hint}"))

    def _read(self, prompt: str) -> str | None:
        click.echo(prompt, nl=False)
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            click.echo()
            return None
        return line.strip()

    def _obey(self, line: str) -> None:
        found, self._found = self._found, ()
        letter, words = line[:1], line[1:].strip()
        if found and (not line or line.replace(" ", "").isdecimal()):
            self._take(line, found)
        elif not line:
            self._done(self._session.enter())
        elif line.replace(" ", "").isdecimal():
            self._take(line, tuple(option.code.id for option in self._session.options))
        elif letter == "/":
            self._find(words)
        elif letter == "m":
            text = words or self._read("memo: ") or ""
            click.echo(said(self._book, self._session.memo(text)))
        elif words:
            click.echo(f"{plain(line)!r} is no command; ? lists them. Nothing was changed.")
        else:
            self._letter(letter)

    def _letter(self, letter: str) -> None:
        session = self._session
        match letter:
            case "n":
                self._done(session.reject())
            case "s":
                self._done(session.skip())
            case "f":
                self._done(session.flag())
            case "u":
                self._undo()
            case "l":
                self._neighbours()
            case "e":
                self._evidence()
            case "x":
                self._show(unfolded=True)
            case "o":
                click.echo(open_page(session.item.issue.url if session.item else ""))
            case "?":
                for key in keys(self._book):
                    click.echo(f"{key.key:>5}  {key.long}")
            case _:
                click.echo(f"{plain(letter)!r} is no command; ? lists them. Nothing was changed.")

    def _undo(self) -> None:
        last = self._session.last
        if last is None:
            click.echo("there is nothing to undo")
            return
        self._session.undo()
        click.echo(taken_back(last))
        self._show()

    def _done(self, decision: Decision) -> None:
        click.echo(said(self._book, decision))
        self._show()

    def _take(self, line: str, codes: tuple[str, ...]) -> None:
        """Answer with the numbered codes; an empty line after a search goes back."""
        if not line:
            click.echo("nothing chosen; an empty line now accepts the suggestion")
            return
        numbers = [int(number) for number in line.split()]
        wrong = next((number for number in numbers if not 1 <= number <= len(codes)), None)
        if wrong is not None:
            raise UsageError(f"there is no number {wrong} here", "find a code with /")
        if len(numbers) > 1 and not self._session.several:
            self._session.choose(codes[number - 1] for number in numbers)
        for number in numbers:
            self._pick(codes[number - 1])

    def _pick(self, code: str) -> None:
        decision = self._session.pick(code)
        if decision is not None:
            self._done(decision)
        else:
            click.echo(f"marked: {self._marked()}. An empty line takes these.")

    def _marked(self) -> str:
        return names(self._book, self._session.selected) if self._session.selected else "nothing"

    def _find(self, words: str) -> None:
        """Take a code spelled out in full at once; otherwise list what it may mean."""
        try:
            code = resolver(self._book)(words)
        except UnknownCode:
            code = ""
        if code in self._book.by_id:
            self._pick(code)
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

    # --- showing --------------------------------------------------------------------------------

    def _show(self, unfolded: bool = False) -> None:
        item = self._session.item
        if item is None:
            click.echo("every issue is reviewed: u takes back the last answer, q ends")
            return
        progress = self._session.progress
        about = ", ".join(part for part in (f"{progress.done} done", pace(progress)) if part)
        issue = item.issue
        click.echo(f"\n=== {progress.done + 1} of {progress.total} ({about})")
        click.echo(plain(f"{where(issue)} {issue.url}").rstrip())
        shown = pieces(issue, item.proposal.evidence, unfolded)
        click.echo("".join(f"«{p.text}»" if p.evidence else p.text for p in shown))
        click.echo("---")
        self._suggestion(item)
        for memo in self._session.memos:
            click.echo(f"memo: {plain(memo)}")

    def _suggestion(self, item: Item) -> None:
        proposal = item.proposal
        missing = no_answer(item)
        if missing:
            click.echo(f"no suggestion ({proposal.status.value}): {missing}")
            if proposal.error:
                click.echo(f"  {clean(proposal.error)}")
        else:
            told = self._session.confidence
            confidence = told(proposal.codes[0]) if proposal.codes else None
            how_sure = "" if confidence is None else f", {sure(self._session, confidence)}"
            whose = f", {learnt(self._session)}" if self._session.taught else ""
            click.echo(f"suggested: {names(self._book, item.suggested)}{how_sure}{whose}")
        for code_id in item.suggested:
            code = self._book.by_id.get(code_id)
            if code is None:
                continue
            click.echo(f"  means: {plain(code.definition)}")
            for rule in code.include:
                click.echo(f"  include: {plain(rule)}")
            for rule in code.exclude:
                click.echo(f"  exclude: {plain(rule)}")
        if proposal.rationale:
            click.echo(f"why: {clean(proposal.rationale)}")
        for warning in (unread(item), addressed(item.issue, self._book)):
            if warning:
                click.echo(warning)
        self._evidence()
        for option in self._session.options:
            mark = ("[x] " if option.selected else "[ ] ") if self._session.several else ""
            name = names(self._book, (option.code.id,))
            click.echo(f"{option.number:>3}  {mark}{name} {percent(option.confidence)}".rstrip())

    def _evidence(self) -> None:
        for quote in self._session.item.proposal.evidence if self._session.item else ():
            found = "quote" if quote.verified else "quote NOT in the text"
            click.echo(f"{found}: {clean(quote.quote)}")

    def _neighbours(self) -> None:
        none = True
        for example, score in self._session.neighbours():
            none = False
            issue = example.issue
            title = plain(issue.title or issue.id)
            click.echo(f"{score:.2f}  {names(self._book, example.codes)}: {title}")
        if none:
            click.echo("the suggestion leans on no labelled issue")
