"""The review as lines in and lines out: for dumb terminals, screen readers and scripts.

The letters are those of the screen. What takes words takes them on the same line ("m a note",
"/memory"); an empty line accepts.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from coder.cli.issue_view import clean
from coder.cli.line_mode import LineMode, read_line, with_further_lines
from coder.cli.review_words import (
    ALONE,
    CHANGES,
    DIFFER,
    HOW_EXPRESSED,
    NOT_YET,
    NOTHING_TO_UNDO,
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
)
from coder.cli.terminal import plain
from coder.errors import UsageError
from coder.records import Change, Decision, Issue, Label
from coder.review.session import ReviewSession
from coder.review.state import Item


def review_plain(session: ReviewSession) -> None:
    """Read commands from standard input until ``q``, its end, or the last issue."""
    _Lines(session).run()


class _Lines(LineMode):
    NOTHING_LEFT = "every issue is reviewed"

    def __init__(self, session: ReviewSession) -> None:
        spelled = spelling(session.view, lines=True)
        super().__init__(session.codebook, spelled, keys(session.codebook))
        self._session = session
        self._view = session.view

    def issue_shown(self) -> Issue | None:
        return self._view.item.issue if self._view.item else None

    def obey(self, line: str, found: Sequence[str]) -> None:
        action, words = self.actions.get(line[:1], ""), line[1:].strip()
        if found and (not line or _numbers(line)):
            self._take_numbered(line, found)
        elif not line and self._view.branch is not None:
            self._session.open(None)
            self._options()
        elif not line:
            self._done(self._session.enter())
        elif _numbers(line) and line not in self.actions:
            self._digits(line)
        elif action == "find":
            self.find(words)
        elif action == "memo":
            text = with_further_lines(words or read_line("memo: ") or "")
            click.echo(decision_line(self.codebook, self._session.memo(text)))
        elif action == "change":
            asked = f"{', '.join(Change)}, and what: "
            self._change(with_further_lines(words or read_line(asked) or ""))
        elif words:
            self.unknown(line)
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
            case _:
                self.look(action, line)

    def _change(self, line: str) -> None:
        kind, _, text = line.partition(" ")
        if kind not in list(Change):
            kinds = "; ".join(f"{change}: {words}" for change, words in CHANGES.items())
            raise UsageError(f"{plain(kind)!r} is no kind of change", kinds)
        click.echo(decision_line(self.codebook, self._session.propose(Change(kind), text)))

    def _undo(self) -> None:
        last = self._view.last
        if last is None:
            click.echo(NOTHING_TO_UNDO)
            return
        self._session.undo()
        click.echo(taken_back(self._view, last))
        self.show()

    def _done(self, record: Decision | Label) -> None:
        if isinstance(record, Decision):
            click.echo(decision_line(self.codebook, record))
            self.show()
            return
        click.echo(label_line(self.codebook, record))
        item = self._view.item
        if item is not None and item.issue.id == record.issue_id:
            self._answer(item)
        else:
            self.show()

    def _digits(self, line: str) -> None:
        """Answer with numbered codes; a code that opens is followed by one of its own."""
        item = self._view.item
        if item is None or not item.hidden:
            self._take_numbered(line, tuple(option.code.id for option in self._view.options))
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

    def _take_numbered(self, line: str, codes: Sequence[str]) -> None:
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

    def take(self, code: str) -> None:
        self._pick(code)

    def _pick(self, code: str) -> bool:
        """Whether that answered the issue; otherwise the code is marked, or no longer."""
        record = self._session.pick(code)
        if record is not None:
            self._done(record)
            return True
        self.say_marked(self._view.selected)
        return False

    # --- showing --------------------------------------------------------------------------------

    def show(self, unfolded: bool = False) -> None:
        item = self._view.item
        if item is None:
            undo, leave = self.letters.get("undo"), self.letters.get("quit")
            click.echo(f"every issue is reviewed: {undo} takes back the last answer, {leave} ends")
            return
        progress = self._view.progress
        about = ", ".join(part for part in (f"{progress.done} done", pace(progress)) if part)
        click.echo(f"\n=== {progress.done + 1} of {progress.total} ({about})")
        self.show_issue(item.issue, item.evidence, unfolded)
        self._answer(item)

    def _answer(self, item: Item) -> None:
        """What there is to say to the issue: whose code is asked for, or what was suggested."""
        click.echo("---")
        if item.own is not None:
            click.echo(f"your label: {names(self.codebook, item.own)}")
        if answered_before(self._view):
            click.echo(f"your answer so far: {answered_before(self._view)}")
        if item.proposal is None:
            click.echo(ALONE)
        else:
            self._suggestion(item)
        warning = addressed(item.issue, self.codebook)
        if warning:
            click.echo(warning)
        self._options()
        if item.revealed:
            take = f", {self.letters.get('take', 't')} takes the suggestion"
            rest = take if compared(item) == DIFFER else ""
            click.echo(f"{compared(item)} An empty line keeps your code{rest}.".lstrip())
        for memo in self._view.memos:
            click.echo(": ".join(memo_of(self.codebook, memo)))

    def _suggestion(self, item: Item) -> None:
        proposal = item.proposal
        assert proposal is not None
        missing = no_answer(item)
        if missing:
            why = "not sure" if item.ranked else f"no suggestion ({item.state})"
            click.echo(f"{why}: {missing}")
            if proposal.error:
                click.echo(f"  {clean(proposal.error)}")
        else:
            told = self._view.confidence
            confidence = told(proposal.codes[0]) if proposal.codes else None
            how_sure = "" if confidence is None else f", {sure(self._view, confidence)}"
            whose = f", {learnt(self._view)}" if self._view.taught else ""
            click.echo(f"suggested: {names(self.codebook, item.suggested)}{how_sure}{whose}")
        for code_id in item.suggested:
            code = self.codebook.by_id.get(code_id)
            if code is None:
                continue
            click.echo(f"  means: {plain(code.definition)}")
            self.show_rules(code)
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
            name = names(self.codebook, (option.code.id,))
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
            click.echo(f"{score:.2f}  {names(self.codebook, example.codes)}: {title}")
        if none:
            click.echo("the suggestion leans on no labelled issue")


def _numbers(line: str) -> bool:
    return line.replace(" ", "").isdecimal()
