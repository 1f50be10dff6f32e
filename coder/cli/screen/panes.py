"""What each pane of the review shows, as styled text that is never parsed for markup or links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual.content import Content

from coder.cli.issue_view import Piece, clean
from coder.cli.review_words import (
    AGREE,
    ALONE,
    HOW_EXPRESSED,
    PICK,
    Key,
    addressed,
    answered_before,
    compared,
    following,
    keys,
    learnt,
    memo_of,
    names,
    no_answer,
    pace,
    percent,
    spelling,
    sure,
    unread,
    where,
)
from coder.cli.terminal import plain
from coder.records import Action, Code, Codebook, Example, Issue, Proposal
from coder.review.state import Item
from coder.review.view import Option, ReviewView

Part = str | tuple[str, str]

EVIDENCE = "bold underline $text-warning on $warning-muted"
EVIDENCE_ANSI = "bold underline reverse"
"""With a terminal's own colours, reverse is the one contrast that is sure."""
KINDS: Mapping[str, str] = {
    "title": "bold",
    "text": "",
    "heading": "bold $text-primary",
    "code": "$text-secondary",
    "quoted": "italic dim",
    "head": "bold dim",
    "bot": "italic dim",
    "fold": "$text-accent",
}
FAINT = "dim"
_PROGRESS_BAR = 24
"""Columns of the bar of progress, at most."""
HEAD = "bold $text-primary"

BAR = 10
KEYS_AT_THE_END = ("undo", "help", "quit")
_KEYS_OF_THE_MODEL = ("labelled", "evidence")
_DISPENSABLE = ("open", "unfold", "evidence", "labelled", "change", "memo", "flag", "skip", "undo")
"""What a key bar that is too narrow leaves to the help, the first one first."""


def issue_text(shown: Sequence[Piece], ansi: bool) -> Content:
    evidence = EVIDENCE_ANSI if ansi else EVIDENCE
    return Content.assemble(
        *((piece.text, evidence if piece.evidence else KINDS[piece.kind]) for piece in shown)
    )


def issue_head(issue: Issue) -> Content:
    about = [where(issue)]
    if issue.created_at:
        about.append(f"{issue.created_at:%Y-%m-%d}")
    about += [plain(label) for label in issue.labels]
    return Content.assemble((about[0], HEAD), ("".join(f"  {more}" for more in about[1:]), FAINT))


def top_line(view: ReviewView, width: int) -> Content:
    """Run, rater and, where it fits, the queue on the left; progress, pace and time left on the
    right."""
    progress = view.progress
    left = f" {plain(view.run.name)} · {plain(view.rater)}"
    counts = f"{progress.done}/{progress.total}"
    parts = [counts, pace(progress), f"{progress.postponed} skipped" if progress.postponed else ""]
    right = "  ".join(part for part in parts if part) + " "
    queue = f" · {plain(view.queue)}"
    room = width - len(left) - len(right) - 4
    if len(queue) + _PROGRESS_BAR > room:
        queue = ""
    bar = max(0, min(_PROGRESS_BAR, room))
    full = round(bar * progress.done / progress.total) if progress.total else 0
    gap = " " * max(1, width - len(left) - len(queue) - len(right) - bar - 1)
    return Content.assemble(
        (left, "bold"),
        (queue, FAINT),
        gap,
        ("━" * full, "$success"),
        ("─" * (bar - full), FAINT),
        f" {right}",
    )


def key_bar(view: ReviewView, width: int) -> Content:
    """The keys that do something now; as many of them as fit in one line."""
    shown = {key.action: (spelled, short) for key, spelled, short in _usable(view)}
    for leave_out in (None, *_DISPENSABLE):
        shown.pop(leave_out or "", None)
        needed = sum(len(key) + 1 + len(word) for key, word in shown.values())
        gap = next((gap for gap in (2, 1) if 1 + needed + gap * len(shown) <= width + gap), 0)
        if gap:
            break
    parts: list[Part] = [" "]
    for key, word in shown.values():
        parts += [(key, "bold $text-accent"), " ", (word, FAINT), " " * (gap or 1)]
    return Content.assemble(*parts)


def _usable(view: ReviewView) -> Iterator[tuple[Key, str, str]]:
    """Each key that does something now, how it is spelled, and what it is called here."""
    item = view.item
    spelled = spelling(view)
    for key in keys(view.codebook):
        if item is None and key.action not in KEYS_AT_THE_END:
            continue
        short = key.short
        if item is not None:
            if key.action == PICK:
                digits = _digits(view.options)
                if digits:
                    yield key, digits, "code" if item.hidden else short
                continue
            if key.action == "accept":
                if not view.answerable:
                    continue
                kept = not view.several or set(view.selected) == set(item.own or ())
                short = "keep" if item.revealed and kept else short
            if key.action == "take" and not (item.revealed and item.acceptable):
                continue
            if key.action in _KEYS_OF_THE_MODEL and item.hidden:
                continue
        yield key, spelled[key.action], short


def _digits(options: Sequence[Option]) -> str:
    last = min(9, len(options))
    return "" if not last else "1" if last == 1 else f"1-{last}"


def answer(view: ReviewView, narrow: bool) -> Content:
    """The suggestion, its alternatives, and the grounds for it."""
    item = view.item
    if item is None:
        return Content()
    parts: list[Part] = []
    if item.own is not None:
        parts += _own(view, item)
    if answered_before(view):
        parts += [("So far     ", HEAD), answered_before(view), "\n"]
    if item.proposal is None:
        parts += _asked(view)
    else:
        parts += _verdict(view, item, item.proposal, narrow)
    if view.taught:
        parts += [(f"{learnt(view)}\n", "$text-accent")]
    parts += _options(view)
    for warning in (unread(item), addressed(item.issue, view.codebook)):
        if warning:
            parts += [(f"{warning}\n", "$text-warning")]
    for memo in view.memos:
        kind, words = memo_of(view.codebook, memo)
        parts += [(f"Your {kind}  " if kind == "memo" else "You propose  ", HEAD), words, "\n"]
    if item.proposal is None:
        for option in view.options:
            parts += definition(option.code)
        return Content.assemble(*parts)
    for code in dict.fromkeys((*item.suggested, *(item.own or ()))):
        if code in view.codebook.by_id:
            parts += definition(view.codebook.by_id[code])
    if item.proposal.rationale:
        parts += [("\nWhy  ", HEAD), clean(item.proposal.rationale), "\n"]
    if item.proposal.expression:
        parts += [("In the text  ", HEAD), HOW_EXPRESSED[item.proposal.expression], "\n"]
    unfound = [quote for quote in item.evidence if not quote.verified]
    for quote in unfound:
        parts += [("\nQuoted, but not in the text: ", "bold $text-error"), clean(quote.quote), "\n"]
    return Content.assemble(*parts)


def _own(view: ReviewView, item: Item) -> Iterator[Part]:
    """The rater's own label, above the suggestion."""
    own = [_split(view.codebook, code) for code in item.own or ()]
    yield ("Yours      ", HEAD)
    for number, (above, name) in enumerate(own):
        yield ("; " if number else "") + above
        yield (name, "bold")
    if not own:
        yield ("None fits", "bold")
    yield "\n"


def _asked(view: ReviewView) -> Iterator[Part]:
    """What stands where the suggestion would: whose code is wanted, and of which level."""
    yield (f"{ALONE}\n", HEAD)
    if view.branch is not None:
        yield plain(view.codebook.path(view.branch))
        yield ("  Esc goes back\n", FAINT)


def _verdict(view: ReviewView, item: Item, proposal: Proposal, narrow: bool) -> Iterator[Part]:
    missing = no_answer(item)
    if item.own is not None and not missing and not view.several:
        yield ("Suggested  ", HEAD)
    if missing:
        if item.ranked:
            yield ("Not sure\n", "bold $text-warning")
        else:
            yield (f"No suggestion ({item.state})\n", "bold $text-error")
        yield f"{missing}\n"
        if proposal.error:
            yield (f"{clean(proposal.error)}\n", FAINT)
        if not item.revealed:
            yield f"{view.way_out[:1].upper()}{view.way_out[1:]}.\n"
    elif not proposal.codes:
        yield ("None fits", "bold $text-warning")
        yield from _compared(item)
    elif not view.several:
        (scored,) = proposal.codes[:1]
        above, own = _split(view.codebook, scored.code)
        name: list[Part] = [(above, FAINT), (own, "bold $text-success")]
        bar = list(_bar(view, view.confidence(scored)))
        # Where both share a line the name is last, so that only the name can wrap.
        yield from [*bar, "  ", *name] if narrow and item.own is None else [*name, "\n", *bar]
        yield from _compared(item)
    else:
        if item.own is not None:
            yield ("Suggested  ", HEAD)
            yield names(view.codebook, item.suggested)
            yield from _compared(item)
        yield ("Which of these fit?\n", HEAD)


def _compared(item: Item) -> Iterator[Part]:
    """Ends the line on what was suggested by how the rater's own code compares with it."""
    if compared(item):
        same = compared(item) == AGREE
        yield (f"  {compared(item)}", "$text-success" if same else "$text-warning")
    yield "\n"


def _bar(view: ReviewView, confidence: float | None) -> Iterator[Part]:
    if confidence is None:
        yield ("confidence not given", FAINT)
        return
    full = round(BAR * confidence)
    yield ("━" * full, "$text-success")
    yield ("─" * (BAR - full), FAINT)
    yield f" {sure(view, confidence)}"


def _options(view: ReviewView) -> Iterator[Part]:
    for option in view.options[:9]:
        above, own = _split(view.codebook, option.code.id)
        if option.code.parent == view.branch is not None:
            above = ""  # it stands above them all
        yield (f"{option.number} ", "bold $text-accent")
        if view.several and not option.opens:
            yield ("[x] " if option.selected else "[ ] ", "bold" if option.selected else "")
        yield (above, FAINT)
        yield (own, "bold" if option.selected else "")
        yield ("  …\n" if option.opens else f"  {percent(option.confidence)}\n", FAINT)


def _split(codebook: Codebook, code_id: str) -> tuple[str, str]:
    """The names above a code with their separator, and its own name."""
    if code_id not in codebook.by_id:
        return "", plain(code_id)
    *above, own = (plain(code.name) for code in codebook.lineage(code_id))
    return "".join(f"{name} > " for name in above), own


def definition(code: Code) -> Iterator[Part]:
    """A code's name, definition and the rules that settle its borders."""
    yield (f"\n{plain(code.name)}  ", HEAD)
    yield f"{plain(code.definition)}\n"
    for rule in code.include:
        yield ("+ ", "bold $text-success")
        yield plain(rule) + "\n"
    for rule in code.exclude:
        yield ("- ", "bold $text-error")
        yield plain(rule) + "\n"


def found_code(codebook: Codebook, code: Code, marked: bool, on_top: bool) -> Content:
    """Two lines of the search: the path, and as much of the definition as fits.

    What Enter would take has a sign of its own, because some terminals show no background.
    """
    above, own = _split(codebook, code.id)
    return Content.assemble(
        ("› " if on_top else "  ", "bold $text-accent"),
        ("[x] " if marked else "", "bold"),
        (above, FAINT),
        (own, "bold"),
        "\n    ",
        (plain(code.definition).replace("\n", " "), FAINT),
    )


def neighbours(codebook: Codebook, found: Sequence[tuple[Example, float]]) -> Content:
    if not found:
        return Content("The suggestion leans on no labelled issue.")
    parts: list[Part] = []
    for example, score in found:
        issue = example.issue
        title = clean(issue.title) or where(issue)
        parts += [(f"{score:.2f}  ", "bold $text-accent"), (names(codebook, example.codes), HEAD)]
        parts += ["\n", (title, "bold"), (f"  {where(issue)}\n", FAINT)]
        start = " ".join(clean(issue.body[:600]).split())
        parts += [f"{start[:320]}{' …' if len(start) > 320 else ''}\n"] if start else []
        parts += [(f"memo: {plain(example.memo)}\n", FAINT)] if example.memo else []
        parts.append("\n")
    return Content.assemble(*parts)


def help_text(view: ReviewView) -> Content:
    parts: list[Part] = []
    spelled = spelling(view)
    rows = [(spelled[key.action], key.long) for key in keys(view.codebook)]
    space = "Space" if "space" not in view.keys.values() else "PgDn"
    rows.append((space, "scroll on; so do arrows and PgDn, and Tab changes panes"))
    width = max(6, *(len(key) for key, _ in rows))
    for key, long in rows:
        parts += [(f"{key:>{width}}  ", "bold $text-accent"), long, "\n"]
    parts.append(
        "\nEvery answer is on disk before the next issue shows. Nothing is ever erased: "
        "taking back an answer writes down that you did.\n"
    )
    return Content.assemble(*parts)


def closing(view: ReviewView) -> Content:
    """What stands where the issue was when there is nothing left to review."""
    progress, tally = view.progress, view.tally
    rows = (
        (Action.ACCEPT, "accepted"),
        (Action.CORRECT, "corrected"),
        (Action.REJECT, "none fits"),
        (Action.FLAG, "flagged for discussion"),
    )
    done = f"{progress.done} of {progress.total} reviewed\n\n"
    parts: list[Part] = [(done, "bold $text-success")]
    for action, words in rows:
        parts += [(f"{tally[action]:>6}  ", "bold"), words, "\n"]
    if view.unaided:
        parts += [(f"{view.unaided:>6}  ", "bold"), "coded without a suggestion\n"]
    if progress.postponed:
        parts += ["\n", (f"{progress.postponed:>6}  ", "bold")]
        parts.append("skipped; they come back next time\n")
    parts += ["\n", (plain(str(view.decision_file)), FAINT), "\n\n"]
    undo, leave = view.key("undo"), view.key("quit")
    parts.append(f"{undo} takes back the last answer, {leave} ends. ")
    parts.append(f"Next: {following(view)}")
    return Content.assemble(*parts)
