"""The dialogs of the review: find a code, write a memo, propose a change, read something."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from coder.cli.review_words import CHANGES, names
from coder.cli.screen.panes import found_code
from coder.codebook.search import find_codes
from coder.records import Change, Codebook

R = TypeVar("R")


class Dialog(ModalScreen[R]):
    """A screen before the app's own that gives one answer and goes, however many keys that would
    give one arrive together."""

    _answered = False

    def dismiss(self, result: R | None = None) -> AwaitComplete:
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)


class Line(Input):
    """One line of text that Enter ends at once. Left to its binding, Enter would be heard after
    the letters that were typed behind it, and these would be taken in."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self.action_submit()
        else:
            await super()._on_key(event)


class Note(TextArea):
    """A text that Enter ends at once; the lines of what is pasted stay lines."""

    class Written(Message):
        """The text as it stood when it was ended."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, highlight_cursor_line=False)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Written(self.text))
        elif event.key == "ctrl+j":
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)


class FindCode(Dialog[str | None]):
    """Type a few letters, Enter takes the code on top or the one moved to; ``None`` on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)"),
        Binding("down", "move(1)"),
        Binding("up", "move(-1)"),
    ]

    def __init__(self, codebook: Codebook, marked: Collection[str]) -> None:
        super().__init__()
        self._codebook = codebook
        self._marked = marked
        self._on_top: str | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Line(placeholder="name, id or words of the definition", compact=True)
            yield OptionList(compact=True)
            yield Static("Enter takes the code · up/down move · Esc goes back", classes="hint")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._search("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._search(event.value)

    def on_input_submitted(self) -> None:
        found = self.query_one(OptionList)
        if found.highlighted is not None:
            self.dismiss(found.get_option_at_index(found.highlighted).id)

    def on_option_list_option_highlighted(self) -> None:
        # What the list says now counts: the event may be of a search since replaced.
        found = self.query_one(OptionList)
        current = found.highlighted_option
        before, self._on_top = self._on_top, current.id if current else None
        for option in found.options:
            if option.id and option.id in (before, self._on_top):
                found.replace_option_prompt(option.id, self._line(option.id))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, by: int) -> None:
        found = self.query_one(OptionList)
        found.action_cursor_down() if by > 0 else found.action_cursor_up()

    def _search(self, words: str) -> None:
        codes = find_codes(self._codebook, words)
        self._on_top = codes[0].id if codes else None
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(Option(self._line(code.id), id=code.id) for code in codes)
        if not codes:
            found.add_option(Option("  nothing matches", disabled=True))
        found.highlighted = 0 if codes else None

    def _line(self, code: str) -> Content:
        marked, on_top = code in self._marked, code == self._on_top
        return found_code(self._codebook, self._codebook.by_id[code], marked, on_top)


class WriteMemo(Dialog[str | None]):
    """A text of some lines; ``None`` on Esc, and nothing is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)")]
    PLACEHOLDER = "a note about this issue"
    HINT = "Enter keeps the memo · Ctrl-J begins a line · Esc goes back"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(self.PLACEHOLDER)
            yield Static(self.HINT, classes="hint")

    def on_note_written(self, event: Note.Written) -> None:
        self.dismiss(event.text)


class WriteReason(WriteMemo):
    """Why a disagreement is resolved that way; may be empty. ``answer`` is what it is about."""

    PLACEHOLDER = "why? (may be left empty)"
    HINT = "Enter keeps it · Ctrl-J begins a line · Esc goes back"

    def __init__(self, answer: str) -> None:
        super().__init__()
        self._answer = answer

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._answer, "bold $text-primary"))
            yield Note(self.PLACEHOLDER)
            yield Static(self.HINT, classes="hint")


class ProposeChange(Dialog[tuple[Change, str] | None]):
    """A kind of change, then one line of text about it; ``None`` on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)")]

    def __init__(self, codebook: Codebook, about: Collection[str]) -> None:
        super().__init__()
        self._about = names(codebook, tuple(about)) if about else "the codebook"
        self._change: Change | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title("A change"), id="title")
            yield OptionList(
                *(
                    Option(Content(f"{change.value[0]}  {words}"), id=change)
                    for change, words in CHANGES.items()
                ),
                compact=True,
                classes="kinds",
            )
            yield Note("what should change, and why")
            yield Static("a letter or Enter takes the kind · Esc goes back", classes="hint")

    def on_mount(self) -> None:
        self.query_one(Note).display = False
        self.query_one(OptionList).focus()

    def on_key(self, event: events.Key) -> None:
        for change in Change:
            if self._change is None and event.character == change.value[0]:
                event.stop()
                self._take(change)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._take(Change(event.option.id or ""))

    def on_note_written(self, event: Note.Written) -> None:
        if self._change is not None:
            self.dismiss((self._change, event.text))

    def _take(self, change: Change) -> None:
        self._change = change
        self.query_one(OptionList).display = False
        words = self.query_one(Note)
        words.display = True
        words.focus()
        kind = CHANGES[change]
        self.query_one("#title", Static).update(self._title(kind[0].upper() + kind[1:]))
        self.query_one(".hint", Static).update(
            "Enter keeps it among the memos · Ctrl-J begins a line · Esc goes back"
        )

    def _title(self, what: str) -> Content:
        return Content.styled(f"{what} · {self._about}", "bold $text-primary")


class Read(Dialog[None]):
    """Text to read and close."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, "dismiss(None)") for key in ("escape", "enter", "q", "l", "question_mark")),
        Binding("space", "page_down"),
    ]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(Content.styled(self._title, "bold $text-primary"))
            with VerticalScroll():
                yield Static(self._text)
            yield Static("Esc goes back", classes="hint")

    def on_mount(self) -> None:
        text = self.query_one(VerticalScroll)
        text.focus()
        for changed in ("scroll_y", "virtual_size", "size"):
            self.watch(text, changed, self._tell_of_more)

    def _tell_of_more(self) -> None:
        text = self.query_one(VerticalScroll)
        ends = [("above", text.scroll_y > 0), ("below", text.scroll_y < text.max_scroll_y)]
        more = " and ".join(end for end, hidden in ends if hidden)
        hint = f"Esc goes back · more {more}, Space and arrows scroll" if more else "Esc goes back"
        self.query_one(".hint", Static).update(hint)

    def action_page_down(self) -> None:
        self.query_one(VerticalScroll).scroll_page_down(animate=False)
