"""YAML read with the line of every value, and every problem named by its line; bounded."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import yaml

from coder.escaping import join_surrogates

_DEEPEST = 60
"""Levels of YAML; each level of codes takes two."""
_LARGEST = 100_000
"""Values of YAML; a code takes some ten to twenty."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a codebook file; ``line`` counts from 1."""

    line: int
    message: str


class Problems(list[Problem]):
    def at(self, line: int, message: str) -> None:
        self.append(Problem(line, message))


@dataclass(frozen=True)
class Entry:
    """A code as written: its fields, its line, and the lines of its fields."""

    fields: dict[str, object]
    line: int
    lines: dict[str, int]


def compose(text: str, what: str) -> yaml.MappingNode | Problem:
    """The nodes of a text that holds a mapping, or what is wrong with it."""
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        colon = "; put a text that holds a colon in quotes" if "mapping" in str(error) else ""
        return Problem(line, f"not valid YAML: {error.problem}{colon}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Problem(line, f"not valid YAML: it holds the character {error.character:#x}")
    if not isinstance(root, yaml.MappingNode):
        return Problem(1, what)
    return _endless(root) or root


class _Loader(yaml.SafeLoader):
    """Refuses what is so deep or so large that reading it would end Python, or the memory."""

    _depth = _count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._count += 1
        if self._depth == _DEEPEST or self._count > _LARGEST:
            problem = f"more than {_LARGEST:,} values or {_DEEPEST} levels"
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, problem, mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _endless(root: yaml.Node) -> Problem | None:
    """What is wrong with aliases that repeat without end, or all but."""
    open_, met = [(root, 0)], 0
    while open_:
        node, depth = open_.pop()
        met += 1
        if depth > _DEEPEST or met > _LARGEST:
            return Problem(
                node.start_mark.line + 1,
                "not valid YAML: with aliases (*name) written out, "
                f"more than {_LARGEST:,} values or {_DEEPEST} levels",
            )
        below = node.value if isinstance(node, yaml.CollectionNode) else ()
        for value in below:
            open_ += [(one, depth + 1) for one in (value if isinstance(value, tuple) else (value,))]
    return None


def mapping(node: yaml.MappingNode, allowed: set[str], what: str, problems: Problems) -> Entry:
    fields: dict[str, object] = {}
    lines: dict[str, int] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.at(line, f"a key of this {what} is not a text")
            continue
        key = str(key_node.value)
        if key in fields:
            problems.at(line, f"{key!r} is given twice in this {what}")
        elif key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            known = f"known: {', '.join(sorted(allowed))}"
            hint = f"; did you mean {near[0]!r}?" if near else f"; {known}"
            problems.at(line, f"unknown key {key!r} in this {what}{hint}")
        else:
            fields[key], lines[key] = value, line
    return Entry(fields, node.start_mark.line + 1, lines)


def scalar(node: object, key: str, problems: Problems) -> object:
    assert isinstance(node, yaml.Node)
    if not isinstance(node, yaml.ScalarNode):
        problems.at(node.start_mark.line + 1, f"{key!r} is one text, not a list")
        return ""
    if key == "allow_none" and node.tag.endswith(":bool"):
        return node.value.lower() in ("true", "yes", "on")
    if node.tag.endswith(":null"):
        return None if key == "parent" else ""
    return _text(node, problems)


def _text(node: yaml.ScalarNode, problems: Problems) -> str:
    text = join_surrogates(node.value.strip())
    if text is None:
        message = "half a character, a surrogate without its pair: write the character itself"
        problems.at(node.start_mark.line + 1, message)
    return node.value if text is None else text


def strings(node: object, key: str, problems: Problems) -> tuple[str, ...]:
    assert isinstance(node, yaml.Node)
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
        return ()
    if isinstance(node, yaml.ScalarNode):
        return (_text(node, problems),)
    if isinstance(node, yaml.SequenceNode):
        return tuple(str(scalar(item, key, problems)) for item in node.value)
    problems.at(node.start_mark.line + 1, f"{key!r} is a list of texts")
    return ()
