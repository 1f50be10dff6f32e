"""What each key of the review does, and the keys a study gives other actions to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from coder.errors import InputError

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "accept": "enter",
        "take": "t",
        "find": "/",
        "none": "n",
        "skip": "s",
        "flag": "f",
        "memo": "m",
        "change": "c",
        "undo": "u",
        "labelled": "l",
        "evidence": "e",
        "unfold": "x",
        "open": "o",
        "help": "?",
        "quit": "q",
    }
)
"""Each action and its key as it comes."""

_NAMED = ("enter", "space", "backspace", "delete", "insert", *(f"f{n}" for n in range(1, 13)))
_DIGITS = "123456789"


def keymap(changed: Mapping[str, str]) -> Mapping[str, str]:
    """``KEYS`` with the keys of a study. Raises ``InputError`` naming what cannot be."""
    for action, key in changed.items():
        if action not in KEYS:
            raise InputError(
                f"setting 'keys.{action}': there is no such action",
                f"the actions are {', '.join(KEYS)}",
            )
        if not _is_key(key):
            raise InputError(
                f"setting 'keys.{action}': {key!r} is no key that can be chosen",
                f"a letter or sign, or one of {', '.join(_NAMED)}; 1 to 9 stay those of codes",
            )
    keys = {**KEYS, **changed}
    users: dict[str, str] = {}
    for action, key in keys.items():
        if key in users:
            raise InputError(
                f"setting 'keys': {key!r} is the key of both {users[key]!r} and {action!r}",
                "give one of them another key",
            )
        users[key] = action
    return keys


def letters(keys: Mapping[str, str]) -> Mapping[str, str]:
    """The one character of each action in a line of text, where an empty line accepts too.

    An action on a key that is no character keeps its usual letter, where no other action has that.
    """
    found = {action: key for action, key in keys.items() if len(key) == 1}
    for action, usual in KEYS.items():
        if action not in found and len(usual) == 1 and usual not in found.values():
            found[action] = usual
    return found


def spelled(key: str) -> str:
    """A key as people read it."""
    return key if len(key) == 1 else key.capitalize()


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and key != " " and key not in _DIGITS
    return key in _NAMED
