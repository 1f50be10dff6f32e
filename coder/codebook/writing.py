"""Codebooks as YAML that :mod:`coder.codebook.load` reads back as the same codebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from coder.codebook import load as codebooks
from coder.errors import InputError
from coder.records import Code, Codebook

_DEEPEST_NESTED = 20
"""Levels of codes that are written inside each other; with more, each names its parent."""
_OF_BOOK = ("id", "name", "version", "unit", "cardinality", "allow_none", "instructions", "source")
_OF_CODE = (
    "id", "name", "definition", "include", "exclude", "examples", "source", "replaces", "guid",
    "color",
)  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Lists are indented and long texts folded, as in the shipped codebooks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(book: Codebook) -> str:
    """``book`` as YAML. Raises ``InputError`` where no file could hold it."""
    fields = {name: getattr(book, name) for name in _OF_BOOK if getattr(book, name) != ""}
    fields["cardinality"] = str(book.cardinality)
    # Codes whose order is not that of the tree would come back in another one.
    tree = [_plain(code) | _parent(code) for code in book.codes]
    if max(len(book.lineage(code.id)) for code in book.codes) <= _DEEPEST_NESTED:
        nested = [_nested(book, code) for code in book.children.get(None, ())]
        tree = nested if _ids(nested) == [code.id for code in book.codes] else tree
    text = dump({**fields, "codes": tree})
    read, problems = codebooks.parse(text)
    if read is None:
        raise InputError(
            f"codebook {book.id!r} cannot be written: {problems[0].message}", "correct it there"
        )
    return text


def dump(value: Mapping[str, Any]) -> str:
    """YAML as people write it: keys in their order, letters as they are."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    assert isinstance(text, str)
    return text


def _nested(book: Codebook, code: Code) -> dict[str, Any]:
    below = [_nested(book, child) for child in book.children.get(code.id, ())]
    return _plain(code) | ({"children": below} if below else {})


def _plain(code: Code) -> dict[str, Any]:
    found = {name: getattr(code, name) for name in _OF_CODE}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value
    }


def _parent(code: Code) -> dict[str, str]:
    return {} if code.parent is None else {"parent": code.parent}


def _ids(tree: list[dict[str, Any]]) -> list[str]:
    return [one for node in tree for one in (node["id"], *_ids(node.get("children", [])))]
