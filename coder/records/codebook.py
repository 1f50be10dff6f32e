"""A codebook: codes in categories, and how many of them an issue may have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

from coder.records.base import Record, content_hash

NONE_CODE = "none"
"""How "no code fits" is written in label files and tables; never the id of a real code."""


class Code(Record):
    """One code: a category when ``parent`` is empty, otherwise a subcategory of ``parent``."""

    id: str
    name: str
    definition: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    parent: str | None = None
    source: str = ""
    replaces: tuple[str, ...] = ()
    """Ids of earlier versions that this code takes the place of."""
    guid: str = ""
    """What another program knows this code by, where it came from one."""
    color: str = ""
    """The colour it has there, as ``#rrggbb``."""


class Cardinality(StrEnum):
    SINGLE = "single"
    MULTIPLE = "multiple"


class Codebook(Record):
    """An ordered set of codes. :func:`coder.codebook.load.load` makes one, and validates it."""

    id: str
    name: str
    version: str = "1"
    unit: str = "issue"
    cardinality: Cardinality = Cardinality.SINGLE
    allow_none: bool = True
    instructions: str = ""
    """What holds for every code: which of several to choose, what decides in doubt."""
    source: str = ""
    codes: tuple[Code, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Code]:
        return {code.id: code for code in self.codes}

    @cached_property
    def spoken(self) -> tuple[str, ...]:
        """What codes are called in a text: every id and name."""
        return tuple(name for code in self.codes for name in (code.id, code.name))

    @cached_property
    def children(self) -> Mapping[str | None, tuple[Code, ...]]:
        """Codes by parent id, in codebook order; the categories are under ``None``."""
        found: dict[str | None, list[Code]] = {}
        for code in self.codes:
            found.setdefault(code.parent, []).append(code)
        return {parent: tuple(codes) for parent, codes in found.items()}

    @cached_property
    def leaves(self) -> tuple[Code, ...]:
        """The codes a model may propose: those without subcategories."""
        return tuple(code for code in self.codes if code.id not in self.children)

    @cached_property
    def hash(self) -> str:
        fields = self.model_dump(mode="json")
        for code in fields["codes"]:
            # What says nothing of the code's meaning to people or models.
            del code["guid"], code["color"]
            if not code["replaces"]:
                # Left out, so that codebooks from before there was such a field keep their hash.
                del code["replaces"]
        return content_hash("codebook.v1", fields)

    def changed(self, **fields: Any) -> Codebook:
        """A copy with other fields. Not by ``model_copy``, which keeps what is cached above."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return Codebook(**(kept | fields))

    def lineage(self, code_id: str) -> tuple[Code, ...]:
        """The code's ancestors from its category down to itself. ``KeyError`` when unknown."""
        chain = [self.by_id[code_id]]
        while chain[0].parent is not None:
            chain.insert(0, self.by_id[chain[0].parent])
        return tuple(chain)

    def category(self, code_id: str) -> str:
        """The id of the top-level category a code belongs to; ``NONE_CODE`` is its own."""
        return code_id if code_id == NONE_CODE else self.lineage(code_id)[0].id

    def path(self, code_id: str) -> str:
        """``Category > Subcategory`` by name, as shown to people."""
        if code_id == NONE_CODE:
            return "no code fits"
        return " > ".join(code.name for code in self.lineage(code_id))
