"""REFI-QDA projects (``.qdpx``) -> issues, a codebook, and what each of their users coded.

Read by the names of elements alone, as programs write several namespaces. What coder wrote comes
back as it was; of other programs' projects text sources and codings on them come, the rest is
counted.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, parse
from pydantic import ValidationError

from coder.codebook.guids import code_guid
from coder.codebook.qdc import read_element, xml_text
from coder.errors import InputError
from coder.files.archives import unpack
from coder.records import NONE_CODE, Cardinality, Codebook, Issue

NO_CODE_FITS = "No code fits"
MOST_BYTES = 1 << 30
"""Unpacked, the whole project."""
OTHER_KINDS = ("PictureSource", "PDFSource", "AudioSource", "VideoSource")
VARIABLES = {
    "repo": "Text", "number": "Integer", "url": "Text", "title": "Text",
    "created_at": "DateTime", "closed_at": "DateTime",
}  # fmt: skip
"""The fields of an issue that a project of ours holds, and of which type the standard takes them
to be."""


@dataclass(frozen=True)
class Coded:
    """The codes that a user gave to an issue; ``memo`` is what they wrote, and the passages."""

    codes: tuple[str, ...]
    memo: str


@dataclass
class Project:
    """``coded`` holds by user and issue what they coded; ``set_aside`` counts what was not taken,
    by what it is. ``own`` tells a project that coder wrote."""

    issues: list[Issue]
    book: Codebook | None
    coded: dict[str, dict[str, Coded]]
    own: bool
    set_aside: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


def read_qdpx(path: Path) -> Project:
    """The project in ``path``. ``InputError`` for what is none, unpacks to more than a gigabyte, or
    has a file that would lie outside."""
    hint = "export it again from the program it is from"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = unpack(path, root, MOST_BYTES)
        file = next((name for name in names if name.lower() == "project.qde"), None)
        if file is None:
            raise InputError(f"{path} is no REFI-QDA project: it has no project.qde", hint)
        try:
            project = parse(str(root / file), forbid_dtd=True).getroot()
        except DefusedXmlException:
            what = "defines entities, which no project needs and attacks are made of"
            raise InputError(f"{path} {what}", hint) from None
        except (ParseError, ValueError, LookupError) as error:
            raise InputError(f"{path}: {file} is not valid XML: {error}", hint) from None
        assert project is not None
        texts = {name.rpartition("/")[2].lower(): root / name for name in names}
        return _Reader(project, texts, path.stem).project()


class _Reader:
    def __init__(self, root: Element, texts: Mapping[str, Path], name: str) -> None:
        self._root, self._texts, self._name = root, texts, name
        self._set_aside: Counter[str] = Counter()
        self._users = _named({_id(e): e.get("name") or _id(e) for e in _all(root, "User")})
        self._variables = {_id(e): e.get("name", "") for e in _all(root, "Variable")}
        self._notes = {_id(e): _text(e, "PlainTextContent") for e in _all(root, "Note")}
        self._own = (root.get("origin") or "").startswith("issue-coder")

    def project(self) -> Project:
        book, codes, notes = self._codebook()
        issues: list[Issue] = []
        coded: dict[str, dict[str, Coded]] = {}
        names: Counter[str] = Counter()
        for source in _all(self._root, "TextSource"):
            name = (source.get("name") or _id(source)).strip() or _id(source)
            names[name] += 1
            issue_id = name if names[name] == 1 else f"{name} ({names[name]})"
            text = self._text_of(source)
            if text is None or not text.strip():
                self._set_aside["text sources whose text is not in the file"] += 1
                continue
            issues.append(self._issue(source, issue_id, text))
            for user, one in self._coded(source, text, codes).items():
                coded.setdefault(user, {})[issue_id] = one
        for kind in OTHER_KINDS:
            if count := sum(1 for _ in _all(self._root, kind)):
                self._set_aside[f"sources of the kind {kind.removesuffix('Source')}"] += count
        given = (one for by_issue in coded.values() for one in by_issue.values())
        if book and book.cardinality is Cardinality.SINGLE and any(len(o.codes) > 1 for o in given):
            book = book.changed(cardinality=Cardinality.MULTIPLE)
            notes = (*notes, "some texts have several codes by one user: the codebook allows it")
        return Project(issues, book, coded, self._own, self._set_aside, notes)

    def _codebook(self) -> tuple[Codebook | None, dict[str, str], tuple[str, ...]]:
        """The codebook, and the id of each code by its GUID in small letters."""
        if next(_all(self._root, "Code"), None) is None:
            return None, {}, ()
        found = read_element(self._root, self._name)
        ids = {code_guid(found.book, code).lower(): code.id for code in found.book.codes}
        elements = [*_all(self._root, "Code")]
        if len(elements) == len(found.book.codes):  # in the same order; a GUID may be malformed
            pairs = zip(elements, found.book.codes, strict=True)
            ids = {_id(element): code.id for element, code in pairs} | ids
        none = next((c for c in found.book.codes if c.name == NO_CODE_FITS), None)
        if none is not None and self._own:
            ids = {own: NONE_CODE if code == none.id else code for own, code in ids.items()}
            rest = tuple(code for code in found.book.codes if code.id != none.id)
            return found.book.changed(codes=rest), ids, tuple(found.notes)
        return found.book, ids, tuple(found.notes)

    def _text_of(self, source: Element) -> str | None:
        if content := _text(source, "PlainTextContent"):
            return content
        place, _, name = (source.get("plainTextPath") or "").partition("://")
        if place != "internal":
            return None
        path = self._texts.get(name.rpartition("/")[2].lower())
        if path is None:
            return None
        # As it stands: a CRLF is two characters to who counts positions.
        encoding = "utf-8" if self._own else "utf-8-sig"
        return path.read_bytes().decode(encoding, "replace")

    def _issue(self, source: Element, issue_id: str, text: str) -> Issue:
        values = self._values(source)
        title = values.pop("title", "")
        body = text
        if title and xml_text(text[: len(title)]) == title:
            title, body = text[: len(title)], text[len(title) :].removeprefix("\n\n")
        elif not title:
            title = "" if self._own else issue_id
        fields = {key: value for key, value in values.items() if key in VARIABLES}
        own = {"id": issue_id, "title": title, "body": body}
        try:
            return Issue.model_validate({**own, **fields})
        except ValidationError:
            self._set_aside["texts whose variables are not what they are called"] += 1
            return Issue.model_validate(own)

    def _values(self, source: Element) -> dict[str, str]:
        """The issue's own fields, where coder wrote them as variables."""
        if not self._own:
            return {}
        found = {}
        for value in _children(source, "VariableValue"):
            ref = next(_children(value, "VariableRef"), None)
            name = self._variables.get(_target(ref)) if ref is not None else None
            text = next((e.text or "" for e in value if _local(e).endswith("Value")), "")
            if name and text:
                found[name] = text
        return found

    def _coded(self, source: Element, text: str, codes: Mapping[str, str]) -> dict[str, Coded]:
        """What each user coded of a source, passages and the whole together."""
        given: dict[str, list[str]] = {}
        memos: dict[str, list[str]] = {}
        for coding, quoted in self._codings(source, text):
            ref = next(_children(coding, "CodeRef"), None)
            code = codes.get(_target(ref)) if ref is not None else None
            user = self._users.get(
                (coding.get("creatingUser") or "").strip("{}").lower(), "unknown"
            )
            if code is None:
                self._set_aside["codings with a code that is not there"] += 1
                continue
            given.setdefault(user, []).append(code)
            said = [self._notes.get(_target(ref), "") for ref in _children(coding, "NoteRef")]
            memos.setdefault(user, []).extend(filter(None, [*said, *quoted]))
        return {
            user: Coded(
                () if NONE_CODE in several else tuple(dict.fromkeys(several)),
                "\n".join(dict.fromkeys(memos.get(user, []))),
            )
            for user, several in given.items()
        }

    def _codings(self, source: Element, text: str) -> Iterator[tuple[Element, list[str]]]:
        """Each coding, with what was written about its passage and the passage itself."""
        for selection in _children(source, "PlainTextSelection"):
            start, end = _number(selection, "startPosition"), _number(selection, "endPosition")
            if start is None or end is None or not 0 <= start <= end <= len(text):
                self._set_aside["passages that lie outside of their text"] += 1
                quote = ""
            else:
                quote = f'"{text[start:end]}"'
            said = [self._notes.get(_target(ref), "") for ref in _children(selection, "NoteRef")]
            for coding in _children(selection, "Coding"):
                yield coding, [*said, quote]
        for coding in _children(source, "Coding"):
            yield coding, []


def _named(users: Mapping[str, str]) -> dict[str, str]:
    """Users by GUID; of those of one name all but the first have a number behind it."""
    seen: Counter[str] = Counter()
    found = {}
    for own, name in users.items():
        seen[name] += 1
        found[own] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return found


def _all(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if _local(element) == name)


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _local(child) == name)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _id(element: Element) -> str:
    """The GUID as it is compared: without braces, in small letters."""
    return (element.get("guid") or "").strip().strip("{}").lower()


def _target(element: Element) -> str:
    return (element.get("targetGUID") or "").strip().strip("{}").lower()


def _text(element: Element, name: str) -> str:
    return next((child.text or "" for child in _children(element, name)), "")


def _number(element: Element, name: str) -> int | None:
    try:
        return int(element.get(name, ""))
    except ValueError:
        return None
