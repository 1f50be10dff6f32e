"""The review as lines in and lines out: for dumb terminals, screen readers and scripts.

The letters are those of the screen. What takes words takes them on the same line ("m a note",
"/memory"); an empty line accepts.
"""

from __future__ import annotations

import click

from coder.cli.browser import open_page
from coder.cli.issue_view import clean, pieces, unfolding
from coder.cli.review_words import (
    ALONE,
    CHANGES,
    DIFFER,
    HOW_EXPRESSED,
    NOT_YET,
    addressed,
    answered_before,
    compared,
    decision_line,
    keys,
    label_line,
    learnt,
    memo_of,
    names,
    no_answer,
    pace,
    percent,
    spelling,
    sure,
    taken_back,
    unread,
    where,
)
from coder.cli.terminal import plain, plain_line
from coder.cli.typed_lines import read_line, with_further_lines
from coder.codebook.load import UnknownCode, resolver
from coder.codebook.search import find_codes
from coder.errors import UsageError
from coder.records import Change, Decision, Label
from coder.review.keymap import letters
from coder.review.session import ReviewSession
from coder.review.state import Item

_FOUND = 9


def review_plain(session: ReviewSession) -> None:
    """Read commands from standard input until ``q``, its end, or the last issue."""
    _Lines(session).run()


class _Lines:
    def __init__(self, session: ReviewSession) -> None:
        self._session = session
        self._view = session.view
        self._book = session.codebook
        self._actions = {letter: action for action, letter in letters(session.view.keys).items()}
        self._letters = spelling(session.view, lines=True)
        self._found: tuple[str, ...] = ()
        """What the last search listed; while it is not empty, digits mean these."""

    def run(self) -> None:
        self._show()
        while True:
            line = read_line("> ")
            if line is None or self._actions.get(line) == "quit":
                return
            try:
                self._obey(line)
            except UsageError as error:
                click.echo(plain(f"not possible: {error.message}. {error.hint}"))

    def _obey(self, line: str) -> None:
        found, self._found = self._found, ()
        action, words = self._actions.get(line[:1], ""), line[1:].strip()
        if found and (not line or _numbers(line)):
            self._take(line, found)
        elif not line and self._view.branch is not None:
            self._session.open(None)
            self._options()
        elif not line:
            self._done(self._session.enter())
        elif _numbers(line) and line not in self._actions:
            self._digits(line)
        elif action == "find":
            self._find(words)
        elif action == "memo":
            text = with_further_lines(words or read_line("memo: ") or "")
            click.echo(decision_line(self._book, self._session.memo(text)))
        elif action == "change":
            asked = f"{', '.join(Change)}, and what: "
            self._change(with_further_lines(words or read_line(asked) or ""))
        elif words:
            self._unknown(line)
        else:
            self._act(action, line)

    def _act(self, action: str, line: str) -> None:
        session = self._session
        match action:
            case "accept":
                self._done(session.enter())
            case "take":
                self._done(session.accept())
            case "none":
                self._done(session.reject())
            case "skip":
                self._done(session.skip())
            case "flag":
                self._done(session.flag())
            case "undo":
                self._undo()
            case "labelled":
                self._neighbours()
            case "evidence":
                self._evidence(asked=True)
            case "unfold":
                self._show(unfolded=True)
            case "open":
                issue = session.item.issue if session.item else None
                click.echo(open_page(issue.url) if issue else "every issue is reviewed")
            case "help":
                for key in keys(self._book):
                    if key.action in self._letters:
                        click.echo(f"{self._letters[key.action]:>5}  {key.long}")
            case _:
                self._unknown(line)

    def _unknown(self, line: str) -> None:
        shown = self._letters.get("help", "?")
        click.echo(f"{plain(line)!r} is no command; {shown} lists them. Nothing was changed.")

    def _change(self, line: str) -> None:
        kind, _, text = line.partition(" ")
        if kind not in list(Change):
            kinds = "; ".join(f"{change}: {words}" for change, words in CHANGES.items())
            raise UsageError(f"{plain(kind)!r} is no kind of change", kinds)
        click.echo(decision_line(self._book, self._session.propose(Change(kind), text)))

    def _undo(self) -> None:
        last = self._view.last
        if last is None:
            click.echo("there is nothing to undo")
            return
        self._session.undo()
        click.echo(taken_back(self._view, last))
        self._show()

    def _done(self, record: Decision | Label) -> None:
        if isinstance(record, Decision):
            click.echo(decision_line(self._book, record))
            self._show()
            return
        click.echo(label_line(self._book, record))
        item = self._view.item
        if item is not None and item.issue.id == record.issue_id:
            self._answer(item)
        else:
            self._show()

    def _digits(self, line: str) -> None:
        """Answer with numbered codes; a code that opens is followed by one of its own."""
        item = self._view.item
        if item is None or not item.hidden:
            self._take(line, tuple(option.code.id for option in self._view.options))
            return
        for number in map(int, line.split()):
            options = self._view.options
            if not 1 <= number <= len(options):
                raise UsageError(f"there is no number {number} here", self._view.way_out)
            option = options[number - 1]
            if option.opens:
                self._session.open(option.code.id)
            elif self._pick(option.code.id):
                return
        if self._view.branch is not None:
            self._options()
            click.echo("a number takes that code; an empty line goes back")

    def _take(self, line: str, codes: tuple[str, ...]) -> None:
        """Answer with the numbered codes; an empty line after a search goes back."""
        if not line:
            accepts = self._view.item is not None and self._view.item.acceptable
            click.echo("nothing chosen" + "; an empty line now accepts the suggestion" * accepts)
            return
        numbers = [int(number) for number in line.split()]
        wrong = next((number for number in numbers if not 1 <= number <= len(codes)), None)
        if wrong is not None:
            raise UsageError(f"there is no number {wrong} here", self._view.way_out)
        if len(numbers) > 1 and not self._view.several:
            self._session.choose(codes[number - 1] for number in numbers)
        for number in numbers:
            self._pick(codes[number - 1])

    def _pick(self, code: str) -> bool:
        """Whether that answered the issue; otherwise the code is marked, or no longer."""
        record = self._session.pick(code)
        if record is not None:
            self._done(record)
            return True
        click.echo(f"marked: {self._marked()}. An empty line takes these.")
        return False

    def _marked(self) -> str:
        return names(self._book, self._view.selected) if self._view.selected else "nothing"

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
            alone = self._letters["find"]
            click.echo(f"nothing matches {plain(words)!r}; {alone} alone lists all")
            return
        self._found = tuple(match.id for match in shown)
        for number, match in enumerate(shown, start=1):
            click.echo(f"{number:>3}  {names(self._book, (match.id,))}  ({match.id})")
        click.echo("a number takes that code; an empty line goes back")

    # --- showing --------------------------------------------------------------------------------

    def _show(self, unfolded: bool = False) -> None:
        item = self._view.item
        if item is None:
            undo, leave = self._letters.get("undo"), self._letters.get("quit")
            click.echo(f"every issue is reviewed: {undo} takes back the last answer, {leave} ends")
            return
        progress = self._view.progress
        about = ", ".join(part for part in (f"{progress.done} done", pace(progress)) if part)
        issue = item.issue
        click.echo(f"\n=== {progress.done + 1} of {progress.total} ({about})")
        click.echo(plain_line(f"{where(issue)} {issue.url}").rstrip())
        shown = pieces(issue, item.evidence, unfolded)
        click.echo("".join(f"«{p.text}»" if p.evidence else p.text for p in shown))
        if unfolded:
            click.echo(
                unfolding(
                    pieces(issue, item.evidence), pieces(issue, item.evidence, True), opens=True
                )
            )
        self._answer(item)

    def _answer(self, item: Item) -> None:
        """What there is to say to the issue: whose code is asked for, or what was suggested."""
        click.echo("---")
        if item.own is not None:
            click.echo(f"your label: {names(self._book, item.own)}")
        if answered_before(self._view):
            click.echo(f"your answer so far: {answered_before(self._view)}")
        if item.proposal is None:
            click.echo(ALONE)
        else:
            self._suggestion(item)
        warning = addressed(item.issue, self._book)
        if warning:
            click.echo(warning)
        self._options()
        if item.revealed:
            take = f", {self._letters.get('take', 't')} takes the suggestion"
            rest = take if compared(item) == DIFFER else ""
            click.echo(f"{compared(item)} An empty line keeps your code{rest}.".lstrip())
        for memo in self._view.memos:
            click.echo(": ".join(memo_of(self._book, memo)))

    def _suggestion(self, item: Item) -> None:
        proposal = item.proposal
        assert proposal is not None
        missing = no_answer(item)
        if missing:
            click.echo(f"no suggestion ({item.state}): {missing}")
            if proposal.error:
                click.echo(f"  {clean(proposal.error)}")
        else:
            told = self._view.confidence
            confidence = told(proposal.codes[0]) if proposal.codes else None
            how_sure = "" if confidence is None else f", {sure(self._view, confidence)}"
            whose = f", {learnt(self._view)}" if self._view.taught else ""
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
        if proposal.expression:
            click.echo(f"in the text: {HOW_EXPRESSED[proposal.expression]}")
        if unread(item):
            click.echo(unread(item))
        self._evidence()

    def _options(self) -> None:
        for option in self._view.options:
            mark = ("[x] " if option.selected else "[ ] ") if self._view.several else ""
            name = names(self._book, (option.code.id,))
            more = "..." if option.opens else percent(option.confidence)
            click.echo(f"{option.number:>3}  {'' if option.opens else mark}{name} {more}".rstrip())

    def _evidence(self, asked: bool = False) -> None:
        item = self._view.item
        if item is not None and item.hidden:
            click.echo(NOT_YET)
        if item is not None and asked and not (item.hidden or item.evidence):
            click.echo("the suggestion quotes nothing")
        for quote in item.evidence if item else ():
            found = "quote" if quote.verified else "quote NOT in the text"
            click.echo(f"{found}: {clean(quote.quote)}")

    def _neighbours(self) -> None:
        if self._view.item is not None and self._view.item.hidden:
            click.echo(NOT_YET)
            return
        none = True
        for example, score in self._view.neighbours():
            none = False
            issue = example.issue
            title = plain(issue.title or issue.id)
            click.echo(f"{score:.2f}  {names(self._book, example.codes)}: {title}")
        if none:
            click.echo("the suggestion leans on no labelled issue")


def _numbers(line: str) -> bool:
    return line.replace(" ", "").isdecimal()
