"""A run for annotation tools: Label Studio's tasks with their configuration, doccano's lines.

What a model proposed goes along as a prediction, which whoever opens the task sees. For people who
are to code blind the tasks go without; only what comes back of those can be imported as blind
labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from coder.codebook.qdc import xml_text
from coder.exports.refi_qda import BLIND
from coder.ratings.comparable import Codes
from coder.ratings.delivered import RunAnswers
from coder.records import NONE_CODE, Cardinality, Codebook, Issue, Proposal
from coder.sources.json_and_csv import SUGGESTED
from coder.sources.labels import ASSISTED

FROM, TO, SPANS = "code", "text", "evidence"
"""Names of the choices, the text and the passages in Label Studio's configuration."""


def tasks(found: RunAnswers, *, blind: bool) -> Iterator[dict[str, Any]]:
    """Label Studio's tasks of a run, one an issue. ``blind`` leaves out what the model proposed and
    what anybody answered."""
    for issue in found.run.issues.values():
        task: dict[str, Any] = {"data": _data(issue)}
        if not blind:
            task["data"][SUGGESTED] = True  # JSON-MIN keeps no trace of a prediction
            proposal = found.proposals.get(issue.id)
            answer = found.model.answers.get(issue.id)
            if proposal is not None and answer is not None:
                task["predictions"] = [_prediction(proposal, answer)]
            task["annotations"] = [*_annotations(found, issue.id)]
        yield task


def _data(issue: Issue) -> dict[str, Any]:
    return {
        "text": issue.read(), "issue_id": issue.id, "title": issue.title, "url": issue.url,
    }  # fmt: skip


def _prediction(proposal: Proposal, answer: Codes) -> dict[str, Any]:
    told = [one.confidence for one in proposal.codes if one.confidence is not None]
    spans = [
        {
            "from_name": SPANS, "to_name": TO, "type": "labels",
            "value": {"start": one.start, "end": one.end, "text": one.quote, "labels": [code]},
        }
        for one in proposal.evidence
        if one.verified and one.start is not None
        for code in answer[:1]
    ]  # fmt: skip
    return {
        "model_version": proposal.model or "model",
        "score": min(told, default=0.0),
        "result": [_choice(answer), *spans],
    }


def _annotations(found: RunAnswers, issue_id: str) -> Iterator[dict[str, Any]]:
    """Blind labels and decisions, by annotators of their own: none is taken for the other."""
    for rater in found.raters:
        for side, kind in ((rater.blind, BLIND), (rater.decided, ASSISTED)):
            if issue_id in side.answers:
                yield {
                    "completed_by": {"email": f"{rater.name} {kind}"},
                    "result": [_choice(side.answers[issue_id])],
                }


def _choice(codes: Codes) -> dict[str, Any]:
    value = {"choices": list(codes) or [NONE_CODE]}
    return {"from_name": FROM, "to_name": TO, "type": "choices", "value": value}


def configuration(book: Codebook) -> str:
    """Label Studio's configuration for the tasks of a codebook: its codes to choose, with their
    definitions as hints, and passages to mark."""
    view = Element("View")
    SubElement(view, "Text", {"name": TO, "value": "$text"})
    several = book.cardinality is Cardinality.MULTIPLE
    choices = SubElement(
        view,
        "Choices",
        {"name": FROM, "toName": TO, "choice": "multiple" if several else "single"},
    )
    labels = SubElement(view, "Labels", {"name": SPANS, "toName": TO})
    for code in book.leaves:
        hint = xml_text(f"{book.path(code.id)}: {code.definition}")
        SubElement(choices, "Choice", {"value": code.id, "hint": hint})
        SubElement(labels, "Label", {"value": code.id})
    if book.allow_none:
        SubElement(choices, "Choice", {"value": NONE_CODE, "hint": "No code fits"})
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def doccano_lines(
    found: RunAnswers, labels: Mapping[str, Codes] | None
) -> Iterator[dict[str, Any]]:
    """doccano's lines of a run, one an issue, with ``labels`` on those that have one."""
    for issue in found.run.issues.values():
        line: dict[str, Any] = {"text": issue.read(), "issue_id": issue.id, "url": issue.url}
        if labels is not None:
            line[SUGGESTED] = True
        codes = None if labels is None else labels.get(issue.id)
        line["label"] = [] if codes is None else list(codes) or [NONE_CODE]
        yield line
