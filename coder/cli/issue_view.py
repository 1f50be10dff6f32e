"""An issue as pieces of safe text that any front end can print: evidence marked, long parts folded.

Nothing here is a terminal's business beyond :func:`coder.cli.terminal.plain`. The text keeps its
Markdown as written; pieces only say what each stretch is, so a quote's offsets stay true. Its page
is opened in the user's browser, and nothing that is not a web page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlsplit

from coder.cli.terminal import plain
from coder.records import Comment, Evidence, Issue

FENCE_LINES = 14
LINE_CHARACTERS = 1500
TOTAL_CHARACTERS = 6000
AROUND_EVIDENCE = 160
BOT_CHARACTERS = 240

_HEADING = re.compile(r" {0,3}#{1,6}\s")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_INLINE_CODE = re.compile(r"`[^`\n]+`")

Span = tuple[int, int]
S = TypeVar("S", tuple[int, int], tuple[int, int, str])


@dataclass(frozen=True)
class Piece:
    """A stretch of one kind: title, text, heading, code, quoted, head (of a comment), bot, fold."""

    text: str
    kind: str
    evidence: bool = False


@dataclass(frozen=True)
class _Part:
    """The title, the body or a comment; ``start``/``end`` are offsets into ``Issue.text``."""

    kind: str
    start: int
    end: int
    comment: Comment | None = None


def clean(text: str) -> str:
    """``text`` safe for a terminal; Windows line ends show as line ends, not as marks."""
    return plain(text.replace("\r\n", "\n"))


def located(evidence: Sequence[Evidence], length: int) -> list[Span]:
    """The spans of the quotes that are in the text, sorted and merged."""
    spans: list[Span] = []
    for quote in sorted(evidence, key=lambda quote: (quote.start or 0, quote.end or 0)):
        if not quote.verified or quote.start is None or quote.end is None:
            continue
        start, end = max(0, quote.start), min(quote.end, length)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif start < end:
            spans.append((start, end))
    return spans


def pieces(issue: Issue, evidence: Sequence[Evidence], unfolded: bool = False) -> list[Piece]:
    """The whole issue in reading order.

    Folded, long code blocks, long lines, template notes and the far end of very long texts are
    replaced by a piece that says how much is not shown; evidence is always shown.
    """
    text = issue.text
    spans = located(evidence, len(text))
    found: list[Piece] = []
    left = TOTAL_CHARACTERS
    for part in _parts(issue):
        if part.comment is not None:
            found.append(Piece(("\n\n" if found else "") + _head(part.comment) + "\n", "head"))
            if part.comment.bot:
                found.append(Piece(_bot(part.comment, unfolded), "bot"))
                continue
        elif found:
            found.append(Piece("\n\n", "text"))
        kinds = [] if part.kind == "title" else _kinds(text, part)
        hidden = [] if unfolded else _hidden(text, part, left)
        left -= part.end - part.start - sum(end - start for start, end in hidden)
        found += _cut(text, part, kinds, spans, _spare(hidden, spans, text))
    return found


def unfolding(folded: Sequence[Piece], unfolded: Sequence[Piece], opens: bool) -> str:
    """What to say when the folded parts are asked for, or put away again."""
    if folded == unfolded:
        return "nothing in this issue is folded"
    return "the whole issue is shown" if opens else "long parts are folded again"


def _parts(issue: Issue) -> Iterator[_Part]:
    """The parts that ``Issue.text`` joins, and bots' comments, which it leaves out."""
    at = 0
    parts: list[tuple[str, str, Comment | None]] = [
        ("title", issue.title, None),
        ("body", issue.body, None),
        *(("comment", comment.body, comment) for comment in issue.comments),
    ]
    for kind, text, comment in parts:
        if comment is not None and comment.bot:
            yield _Part(kind, at, at, comment)
        elif text.strip():
            yield _Part(kind, at, at + len(text), comment)
            at += len(text) + 2


def _head(comment: Comment) -> str:
    who = plain(comment.author).replace("\n", " ") or "someone"
    when = f", {comment.created_at:%Y-%m-%d}" if comment.created_at else ""
    note = " (a bot; not part of the coded text)" if comment.bot else ""
    return f"── comment by {who}{when}{note}"


def _bot(comment: Comment, unfolded: bool) -> str:
    text = clean(comment.body).strip()
    if unfolded or len(text) <= BOT_CHARACTERS:
        return text
    return f"{text[:BOT_CHARACTERS]} …"


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop + 1
        yield start, stop
        start = stop


def _kinds(text: str, part: _Part) -> list[tuple[int, int, str]]:
    """What each stretch of a body or comment is, in order; the rest is plain text."""
    kinds: list[tuple[int, int, str]] = []
    fence = ""
    for start, end in _lines(text, part.start, part.end):
        opening = _FENCE.match(text, start, end)
        if fence or opening:
            begun = kinds.pop()[0] if kinds and kinds[-1][1:] == (start, "code") else start
            kinds.append((begun, end, "code"))
            if opening and opening[1] == fence:
                fence = ""
            elif opening and not fence:
                fence = opening[1]
        elif _HEADING.match(text, start, end):
            kinds.append((start, end, "heading"))
        elif text.startswith(">", start):
            kinds.append((start, end, "quoted"))
        else:
            kinds += [(*m.span(), "code") for m in _INLINE_CODE.finditer(text, start, end)]
    return kinds


def _hidden(text: str, part: _Part, left: int) -> list[Span]:
    """What folding leaves out of a part, in order; ``left`` characters may still be shown."""
    if part.kind == "title":
        return _too_long(part.start, part.end)
    hidden = _template_notes(text, part)
    block: list[Span] = []
    fence = ""
    for start, end in _lines(text, part.start, part.end):
        opening = _FENCE.match(text, start, end)
        if not fence and opening:
            fence, block = opening[1], []
        elif fence and opening and opening[1] == fence:
            fence = ""
            hidden += _middle(block)
            block = []
        elif fence:
            block.append((start, end))
        hidden += _too_long(start, end)
    hidden += _middle(block)
    hidden = _merged(hidden)
    shown_to = part.start + max(left, 400)
    for start, end in hidden:
        if start < shown_to:
            shown_to += end - start
    if shown_to < part.end:
        stop = text.find("\n", shown_to, part.end)
        hidden.append((shown_to if stop < 0 or stop > shown_to + 400 else stop + 1, part.end))
    return _merged(hidden)


def _template_notes(text: str, part: _Part) -> list[Span]:
    """HTML comments of more than a few words: a form's instructions, which GitHub hides too."""
    notes: list[Span] = []
    start = text.find("<!--", part.start, part.end)
    while start >= 0:
        end = text.find("-->", start, part.end)
        if end < 0:
            break
        if end - start > 40:
            notes.append((start, end + 3))
        start = text.find("<!--", end, part.end)
    return notes


def _middle(block: list[Span]) -> list[Span]:
    if len(block) <= FENCE_LINES:
        return []
    return [(block[FENCE_LINES - 6][0], block[-4][1])]


def _too_long(start: int, end: int) -> list[Span]:
    if end - start <= LINE_CHARACTERS:
        return []
    return [(start + LINE_CHARACTERS // 2, end - 100)]


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _spare(hidden: list[Span], evidence: list[Span], text: str) -> list[Span]:
    """``hidden`` without the evidence in it and what stands right around that."""
    for start, end in evidence:
        from_line = text.rfind("\n", 0, start) + 1
        to_line = text.find("\n", end)
        first = max(from_line, start - AROUND_EVIDENCE)
        last = min(len(text) if to_line < 0 else to_line + 1, end + AROUND_EVIDENCE)
        hidden = [
            span
            for left, right in hidden
            for span in ((left, min(right, first)), (max(left, last), right))
            if span[0] < span[1]
        ]
    return hidden


def _cut(
    text: str,
    part: _Part,
    kinds: list[tuple[int, int, str]],
    evidence: list[Span],
    hidden: list[Span],
) -> Iterator[Piece]:
    """The part's text cut wherever kind, evidence or folding changes."""
    cuts = {part.start, part.end}
    spans = [*evidence, *hidden, *((start, end) for start, end, _ in kinds)]
    for start, end in spans:
        cuts |= {min(max(at, part.start), part.end) for at in (start, end)}
    for start, end in pairwise(sorted(cuts)):
        fold = _over(start, hidden)
        if fold is not None:
            if start == max(fold[0], part.start):
                yield Piece(_folded(text, fold), "fold")
            continue
        kind = "title" if part.kind == "title" else "text"
        of_kind = _over(start, kinds)
        yield Piece(
            clean(text[start:end]),
            of_kind[2] if of_kind else kind,
            _over(start, evidence) is not None,
        )


def _over(at: int, spans: Sequence[S]) -> S | None:
    """The span that covers ``at``, of sorted spans that do not overlap."""
    index = bisect_right(spans, at, key=lambda span: span[0]) - 1
    return spans[index] if index >= 0 and at < spans[index][1] else None


def _folded(text: str, span: Span) -> str:
    lines = text.count("\n", *span)
    if text.startswith("<!--", span[0]) and text.endswith("-->", *span):
        much = "template note"
    else:
        much = f"{lines:,} lines" if lines > 1 else f"{span[1] - span[0]:,} characters"
    whole_lines = text[span[1] - 1] == "\n"
    return f"┄ {much} folded ┄" + ("\n" if whole_lines else "")


def open_page(url: str) -> str:
    """Open ``url`` when it is http(s) and there is a browser with a window; say what happened.

    The browser runs on its own: it can neither write on the review's screen nor end it.
    """
    if not _is_page(url):
        return f"not opened, only http and https links are: {plain(url)}" if url else "no link"
    if not _has_window():
        return f"no browser here; the link is {url}"
    subprocess.Popen(
        # -P, or a webbrowser.py in the study would be run instead.
        [sys.executable, "-P", "-m", "webbrowser", "-t", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return f"opened {url}"


def _is_page(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _has_window() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
