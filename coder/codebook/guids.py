"""GUIDs by which programs for qualitative analysis know codes again: the same in every export."""

from __future__ import annotations

from uuid import UUID, uuid5

from coder.records import Code, Codebook

NAMESPACE = UUID("4f6c1d1e-7a0b-5c52-9b0e-2f1f6f0b7d11")
"""Never changed: every GUID that was given away is made from it."""


def guid(*names: str) -> str:
    """The GUID of what goes by ``names``, from the widest to the closest: of a code, the id of its
    codebook and its own; of anything else, a word for its kind first."""
    return str(uuid5(NAMESPACE, "\0".join(names)))


def code_guid(book: Codebook, code: Code) -> str:
    """The GUID of a code: the one it came with, else the one that its ids give."""
    return code.guid or guid(book.id, code.id)
