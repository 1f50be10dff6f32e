"""What each pane of the review shows, as styled text that is never parsed for markup or links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual.content import Content

from coder.cli.issue_view import Piece, clean
from coder.cli.review_words import (
    Key,
    addressed,
    keys,
    learnt,
    names,
    no_answer,
    pace,
    percent,
    sure,
    unread,
    where,
)
from coder.cli.terminal import plain
from coder.records import Action, Code, Codebook, Example, Issue
from coder.review import Item, Option, ReviewSession

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
HEAD = "bold $text-primary"

BAR = 10
_KEYS_AT_THE_END = ("u", "?", "q")
_NARROW_KEYS = ("Enter", "1-9", "/", "n", "s", "f", "m", "u", "?", "q")


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


def top_line(session: ReviewSession, width: int) -> Content:
    """Run and rater on the left; progress, pace and time left on the right."""
    progress = session.progress
    left = f" {plain(session.run.name)} · {plain(session.rater)}"
    counts = f"{progress.done}/{progress.total}"
    parts = [counts, pace(progress), f"{progress.postponed} skipped" if progress.postponed else ""]
    right = "  ".join(part for part in parts if part) + " "
    room = width - len(left) - len(right) - 4
    bar = max(0, min(24, room))
    full = round(bar * progress.done / progress.total) if progress.total else 0
    gap = " " * max(1, width - len(left) - len(right) - bar - 1)
    return Content.assemble(
        (left, "bold"), gap, ("━" * full, "$success"), ("─" * (bar - full), FAINT), f" {right}"
    )


def key_bar(session: ReviewSession, narrow: bool) -> Content:
    parts: list[Part] = [" "]
    for key in keys(session.codebook):
        if narrow and key.key not in _NARROW_KEYS:
            continue
        if session.item is None and key.key not in _KEYS_AT_THE_END:
            continue
        spelled = _digits(session.options) if key.key == "1-9" else key.key
        if spelled == "Enter" and not session.answerable:
            continue
        if spelled:
            parts += [(spelled, "bold $text-accent"), " ", (key.short, FAINT)]
            parts.append(" " if narrow else "  ")
    return Content.assemble(*parts)


def _digits(options: Sequence[Option]) -> str:
    last = min(9, len(options))
    return "" if not last else "1" if last == 1 else f"1-{last}"


def answer(session: ReviewSession, narrow: bool) -> Content:
    """The suggestion, its alternatives, and the grounds for it."""
    item = session.item
    if item is None:
        return Content()
    parts: list[Part] = list(_verdict(session, item, narrow))
    if session.taught:
        parts += [(f"{learnt(session)}\n", "$text-accent")]
    parts += _options(session)
    for warning in (unread(item), addressed(item.issue, session.codebook)):
        if warning:
            parts += [(f"{warning}\n", "$text-warning")]
    for memo in session.memos:
        parts += [("Your memo  ", HEAD), plain(memo), "\n"]
    for code in item.suggested:
        if code in session.codebook.by_id:
            parts += definition(session.codebook.by_id[code])
    if item.proposal.rationale:
        parts += [("\nWhy  ", HEAD), clean(item.proposal.rationale), "\n"]
    unfound = [quote for quote in item.proposal.evidence if not quote.verified]
    for quote in unfound:
        parts += [("\nQuoted, but not in the text: ", "bold $text-error"), clean(quote.quote), "\n"]
    return Content.assemble(*parts)


def _verdict(session: ReviewSession, item: Item, narrow: bool) -> Iterator[Part]:
    missing = no_answer(item)
    if missing:
        yield (f"No suggestion ({item.proposal.status.value})\n", "bold $text-error")
        yield f"{missing}\n"
        if item.proposal.error:
            yield (f"{clean(item.proposal.error)}\n", FAINT)
        yield f"{session.way_out.capitalize()}.\n"
    elif not item.proposal.codes:
        yield ("None fits\n", "bold $text-warning")
    elif not session.several:
        (scored,) = item.proposal.codes[:1]
        above, own = _split(session.codebook, scored.code)
        name: list[Part] = [(above, FAINT), (own, "bold $text-success")]
        bar = list(_bar(session, session.confidence(scored)))
        # Where both share a line the name is last, so that only the name can wrap.
        yield from [*bar, "  ", *name] if narrow else [*name, "\n", *bar]
        yield "\n"
    else:
        yield ("Which of these fit?\n", HEAD)


def _bar(session: ReviewSession, confidence: float | None) -> Iterator[Part]:
    if confidence is None:
        yield ("confidence not given", FAINT)
        return
    full = round(BAR * confidence)
    yield ("━" * full, "$text-success")
    yield ("─" * (BAR - full), FAINT)
    yield f" {sure(session, confidence)}"


def _options(session: ReviewSession) -> Iterator[Part]:
    for option in session.options[:9]:
        above, own = _split(session.codebook, option.code.id)
        yield (f"{option.number} ", "bold $text-accent")
        if session.several:
            yield ("[x] " if option.selected else "[ ] ", "bold" if option.selected else "")
        yield (above, FAINT)
        yield (own, "bold" if option.selected else "")
        yield (f"  {percent(option.confidence)}\n", FAINT)


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


def help_text(codebook: Codebook) -> Content:
    parts: list[Part] = []
    scroll = Key("Space", "", "scroll on; so do arrows and PgDn, and Tab changes panes")
    for key in (*keys(codebook), scroll):
        parts += [(f"{key.key:>6}  ", "bold $text-accent"), key.long, "\n"]
    parts.append(
        "\nEvery answer is on disk before the next issue shows. Nothing is ever erased: "
        "taking back an answer writes down that you did.\n"
    )
    return Content.assemble(*parts)


def closing(session: ReviewSession) -> Content:
    """What stands where the issue was when there is nothing left to review."""
    progress, tally = session.progress, session.tally
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
    if progress.postponed:
        parts += ["\n", (f"{progress.postponed:>6}  ", "bold")]
        parts.append("skipped; they come back next time\n")
    parts += ["\n", (plain(str(session.journal.path)), FAINT), "\n\n"]
    parts += ["u takes back the last answer, q ends. Next: ", f"coder report {session.run.name}"]
    return Content.assemble(*parts)
