"""What review and adjudication share on a screen: the issue in one pane, the answers in another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from coder.cli.issue_view import Piece, open_page, unfolding
from coder.cli.screen import panes
from coder.cli.screen.dialogs import FindCode
from coder.cli.screen.terminal_app import TerminalApp
from coder.cli.terminal import plain
from coder.errors import CoderError, UsageError
from coder.records import Codebook, Issue

T = TypeVar("T")


class Pane(VerticalScroll):
    """Holds ``widgets``; its last line says where more is, and with which keys to get there."""

    def __init__(self, *widgets: Widget, keys: str, name: str) -> None:
        super().__init__(id=name)
        self._widgets = widgets
        self._keys = keys

    def compose(self) -> Iterator[Widget]:
        yield from self._widgets
        yield Static(classes="more")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._say()

    def watch_virtual_size(self, _: Size) -> None:
        self.call_after_refresh(self._say)

    def on_resize(self) -> None:
        self.call_after_refresh(self._say)

    def _say(self) -> None:
        if not self.is_mounted:
            return
        line = self.query_one(".more", Static)
        line.display = self.max_scroll_y > 0
        where = ["below"] if round(self.scroll_y) < self.max_scroll_y else []
        where += ["above"] if round(self.scroll_y) > 0 else []
        line.update(f"more {' and '.join(where)}: {self._keys}")


class TwoPanes(TerminalApp):
    """The layout, the line of notices, how an answer is given, and the keys that only look."""

    NOTHING_LEFT = ""
    """What a key that needs an issue says when there is none."""
    first_notice = ""
    """The first notice."""

    _unfolded = False

    def bind_keys(self, keys: Mapping[str, str], actions: Mapping[str, str]) -> None:
        """Let the key of each action do what Textual is to do for it."""
        for action, key in keys.items():
            # Textual reads a comma as the sign between two keys.
            of_key = Binding("comma" if key == "," else key, actions[action])
            (named,) = Binding.make_bindings([of_key])
            self.bind(named.key, named.action)
        if "space" not in keys.values():
            self.bind("space", "page_down")

    def answer_widgets(self) -> Iterable[Widget]:
        """What the pane of the answers holds."""
        raise NotImplementedError

    def issue_shown(self) -> Issue | None:
        raise NotImplementedError

    def issue_pieces(self, unfolded: bool) -> list[Piece]:
        raise NotImplementedError

    def closing(self) -> Content:
        """What stands where the issue was when there is none left."""
        raise NotImplementedError

    def fill_answer(self) -> None:
        """Draw what the pane of the answers holds, where that does not depend on the width."""

    def show_frame(self, width: int) -> None:
        """Draw what depends on the width."""
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

    def on_mount(self) -> None:
        self.choose_theme()
        self.query_one("#reading").focus()
        self._show(self.first_notice)

    def on_resize(self, event: events.Resize) -> None:
        self.show_frame(event.size.width)

    # --- showing --------------------------------------------------------------------------------

    def _show(self, notice: str, stay: bool = False) -> None:
        """Draw all anew; from its start, unless the issue stays and is being read."""
        if not stay:
            self._unfolded = False
            self.query_one("#reading").scroll_home(animate=False)
        self._show_issue()
        self.query_one("#answer").scroll_home(animate=False)
        self._show_answer(notice)

    def _show_issue(self) -> None:
        issue = self.issue_shown()
        if issue is None:
            nothing = self.NOTHING_LEFT[:1].upper() + self.NOTHING_LEFT[1:]
            self._put("#where", Content.styled(nothing, panes.HEAD))
            self._put("#text", self.closing())
            return
        shown = self.issue_pieces(self._unfolded)
        self._put("#where", panes.issue_head(issue))
        self._put("#text", panes.issue_text(shown, self.native_ansi_color))

    def _show_answer(self, notice: str) -> None:
        self.query_one("#answer").display = self.issue_shown() is not None
        self.fill_answer()
        self._notify(notice)
        self.show_frame(self.size.width)

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

    # --- answers --------------------------------------------------------------------------------

    def _attempt(self, give: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do one thing; what is not possible is said, what cannot be stored ends the session."""
        try:
            given = give()
        except UsageError as error:
            self._notify(plain(f"{error.message}: {error.hint}"), "bold $text-error")
        except CoderError as error:
            self.fail(error)
        else:
            then(given)

    def _find_code(
        self, codebook: Codebook, marked: Collection[str], take: Callable[[str], None]
    ) -> None:
        def found(code: str | None) -> None:
            if code is not None:
                take(code)

        if self._at_issue():
            self.push_screen(FindCode(codebook, marked), found)

    # --- looking --------------------------------------------------------------------------------

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
