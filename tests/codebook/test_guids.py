"""GUIDs stay what they are: files that were given away hold them."""

from __future__ import annotations

from coder.codebook.guids import guid


def test_a_guid_is_the_same_for_ever_and_another_for_every_name():
    assert guid("pets", "cat") == "7c886871-00ad-5f66-ae46-5abaf881b538"
    assert len({guid("pets", "cat"), guid("pets", "dog"), guid("petscat"), guid("pets")}) == 4
