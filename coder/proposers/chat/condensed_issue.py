"""An issue as a chat model reads it: what is known of it, and numbered lines that fit a budget.

Long issues are shortened by structure: boilerplate of the project's template goes, code and logs
keep their beginning and end, and of what is still too long the middle goes. Every gap is marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coder.proposers.chat.prompts import Passage
from coder.records import Codebook, Issue
from coder.text.redaction import Masked
from coder.text.structure import Kind, Part, Segment, segments

MOST_LABELS = 12
LONGEST_FACT = 80
"""Characters of a name; those of projects are shorter."""

_SENTENCE_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’）]*")
_LEAST_SHARE = 1 / 3
"""A first sentence shorter than this share of the room is not all that is shown."""


def about(issue: Issue, codebook: Codebook, labels: bool) -> str:
    """Repository, the project's ``labels`` and state of an issue, in one line; empty if unknown.

    Labels called like a code are left out: where a study's labels were made from the project's,
    they would be the answer.
    """
    facts = []
    if repo := _fact(issue.repo):
        facts.append(f"repository: {repo}")
    spoken = {name.casefold() for name in codebook.spoken}
    given = [_fact(label) for label in issue.labels if label.strip().casefold() not in spoken]
    if labels and any(given):
        facts.append(f"labels of the project: {', '.join(filter(None, given[:MOST_LABELS]))}")
    if issue.closed_at is not None:
        facts.append("state: closed")
    return "; ".join(facts)


def _fact(text: str) -> str:
    return " ".join(text.split())[:LONGEST_FACT]


def without_repeated_title(issue: Issue) -> str:
    """The text of an issue whose body begins with its title, without the first of the two."""
    title, text = " ".join(issue.title.split()), " ".join(issue.text.split())
    rest = text[len(title) :].lstrip()
    return rest if title and rest.casefold().startswith(title.casefold()) else text


def cut_at_sentence(text: str, longest: int) -> str:
    """``text`` up to the last sentence that ends within ``longest`` characters; where none does, up
    to the last whole word."""
    if len(text) <= longest:
        return text
    ends = [m.end() for m in _SENTENCE_END.finditer(text[: longest + 1]) if m.end() <= longest]
    if ends and ends[-1] >= longest * _LEAST_SHARE:
        return text[: ends[-1]]
    words = text[: longest + 1].rfind(" ")
    return text[:words] if words > 0 else text[:longest]


MAX_LINE = 400
"""Characters shown of one line; a single line of a minified file can be longer than the rest."""
ROOMY_FOLD = (6, 10)
TIGHT_FOLD = (2, 4)
"""Lines kept at the beginning and at the end of a block of code or log."""
BARE_FOLD = (0, 2)
"""The same before what people say is cut: how a log ends is what it says."""
TAIL_SHARE = 1 / 3
"""Of the room, for the end of the issue: the last comments often say what the cause was."""

_MARK_TOKENS = 16
"""At most, for saying that the middle was left out."""
_BLOCKS = (Kind.CODE, Kind.LOG, Kind.TABLE)
_MARKERS = {Kind.IMAGE: "[image]", Kind.LINK: "[link]"}


@dataclass(frozen=True)
class Condensed:
    """What is shown of an issue.

    ``spans`` gives for each number in ``passages`` where its words stand in ``Issue.text``;
    ``left_out`` counts the lines of the issue that are not shown.
    """

    passages: tuple[Passage, ...]
    spans: dict[int, tuple[int, int]]
    left_out: int


class _Line(NamedTuple):
    """A line to show, or where ``hides`` lines of the issue are not shown.

    An empty ``what`` hides them without a mark: nobody misses the words of a template.
    """

    text: str
    number: int | None = None
    start: int = 0
    end: int = 0
    hides: int = 0
    what: str = "lines"


def condense(
    issue: Issue,
    count: Callable[[str], int],
    budget: int,
    frame: str = "",
    masked: Masked | None = None,
    words_first: bool = False,
) -> Condensed:
    """``issue`` in at most ``budget`` tokens as ``count`` counts them, together with the words that
    ``frame`` it; its first line always shows. ``masked`` is its text with what is not to be shown.
    ``words_first``: before the middle of what people say goes, all but the end of each code and log
    does.

    Linear in the length of the text. Numbers are those of the whole issue, whatever is left out.
    """
    found = segments(issue)
    text = masked or Masked(issue.text, ())
    folds = (ROOMY_FOLD, TIGHT_FOLD, BARE_FOLD) if words_first else (ROOMY_FOLD, TIGHT_FOLD)
    for fold in folds:
        lines = list(_lines(text, found, fold))
        texts = [f"[{line.number}] {_shown(line)}\n" for line in lines]
        if fits([frame, *texts], count, budget):
            return _condensed(lines)
    costs = list(map(count, texts))
    return _condensed(_without_middle(lines, costs, budget - _count(frame, count)))


def fits(texts: Sequence[str], count: Callable[[str], int], budget: int) -> bool:
    """Whether ``texts`` have at most ``budget`` tokens.

    A token is at least one byte, so most issues need no counting, which is slow.
    """
    if len("".join(texts).encode("utf-8", "surrogatepass")) <= budget:
        return True
    return sum(_count(text, count) for text in texts) <= budget


def _count(text: str, count: Callable[[str], int]) -> int:
    return count(text) if text else 0


def _lines(shown: Masked, found: Sequence[Segment], fold: tuple[int, int]) -> Iterator[_Line]:
    number = 0
    for segment in found:
        words = shown.text[segment.start : segment.end]
        if segment.kind in _MARKERS:
            yield _Line(_MARKERS[segment.kind])
        elif segment.kind is Kind.TEMPLATE:
            if _is_short_heading(words):
                yield _Line(shown.part(segment.start, segment.end))
            else:
                yield _Line("", hides=1 + words.count("\n"), what="")
        elif segment.kind in _BLOCKS:
            first = number + 1
            number += 1 + words.count("\n")
            yield from _folded(shown, segment, first, fold)
        else:
            number += 1
            comment = segment.part is Part.COMMENT
            yield _numbered(shown, segment.start, segment.end, number, ">> " if comment else "")


def _folded(shown: Masked, segment: Segment, number: int, fold: tuple[int, int]) -> Iterator[_Line]:
    text, at, rows = shown.text, segment.start, []
    for row in text[segment.start : segment.end].split("\n"):
        rows.append((at, at + len(row)))
        at += len(row) + 1
    head, tail = fold
    hidden = range(head, len(rows) - tail) if len(rows) > head + tail + 1 else range(0)
    for position, (start, end) in enumerate(rows):
        if position in hidden:
            if position == hidden.start:
                yield _Line("", hides=len(hidden), what=f"lines of {segment.kind.value}")
        elif text[start:end].strip():
            yield _numbered(shown, start, end, number + position)


def _numbered(shown: Masked, start: int, end: int, number: int, mark: str = "") -> _Line:
    end = min(end, start + MAX_LINE)
    return _Line(mark + " ".join(shown.part(start, end).split()), number, start, end)


def _without_middle(lines: list[_Line], costs: list[int], budget: int) -> list[_Line]:
    """As many lines from the beginning and from the end as fit, the first one in any case."""
    budget -= _MARK_TOKENS
    head, room = 1, budget * (1 - TAIL_SHARE) - costs[0]
    while head < len(lines) and costs[head] <= room:
        room -= costs[head]
        head += 1
    tail, room = len(lines), room + budget * TAIL_SHARE
    while tail > head and costs[tail - 1] <= room:
        room -= costs[tail - 1]
        tail -= 1
    hidden = sum(max(line.hides, 1) for line in lines[head:tail])
    return [*lines[:head], _Line("", hides=hidden), *lines[tail:]]


def _condensed(lines: Sequence[_Line]) -> Condensed:
    spans = {line.number: (line.start, line.end) for line in lines if line.number is not None}
    shown = (Passage(line.number, _shown(line)) for line in lines)
    return Condensed(
        passages=tuple(passage for passage in shown if passage.text),
        spans=spans,
        left_out=sum(line.hides for line in lines),
    )


def _shown(line: _Line) -> str:
    if not line.hides:
        return line.text
    return f"[... {line.hides:,} {line.what} left out ...]" if line.what else ""


def _is_short_heading(words: str) -> bool:
    return len(words) <= 60 and words.startswith(("#", "*", "_")) and "\n" not in words
