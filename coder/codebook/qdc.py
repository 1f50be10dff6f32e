"""Codebooks as other programs exchange them: REFI-QDA 1.5, a ``.qdc`` file or part of a project.

Written to the letter of the standard. Read by the names of elements alone: programs write several
namespaces, and leave out what they must not. What the standard has no place for (rules, examples,
ids) stands in descriptions, in a form that is read back; a set of all codes holds the codebook's
own fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from coder.codebook.drafting import DEEPEST, MOST, Draft, Found, make, slug
from coder.codebook.guids import code_guid, guid
from coder.codebook.load import is_id
from coder.errors import InputError
from coder.escaping import inert
from coder.records import Cardinality, Code, Codebook
from coder.text.spelling import some

NAMESPACE = "urn:QDA-XML:codebook:1.0"
_LISTS = {"Include": "include", "Exclude": "exclude", "Examples": "examples"}
_LINES = {
    "Source": "source", "Replaces": "replaces", "Name": "name", "Version": "version",
    "Unit": "unit", "Cardinality": "cardinality", "No code fits": "allow_none",
    "Instructions": "instructions", "Id": "id",
}  # fmt: skip
_HEAD = re.compile(rf"({'|'.join([*_LISTS, *_LINES])}):(?: (.*))?")
_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BRACED = re.compile(r"\{(.*)\}")


def to_qdc(book: Codebook) -> bytes:
    """``book`` as the bytes of a ``.qdc`` file."""
    root = codebook_element(book)
    root.set("xmlns", NAMESPACE)
    root.set("origin", f"issue-coder {version('issue-coder')}")
    indent(root)
    held: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return held + b"\n"


def codebook_element(book: Codebook) -> Element:
    """The element ``CodeBook``, without a namespace: that of the file it becomes part of holds."""
    if max(len(book.lineage(code.id)) for code in book.codes) > DEEPEST:
        raise InputError(f"its codes are more than {DEEPEST} levels deep", "flatten the codebook")
    root = Element("CodeBook")
    codes = SubElement(root, "Codes")
    made: dict[str | None, Element] = {None: codes}
    for code in _depth_first(book):
        element = SubElement(made[code.parent], "Code", _attributes(book, code))
        if described := _described(code):
            SubElement(element, "Description").text = xml_text(described)
        made[code.id] = element
    whole = SubElement(
        SubElement(root, "Sets"), "Set", {"guid": guid(book.id), "name": xml_text(book.name)}
    )
    SubElement(whole, "Description").text = xml_text(_of_book(book))
    for code in book.codes:
        SubElement(whole, "MemberCode", {"guid": code_guid(book, code)})
    return root


def read_qdc(data: bytes, name: str) -> Found:
    """The codebook in the bytes of a ``.qdc`` file called ``name``; ``InputError`` where there is
    none."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError(
            "it defines entities, which no codebook needs and attacks are made of",
            "export it again from the program it is from",
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"it is not valid XML: {error}", "export it again") from None
    return read_element(root, name)


def read_element(root: Element, name: str) -> Found:
    """The codebook in an element that is, or holds, a ``CodeBook``."""
    found = next((e for e in root.iter() if _local(e) == "CodeBook"), None)
    if found is None:
        raise InputError("it holds no CodeBook", "check that this is the right file")
    drafts, notes = _drafts(found)
    fields: dict[str, Any] = {"id": slug(name) or "codebook", "name": name or "Codebook"}
    if origin := found.get("origin"):
        fields["source"] = f"Imported from {inert(origin)}."
    sets = []
    for element in root.iter():
        if _local(element) != "Set":
            continue
        about = _fields(_text(element, "Description"))
        if "id" in about and _bare(element) == guid(about["id"]):
            fields = {"name": element.get("name") or about["id"], **_book_fields(about)}
        else:
            sets.append(element.get("name") or "unnamed")
    if sets:
        notes.append(f"sets of codes are not kept: {some(sets)}")
    made = make(drafts, notes, **fields)
    # What the ids give again is not written down.
    codes = tuple(
        code.model_copy(update={"guid": ""}) if code.guid == guid(made.book.id, code.id) else code
        for code in made.book.codes
    )
    return Found(made.book.changed(codes=codes), made.notes)


def _drafts(root: Element) -> tuple[list[Draft], list[str]]:
    """The codes below ``root`` in the order of the tree, and what is not as it was there."""
    top = next((child for child in root if _local(child) == "Codes"), root)
    drafts: list[Draft] = []
    headings: list[str] = []
    waiting: list[tuple[Element, int | None, int]] = [
        (code, None, 0) for code in reversed(_codes_in(top))
    ]
    while waiting and len(drafts) <= MOST:  # more of them are refused by make()
        element, parent, depth = waiting.pop()
        about = _fields(_text(element, "Description"))
        fields = {key: about[key] for key in (*_LISTS.values(), "source") if about.get(key)}
        fields["replaces"] = tuple(filter(is_id, about.get("replaces", "").split(", ")))
        fields |= {"color": element.get("color", "").strip(), "guid": _bare(element)}
        name = element.get("name", "")
        drafts.append(Draft(name, about["text"], about.get("id", ""), parent, fields))
        below = _codes_in(element) if depth < DEEPEST else []
        if not below and element.get("isCodable", "").strip() in ("false", "0"):
            headings.append(name)
        waiting += [(code, len(drafts) - 1, depth + 1) for code in reversed(below)]
    said = f"not to be coded with there, and codes here: {some(headings)}"
    return drafts, [said] if headings else []


# --- what stands in descriptions ------------------------------------------------------------------


def _described(code: Code) -> str:
    """The definition, and below it what else a code has; its id stands last, where its name does
    not give it."""
    parts = [] if code.definition == code.name else [code.definition, ""]
    ends = len(parts)
    for head, key in _LISTS.items():
        if items := getattr(code, key):
            parts += [f"{head}:", *(f"- {_indented(item)}" for item in items), ""]
    if code.source:
        parts.append(f"Source: {_indented(code.source)}")
    if code.replaces:
        parts.append(f"Replaces: {', '.join(code.replaces)}")
    above = f"{code.parent}." if code.parent else ""
    if len(parts) == ends and code.id == above + slug(code.name):
        return code.definition if parts else ""
    return "\n".join([*parts, f"Id: {code.id}"])


def _of_book(book: Codebook) -> str:
    parts = [
        f"Version: {book.version}",
        f"Unit: {_indented(book.unit)}",
        f"Cardinality: {book.cardinality}",
        f"No code fits: {'allowed' if book.allow_none else 'not allowed'}",
    ]
    for head, text in (("Instructions", book.instructions), ("Source", book.source)):
        if text:
            parts.append(f"{head}: {_indented(text)}")
    return "\n".join([*parts, f"Id: {book.id}"])


def _fields(text: str) -> dict[str, Any]:
    """What a description says: all of it as ``text``, unless its last line is an id as
    :func:`_described` writes it."""
    lines = text.strip().split("\n")
    last = re.fullmatch(r"Id: (.*)", lines[-1])
    if last is None or not is_id(last[1]):
        return {"text": text.strip()}
    found: dict[str, Any] = {}
    before: list[str] = []
    into: list[str] = before
    key = ""
    for line in lines:
        head = _HEAD.fullmatch(line)
        if head is not None:
            _keep(found, key, into)
            key, into = head[1], [head[2]] if head[2] is not None else []
        elif line or not key:
            into.append(line)
    _keep(found, key, into)
    return {"text": "\n".join(before).strip(), **found}


def _keep(found: dict[str, Any], key: str, lines: list[str]) -> None:
    if key in _LISTS:
        items = re.split(r"^- ", "\n".join(lines), flags=re.MULTILINE)[1:]
        found[_LISTS[key]] = tuple(_outdented(item.rstrip("\n")) for item in items)
    elif key:
        found[_LINES[key]] = _outdented("\n".join(lines))


def _book_fields(about: dict[str, Any]) -> dict[str, Any]:
    kept = {
        k: about[k] for k in ("id", "version", "unit", "instructions", "source") if about.get(k)
    }
    if about.get("cardinality") in list(Cardinality):
        kept["cardinality"] = about["cardinality"]
    return kept | {"allow_none": about.get("allow_none") != "not allowed"}


def _indented(text: str) -> str:
    """Later lines are set in, so that none is taken for the beginning of something else."""
    return text.replace("\n", "\n  ")


def _outdented(text: str) -> str:
    return text.replace("\n  ", "\n")


# --- XML ------------------------------------------------------------------------------------------


def _attributes(book: Codebook, code: Code) -> dict[str, str]:
    made = {"guid": code_guid(book, code), "name": xml_text(code.name), "isCodable": "true"}
    return made | ({"color": code.color} if code.color else {})


def _depth_first(book: Codebook) -> Iterator[Code]:
    waiting = list(reversed(book.children[None]))
    while waiting:
        code = waiting.pop()
        yield code
        waiting += reversed(book.children.get(code.id, ()))


def _codes_in(element: Element) -> list[Element]:
    return [child for child in element if _local(child) == "Code"]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: Element, name: str) -> str:
    return next((child.text or "" for child in element if _local(child) == name), "")


def _bare(element: Element) -> str:
    """The GUID of an element without the braces that some programs put around it."""
    given = element.get("guid", "").strip()
    braced = _BRACED.fullmatch(given)
    return braced[1] if braced else given


def xml_text(text: str) -> str:
    """``text`` with what XML has no place for as ``·``."""
    return _NO_XML.sub("·", text)
