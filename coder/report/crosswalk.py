"""A crosswalk as a table: for a terminal, Markdown, LaTeX and CSV."""

from __future__ import annotations

from coder.codebook.crosswalk import Crosswalk, Link, Relation, in_order
from coder.codebook.crosswalk_check import Checked, Coverage
from coder.records import Codebook
from coder.report.escaping import LETTERS_DEFINED, csv_table, one_line
from coder.report.escaping import latex as tex
from coder.report.escaping import markdown as text
from coder.report.grids import Grid
from coder.text.spelling import plural

WORDS = {
    Relation.SAME: "same as", Relation.NARROWER: "part of", Relation.BROADER: "holds",
    Relation.RELATED: "related to", Relation.NONE: "nothing like it",
}  # fmt: skip
_WIDTHS = (0.25, 0.12, 0.23, 0.29)
"""Of a table's columns in LaTeX, in parts of a line."""
COLUMNS = ("from", "from_name", "relation", "to", "to_name", "note", "by", "checked")


def grid(crosswalk: Crosswalk, left: Codebook, right: Codebook, checked: Checked) -> Grid:
    """A row for each link, in the order of the left codebook."""
    rows = tuple(
        (_path(left, link.left), WORDS[link.relation], _path(right, link.right), link.note)
        for link in in_order(crosswalk.links, left, right)
    )
    nothing = ("–", "–", "–", "no link is given")
    return Grid(
        f"crosswalk-{left.id}-{right.id}",
        f"{left.name} and {right.name}",
        (left.id, "is", right.id, "because"),
        rows or (nothing,),
        4,
        tuple(notes(checked, left, right)),
    )


def notes(checked: Checked, left: Codebook, right: Codebook) -> list[str]:
    """What is linked and what is not, both ways, and how far people have looked."""
    found = [f"{book.id}: {covered(side)}" for book, side in
             ((left, checked.left), (right, checked.right))]  # fmt: skip
    if checked.unchecked:
        found.append(
            f"{plural(checked.unchecked, 'link')} that nobody is named to have checked since "
            "they were drafted."
        )
    return found + [f"{line[0].upper()}{line[1:]}." for line in checked.other_versions]


def covered(side: Coverage) -> str:
    """``28 of 32 codes are linked, 3 have nothing like them, of 1 nothing is said``."""
    parts = [f"{len(side.linked):,} of {plural(side.codes, 'code')} are linked"]
    if side.without:
        parts.append(f"{len(side.without):,} have nothing like them")
    if side.open:
        parts.append(f"of {len(side.open):,} nothing is said")
    return ", ".join(parts) + "."


def markdown(table: Grid) -> str:
    """The table with its caption and notes."""
    head = [text(cell) for cell in table.head]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(map(text, row))} |" for row in table.rows]
    below = "\n".join(f"- {text(note)}" for note in table.notes)
    return "\n".join([f"# {text(table.caption)}", "", *lines, "", below, ""])


def latex(table: Grid) -> str:
    """The table for a paper, over as many pages as it takes."""
    widths = "".join(rf">{{\raggedright\arraybackslash}}p{{{w}\linewidth}}" for w in _WIDTHS)
    head = " & ".join(map(tex, table.head)) + r" \\"
    above = [r"  \toprule", f"  {head}", r"  \midrule"]
    lines = [
        f"% {one_line(table.caption)}",
        r"% In the preamble: \usepackage{array,booktabs,longtable}, and for pdfLaTeX "
        r"\usepackage[T1]{fontenc}",
        *(f"% {one_line(note)}" for note in table.notes),
        LETTERS_DEFINED,
        r"{\footnotesize",
        rf"\begin{{longtable}}{{@{{}}{widths}@{{}}}}",
        rf"  \caption{{{tex(table.caption)}}}\label{{tab:{table.name}}} \\",
        *above,
        r"  \endfirsthead",
        *above,
        r"  \endhead",
        r"  \bottomrule",
        r"  \endfoot",
        *(f"  {' & '.join(map(tex, row))} \\\\" for row in table.rows),
        r"\end{longtable}}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(crosswalk: Crosswalk, left: Codebook, right: Codebook) -> str:
    """A row for each link with all that is known of it."""
    return csv_table(COLUMNS, (_cells(k, left, right) for k in crosswalk.links))


def _cells(link: Link, left: Codebook, right: Codebook) -> tuple[str, ...]:
    names = (_path(book, code) if code else "" for book, code in
             ((left, link.left), (right, link.right)))  # fmt: skip
    ours, theirs = names
    return (
        link.left, ours, str(link.relation), link.right, theirs, link.note, link.by, link.checked,
    )  # fmt: skip


def _path(book: Codebook, code: str) -> str:
    if not code:
        return "–"
    return book.path(code) if code in book.by_id else code
