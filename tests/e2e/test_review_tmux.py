"""The review in a real terminal: keys in, screen out, what is on disk after any kind of end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.runs import done, make_issue, make_proposal, make_run

from coder.records import Action, Decision, Label
from coder.storage.run import Run

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

ROOT = Path(__file__).parents[2]
WAIT = 30.0


class Terminal:
    """A terminal of its own, on a private tmux server, in a study folder."""

    def __init__(self, study: Path, socket: str, columns: int = 80, lines: int = 24) -> None:
        self._socket = socket
        self._study = study
        # The server outlives its sessions, so that one can be closed and the next one opened.
        self.tmux("start-server", ";", "set", "-s", "exit-empty", "off")
        self.tmux("set", "-s", "set-clipboard", "on")
        self._size = ("-x", str(columns), "-y", str(lines))

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-S", self._socket, "-f", os.devnull, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT,
        ).stdout

    def review(
        self,
        *options: str,
        environment: str = "",
        verb: str = "review trial --rater ann --order file",
        shown: str = "q quit",
    ) -> None:
        """Start ``coder review`` and wait for its key bar, or for what is ``shown``."""
        command = " ".join((sys.executable, "-m coder", verb, *options))
        # An inherited COLUMNS would hide the window's size from whatever runs in it.
        cleared = "unset COLUMNS LINES NO_COLOR COLORTERM"
        start = f"cd {self._study}; {cleared}; PYTHONPATH={ROOT} {environment} {command}"
        shell = f"{start}; echo exit=$?; cat"
        self.tmux("new-session", "-d", "-s", "review", *self._size, shell)
        self.see(shown)

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "review", *keys)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-t", "review", "-l", text)

    def paste(self, text: str) -> None:
        """As a terminal does: in brackets where what runs in it has asked for them."""
        self.tmux("set-buffer", text, ";", "paste-buffer", "-p", "-t", "review")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "review")

    def see(self, text: str, gone: str = "") -> str:
        """Wait until ``text`` is on the screen (and ``gone`` is not); the screen."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            screen = self.screen()
            if text in screen and not (gone and gone in screen):
                return screen
            time.sleep(0.02)
        raise AssertionError(f"{text!r} did not come; the screen is:\n{self.screen()}")

    def process(self) -> int:
        """The id of the review itself, not of the shell around it."""
        shell = self.tmux("display-message", "-p", "-t", "review", "#{pane_pid}").strip()
        children = subprocess.run(
            ["pgrep", "-P", shell], capture_output=True, text=True, check=True
        )
        return int(children.stdout.split()[0])

    def close(self) -> None:
        """Close the terminal as its window's cross does: whatever runs in it gets SIGHUP."""
        self.tmux("kill-session", "-t", "review")


@pytest.fixture
def socket() -> Iterator[str]:
    # A socket's path must be short, which pytest's own folders are not.
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/s"
        subprocess.run(
            ["tmux", "-S", f"{folder}/s", "kill-server"], capture_output=True, check=False
        )


def told(study: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.issue_id, d.action.value, d.codes) for d in decisions(study)]


def decisions(study: Path) -> list[Decision]:
    return done(Run.open(study / "runs", "trial"))


def test_accept_correct_memo_and_undo_across_a_restart(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs", 4)
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    first = terminal.see("acme/fruit#1")
    assert "Too Sour" in first
    assert "72% sure" in first
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    terminal.keys("/")
    terminal.see("Enter takes the code")
    terminal.type("bruis")
    terminal.see("bruis")
    terminal.keys("Enter")
    terminal.see("acme/fruit#3")
    terminal.keys("m")
    terminal.see("Enter keeps the memo")
    terminal.type("quite odd")
    terminal.keys("Enter")
    terminal.see("Your memo  quite odd")
    terminal.keys("q")
    terminal.see("exit=0")
    assert "2 of 4 reviewed: 1 accepted, 1 corrected" in terminal.screen()
    terminal.close()
    terminal.review()
    terminal.see("acme/fruit#3")
    terminal.keys("u")
    terminal.see("taken back", gone="quite odd")
    terminal.keys("u")
    terminal.see("acme/fruit#2")
    terminal.keys("1")
    terminal.see("acme/fruit#3")
    terminal.keys("q")
    terminal.see("exit=0")
    assert [action for _, action, _ in told(tmp_path)] == [
        *("accept", "correct", "memo"),
        *("undo", "undo", "correct"),
    ]
    standing = Run.open(tmp_path / "runs", "trial").decisions("ann")
    assert {i: d.codes for i, d in standing.items()} == {
        "i1": ("taste.sour",),
        "i2": ("looks.green",),
    }


LINES = "first line\nn\n\nthe last"


def test_a_pasted_memo_keeps_its_lines(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    terminal.keys("m")
    terminal.see("Enter keeps the memo")
    terminal.paste(LINES)
    terminal.see("the last")
    terminal.keys("Enter")
    terminal.see("memo kept")
    terminal.keys("m")
    terminal.see("Enter keeps the memo")
    terminal.keys("a", "C-j", "b", "Enter")
    terminal.see("Your memo  a")
    terminal.keys("q")
    terminal.see("exit=0")
    assert [d.memo for d in decisions(tmp_path) if d.action is Action.MEMO] == [LINES, "a\nb"]


def test_pasted_lines_are_no_commands_in_the_line_mode(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review("--plain", shown="> ")
    terminal.paste(f"m {LINES}\n")
    terminal.see("memo kept")
    terminal.keys("q", "Enter")
    terminal.see("exit=0")
    assert told(tmp_path) == [("i1", "memo", ())]
    assert decisions(tmp_path)[0].memo == LINES


def test_resize_keeps_the_key_bar_and_the_issue(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    for columns, lines, layout in ((200, 50, "x unfold"), (60, 20, "acme"), (80, 24, "acme")):
        terminal.tmux("resize-window", "-t", "review", "-x", str(columns), "-y", str(lines))
        terminal.see(layout)
        terminal.see("q quit", gone="x unfold" if columns < 100 else "")
        # A window is painted in several writes: what comes last is waited for as well.
        assert "q quit" in terminal.see("acme/fruit#1")
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")


@pytest.mark.parametrize("environment", ["NO_COLOR=1", "TERM=xterm-16color", "COLORTERM=truecolor"])
def test_terminals_of_few_colours(tmp_path: Path, socket: str, environment: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review(environment=environment)
    terminal.see("The apples are sour")
    drawn = terminal.tmux("capture-pane", "-p", "-e", "-t", "review")
    (line,) = (line for line in drawn.splitlines() if "The apples are sour" in line)
    before = line[: line.index("The apples are sour")]
    assert before.rpartition("\x1b[1;4")[1], "evidence is bold and underlined"
    if environment == "NO_COLOR=1":
        assert "[38;" not in drawn
        assert "[48;" not in drawn
    terminal.keys("/")
    terminal.see("Enter takes the code")
    terminal.see("› Taste > Too Sour")
    terminal.keys("Down")
    terminal.see("› Taste > Too Bland")
    terminal.keys("Escape")
    terminal.see("q quit", gone="Enter takes the code")
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")


def test_ctrl_c_exits_130_with_nothing_lost(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    terminal.keys("C-c")
    terminal.see("exit=130")
    assert told(tmp_path) == [("i1", "accept", ("taste.sour",))]


def test_a_signal_from_outside_gives_the_terminal_back(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    modes = ("display-message", "-p", "-t", "review", "#{alternate_on} #{mouse_any_flag}")
    terminal.review()
    assert terminal.tmux(*modes).split() == ["1", "1"]
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    os.kill(terminal.process(), signal.SIGTERM)
    terminal.see("exit=143")
    assert terminal.tmux(*modes).split() == ["0", "0"]
    assert told(tmp_path) == [("i1", "accept", ("taste.sour",))]


def test_the_terminal_closed_in_mid_decision(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    terminal.keys("m")
    terminal.see("Enter keeps the memo")
    terminal.type("half a note")
    terminal.close()
    assert told(tmp_path) == [("i1", "accept", ("taste.sour",))]
    terminal.review("--blind")
    terminal.see("acme/fruit#2")
    assert "Too Sour" in terminal.see("The reporter says"), "it is not blind any more"


def test_hostile_text_changes_neither_title_nor_clipboard_nor_screen(
    tmp_path: Path, socket: str
) -> None:
    evil = (
        "\x1b]0;pwned\x07\x1b]2;pwned\x1b\\\x1b]52;c;cHduZWQ=\x07\x1b[2J\x1b[1;1H\u202e\u200b[red]"
    )
    issue = make_issue(1, evil + "w" * 60_000, title=evil, repo=evil)
    make_run(tmp_path / "runs", [issue], [make_proposal(issue, rationale=evil, evidence=())])
    terminal = Terminal(tmp_path, socket)
    title = "#{pane_title}"
    terminal.review()
    terminal.keys("x")
    screen = terminal.see("wwwwww")
    assert screen.splitlines()[0].startswith(" trial · ann")
    assert "q quit" in screen.splitlines()[-1]
    assert terminal.tmux("display-message", "-p", "-t", "review", title).strip() != "pwned"
    assert terminal.tmux("list-buffers") == ""


def test_a_terminal_that_cannot_draw_gets_the_line_mode(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    shell = (
        f"cd {tmp_path}; PYTHONPATH={ROOT} TERM=dumb {sys.executable} -m coder review trial "
        "--rater ann --order file; echo exit=$?; cat"
    )
    terminal.tmux("new-session", "-d", "-s", "review", "-x", "80", "-y", "40", shell)
    terminal.see("suggested: Taste > Too Sour")
    terminal.keys("Enter")
    terminal.see("accepted: Taste > Too Sour")
    terminal.keys("C-c")
    terminal.see("exit=130")
    assert told(tmp_path) == [("i1", "accept", ("taste.sour",))]


@pytest.mark.parametrize(
    "verb", ["review trial --rater cy --order file", "adjudicate trial --by cy"]
)
@pytest.mark.parametrize("plain", ["", "TERM=dumb"])
def test_a_link_is_shown_whole_and_looking_keys_say_what_they_did(
    tmp_path: Path, socket: str, verb: str, plain: str
) -> None:
    url = f"https://example.org/{'a' * 120}/issues/1-the-end"
    issue = make_issue(1).model_copy(update={"url": url})
    run = make_run(tmp_path / "runs", issues=[issue])
    for rater, code in (("ann", "taste.sour"), ("bea", "looks")):
        run.label_journal(rater).append([Label(issue_id="i1", rater=rater, codes=(code,))])
    terminal = Terminal(tmp_path, socket)
    no_browser = "env -u DISPLAY -u WAYLAND_DISPLAY -u BROWSER"
    terminal.review(
        verb=verb, environment=f"{plain} {no_browser}", shown="> " if plain else "q quit"
    )
    terminal.keys("o", *(["Enter"] if plain else []))
    terminal.see("no browser here")
    said = "".join(terminal.see("the-end").split("no browser here")[-1].split())
    assert f"thelinkis{url}" in said
    terminal.keys("x", *(["Enter"] if plain else []))
    terminal.see("nothing in this issue is folded")
    if not plain:
        terminal.keys("Space", "?")
        terminal.see("more below, Space and arrows scroll" if verb[0] == "r" else "Esc goes back")
        if verb[0] == "r":
            terminal.keys("End")
            terminal.see("more above, Space and arrows scroll")


def test_adjudicate_by_letters_with_reason_undo_and_restart(tmp_path: Path, socket: str) -> None:
    run = make_run(tmp_path / "runs")
    for rater, code, memo in (("ann", "taste.sour", "\x1b]2;pwned\x07 acid"), ("bea", "looks", "")):
        run.label_journal(rater).append(
            Label(issue_id=f"i{n}", rater=rater, codes=(code,), memo=memo) for n in (1, 2)
        )
    terminal = Terminal(tmp_path, socket)
    adjudicate = "adjudicate trial --by cy --anonymous"
    terminal.review(verb=adjudicate)
    screen = terminal.see("acme/fruit#1")
    assert "0/2 resolved" in screen
    assert "1 rater A" in screen
    assert "2 rater B" in screen
    assert "ann" not in screen
    terminal.keys("/")
    terminal.see("Enter takes the code")
    terminal.type("bruis")
    terminal.see("› Looks > Bruised")
    terminal.keys("Enter")
    terminal.see("why?")
    terminal.type("brown spots")
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    os.kill(terminal.process(), signal.SIGKILL)
    terminal.see("exit=137")
    terminal.close()
    terminal.review(verb=adjudicate)
    terminal.see("acme/fruit#2")
    terminal.keys("u")
    terminal.see("acme/fruit#1")
    terminal.keys("1")
    terminal.see("why?")
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    terminal.keys("q")
    terminal.see("exit=0")
    assert "1 of 2 disagreements resolved" in terminal.screen()
    assert (
        terminal.tmux("display-message", "-p", "-t", "review", "#{pane_title}").strip() != "pwned"
    )
    records = list(run.adjudications)
    assert [(r.codes, r.reason, r.withdrawn) for r in records[:2]] == [
        (("looks.bruised",), "brown spots", False),
        ((), "", True),
    ]
    assert len(records) == 3
    assert run.adjudications.broken_line() is None
    assert records[2].codes in (("taste.sour",), ("looks",))


def labels(study: Path) -> list[Label]:
    return list(Run.open(study / "runs", "trial").label_journal("ann"))


def test_blind_first_and_the_window_closed_before_and_after_the_reveal(
    tmp_path: Path, socket: str
) -> None:
    make_run(tmp_path / "runs", 4)
    terminal = Terminal(tmp_path, socket)
    terminal.review("--blind")
    before = terminal.see("Code this one yourself")
    assert "Sour" not in before
    assert "72%" not in before
    terminal.keys("2")
    terminal.see("1 Still Green")
    terminal.close()
    assert labels(tmp_path) == []
    terminal.review("--blind")
    terminal.see("Code this one yourself")
    terminal.keys("2", "1")
    terminal.see("You and the suggestion differ.")
    assert [(x.issue_id, x.codes) for x in labels(tmp_path)] == [("i1", ("looks.green",))]
    terminal.close()
    assert told(tmp_path) == []
    terminal.review()
    terminal.see("You and the suggestion differ.")
    terminal.keys("t")
    terminal.see("acme/fruit#2")
    assert len(labels(tmp_path)) == 1
    assert told(tmp_path) == [("i1", "accept", ("taste.sour",))]
    terminal.keys("q")
    terminal.see("exit=0")


def test_several_codes_and_undo_of_labels_and_decisions_across_a_restart(
    tmp_path: Path, socket: str
) -> None:
    make_run(tmp_path / "runs", 4, cardinality="multiple")
    terminal = Terminal(tmp_path, socket)
    terminal.review("--holdout", "1")
    terminal.keys("2", "1", "/")
    terminal.see("Enter takes the code")
    terminal.type("bland")
    terminal.keys("Enter")
    terminal.see("[x] Taste > Too Bland")
    terminal.keys("Enter")
    terminal.see("acme/fruit#2")
    terminal.keys("f")
    terminal.see("acme/fruit#3")
    terminal.tmux("resize-window", "-t", "review", "-x", "200", "-y", "50")
    terminal.see("x unfold")
    terminal.keys("C-c")
    terminal.see("exit=130")
    terminal.close()
    assert [x.codes for x in labels(tmp_path)] == [("taste.bland", "looks.green")]
    terminal.review("--holdout", "1")
    terminal.see("acme/fruit#3")
    terminal.keys("u")
    terminal.see("acme/fruit#2")
    terminal.keys("u")
    terminal.see("acme/fruit#1")
    terminal.keys("u")
    terminal.see("nothing to undo")
    terminal.keys("n")
    terminal.see("acme/fruit#2")
    terminal.close()
    assert [(x.codes, x.withdrawn) for x in labels(tmp_path)] == [
        (("taste.bland", "looks.green"), False),
        ((), True),
        ((), False),
    ]
    assert [d.action.value for d in decisions(tmp_path)] == ["flag", "undo"]


def test_a_proposed_change_of_the_codebook(tmp_path: Path, socket: str) -> None:
    make_run(tmp_path / "runs")
    terminal = Terminal(tmp_path, socket)
    terminal.review()
    terminal.keys("c")
    terminal.see("a clearer definition or rule")
    terminal.keys("r")
    terminal.see("Enter keeps it among the memos")
    terminal.type("how sour is too sour")
    terminal.keys("Enter")
    terminal.see("You propose  a clearer definition")
    (memo,) = decisions(tmp_path)
    assert (memo.change, memo.codes) == ("rule", ("taste.sour",))
    terminal.close()
