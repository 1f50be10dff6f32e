"""Translates answers from one codebook into another along a crosswalk, where it is certain."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from coder.codebook.crosswalk import Crosswalk, Relation
from coder.codebook.crosswalk_check import HOLDS, links_of
from coder.records import NONE_CODE, Cardinality, Codebook

Codes = tuple[str, ...]


class Untranslated(StrEnum):
    """Why an answer has no translation."""

    NO_CODE_FITS = "no code fits, which says nothing of the other codes"
    OPEN = "a code without a link"
    WITHOUT = "a code with nothing like it"
    BROADER = "a code that is broader than its counterparts"
    RELATED = "a code that is only related"
    SEVERAL = "several codes, where the other codebook takes one"
    UNKNOWN = "not a code of the crosswalk's codebook"


Translate = Callable[[Codes], "Codes | Untranslated"]


def translator(crosswalk: Crosswalk, left: Codebook, right: Codebook) -> Translate:
    """A function from codes of ``left`` to those of ``right``.

    Along same and narrower alone: what has the one code has the other for sure. Of several codes
    every one must have a translation.
    """
    known = {code.id: _of_one(crosswalk, left, right, code.id) for code in left.codes}

    def translate(codes: Codes) -> Codes | Untranslated:
        if not codes or codes == (NONE_CODE,):
            return Untranslated.NO_CODE_FITS
        found: dict[str, None] = {}
        for code in codes:
            into = known.get(code, Untranslated.UNKNOWN)
            if isinstance(into, Untranslated):
                return into
            found |= dict.fromkeys(into)
        closest = _closest(right, found)
        if len(closest) > 1 and right.cardinality is Cardinality.SINGLE:
            return Untranslated.SEVERAL
        return closest

    return translate


def translator_between(crosswalk: Crosswalk, one: Codebook, other: Codebook) -> Translate:
    """Like :func:`translator`, whichever of the two the crosswalk calls left."""
    if crosswalk.left.codebook != one.id:
        crosswalk = crosswalk.reversed()
    return translator(crosswalk, one, other)


def _of_one(
    crosswalk: Crosswalk, left: Codebook, right: Codebook, code: str
) -> Codes | Untranslated:
    for above in reversed(left.lineage(code)):
        links = crosswalk.of_left.get(above.id, ())
        if any(link.relation is Relation.NONE for link in links):
            break
        # What the code above is part of, the code is part of, too.
        into = [k.right for k in links if k.relation in HOLDS and k.right in right.by_id]
        if into:
            return tuple(into)
    relations = {link.relation for link in links_of(crosswalk, left, code)}
    for relation, why in (
        (Relation.BROADER, Untranslated.BROADER),
        (Relation.RELATED, Untranslated.RELATED),
        (Relation.NONE, Untranslated.WITHOUT),
    ):
        if relation in relations:
            return why
    return Untranslated.OPEN


def _closest(book: Codebook, codes: dict[str, None]) -> Codes:
    """``codes`` without those that stand above another one of them."""
    above = {up.id for code in codes for up in book.lineage(code)[:-1]}
    return tuple(code for code in codes if code not in above)
