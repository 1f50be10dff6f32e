"""Makes a valid codebook of what other programs and tables hold: ids, unique names, definitions."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coder.codebook.load import has_form, is_id
from coder.errors import InputError
from coder.records import Code, Codebook
from coder.text.spelling import fold, plural, some, visible

LONGEST_ID = 60
DEEPEST = 100
"""Levels of codes; deeper ones are a mistake, or an attack."""
MOST = 10_000
"""Codes of one codebook."""
_TO_DEFINE = "To be defined."


@dataclass
class Draft:
    """A code as it was found, in the order of the tree; ``parent`` is a place in the list."""

    name: str
    definition: str = ""
    id: str = ""
    parent: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    """Whatever else of a code was found, as the code takes it."""


@dataclass(frozen=True)
class Found:
    """A codebook made of something else, and what is not as it was there, in words."""

    book: Codebook
    notes: tuple[str, ...] = ()


def make(drafts: Sequence[Draft], notes: Iterable[str] = (), **of_book: Any) -> Found:
    """A codebook of ``drafts``, and what had to be changed for that. ``of_book`` are its fields.

    Raises ``InputError`` where there is no code, or they are too many or too deep.
    """
    _check_size(drafts)
    said = list(notes)
    names = _unique_names([visible(" ".join(d.name.split())) for d in drafts], drafts, said)
    ids = _ids(drafts, names)
    codes = []
    undefined, guids = 0, set[str]()
    dropped: Counter[str] = Counter()
    for place, draft in enumerate(drafts):
        extra = {key: value for key, value in draft.fields.items() if value}
        for key in ("guid", "color"):
            value = extra.get(key, "")
            repeated = key == "guid" and value.lower() in guids
            if value and (not has_form(key, value) or repeated):
                dropped[key] += 1
                del extra[key]
        guids.add(extra.get("guid", "").lower())
        definition = draft.definition.strip()
        undefined += not definition
        parent = None if draft.parent is None else ids[draft.parent]
        codes.append(
            Code(
                id=ids[place],
                name=names[place],
                definition=definition or names[place],
                parent=parent,
                **extra,
            )
        )
    if undefined:
        said.append(f"{plural(undefined, 'code')} without a definition: the name stands in for it")
    for key, count in dropped.items():
        said.append(f"{count:,} × {key} that is malformed or another code's: left out")
    return Found(Codebook(codes=tuple(codes), **of_book), tuple(said))


def slug(text: str) -> str:
    """``text`` as an id is spelled; empty where it has no letter of the Latin alphabet."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_ID].strip("-")


def own(book: Codebook, **changes: Any) -> Codebook:
    """``book`` with other fields where ``changes`` has any."""
    return book.changed(**{key: value for key, value in changes.items() if value})


def skeleton(book_id: str) -> Codebook:
    """A codebook to be filled in."""
    ask = (
        ("first-category", "First category", None),
        ("first-category.first-code", "First code", "first-category"),
        ("first-category.second-code", "Second code", "first-category"),
        ("second-category", "Second category", None),
    )
    codes = [
        Code(
            id=code, name=name, parent=parent, definition=f"{_TO_DEFINE} What belongs here?",
            include=("a rule that settles that something belongs here",),
            exclude=("a rule that settles that it belongs to a neighbour -> id-of-the-neighbour",),
        )
        for code, name, parent in ask
    ]  # fmt: skip
    return Codebook(
        id=book_id, name="What it is about", version="1", codes=tuple(codes),
        instructions="What decides in doubt, whichever the code.",
        source="Who wrote it, after what.",
    )  # fmt: skip


def from_labels(
    counts: Mapping[str, int], examples: Mapping[str, Collection[str]], origin: str
) -> Sequence[Draft]:
    """A draft for each label that was given, the parts of ``Category > Code`` inside each other."""
    drafts: list[Draft] = []
    place: dict[tuple[str, ...], int] = {}
    total: Counter[tuple[str, ...]] = Counter()
    for label, count in counts.items():
        parts = [part.strip() for part in re.split(r"\s*>\s*|/", label) if part.strip()]
        path: tuple[str, ...] = ()
        for depth, part in enumerate(parts):
            above = place.get(path)
            path = (*path, fold(part))
            total[path] += count
            if path not in place:
                place[path] = len(drafts)
                drafts.append(Draft(part, parent=above))
            if depth == len(parts) - 1:
                drafts[place[path]].fields["examples"] = tuple(examples.get(label, ()))
    for path, at in place.items():
        given = f"{_TO_DEFINE} Given {total[path]:,} times in {origin}."
        drafts[at] = replace(drafts[at], definition=given)
    return in_tree_order(drafts)


def in_tree_order(drafts: Sequence[Draft]) -> list[Draft]:
    """``drafts`` with each one's children right behind it, otherwise in their order."""
    below: dict[int | None, list[int]] = {}
    for place, draft in enumerate(drafts):
        below.setdefault(draft.parent, []).append(place)
    order: list[int] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        place = waiting.pop()
        order.append(place)
        waiting += reversed(below.get(place, []))
    new = {old: at for at, old in enumerate(order)}
    return [
        replace(drafts[old], parent=None if (up := drafts[old].parent) is None else new[up])
        for old in order
    ]


def _check_size(drafts: Sequence[Draft]) -> None:
    if not drafts:
        raise InputError("there is no code in it", "check that this is the right file")
    if len(drafts) > MOST:
        raise InputError(f"it holds more than {MOST:,} codes", "check that this is the right file")
    depth: list[int] = []
    for draft in drafts:
        depth.append(0 if draft.parent is None else depth[draft.parent] + 1)
        if depth[-1] >= DEEPEST:
            raise InputError(
                f"its codes are more than {DEEPEST} levels deep",
                "check that this is the right file",
            )


def _unique_names(names: list[str], drafts: Sequence[Draft], said: list[str]) -> list[str]:
    taken: set[tuple[int | None, str]] = set()
    found, changed, nameless = [], [], 0
    for name, draft in zip(names, drafts, strict=True):
        nameless += not name
        base = name or "Unnamed"
        unique, number = base, 2
        while (draft.parent, fold(unique)) in taken:
            unique, number = f"{base} ({number})", number + 1
        taken.add((draft.parent, fold(unique)))
        if name and unique != name:
            changed.append(unique)
        found.append(unique)
    if changed:
        said.append(f"names that another code beside it has were numbered: {some(changed)}")
    if nameless:
        said.append(f"{plural(nameless, 'code')} without a name: called Unnamed")
    return found


def _ids(drafts: Sequence[Draft], names: Sequence[str]) -> list[str]:
    """An id for each: its own, else one made of its name below its parent's."""
    own_ids = [draft.id if is_id(draft.id) else "" for draft in drafts]
    taken, found = set[str](), list[str]()
    reserved = Counter(filter(None, own_ids))
    for place, (draft, name) in enumerate(zip(drafts, names, strict=True)):
        stem = own_ids[place]
        if not stem or stem in taken:
            above = "" if draft.parent is None else f"{found[draft.parent]}."
            stem = above + (slug(name) or f"code-{place + 1}")
            stem = stem if is_id(stem) else f"{stem}-{place + 1}"
        code_id, number = stem, 2
        while code_id in taken or (code_id in reserved and code_id != own_ids[place]):
            code_id, number = f"{stem}-{number}", number + 1
        taken.add(code_id)
        found.append(code_id)
    return found
