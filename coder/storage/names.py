"""What can be the name of a run or of a rater: it is the name of a file on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from coder.errors import UsageError
from coder.records import NONE_CODE

_LONGEST_NAME = 81
"""Characters; in UTF-8 a file's name may have 255 bytes on most systems, its ending included."""
_RESERVED_NAMES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
"""Devices of Windows, with whatever ending."""


def check_name(name: str, what: str, there: Collection[str] = ()) -> str:
    """``name``, its letters composed (NFC), when it is safe as a file name, on every system unless
    it is one of those ``there`` already; ``UsageError`` otherwise. Names that differ in case alone
    are one file on some."""
    name = unicodedata.normalize("NFC", name)
    if name not in there:
        if _RESERVED_NAMES.fullmatch(name) or name.endswith("."):
            raise UsageError(
                f"{name!r} cannot be the name of a {what}: Windows has no file of that name",
                "choose another name",
            )
        if alike := [other for other in there if other.casefold() == name.casefold()]:
            raise UsageError(f"there is a {what} {alike[0]!r} already", "spell the name that way")
    if not _can_be_a_file(name):
        raise UsageError(
            f"{name!r} cannot be the name of a {what}",
            "use letters, digits, dots, dashes and underscores, up to 81",
        )
    return name


def _can_be_a_file(name: str) -> bool:
    """Whether ``name`` is letters of any script, their marks, and digits, as no system spells them
    otherwise; dots, dashes and underscores are not the first of them."""
    kinds = [unicodedata.category(letter)[0] for letter in name]
    return (
        0 < len(name) <= _LONGEST_NAME
        and len(name.encode("utf-8", "surrogatepass")) <= 240
        and kinds[0] in "LN"
        and all(kind in "LMN" or letter in "._-" for kind, letter in zip(kinds, name, strict=True))
    )


def check_rater(name: str, there: Collection[str] = ()) -> str:
    """``name`` when a person can go by it; reports call two of their sides otherwise."""
    if name.casefold() in ("model", "resolved", NONE_CODE):
        raise UsageError(f"no rater can be called {name!r}", "choose another name")
    return check_name(name, "rater", there)
