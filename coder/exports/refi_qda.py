"""A run as a REFI-QDA 1.5 project (``.qdpx``), which programs for qualitative analysis open.

Each issue is a text source, each code given to it a coding by whoever gave it. Blind labels and
decisions with a suggestion in sight are by different users, ``ann (blind)`` and ``ann (assisted)``:
no program that opens the file can take the ones for the others. A model's codings lie on the
passages it quoted. The same run gives the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from coder.codebook.guids import code_guid, guid
from coder.codebook.qdc import codebook_element, xml_text
from coder.files.atomic_write import Draft
from coder.ratings.comparable import Codes
from coder.ratings.delivered import RunAnswers
from coder.records import NONE_CODE, Code, Codebook, Issue
from coder.sources.labels import ASSISTED, MODEL_USER
from coder.sources.refi_qda import VARIABLES

NAMESPACE = "urn:QDA-XML:project:1.0"
_SCHEMA = f"{NAMESPACE} http://schema.qdasoftware.org/versions/Project/v1.0/Project.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
NO_CODE_FITS = "No code fits"
"""The code that stands for it: the standard has none."""
BLIND = "(blind)"
RESOLVED_USER = "resolved (agreed or adjudicated)"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
LOST = (
    "who wrote which comment and when (their words are in the text)",
    "labels of the project, reactions, closings and reopenings",
    "confidences, runners-up, skips, flags and times of the review",
)
"""What the standard has no place for."""


@dataclass(frozen=True)
class Coding:
    """A code that ``user`` gave to an issue: to ``spans`` of its text, to all of it where there are
    none. ``note`` is what they wrote beside it."""

    user: str
    codes: Codes
    at: datetime | None
    spans: tuple[tuple[int, int], ...] = ()
    note: str = ""


def write_qdpx(found: RunAnswers, path: Path) -> int:
    """Write the project of a run to ``path``; returns how many codings it holds."""
    run = found.run
    book = _with_none(run.codebook)
    codings = {issue_id: _codings(found, issue_id) for issue_id in run.issues}
    users = list(dict.fromkeys(coding.user for several in codings.values() for coding in several))
    root = Element(
        "Project",
        {
            "xmlns": NAMESPACE, "xmlns:xsi": _XSI, "xsi:schemaLocation": _SCHEMA,
            "name": xml_text(run.name), "origin": f"issue-coder {version('issue-coder')}",
            "creationDateTime": _time(run.manifest.created_at),
        },
    )  # fmt: skip
    if users:
        into = SubElement(root, "Users")
        for user in users:
            SubElement(into, "User", {"guid": guid("user", run.name, user), "name": xml_text(user)})
    held = codebook_element(book)
    codebook = SubElement(root, "CodeBook")
    codebook.append(held[0])
    variables = SubElement(root, "Variables")
    for name, kind in VARIABLES.items():
        about = {"guid": guid("variable", name), "name": name, "typeOfVariable": kind}
        SubElement(variables, "Variable", about)
    sources, notes = SubElement(root, "Sources"), SubElement(root, "Notes")
    for issue in run.issues.values():
        _source(sources, notes, run.name, book, issue, codings[issue.id])
    if not len(notes):
        root.remove(notes)
    for member in held[1].iter("MemberCode"):  # which a codebook's own file calls by guid
        member.set("targetGUID", member.attrib.pop("guid"))
    root.append(held[1])  # the set that holds the codebook's own fields
    indent(root)
    data = tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    _zip(path, data, run.issues.values())
    return sum(len(several) for several in codings.values())


def _with_none(book: Codebook) -> Codebook:
    code = Code(id=NONE_CODE, name=NO_CODE_FITS, definition="None of the codes fits the issue.")
    return book.model_copy(update={"codes": (*book.codes, code)})


def _codings(found: RunAnswers, issue_id: str) -> list[Coding]:
    """Everything that was said of an issue, the model's word last."""
    said: list[Coding] = []
    for rater in found.raters:
        if issue_id in rater.blind.answers:
            label = rater.labels[issue_id]
            codes = rater.blind.answers[issue_id]
            said.append(Coding(f"{rater.name} {BLIND}", codes, label.at, note=label.memo))
        if issue_id in rater.decided.answers:
            decision = rater.decisions[issue_id]
            memos = [decision.memo, *(note.memo for note in rater.notes(issue_id))]
            codes = rater.decided.answers[issue_id]
            note = "\n".join(filter(None, memos))
            said.append(Coding(f"{rater.name} {ASSISTED}", codes, decision.at, note=note))
    if issue_id in found.resolution.side.answers:
        record = found.resolution.adjudicated.get(issue_id)
        codes = found.resolution.side.answers[issue_id]
        at, reason = (record.at, record.reason) if record else (None, "")
        said.append(Coding(RESOLVED_USER, codes, at, note=reason))
    if issue_id in found.model.answers:
        made = found.proposals[issue_id]
        quoted = [(one.start, one.end) for one in made.evidence if one.verified]
        spans = tuple(dict.fromkeys((s, e) for s, e in quoted if s is not None and e is not None))
        codes = found.model.answers[issue_id]
        said.append(Coding(MODEL_USER, codes, made.at, spans, made.rationale))
    return said


def _source(
    sources: Element,
    notes: Element,
    run: str,
    book: Codebook,
    issue: Issue,
    codings: Sequence[Coding],
) -> None:
    own = guid("issue", issue.id)
    source = SubElement(
        sources,
        "TextSource",
        {"guid": own, "name": xml_text(issue.id), "plainTextPath": f"internal://{own}.txt"},
    )
    if issue.title.strip():
        SubElement(source, "Description").text = xml_text(issue.title)
    whole: list[Element] = []
    for coding in codings:
        user = guid("user", run, coding.user)
        said = _note(notes, own, user, coding)
        for start, end in coding.spans:
            place = guid("selection", own, user, str(start), str(end))
            about = _by(place, user, coding.at) | {
                "name": xml_text(issue.text[start:end])[:100],
                "startPosition": str(start),
                "endPosition": str(end),
            }
            selection = SubElement(source, "PlainTextSelection", about)
            for code in coding.codes or (NONE_CODE,):
                _coding(selection, book, place, code, user, coding.at, said)
        if not coding.spans:
            for code in coding.codes or (NONE_CODE,):
                whole.append(_coding(None, book, own, code, user, coding.at, said))
    source.extend(whole)  # the standard wants them below all selections
    for name, kind in VARIABLES.items():
        if (value := getattr(issue, name)) not in (None, ""):
            held = SubElement(source, "VariableValue")
            SubElement(held, "VariableRef", {"targetGUID": guid("variable", name)})
            text = _time(value) if isinstance(value, datetime) else xml_text(str(value))
            SubElement(held, f"{kind}Value").text = text


def _coding(
    into: Element | None,
    book: Codebook,
    of: str,
    code: str,
    user: str,
    at: datetime | None,
    note: str,
) -> Element:
    made = Element("Coding", _by(guid("coding", of, user, code), user, at))
    known = book.by_id[code]
    SubElement(made, "CodeRef", {"targetGUID": code_guid(book, known)})
    if note:
        SubElement(made, "NoteRef", {"targetGUID": note})
    if into is not None:
        into.append(made)
    return made


def _note(notes: Element, source: str, user: str, coding: Coding) -> str:
    """The GUID of what was written beside a coding; empty without it."""
    if not coding.note.strip():
        return ""
    own = guid("note", source, user)
    note = SubElement(notes, "Note", _by(own, user, coding.at) | {"name": xml_text(coding.user)})
    SubElement(note, "PlainTextContent").text = xml_text(coding.note)
    return own


def _by(own: str, user: str, at: datetime | None) -> dict[str, str]:
    made = {"guid": own, "creatingUser": user}
    return made | ({"creationDateTime": _time(at)} if at else {})


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _zip(path: Path, project: bytes, issues: Iterable[Issue]) -> None:
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        texts = (
            (f"sources/{guid('issue', i.id)}.txt", i.read().encode("utf-8", "replace"))
            for i in issues
        )
        for name, data in (("project.qde", project), *texts):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    with Draft(path) as draft:
        draft.write(whole.getvalue())
        draft.publish()
