"""``coder adjudicate`` as lines in and lines out, with the letters of the screen.

What takes words takes them on the same line ("1 the log says so", "/memory"). An answer without a
reason on its line is asked for one on the next, which may be empty.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from coder.cli.adjudicate_words import (
    LETTERS,
    NOTHING_LEFT,
    TAKEN_BACK,
    before,
    keys,
    resolution_line,
    who,
)
from coder.cli.issue_view import clean
from coder.cli.line_mode import LineMode, read_line, with_further_lines
from coder.cli.review_words import NOTHING_TO_UNDO, names
from coder.cli.terminal import plain
from coder.errors import UsageError
from coder.ratings.comparable import Codes
from coder.records import Issue
from coder.review.adjudication import AdjudicationSession


def adjudicate_plain(session: AdjudicationSession) -> None:
    """Read commands from standard input until ``q`` or its end."""
    _Lines(session).run()


class _Lines(LineMode):
    NOTHING_LEFT = NOTHING_LEFT

    def __init__(self, session: AdjudicationSession) -> None:
        super().__init__(session.codebook, LETTERS, keys(session))
        self._session = session

    def issue_shown(self) -> Issue | None:
        return self._session.dispute.issue if self._session.dispute else None

    def obey(self, line: str, found: Sequence[str]) -> None:
        first, _, words = line.partition(" ")
        action = self.actions.get(first, "")
        if first.isdecimal():
            number = int(first)
            if not found:
                self._resolve(self._session.answer(number), words)
            elif 1 <= number <= len(found):
                self.take(found[number - 1], words)
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
        elif line[0] == self.letters["find"]:
            self.find(line[1:].strip())
        elif action == "reason" and words:
            self._session.reason = with_further_lines(words)
            click.echo("the reason is kept for the next answer")
        elif action == "none":
            self._resolve((), words)
        elif words:
            self.unknown(line)
        else:
            self._act(action, line)

    def _act(self, action: str, line: str) -> None:
        match action:
            case "skip":
                self._session.skip()
                click.echo("left for later")
                self.show()
            case "undo":
                if self._session.undo() is None:
                    click.echo(NOTHING_TO_UNDO)
                else:
                    click.echo(TAKEN_BACK)
                    self.show()
            case _:
                self.look(action, line)

    def _resolve(self, codes: Codes, reason: str) -> None:
        codes = self._session.checked(codes)
        if not reason and not self._session.reason:
            given = read_line("reason (Enter for none): ")
            if given is None:
                return  # the input ended before the answer was complete
            reason = with_further_lines(given)
        click.echo(resolution_line(self._session, self._session.resolve(codes, reason)))
        self.show()

    def take(self, code: str, reason: str = "") -> None:
        if not self._session.several:
            self._resolve((code,), reason)
            return
        self._session.mark(code)
        self.say_marked(self._session.selected)

    def show(self, unfolded: bool = False) -> None:
        dispute = self._session.dispute
        progress = self._session.progress
        if dispute is None:
            left = f"; {progress.postponed} left for later" if progress.postponed else ""
            click.echo(f"{NOTHING_LEFT}{left}: u takes back the last answer, q ends")
            return
        place = min(progress.done + 1, progress.total)
        click.echo(f"\n=== {place} of {progress.total} ({progress.done} resolved)")
        self.show_issue(dispute.issue, (), unfolded)
        click.echo("---")
        if earlier := before(self._session):
            click.echo(f"resolved so far: {earlier}")
        for answer in dispute.answers:
            head = who(self._session, dispute, answer)
            click.echo(f"{head}: {names(self.codebook, answer.codes)}")
            for line in clean(answer.memo).splitlines():
                click.echo(f"   memo: {line}")
        for code_id in dispute.codes:
            code = self.codebook.by_id[code_id]
            click.echo(f"{names(self.codebook, (code_id,))} means: {plain(code.definition)}")
            self.show_rules(code)
        if self._session.selected:
            click.echo(f"marked: {names(self.codebook, self._session.selected)}")
