"""Reads a codebook from YAML, with every problem named by its line, and resolves code names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from coder.errors import CodebookError, UsageError
from coder.escaping import join_surrogates
from coder.files.reading import read_text
from coder.records import NONE_CODE, Cardinality, Code, Codebook
from coder.text.spelling import fold

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_BOOK_KEYS = {
    "id", "name", "version", "unit", "cardinality", "allow_none", "instructions", "source", "codes",
}  # fmt: skip
_CODE_KEYS = {
    "id", "name", "definition", "include", "exclude", "examples", "parent", "source", "replaces",
    "guid", "color", "children",
}  # fmt: skip
_LISTS = ("include", "exclude", "examples", "replaces")
_DEEPEST_MIXED = 6
"""Levels; with more, the mixed spellings of a path would be too many."""
_HEX = "[0-9a-fA-F]"
_FORMS = {
    "guid": (re.compile(rf"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"), "8-4-4-4-12 hex digits"),
    "color": (re.compile(rf"#({_HEX}{{6}}|{_HEX}{{3}})"), "# and three or six hex digits"),
}
"""How other programs spell what a code carries for them."""
_NONE_WORDS = {NONE_CODE, "no code fits", "none fits", "no code"}


_DEEPEST = 60
"""Levels of YAML; each level of codes takes two."""
_LARGEST = 100_000
"""Values of YAML; a code takes some ten to twenty."""


class UnknownCode(UsageError):
    """A text names no code of the codebook, or more than one."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a codebook file; ``line`` counts from 1."""

    line: int
    message: str


class _Problems(list[Problem]):
    def at(self, line: int, message: str) -> None:
        self.append(Problem(line, message))


@dataclass(frozen=True)
class _Entry:
    """A code as written: its fields, its line, and the lines of its fields."""

    fields: dict[str, object]
    line: int
    lines: dict[str, int]


def load(path: Path) -> Codebook:
    """The codebook in ``path``. Raises ``CodebookError`` with the first problem's ``file:line``."""
    codebook, problems = check(path)
    if codebook is None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CodebookError(
            f"{path}:{first.line}: {first.message}{more}",
            f"see all problems with: coder codebook check {path}",
        )
    return codebook


def check(path: Path) -> tuple[Codebook | None, list[Problem]]:
    """The codebook, or ``None`` and every problem found. Raises ``InputError`` if unreadable."""
    return parse(read_text(path))


def parse(text: str) -> tuple[Codebook | None, list[Problem]]:
    """Like :func:`check`, for YAML text."""
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        colon = "; put a text that holds a colon in quotes" if "mapping" in str(error) else ""
        return None, [Problem(line, f"not valid YAML: {error.problem}{colon}")]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [Problem(line, f"not valid YAML: it holds the character {error.character:#x}")]
    if not isinstance(root, yaml.MappingNode):
        return None, [Problem(1, "a codebook is a mapping with id, name and codes")]
    if endless := _endless(root):
        return None, [endless]

    problems = _Problems()
    book = _mapping(root, _BOOK_KEYS, "codebook", problems)
    for key in ("id", "name", "codes"):
        if key not in book.fields:
            problems.at(1, f"the codebook has no {key!r}")
    book_id = book.fields.get("id")
    if isinstance(book_id, yaml.ScalarNode) and not _ID.fullmatch(str(book_id.value)):
        problems.at(book.lines["id"], _bad_id(book_id.value))
    codes_node = book.fields.get("codes")
    entries = list(_codes(codes_node, None, problems)) if codes_node is not None else []
    if codes_node is not None and not entries and not problems:
        problems.at(book.lines["codes"], "the codebook has no codes")
    codes = _validate(entries, problems)
    settings = {
        key: _scalar(node, key, problems) for key, node in book.fields.items() if key != "codes"
    }
    cardinality = settings.get("cardinality", "single")
    if cardinality not in list(Cardinality):
        problems.at(book.lines["cardinality"], "cardinality is 'single' or 'multiple'")
    if problems:
        return None, sorted(problems, key=lambda p: p.line)
    try:
        return Codebook.model_validate({**settings, "codes": codes}), []
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        return None, [Problem(book.lines.get(key, 1), f"{key}: {first['msg']}")]


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


def _mapping(node: yaml.MappingNode, allowed: set[str], what: str, problems: _Problems) -> _Entry:
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
    return _Entry(fields, node.start_mark.line + 1, lines)


def _codes(node: object, parent: str | None, problems: _Problems) -> Iterator[_Entry]:
    """The entries of a list of codes, parents before their children, depth first."""
    assert isinstance(node, yaml.Node)
    if not isinstance(node, yaml.SequenceNode):
        problems.at(node.start_mark.line + 1, "codes are written as a list")
        return
    for item in node.value:
        if not isinstance(item, yaml.MappingNode):
            problems.at(item.start_mark.line + 1, "a code is a mapping with id, name, definition")
            continue
        raw = _mapping(item, _CODE_KEYS, "code", problems)
        children = raw.fields.pop("children", None)
        fields: dict[str, object] = {}
        for key, value in raw.fields.items():
            reader = _strings if key in _LISTS else _scalar
            fields[key] = reader(value, key, problems)
        if parent is not None:
            if "parent" in fields and fields["parent"] != parent:
                problems.at(raw.lines["parent"], f"nested under {parent!r}, names another parent")
            fields["parent"] = parent
        yield _Entry(fields, raw.line, raw.lines)
        if children is not None:
            yield from _codes(children, str(fields.get("id", "")), problems)


def _bad_id(text: str) -> str:
    return f"id {text!r}: use small letters, digits and . - _"


def _scalar(node: object, key: str, problems: _Problems) -> object:
    assert isinstance(node, yaml.Node)
    if not isinstance(node, yaml.ScalarNode):
        problems.at(node.start_mark.line + 1, f"{key!r} is one text, not a list")
        return ""
    if key == "allow_none" and node.tag.endswith(":bool"):
        return node.value.lower() in ("true", "yes", "on")
    if node.tag.endswith(":null"):
        return None if key == "parent" else ""
    return _text(node, problems)


def _text(node: yaml.ScalarNode, problems: _Problems) -> str:
    text = join_surrogates(node.value.strip())
    if text is None:
        message = "half a character, a surrogate without its pair: write the character itself"
        problems.at(node.start_mark.line + 1, message)
    return node.value if text is None else text


def _strings(node: object, key: str, problems: _Problems) -> tuple[str, ...]:
    assert isinstance(node, yaml.Node)
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
        return ()
    if isinstance(node, yaml.ScalarNode):
        return (_text(node, problems),)
    if isinstance(node, yaml.SequenceNode):
        return tuple(str(_scalar(item, key, problems)) for item in node.value)
    problems.at(node.start_mark.line + 1, f"{key!r} is a list of texts")
    return ()


def _validate(entries: list[_Entry], problems: _Problems) -> list[Code]:
    """Codes for the entries; ids, names and parents are checked against each other."""
    seen: dict[str, int] = {}
    siblings: dict[tuple[object, str], int] = {}
    for entry in entries:
        missing = [key for key in ("id", "name", "definition") if not entry.fields.get(key)]
        for key in missing:
            who = f"code {entry.fields['id']!r}" if entry.fields.get("id") else "this code"
            problems.at(entry.lines.get(key, entry.line), f"{who} has no {key!r}")
        if "id" in missing:
            continue
        code_id, line = str(entry.fields["id"]), entry.lines["id"]
        if not _ID.fullmatch(code_id):
            problems.at(line, _bad_id(code_id))
        if code_id == NONE_CODE:
            problems.at(line, f"the id {NONE_CODE!r} is reserved for 'no code fits'")
        if code_id in seen:
            first = seen[code_id]
            problems.at(line, f"duplicate id {code_id!r}, first on line {first}")
        seen.setdefault(code_id, line)
        sibling = (entry.fields.get("parent"), fold(str(entry.fields.get("name", ""))))
        if sibling in siblings and "name" in entry.lines:
            problems.at(
                entry.lines["name"],
                f"duplicate name {entry.fields['name']!r}, first on line {siblings[sibling]}",
            )
        siblings.setdefault(sibling, entry.lines.get("name", line))
        replaced = entry.fields.get("replaces", ())
        assert isinstance(replaced, tuple)
        for former in replaced:
            line = entry.lines["replaces"]
            if not _ID.fullmatch(former):
                problems.at(line, f"'replaces' lists ids of codes: {_bad_id(former)}")
            elif former == NONE_CODE:
                problems.at(line, f"{NONE_CODE!r} is reserved: it is not replaced")
            elif former == code_id:
                problems.at(line, f"code {code_id!r} cannot replace itself")
    _check_forms(entries, problems)
    for entry in entries:
        parent = entry.fields.get("parent")
        if parent and parent not in seen:
            line = entry.lines.get("parent", entry.line)
            problems.at(line, f"parent {parent!r} is not a code of this codebook")
    if problems:
        return []
    codes = [Code.model_validate(entry.fields) for entry in entries]
    parents = {code.id: code.parent for code in codes}
    for code in codes:
        trail, above = {code.id}, code.parent
        while above is not None and above not in trail:
            trail.add(above)
            above = parents[above]
        if above is not None:
            problems.at(seen[code.id], f"code {code.id!r} is its own ancestor")
    return codes


def _check_forms(entries: list[_Entry], problems: _Problems) -> None:
    """What codes carry for other programs is spelled as those read it; no two share a GUID."""
    guids: dict[str, int] = {}
    for entry in entries:
        for key, (form, words) in _FORMS.items():
            value = str(entry.fields.get(key) or "")
            if value and not form.fullmatch(value):
                problems.at(entry.lines[key], f"{key} {value!r} is not {words}")
        if guid := str(entry.fields.get("guid") or "").lower():
            line = entry.lines["guid"]
            if guid in guids:
                problems.at(line, f"duplicate guid, first on line {guids[guid]}")
            guids.setdefault(guid, line)


def has_form(key: str, value: str) -> bool:
    """Whether a ``guid`` or ``color`` is spelled as a codebook takes it."""
    return _FORMS[key][0].fullmatch(value) is not None


def is_id(text: str) -> bool:
    """Whether ``text`` can be the id of a code or of a codebook."""
    return _ID.fullmatch(text) is not None and text != NONE_CODE


def can_hold(codebook: Codebook, codes: Sequence[str]) -> bool:
    """Whether ``codes`` can be an answer: leaves it has, as many as it allows, or none."""
    if not codes:
        return codebook.allow_none
    leaves = {code.id for code in codebook.leaves}
    single = codebook.cardinality is Cardinality.SINGLE
    return all(code in leaves for code in codes) and (len(codes) == 1 or not single)


def resolver(codebook: Codebook, *, former: bool = False) -> Callable[[str], str]:
    """A function from any spelling of a code to its id.

    Understood, whatever the case: the id, the name, and the full path with ``/`` or ``>`` between
    its parts, each by id or name; with ``former`` also the ids that a code ``replaces``. "none" and
    "no code fits" give ``NONE_CODE`` where the codebook allows it. The function raises
    ``UnknownCode`` for anything else, and for a name that several codes share.
    """
    spellings: dict[str, set[str]] = {}
    for code in codebook.codes:
        for spelling in (code.name, *_paths(codebook.lineage(code.id))):
            spellings.setdefault(_key(spelling), set()).add(code.id)
    for code in codebook.codes if former else ():
        for old in code.replaces:
            spellings.setdefault(_key(old), set()).add(code.id)
    for code in codebook.codes:
        spellings[_key(code.id)] = {code.id}

    def resolve(text: str) -> str:
        key = _key(text)
        found = spellings.get(key, set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            paths = ", ".join(sorted(codebook.path(code) for code in found))
            raise UnknownCode(f"{text!r} is the name of several codes", f"write one of: {paths}")
        if key in _NONE_WORDS:
            if codebook.allow_none:
                return NONE_CODE
            raise UnknownCode(
                f"codebook {codebook.id!r} does not allow 'no code fits'",
                "set allow_none: true in the codebook",
            )
        near = difflib.get_close_matches(key, _within(key, spellings), 1)
        suggestion = f"did you mean {next(iter(spellings[near[0]]))!r}?" if near else ""
        raise UnknownCode(
            f"{text!r} is not a code of codebook {codebook.id!r}",
            suggestion or "list the codes with: coder codebook show",
        )

    return resolve


def _paths(line: Sequence[Code]) -> Iterator[str]:
    """A code's path, each part by its id or its name; in a deep codebook all by one of the two."""
    if len(line) > _DEEPEST_MIXED:
        yield "/".join(code.id for code in line)
        yield "/".join(code.name for code in line)
        return
    for parts in product(*({code.id, code.name} for code in line)):
        yield "/".join(parts)


def _within(key: str, spellings: Mapping[str, set[str]]) -> list[str]:
    """The spellings that ``key`` may have been meant to be: what begins with a category's name is
    not a slip for something of another one."""
    above, slash, _ = key.rpartition("/")
    if slash and len(spellings.get(above, ())) == 1:
        (parent,) = spellings[above]
        roots = [name for name, codes in spellings.items() if codes == {parent}]
        return [name for name in spellings if any(name.startswith(f"{root}/") for root in roots)]
    return list(spellings)


def _key(text: str) -> str:
    return "/".join(fold(part) for part in re.split(r"[/>]", text))
