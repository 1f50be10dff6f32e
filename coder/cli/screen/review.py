"""The review on a screen: keys in, panes out; every decision is the session's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from coder.cli.issue_view import Piece, pieces
from coder.cli.review_words import NOT_YET, NOTHING_TO_UNDO, decision_line, label_line, taken_back
from coder.cli.screen import panes
from coder.cli.screen.dialogs import ProposeChange, Read, WriteMemo
from coder.cli.screen.terminal_app import WIDE
from coder.cli.screen.two_panes import TwoPanes
from coder.errors import CoderError, UsageError
from coder.records import Change, Decision, Issue, Label
from coder.review.session import ReviewSession


def review_on_screen(session: ReviewSession) -> None:
    """Run the screen until the rater quits; raises what ``TerminalApp.run_in_terminal`` does."""
    ReviewApp(session).run_in_terminal()


ACTIONS = {
    "accept": "answer('enter')",
    "take": "answer('accept')",
    "find": "find",
    "none": "answer('reject')",
    "skip": "answer('skip')",
    "flag": "answer('flag')",
    "memo": "memo",
    "change": "change",
    "undo": "undo",
    "labelled": "neighbours",
    "evidence": "evidence",
    "unfold": "unfold",
    "open": "open_page",
    "help": "help",
    "quit": "quit",
}
"""What Textual is to do for each action of the review."""


class ReviewApp(TwoPanes):
    """One screen over one :class:`ReviewSession`."""

    TITLE = "coder review"
    NOTHING_LEFT = "every issue is reviewed"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(digit), f"pick({digit})") for digit in range(1, 10)),
        Binding("escape", "categories"),
    ]

    def __init__(self, session: ReviewSession) -> None:
        super().__init__()
        self.bind_keys(session.view.keys, ACTIONS)
        self.session = session
        self.view = session.view
        self.first_notice = f"{self.view.key('help')} shows all keys"
        self._last_evidence = -1

    def answer_widgets(self) -> Iterable[Widget]:
        yield Static(id="suggestion")

    def issue_shown(self) -> Issue | None:
        return self.view.item.issue if self.view.item else None

    def issue_pieces(self, unfolded: bool) -> list[Piece]:
        item = self.view.item
        return pieces(item.issue, item.evidence, unfolded) if item else []

    # --- showing --------------------------------------------------------------------------------

    def closing(self) -> Content:
        return panes.closing(self.view)

    def _show(self, notice: str, stay: bool = False) -> None:
        self._last_evidence = -1
        super()._show(notice, stay)

    def show_frame(self, width: int) -> None:
        narrow = width < WIDE
        self._put("#top", panes.top_line(self.view, width))
        self._put("#suggestion", panes.answer(self.view, narrow))
        self._put("#keys", panes.key_bar(self.view, width))

    # --- answers --------------------------------------------------------------------------------

    def _answer(self, give: Callable[[], Decision | Label | None], notice: str = "") -> None:
        before = self.issue_shown()

        def given(record: Decision | Label | None) -> None:
            if record is None:
                self._show_answer(f"{self.view.key('accept')} takes the codes marked")
            elif isinstance(record, Decision):
                self._show(notice or decision_line(self.view.codebook, record))
            else:
                now = self.issue_shown()
                stay = before is not None and now is not None and now.id == before.id
                self._show(notice or label_line(self.view.codebook, record), stay)

        self._attempt(give, given)

    def action_answer(self, how: str) -> None:
        answers = {
            "enter": self.session.enter,
            "accept": self.session.accept,
            "reject": self.session.reject,
            "skip": self.session.skip,
            "flag": self.session.flag,
        }
        self._answer(answers[how])

    def action_pick(self, number: int) -> None:
        options = self.view.options
        if number > len(options):
            find = self.view.key("find")
            self._notify(f"there is no number {number} here; {find} finds any code")
            return
        option = options[number - 1]
        if option.opens:
            self.session.open(option.code.id)
            self._show_answer("")
            return
        self._answer(lambda: self.session.pick(option.code.id))

    def action_categories(self) -> None:
        """From the subcodes of a category to the categories."""
        if self.view.branch is not None:
            self.session.open(None)
            self._show_answer("")
        else:
            self._notify("no category is open")

    def action_find(self) -> None:
        def take(code: str) -> None:
            self._answer(lambda: self.session.pick(code))

        self._find_code(self.view.codebook, self.view.selected, take)

    def action_memo(self) -> None:
        def written(text: str | None) -> None:
            if text is not None:
                self._keep_memo(lambda: self.session.memo(text))

        if self._at_issue():
            self.push_screen(WriteMemo(), written)

    def action_change(self) -> None:
        def proposed(change: tuple[Change, str] | None) -> None:
            if change is not None:
                self._keep_memo(lambda: self.session.propose(*change))

        if self._at_issue():
            dialog = ProposeChange(self.view.codebook, self.view.about)
            self.push_screen(dialog, proposed)

    def _keep_memo(self, keep: Callable[[], Decision]) -> None:
        try:
            decision = keep()
        except UsageError as error:
            self._notify(error.message, "bold $text-error")
        except CoderError as error:
            self.fail(error)
        else:
            self._show_answer(decision_line(self.view.codebook, decision))

    def action_undo(self) -> None:
        last = self.view.last
        if last is None:
            self._notify(NOTHING_TO_UNDO)
            return
        self._answer(self.session.undo, taken_back(self.view, last))

    # --- looking --------------------------------------------------------------------------------

    def action_neighbours(self) -> None:
        if not self._at_issue() or self._not_yet():
            return
        found = list(self.view.neighbours())
        text = panes.neighbours(self.view.codebook, found)
        self.push_screen(Read("Labelled issues like this one", text))

    def _not_yet(self) -> bool:
        """Whether nothing of the model may be shown yet, which is said then."""
        hidden = self.view.item is not None and self.view.item.hidden
        if hidden:
            self._notify(NOT_YET)
        return hidden

    def action_evidence(self) -> None:
        """Scroll to the next marked quote, round and round."""
        item = self.view.item
        if not self._at_issue() or item is None or self._not_yet():
            return
        shown = self.issue_pieces(self._unfolded)
        starts, at = [], 0
        for before, piece in zip([None, *shown], shown, strict=False):
            if piece.evidence and not (before and before.evidence):
                starts.append(at)
            at += len(piece.text)
        if not starts:
            self._notify("no quote of the suggestion is in the text")
            return
        self._last_evidence = (self._last_evidence + 1) % len(starts)
        text = self.query_one("#text", Static)
        above = panes.issue_text(shown, ansi=False)[: starts[self._last_evidence]]
        line = above.get_height({}, max(1, text.content_size.width)) - 1
        self.query_one("#reading").scroll_to(y=max(0, line - 2), animate=False)
        self._notify(f"quote {self._last_evidence + 1} of {len(starts)}")

    def action_help(self) -> None:
        self.push_screen(Read("Keys", panes.help_text(self.view)))
