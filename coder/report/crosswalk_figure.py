"""A crosswalk as a figure: both codebooks in full, and a line for each link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from coder.codebook.crosswalk import Crosswalk, Relation
from coder.codebook.crosswalk_check import Checked
from coder.records import Codebook
from coder.report.crosswalk import WORDS, notes
from coder.report.paper_drawing import GAP, PAGE, Drawing, Entry, Plot, length, short

_LINE, _WIDEST = 18, 40
"""How high a row is, and how far apart those of the shorter codebook are put at most."""
_BETWEEN = 160
"""Room for the lines at the least."""
_INDENT = 10


class _Row(NamedTuple):
    code: str
    name: str
    indent: int
    css: str
    y: float = 0.0


def plot(crosswalk: Crosswalk, left: Codebook, right: Codebook, checked: Checked) -> Plot:
    """The figure; a code in grey has no link."""
    linked = {code for k in crosswalk.links if k.right and k.left for code in
              (f"l{k.left}", f"r{k.right}")}  # fmt: skip
    ours, theirs = [*_rows(left, "l", linked)], [*_rows(right, "r", linked)]
    drawn = [r for r in Relation if any(k.relation is r and k.left and k.right
                                        for k in crosswalk.links)]  # fmt: skip
    top = _LINE + (_LINE + GAP) * bool(drawn)
    ours, theirs = _placed(ours, theirs, top), _placed(theirs, ours, top)
    start, end = (max(r.indent + length(r.name) for r in side) + GAP for side in (ours, theirs))
    width = max(PAGE, start + _BETWEEN + end)
    drawing = Drawing(width)
    drawing.legend(0, 0, width, [Entry(_mark(relation), WORDS[relation]) for relation in drawn])
    for book, x in ((left, 0.0), (right, width - end + GAP)):
        drawing.text(x, top - 5, short(f"{book.id} {book.version}"), "axis")
    for rows, x in ((ours, 0.0), (theirs, width - end + GAP)):
        for row in rows:
            drawing.text(x + row.indent, row.y + 4, row.name, row.css)
    height = max(row.y for row in (*ours, *theirs)) + _LINE / 2 + 2
    lines = Markup("").join(_lines(crosswalk, ours, theirs, width - start - end))
    drawing.put(lines, start, 0, width - start - end, height)
    return Plot(
        f"crosswalk-{left.id}-{right.id}", drawing, f"{left.name} and {right.name}",
        " ".join(notes(checked, left, right)),
    )  # fmt: skip


def _rows(book: Codebook, side: str, linked: set[str]) -> Iterator[_Row]:
    """The codes in the order of the tree; categories that have none below them are codes."""
    waiting = [(code, 0) for code in reversed(book.children[None])]
    while waiting:
        code, depth = waiting.pop()
        below = book.children.get(code.id, ())
        css = "head" if below else "" if f"{side}{code.id}" in linked else "nothing"
        yield _Row(code.id, short(code.name), _INDENT * depth, css)
        waiting += [(child, depth + 1) for child in reversed(below)]


def _placed(rows: list[_Row], others: list[_Row], top: float) -> list[_Row]:
    """Rows below each other; those of the shorter side stand further apart, in the middle."""
    whole = _LINE * max(len(rows), len(others))
    step = min(_WIDEST, whole / len(rows))
    first = top + (whole - step * len(rows)) / 2 + step / 2
    return [row._replace(y=first + at * step) for at, row in enumerate(rows)]


def _lines(
    crosswalk: Crosswalk, ours: list[_Row], theirs: list[_Row], width: float
) -> Iterator[Markup]:
    """A curve for each link, those that hold most on top."""
    left, right = ({row.code: row.y for row in rows} for rows in (ours, theirs))
    for link in sorted(crosswalk.links, key=lambda k: -[*Relation].index(k.relation)):
        if link.left in left and link.right in right:
            one, other, middle = left[link.left], right[link.right], width / 2
            yield Markup(
                f'<path class="link {link.relation}" d="M0,{one:.1f} C{middle:.1f},{one:.1f} '
                f'{middle:.1f},{other:.1f} {width:.1f},{other:.1f}"/>'
            )


def _mark(relation: Relation) -> Markup:
    return Markup(f'<path class="link {relation}" d="M0,9 L24,9"/>')
