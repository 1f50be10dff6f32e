"""What a crosswalk says and what it cannot: unknown codes, contradictions, coverage both ways."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from coder.codebook.crosswalk import Crosswalk, Link, Read, Relation
from coder.codebook.yaml_nodes import Problem
from coder.records import Codebook
from coder.text.spelling import some

HOLDS = (Relation.SAME, Relation.NARROWER)
"""Relations along which every issue of the left code has the right one."""


@dataclass(frozen=True)
class Coverage:
    """Of a codebook's leaves those that are ``linked``, by a link of their own or of a code above
    them, those that have nothing like them (``without``), and those of which nothing is said."""

    codes: int
    linked: tuple[str, ...]
    without: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """``problems`` make a crosswalk invalid; all else is for people to look at."""

    problems: tuple[Problem, ...]
    left: Coverage
    right: Coverage
    unchecked: int
    """Links that nobody has looked at since they were drafted."""
    other_versions: tuple[str, ...]


def check(read: Read, left: Codebook, right: Codebook) -> Checked:
    """Everything there is to say of a crosswalk between these two codebooks."""
    crosswalk = read.crosswalk
    unknown = [*_unknown(read, left, right)]
    problems = unknown or [
        *_repeated(read), *_same_twice(read, left, right), *_circles(read, left, right),
    ]  # fmt: skip
    other = [
        f"it is about {side.codebook} {side.version}, which is at {book.version} now"
        for side, book in ((crosswalk.left, left), (crosswalk.right, right))
        if side.version and side.version != book.version
    ]
    return Checked(
        problems=tuple(sorted(dict.fromkeys(problems), key=lambda p: p.line)),
        left=coverage(crosswalk, left),
        right=coverage(crosswalk.reversed(), right),
        unchecked=sum(not link.checked for link in crosswalk.links),
        other_versions=tuple(other),
    )


def links_of(crosswalk: Crosswalk, book: Codebook, code: str) -> tuple[Link, ...]:
    """The links that a left code takes part in: its own, or those of the nearest code above it that
    has any, as far as they hold for a part of it too."""
    for at, above in enumerate(reversed(book.lineage(code))):
        own = crosswalk.of_left.get(above.id)
        if own is None:
            continue
        return own if not at else tuple(k for k in own if k.relation is not Relation.BROADER)
    return ()


def coverage(crosswalk: Crosswalk, book: Codebook) -> Coverage:
    """How far the left codes are linked."""
    linked: list[str] = []
    without: list[str] = []
    nothing: list[str] = []
    for code in book.leaves:
        links = links_of(crosswalk, book, code.id)
        has_none = any(link.relation is Relation.NONE for link in links)
        (without if has_none else linked if links else nothing).append(code.id)
    return Coverage(len(book.leaves), tuple(linked), tuple(without), tuple(nothing))


def _unknown(read: Read, left: Codebook, right: Codebook) -> Iterator[Problem]:
    for side, book in ((read.crosswalk.left, left), (read.crosswalk.right, right)):
        if side.codebook != book.id:
            yield Problem(1, f"it is about codebook {side.codebook!r}, and this is {book.id!r}")
            return
    for link, line in zip(read.crosswalk.links, read.lines, strict=True):
        for code, book in ((link.left, left), (link.right, right)):
            if code and code not in book.by_id:
                near = difflib.get_close_matches(code, book.by_id, 1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                yield Problem(line, f"{code!r} is not a code of {book.id}{meant}")


def _repeated(read: Read) -> Iterator[Problem]:
    """Two links of the same two codes, and "nothing like it" beside a link."""
    seen: dict[tuple[str, str], int] = {}
    linked: dict[tuple[int, str], int] = {}
    pairs = list(zip(read.crosswalk.links, read.lines, strict=True))
    for link, line in pairs:
        pair = (link.left, link.right)
        if pair in seen:
            names = " and ".join(filter(None, pair))
            yield Problem(line, f"{names}: linked before, on line {seen[pair]}")
        seen.setdefault(pair, line)
        if link.relation is not Relation.NONE:
            for side, code in enumerate(pair):
                linked.setdefault((side, code), line)
    for link, line in pairs:
        if link.relation is Relation.NONE:
            at = linked.get((0, link.left) if link.left else (1, link.right))
            if at is not None:
                code = link.left or link.right
                yield Problem(line, f"{code} has nothing like it, and a link on line {at}")


def _same_twice(read: Read, left: Codebook, right: Codebook) -> Iterator[Problem]:
    seen: dict[tuple[int, str], tuple[str, int]] = {}
    for link, line in zip(read.crosswalk.links, read.lines, strict=True):
        if link.relation is not Relation.SAME:
            continue
        for side, (code, other) in enumerate(((link.left, link.right), (link.right, link.left))):
            first, at = seen.setdefault((side, code), (other, line))
            if first != other:
                book = (right, left)[side].id
                yield Problem(
                    line, f"{code} is the same as {other} and, on line {at}, as {first}: they are "
                    f"two codes of {book}",
                )  # fmt: skip


def _circles(read: Read, left: Codebook, right: Codebook) -> Iterator[Problem]:
    """Links by which a code would be part of what is part of it, or of itself."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = {
        (side, code.id): at
        for at, (side, code) in enumerate(
            (side, code) for side, book in enumerate((left, right)) for code in book.codes
        )
    }
    strict = [
        (number[side, code.id], number[side, code.parent])
        for side, book in enumerate((left, right))
        for code in book.codes
        if code.parent is not None
    ]
    either: list[tuple[int, int]] = []
    linked: list[tuple[int, int, int, Link]] = []
    for link, line in zip(read.crosswalk.links, read.lines, strict=True):
        if not (link.left and link.right) or link.relation is Relation.RELATED:
            continue
        one, other = number[0, link.left], number[1, link.right]
        linked.append((one, other, line, link))
        if link.relation is Relation.SAME:
            either += [(one, other), (other, one)]
        else:
            strict.append((one, other) if link.relation is Relation.NARROWER else (other, one))
    edges = np.array([*strict, *either], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(number),) * 2)
    _, group = connected_components(graph, directed=True, connection="strong")
    wrong = {int(group[one]) for one, other in strict if group[one] == group[other]}
    for each in sorted(wrong):
        inside = [entry for entry in linked if group[entry[0]] == group[entry[1]] == each]
        names = [f"{k.left} {k.relation} {k.right} (line {line})" for _, _, line, k in inside]
        first = min(line for _, _, line, _ in inside)
        yield Problem(first, f"by these links a code is part of itself: {some(names)}")


def spelled(problems: Iterable[Problem], file: object) -> list[str]:
    """Problems as they are shown, each with its place."""
    return [f"{file}:{problem.line}: {problem.message}" for problem in problems]
