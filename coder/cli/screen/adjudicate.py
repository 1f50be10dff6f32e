"""Disagreements on a screen: the issue, and the raters' answers beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from coder.cli.adjudicate_words import (
    ACTION_KEYS,
    LETTERS,
    NOTHING_LEFT,
    TAKEN_BACK,
    before,
    keys,
    resolution_line,
    who,
)
from coder.cli.issue_view import Piece, clean, pieces
from coder.cli.review_words import NOTHING_TO_UNDO, PICK, names
from coder.cli.screen import panes
from coder.cli.screen.dialogs import Read, WriteReason
from coder.cli.screen.terminal_app import WIDE
from coder.cli.screen.two_panes import TwoPanes
from coder.cli.terminal import plain
from coder.ratings.comparable import Codes
from coder.ratings.resolved import Answer
from coder.records import Adjudication, Issue
from coder.review.adjudication import AdjudicationSession, Dispute

COLUMNS = 3
"""So many raters stand side by side; more of them one below the other."""


def adjudicate_on_screen(session: AdjudicationSession) -> None:
    """Run the screen until the person quits; raises what ``TerminalApp.run_in_terminal`` does."""
    AdjudicateApp(session).run_in_terminal()


ACTIONS = {"accept": "marked", "open": "open_page"}
"""What Textual is to do for an action that its name does not say."""


class AdjudicateApp(TwoPanes):
    """One screen over one :class:`AdjudicationSession`."""

    TITLE = "coder adjudicate"
    NOTHING_LEFT = NOTHING_LEFT
    first_notice = f"{LETTERS['help']} shows all keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"answer({digit})") for digit in range(1, 10)
    ]

    def __init__(self, session: AdjudicationSession) -> None:
        super().__init__()
        self.bind_keys(ACTION_KEYS, {action: action for action in ACTION_KEYS} | ACTIONS)
        self.session = session

    def answer_widgets(self) -> Iterable[Widget]:
        yield Container(id="answers")
        yield Static(id="meaning")

    def issue_shown(self) -> Issue | None:
        return self.session.dispute.issue if self.session.dispute else None

    def issue_pieces(self, unfolded: bool) -> list[Piece]:
        dispute = self.session.dispute
        return pieces(dispute.issue, (), unfolded) if dispute else []

    # --- showing --------------------------------------------------------------------------------

    def closing(self) -> Content:
        return _closing(self.session)

    def fill_answer(self) -> None:
        dispute = self.session.dispute
        given = dispute.answers if dispute else ()
        answers = self.query_one("#answers")
        answers.set_class(len(given) <= COLUMNS, "beside")
        columns = list(answers.query_children(Static))
        for column in columns[len(given) :]:
            column.display = False
        more = [Static() for _ in given[len(columns) :]]
        for column, answer in zip([*columns, *more], given, strict=False):
            assert dispute is not None
            column.display = True
            column.update(_answer(self.session, dispute, answer))
        answers.mount_all(more)
        self._put("#meaning", _meaning(self.session, dispute) if dispute else Content())

    def show_frame(self, width: int) -> None:
        self._put("#top", _top_line(self.session, width))
        self._put("#keys", _key_bar(self.session, width < WIDE))

    # --- answers --------------------------------------------------------------------------------

    def _resolve(self, codes: Codes) -> None:
        """Ask for the reason, unless it was written first, and keep the answer."""

        def ask(checked: Codes) -> None:
            def keep(reason: str | None) -> None:
                if reason is not None:
                    self._attempt(lambda: self.session.resolve(checked, reason), kept)

            if self.session.reason:
                keep("")
            else:
                self.push_screen(WriteReason(names(self.session.codebook, checked)), keep)

        def kept(record: Adjudication) -> None:
            self._show(resolution_line(self.session, record))

        self._attempt(lambda: self.session.checked(codes), ask)

    def action_answer(self, number: int) -> None:
        self._attempt(lambda: self.session.answer(number), self._resolve)

    def action_marked(self) -> None:
        if self.session.several and self.session.selected:
            self._resolve(self.session.selected)
        else:
            self._notify("a digit takes a rater's answer; / finds any code")

    def action_none(self) -> None:
        self._resolve(())

    def action_find(self) -> None:
        def take(code: str) -> None:
            if self.session.several:
                self.session.mark(code)
                self._show_answer("Enter takes the codes marked")
            else:
                self._resolve((code,))

        self._find_code(self.session.codebook, self.session.selected, take)

    def action_reason(self) -> None:
        def written(text: str | None) -> None:
            if text is not None and text.strip():
                self.session.reason = text.strip()
                self._show_answer("the reason is kept for the next answer")

        if self._at_issue():
            self.push_screen(WriteReason("The reason for your next answer"), written)

    def action_skip(self) -> None:
        self._attempt(self.session.skip, lambda _: self._show("left for later"))

    def action_undo(self) -> None:
        def undone(record: Adjudication | None) -> None:
            if record is None:
                self._notify(NOTHING_TO_UNDO)
            else:
                self._show(TAKEN_BACK)

        self._attempt(self.session.undo, undone)

    # --- looking --------------------------------------------------------------------------------

    def action_help(self) -> None:
        parts: list[panes.Part] = []
        for key in keys(self.session):
            parts += [(f"{LETTERS[key.action]:>6}  ", "bold $text-accent"), key.long, "\n"]
        parts += [("\n Space  ", "bold $text-accent"), "scroll on; so do arrows, Tab changes panes"]
        self.push_screen(Read("Keys", Content.assemble(*parts)))


# --- what each pane shows -----------------------------------------------------------------------


def _top_line(session: AdjudicationSession, width: int) -> Content:
    progress = session.progress
    left = f" {plain(session.run.name)} · {plain(session.by)}"
    skipped = f"  {progress.postponed} skipped" if progress.postponed else ""
    right = f"{progress.done}/{progress.total} resolved{skipped} "
    gap = " " * max(1, width - len(left) - len(right))
    return Content.assemble((left, "bold"), gap, right)


def _key_bar(session: AdjudicationSession, narrow: bool) -> Content:
    parts: list[panes.Part] = [" "]
    for key in keys(session):
        if session.dispute is None and key.action not in panes.KEYS_AT_THE_END:
            continue
        spelled = LETTERS[key.action]
        if key.action == PICK and session.dispute is not None:
            spelled = f"1-{min(9, len(session.dispute.answers))}"
        parts += [(spelled, "bold $text-accent"), " ", (key.short, panes.FAINT)]
        parts.append(" " if narrow else "  ")
    return Content.assemble(*parts)


def _answer(session: AdjudicationSession, dispute: Dispute, answer: Answer) -> Content:
    parts: list[panes.Part] = [(f"{who(session, dispute, answer)}\n", "bold $text-accent")]
    for code in answer.codes:
        parts += [(f"{names(session.codebook, (code,))}\n", "bold $text-success")]
    if not answer.codes:
        parts.append(("None fits\n", "bold $text-warning"))
    if answer.memo:
        parts.append(f"{clean(answer.memo)}\n")
    return Content.assemble(*parts)


def _meaning(session: AdjudicationSession, dispute: Dispute) -> Content:
    """The marked codes, the reason written ahead, and the definitions of what is in dispute."""
    parts: list[panes.Part] = []
    if earlier := before(session):
        parts += [("\nResolved so far  ", panes.HEAD), earlier, "\n"]
    if session.several:
        marked = names(session.codebook, session.selected) if session.selected else "nothing"
        parts += [("\nMarked  ", panes.HEAD), marked, "\n"]
    if session.reason:
        parts += [("\nReason  ", panes.HEAD), clean(session.reason), "\n"]
    for code in dict.fromkeys((*dispute.codes, *session.selected)):
        parts += panes.definition(session.codebook.by_id[code])
    return Content.assemble(*parts)


def _closing(session: AdjudicationSession) -> Content:
    progress = session.progress
    done = f"{progress.done} of {progress.total} disagreements resolved\n\n"
    parts: list[panes.Part] = [(done, "bold $text-success")]
    if progress.postponed:
        parts.append(f"{progress.postponed} skipped; they come back next time\n\n")
    parts += [(plain(str(session.journal.path)), panes.FAINT), "\n\n"]
    parts.append(f"u takes back the last answer, q ends. Next: coder report {session.run.name}")
    return Content.assemble(*parts)
