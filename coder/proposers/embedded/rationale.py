"""Says in plain sentences what a proposal rests on and why it is not surer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coder.records import NONE_CODE, Codebook, Evidence, Neighbour, ScoredCode

FEW = 10
"""Labels of a code below which its probability is said to rest on few."""


@dataclass(frozen=True)
class Grounds:
    """What is known about one answer. ``labels`` and ``own_labels`` count the labelled issues the
    model had seen, of all codes and of the first proposed one."""

    codes: Sequence[ScoredCode]
    none_probability: float
    nearest_code: str
    evidence: Sequence[Evidence]
    neighbours: Sequence[Neighbour]
    labels: int
    own_labels: int
    blank: bool


def rationale(codebook: Codebook, grounds: Grounds) -> str:
    """Two to four sentences."""
    if grounds.blank:
        return "The issue has no text to judge by."
    return " ".join(
        s
        for s in (
            _answer(codebook, grounds),
            _evidence(grounds),
            _neighbours(codebook, grounds),
            _doubt(grounds),
        )
        if s
    )


def _answer(codebook: Codebook, grounds: Grounds) -> str:
    nearest = codebook.path(grounds.nearest_code)
    if not grounds.codes:
        if grounds.labels and grounds.none_probability > 0:
            return (
                f"Like labelled issues that no code fits ({grounds.none_probability:.2f}); the "
                f"nearest definition is that of {nearest}."
            )
        return f"No definition is near; the least far is that of {nearest}."
    chosen = grounds.codes[0].code
    if chosen == grounds.nearest_code:
        return "Closest in wording to this code's definition."
    return (
        f"Most like issues labelled {codebook.path(chosen)}, although in wording it is closest to "
        f"the definition of {nearest}."
    )


def _evidence(grounds: Grounds) -> str:
    if not grounds.codes:
        return ""
    if not grounds.evidence:
        return "No single sentence decides it."
    return f"What weighs most: {_quoted(grounds.evidence[0].quote)}."


def _neighbours(codebook: Codebook, grounds: Grounds) -> str:
    if not grounds.neighbours:
        return ""
    said = [
        f"{n.issue_id} ({', '.join(codebook.path(c) for c in n.codes) or codebook.path(NONE_CODE)})"
        for n in grounds.neighbours
        if all(c in codebook.by_id for c in n.codes)
    ]
    return f"Nearest labelled issues: {'; '.join(said)}." if said else ""


def _doubt(grounds: Grounds) -> str:
    if not grounds.labels:
        return "No labels to learn from yet: a similarity, not calibrated."
    few = ""
    if grounds.codes and grounds.own_labels < FEW:
        few = f", only {grounds.own_labels} of them with this code"
        if not grounds.own_labels:
            few = ", none of them with this code"
    return f"Learnt from {grounds.labels} labelled issues{few}."


def _quoted(quote: str, width: int = 120) -> str:
    words = " ".join(quote.split())
    return f'"{words if len(words) <= width else words[: width - 1] + "…"}"'
