"""Disagreements on a screen: the issue, and the raters' answers beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from coder.cli.adjudicate_words import before, keys, resolution_line, who
from coder.cli.issue_view import Piece, clean, pieces
from coder.cli.review_words import names
from coder.cli.screen import panes
from coder.cli.screen.dialogs import FindCode, Read, WriteReason
from coder.cli.screen.terminal_app import WIDE
from coder.cli.screen.two_panes import TwoPanes
from coder.cli.terminal import plain
from coder.errors import CoderError, UsageError
from coder.ratings.comparable import Codes
from coder.ratings.resolved import Answer
from coder.records import Issue
from coder.review.adjudication import AdjudicationSession, Dispute

COLUMNS = 3
"""So many raters stand side by side; more of them one below the other."""
_ALWAYS = ("u", "?", "q")


def adjudicate_on_screen(session: AdjudicationSession) -> None:
    """Run the screen until the person quits; raises what ``TerminalApp.run_in_terminal`` does."""
    AdjudicateApp(session).run_in_terminal()


class AdjudicateApp(TwoPanes):
    """One screen over one :class:`AdjudicationSession`."""

    TITLE = "coder adjudicate"
    NOTHING_LEFT = "no disagreement is left"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "marked"),
        *(Binding(str(digit), f"answer({digit})") for digit in range(1, 10)),
        Binding("slash", "find"),
        Binding("n", "none"),
        Binding("s", "skip"),
        Binding("m", "reason"),
        Binding("u", "undo"),
        Binding("x", "unfold"),
        Binding("o", "open_page"),
        Binding("space", "page_down"),
        Binding("question_mark", "help"),
        Binding("q", "quit"),
    ]

    def __init__(self, session: AdjudicationSession) -> None:
        super().__init__()
        self.session = session

    def answer_widgets(self) -> Iterable[Widget]:
        yield Container(id="answers")
        yield Static(id="meaning")

    def issue_shown(self) -> Issue | None:
        return self.session.dispute.issue if self.session.dispute else None

    def issue_pieces(self, unfolded: bool) -> list[Piece]:
        dispute = self.session.dispute
        return pieces(dispute.issue, (), unfolded) if dispute else []

    def on_mount(self) -> None:
        self.choose_theme()
        self.query_one("#reading").focus()
        self._show("? shows all keys")

    def on_resize(self, event: events.Resize) -> None:
        self._show_frame(event.size.width)

    # --- showing --------------------------------------------------------------------------------

    def _show(self, notice: str) -> None:
        """Draw the session's dispute from its start."""
        self._unfolded = False
        self._show_issue()
        self._show_answers()
        for pane in ("#reading", "#answer"):
            self.query_one(pane).scroll_home(animate=False)
        self._notify(notice)
        self._show_frame(self.size.width)

    def _show_issue(self) -> None:
        dispute = self.session.dispute
        if dispute is None:
            self._put("#where", Content.styled("No disagreement is left", panes.HEAD))
            self._put("#text", _closing(self.session))
            return
        self._put("#where", panes.issue_head(dispute.issue))
        shown = self.issue_pieces(self._unfolded)
        self._put("#text", panes.issue_text(shown, self.native_ansi_color))

    def _show_answers(self) -> None:
        dispute = self.session.dispute
        self.query_one("#answer").display = dispute is not None
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

    def _show_frame(self, width: int) -> None:
        """Draw what depends on the width."""
        self._put("#top", _top_line(self.session, width))
        self._put("#keys", _key_bar(self.session, width < WIDE))

    # --- answers --------------------------------------------------------------------------------

    def _resolve(self, codes: Codes) -> None:
        """Ask for the reason, unless it was written first, and keep the answer."""
        try:
            codes = self.session.checked(codes)
        except UsageError as error:
            self._refuse(error)
            return

        def keep(reason: str | None) -> None:
            if reason is not None:
                self._keep(codes, reason)

        if self.session.reason:
            self._keep(codes, "")
        else:
            self.push_screen(WriteReason(names(self.session.codebook, codes)), keep)

    def _keep(self, codes: Codes, reason: str) -> None:
        try:
            record = self.session.resolve(codes, reason)
        except CoderError as error:
            self.fail(error)
        else:
            self._show(resolution_line(self.session, record))

    def _refuse(self, error: UsageError) -> None:
        self._notify(plain(f"{error.message}: {error.hint}"), "bold $text-error")

    def action_answer(self, number: int) -> None:
        try:
            codes = self.session.answer(number)
        except UsageError as error:
            self._refuse(error)
        else:
            self._resolve(codes)

    def action_marked(self) -> None:
        if self.session.several and self.session.selected:
            self._resolve(self.session.selected)
        else:
            self._notify("a digit takes a rater's answer; / finds any code")

    def action_none(self) -> None:
        self._resolve(())

    def action_find(self) -> None:
        def found(code: str | None) -> None:
            if code is None:
                return
            if self.session.several:
                self.session.mark(code)
                self._show_answers()
                self._notify("Enter takes the codes marked")
            else:
                self._resolve((code,))

        if self._at_issue():
            self.push_screen(FindCode(self.session.codebook, self.session.selected), found)

    def action_reason(self) -> None:
        def written(text: str | None) -> None:
            if text is not None and text.strip():
                self.session.reason = text.strip()
                self._show_answers()
                self._notify("the reason is kept for the next answer")

        if self._at_issue():
            self.push_screen(WriteReason("The reason for your next answer"), written)

    def action_skip(self) -> None:
        try:
            self.session.skip()
        except UsageError as error:
            self._refuse(error)
        else:
            self._show("left for later")

    def action_undo(self) -> None:
        try:
            record = self.session.undo()
        except CoderError as error:
            self.fail(error)
            return
        if record is None:
            self._notify("there is nothing to undo")
        else:
            self._show("answer taken back; answer again, or u for the one before")

    # --- looking --------------------------------------------------------------------------------

    def action_help(self) -> None:
        parts: list[panes.Part] = []
        for key in keys(self.session):
            parts += [(f"{key.key:>6}  ", "bold $text-accent"), key.long, "\n"]
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
        if session.dispute is None and key.key not in _ALWAYS:
            continue
        spelled = key.key
        if spelled == "1-9" and session.dispute is not None:
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
