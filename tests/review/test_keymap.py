"""Keys of one's own: what is wrong is named, and lines of text follow as far as they can."""

from __future__ import annotations

import pytest

from coder.errors import InputError
from coder.review.keymap import KEYS, keymap, letters


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"accpet": "a"}, "keys.accpet"),
        ({"accept": "entre"}, "'entre'"),
        ({"accept": ""}, "''"),
        ({"accept": " "}, "' '"),
        ({"none": "1"}, "'1'"),
        ({"none": "tab"}, "'tab'"),
        ({"none": "s"}, "both 'none' and 'skip'"),
        ({"memo": "w", "flag": "w"}, "both 'flag' and 'memo'"),
    ],
)
def test_what_cannot_be_is_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(InputError) as error:
        keymap(changed)
    assert named in error.value.message


def test_keys_may_change_places() -> None:
    keys = keymap({"none": "s", "skip": "n", "accept": "space"})
    assert (keys["none"], keys["skip"], keys["accept"]) == ("s", "n", "space")
    assert keys["undo"] == KEYS["undo"]


def test_a_key_that_is_no_letter_leaves_its_usual_one_unless_that_is_taken() -> None:
    found = letters(keymap({"accept": "space", "find": "f2", "memo": "/", "skip": "delete"}))
    assert "accept" not in found
    assert "find" not in found
    assert (found["memo"], found["skip"]) == ("/", "s")
