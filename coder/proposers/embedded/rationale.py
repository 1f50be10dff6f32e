"""Says in plain sentences what a proposal rests on and why it is not surer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coder.records import NONE_CODE, Codebook, Evidence, Neighbour, ScoredCode

FEW = 10
"""Labels of a code below which its probability is said to rest on few."""

ENOUGH = 50
"""Labels with which suggestions were clearly better than without on two sets of real issues."""


@dataclass(frozen=True)
class Grounds:
    """What is known about one answer. ``labels`` and ``own_labels`` count the labelled issues the
    model had seen, of all codes and of the first proposed one, ``next_labels`` of ``next_code``,
    the likeliest code that is not proposed. ``met`` are words and the rule they stand in.
    ``unsure``: no code stands out more than codes do for texts that none can fit."""

    codes: Sequence[ScoredCode]
    none_probability: float
    nearest_code: str
    evidence: Sequence[Evidence]
    neighbours: Sequence[Neighbour]
    labels: int
    own_labels: int
    blank: bool
    met: tuple[tuple[str, ...], str] | None = None
    next_code: ScoredCode | None = None
    next_labels: int = 0
    unsure: bool = False


def rationale(codebook: Codebook, grounds: Grounds) -> str:
    """A few sentences, each only where there is something to say."""
    if grounds.blank:
        return "The issue has no text to judge by."
    if grounds.unsure:
        return _unsure(codebook, grounds)
    return " ".join(
        s
        for s in (
            _answer(codebook, grounds),
            _words(codebook, grounds),
            _frequency(codebook, grounds),
            _evidence(grounds),
            _neighbours(codebook, grounds),
            _doubt(grounds),
        )
        if s
    )


def _unsure(codebook: Codebook, grounds: Grounds) -> str:
    return (
        "Not sure: words and meaning do not point to one code more than those of texts about quite "
        f"other matters do. Nearest in meaning is {codebook.path(grounds.nearest_code)}. "
        f"Some {ENOUGH} labelled issues would change that."
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
        return ""
    return (
        f"Most like issues labelled {codebook.path(chosen)}, although in wording it is closest to "
        f"the definition of {nearest}."
    )


def _words(codebook: Codebook, grounds: Grounds) -> str:
    if not grounds.codes or grounds.met is None:
        return ""
    found, rule = grounds.met
    named = [f'"{word}"' for word in found]
    listed = " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
    stand = "stand" if named[1:] else "stands"
    told = f"{listed} {stand} in the rule {_quoted(rule)}"
    if grounds.next_code is None:
        return f"{told}."
    return f"{told}, and in no rule of {codebook.path(grounds.next_code.code)}."


def _frequency(codebook: Codebook, grounds: Grounds) -> str:
    """Why a code is proposed though another is likelier."""
    other = grounds.next_code
    if not grounds.codes or other is None:
        return ""
    own, its = grounds.codes[0].confidence or 0, other.confidence or 0
    if its <= own:
        return ""
    return (
        f"{codebook.path(other.code)} is likelier ({its:.2f}), but {grounds.next_labels} of "
        f"{grounds.labels} labelled issues have it, which the choice allows for."
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
