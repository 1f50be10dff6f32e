"""What changed between two versions of a codebook, and what that does to answers given before.

Pure functions. An answer goes over into the new version only where it is certain what it would be
there; in every other case it is stale, and a person has to look again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from coder.records import NONE_CODE, Code, Codebook, CodeChange

Codes = tuple[str, ...]
Targets = Mapping[str, Codes]
"""For each old code the new codes that take its place; none when it is gone."""

MEANING = ("definition", "include", "exclude", "examples")
"""The fields of a code that say what belongs to it."""
RULES = ("unit", "cardinality", "instructions")
"""The fields of a codebook that hold for every answer."""

SAME_TEXT = 0.9
"""Definitions that agree so far (share of matching characters) are one definition reworded."""
SAME_NAME = 0.5
"""How far they must agree where the name is the same as well."""


@dataclass(frozen=True)
class Diff:
    """``changes`` are what became of the codes; ``besides`` tells in words what else is different,
    which touches no answer."""

    changes: tuple[CodeChange, ...]
    besides: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.besides)


@dataclass(frozen=True)
class Stale:
    """An answer that is not certain any more, and the change that made it so; ``None`` when it was
    given under a codebook that is no version of this one."""

    change: CodeChange | None = None


def compare(old: Codebook, new: Codebook) -> Diff:
    """What became of each code of ``old``, in its order; then what ``new`` adds.

    Which code took whose place is what ``replaces`` says in ``new``; a code that is gone and that
    nothing replaces is found again by its name and definition where that leaves no doubt.
    """
    guessed = _guesses(old, new)
    targets = _targets(old, new, guessed)
    taken = {code for into in targets.values() for code in into}
    added = [code.id for code in new.codes if code.id not in taken]
    rules = [field for field in RULES if _plain(getattr(old, field)) != _plain(getattr(new, field))]
    changes = [
        change for code in old.codes for change in _of(code, old, new, targets, guessed, rules)
    ]
    changes += [CodeChange(kind="added", code=None, into=(code,)) for code in added]
    changes += _of_none(old, new, [code for code in added if code not in new.children], rules)
    return Diff(tuple(changes), tuple(_besides(old, new, targets)))


def carrier(changes: Iterable[CodeChange]) -> Callable[[Codes], Codes | Stale]:
    """A function that carries an answer over; empty codes, or ``NONE_CODE``, mean that none fits.

    A code that no change names stays. Two codes that became one are one code.
    """
    fates: dict[str, str | Stale] = {}
    for change in changes:
        if change.code is None or isinstance(fates.get(change.code), Stale):
            continue
        fates[change.code] = change.into[0] if len(change.into) == 1 else Stale(change)

    def carry(codes: Codes) -> Codes | Stale:
        carried: dict[str, None] = {}
        for code in codes or (NONE_CODE,):
            fate = fates.get(code, code)
            if isinstance(fate, Stale):
                return fate
            carried[fate] = None
        return tuple(carried) if codes else ()

    return carry


# --- what became of a code ----------------------------------------------------------------------


def _targets(old: Codebook, new: Codebook, guessed: Mapping[str, str]) -> Targets:
    found: dict[str, Codes] = {}
    for code in old.codes:
        itself = (code.id,) if code.id in new.by_id else ()
        into = (*itself, *(c.id for c in new.codes if _replaces(old, new, c, code.id)))
        if not into and code.id in guessed:
            into = (guessed[code.id],)
        if len(into) == 1 and code.id not in old.children and into[0] in new.children:
            # Answered with as a code, and now a category: which of the codes below it is meant?
            into = (into[0], *(c for c in _leaves(new, into[0]) if c not in old.by_id))
        found[code.id] = into
    return found


def _replaces(old: Codebook, new: Codebook, code: Code, gone: str) -> bool:
    """Whether ``code`` says that it takes the place of ``gone`` from this version on."""
    if gone not in code.replaces or gone == code.id:
        return False
    said_before = code.id in old.by_id and gone in old.by_id[code.id].replaces
    return not (said_before and gone in new.by_id)


def _guesses(old: Codebook, new: Codebook) -> dict[str, str]:
    """Codes that are gone and codes that are new, paired where name and definition tell."""
    replaced = {gone for code in new.codes for gone in code.replaces}
    gone = [c for c in old.codes if c.id not in new.by_id and c.id not in replaced]
    fresh = [c for c in new.codes if c.id not in old.by_id and not (set(c.replaces) & {*old.by_id})]
    alike = [
        (likeness, before.id, after.id)
        for before in gone
        for after in fresh
        if (before.id in old.children) == (after.id in new.children)
        and (likeness := _likeness(before, after))
    ]
    found: dict[str, str] = {}
    for _, before_id, after_id in sorted(alike, key=lambda pair: (-pair[0], pair[1:])):
        if before_id not in found and after_id not in found.values():
            found[before_id] = after_id
    return found


def _likeness(before: Code, after: Code) -> float:
    """0 unless the two are one code; more the surer."""
    same_name = _plain(before.name) == _plain(after.name)
    texts = _plain(before.definition), _plain(after.definition)
    likeness = SequenceMatcher(None, *texts, autojunk=False).ratio()
    enough = likeness >= (SAME_NAME if same_name else SAME_TEXT)
    return likeness + same_name if enough else 0.0


def _of(
    code: Code,
    old: Codebook,
    new: Codebook,
    targets: Targets,
    guessed: Mapping[str, str],
    rules: list[str],
) -> Iterator[CodeChange]:
    into = targets[code.id]
    if not into:
        yield CodeChange(kind="removed", code=code.id)
        return
    if len(into) > 1 or (code.id not in old.children and into[0] in new.children):
        yield CodeChange(kind="split", code=code.id, into=into if len(into) > 1 else ())
        return
    after = new.by_id[into[0]]
    if sum(after.id in others for others in targets.values()) > 1:
        yield CodeChange(kind="merged", code=code.id, into=into)
        if rules:
            yield CodeChange(kind="redefined", code=code.id, note=_note(rules))
        return
    other_name = _plain(code.name) != _plain(after.name)
    if code.id != after.id or other_name:
        guess = "by its definition; `replaces` would make it sure" if code.id in guessed else ""
        name = f"{code.name} -> {after.name}" if other_name else ""
        note = "; ".join(part for part in (name, guess) if part)
        yield CodeChange(kind="renamed", code=code.id, into=into, note=note)
    above: tuple[str | None, ...] = (None,) if code.parent is None else targets[code.parent]
    if after.parent not in above:
        note = f"{code.parent or 'top'} -> {after.parent or 'top'}"
        yield CodeChange(kind="moved", code=code.id, into=into, note=note)
    changed = [f for f in MEANING if _said(code, f, targets) != _said(after, f)]
    if changed or rules:
        yield CodeChange(kind="redefined", code=code.id, note=_note([*changed, *rules]))


def _of_none(
    old: Codebook, new: Codebook, added: list[str], rules: list[str]
) -> Iterator[CodeChange]:
    if not old.allow_none:
        return
    if not new.allow_none:
        yield CodeChange(kind="removed", code=NONE_CODE, note="allow_none is false now")
    elif added:
        yield CodeChange(kind="redefined", code=NONE_CODE, note=f"added: {', '.join(added)}")
    elif rules:
        yield CodeChange(kind="redefined", code=NONE_CODE, note=_note(rules))


def _besides(old: Codebook, new: Codebook, targets: Targets) -> Iterator[str]:
    for field in ("name", "source"):
        if getattr(old, field) != getattr(new, field):
            yield f"the codebook's {field}"
    for field in RULES:
        before, after = getattr(old, field), getattr(new, field)
        if before != after and _plain(before) == _plain(after):
            yield f"the codebook's {field}: spelling"
    if new.allow_none and not old.allow_none:
        yield "'no code fits' is allowed now"
    for code in old.codes:
        if len(targets[code.id]) != 1:
            continue
        after = new.by_id[targets[code.id][0]]
        spelled = [
            field
            for field in ("name", *MEANING)
            if getattr(code, field) != getattr(after, field)
            and _said(code, field, targets) == _said(after, field)
        ]
        other = [f for f in ("source", "replaces") if getattr(code, f) != getattr(after, f)]
        if spelled or other:
            yield f"{after.id}: {', '.join([*(f'{f} (spelling)' for f in spelled), *other])}"
    stayed = [code.id for code in old.codes if code.id in new.by_id]
    if stayed != [code.id for code in new.codes if code.id in old.by_id]:
        yield "the order of the codes"


def _leaves(book: Codebook, code_id: str) -> Iterator[str]:
    below = book.children.get(code_id)
    if below is None:
        yield code_id
    for child in below or ():
        yield from _leaves(book, child.id)


def _said(code: Code, field: str, targets: Targets | None = None) -> object:
    """A field as far as it has a meaning: no order of rules, no spelling, and where it names a code
    that has another id now (``targets``), that id."""
    value = getattr(code, field)
    texts = [value] if isinstance(value, str) else value
    for old, into in (targets or {}).items():
        if len(into) == 1 and into[0] != old:
            named = re.compile(rf"(?<![\w.-]){re.escape(old)}(?![\w-]|\.\w)")
            texts = [named.sub(into[0], text) for text in texts]
    return sorted(map(_plain, texts))


def _note(fields: Iterable[str]) -> str:
    return ", ".join(f"the codebook's {f}" if f in RULES else f for f in fields)


_MARKS = re.compile(r"(?<!\S)[.,;:\"'“”‘’]+|[.,;:\"'“”‘’]+(?!\S)")


def _plain(text: str) -> str:
    """Without case, spacing, and punctuation around words: what is the same was only respelled.

    Marks inside a word stay, as in C++, 3.11 or node.js.
    """
    return " ".join(_MARKS.sub(" ", text).casefold().split())
