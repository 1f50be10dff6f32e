"""What review and adjudication share on a screen: the issue in one pane, the answers in another."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from coder.cli.browser import open_page
from coder.cli.issue_view import Piece, unfolding
from coder.cli.screen import panes
from coder.cli.screen.pane import Pane
from coder.cli.screen.terminal_app import TerminalApp
from coder.records import Issue


class TwoPanes(TerminalApp):
    """The layout, the line of notices, and the keys that only look at the issue."""

    NOTHING_LEFT = ""
    """What a key that needs an issue says when there is none."""

    _unfolded = False

    def answer_widgets(self) -> Iterable[Widget]:
        """What the pane of the answers holds."""
        raise NotImplementedError

    def issue_shown(self) -> Issue | None:
        raise NotImplementedError

    def issue_pieces(self, unfolded: bool) -> list[Piece]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield Static(id="top")
        with Horizontal(id="work"):
            with Vertical(id="issue"):
                yield Static(id="where")
                yield Pane(Static(id="text"), keys="arrows, PgDn", name="reading")
            yield Pane(*self.answer_widgets(), keys="Tab, then arrows", name="answer")
        yield Static(id="notice")
        yield Static(id="keys")

    def _show_issue(self) -> None:
        raise NotImplementedError

    def _notify(self, notice: str, style: str = panes.FAINT) -> None:
        self._put("#notice", Content.styled(f" {notice}" if notice else "", style))

    def on_key(self) -> None:
        """Whatever key comes, the last message has been read; the key's own follows."""
        if not self.screen.is_modal:
            self._notify("")

    def _put(self, where: str, text: Content) -> None:
        shown = self.query_one(where, Static)
        one_line = where in ("#top", "#where")
        if where == "#notice":
            # A link may take several lines; a layout for each key would be waste.
            one_line = shown.size.height == 1 and text.cell_length <= self.size.width
        shown.update(text, layout=not one_line)

    def _at_issue(self) -> bool:
        """Whether there is an issue; where there is none, that is said."""
        if self.issue_shown() is None:
            self._notify(self.NOTHING_LEFT)
            return False
        return True

    def action_unfold(self) -> None:
        if not self._at_issue():
            return
        said = unfolding(self.issue_pieces(False), self.issue_pieces(True), not self._unfolded)
        self._unfolded = not self._unfolded
        self._show_issue()
        self._notify(said)

    def action_open_page(self) -> None:
        issue = self.issue_shown()
        self._notify(open_page(issue.url) if issue else self.NOTHING_LEFT)

    def action_page_down(self) -> None:
        self.query_one("#reading").scroll_page_down(animate=False)

    async def action_quit(self) -> None:
        self.exit()
