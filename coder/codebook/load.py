"""Reads a codebook from YAML, with every problem named by its line, and resolves code names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import yaml
from pydantic import ValidationError

from coder.codebook.yaml_nodes import Entry, Problem, Problems, compose, mapping, scalar, strings
from coder.errors import CodebookError, UsageError
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


class UnknownCode(UsageError):
    """A text names no code of the codebook, or more than one."""


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
    root = compose(text, "a codebook is a mapping with id, name and codes")
    if isinstance(root, Problem):
        return None, [root]
    problems = Problems()
    book = mapping(root, _BOOK_KEYS, "codebook", problems)
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
        key: scalar(node, key, problems) for key, node in book.fields.items() if key != "codes"
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


def _codes(node: object, parent: str | None, problems: Problems) -> Iterator[Entry]:
    """The entries of a list of codes, parents before their children, depth first."""
    assert isinstance(node, yaml.Node)
    if not isinstance(node, yaml.SequenceNode):
        problems.at(node.start_mark.line + 1, "codes are written as a list")
        return
    for item in node.value:
        if not isinstance(item, yaml.MappingNode):
            problems.at(item.start_mark.line + 1, "a code is a mapping with id, name, definition")
            continue
        raw = mapping(item, _CODE_KEYS, "code", problems)
        children = raw.fields.pop("children", None)
        fields: dict[str, object] = {}
        for key, value in raw.fields.items():
            reader = strings if key in _LISTS else scalar
            fields[key] = reader(value, key, problems)
        if parent is not None:
            if "parent" in fields and fields["parent"] != parent:
                problems.at(raw.lines["parent"], f"nested under {parent!r}, names another parent")
            fields["parent"] = parent
        yield Entry(fields, raw.line, raw.lines)
        if children is not None:
            yield from _codes(children, str(fields.get("id", "")), problems)


def _bad_id(text: str) -> str:
    return f"id {text!r}: use small letters, digits and . - _"


def _validate(entries: list[Entry], problems: Problems) -> list[Code]:
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


def _check_forms(entries: list[Entry], problems: Problems) -> None:
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
