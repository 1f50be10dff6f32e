"""What both front ends of the review say: the letters, the sentences, the closing summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from coder.cli.terminal import plain
from coder.injection import suspicious
from coder.records import Action, Codebook, Decision, Issue, Status
from coder.review import Item, Progress, ReviewSession

QUOTED = 80
"""Characters of suspicious text that are shown."""


@dataclass(frozen=True)
class Key:
    """One letter of the review; ``short`` is for the key bar, ``long`` for the help."""

    key: str
    short: str
    long: str


KEYS = (
    Key("Enter", "accept", "accept the suggestion (or the codes marked), go on"),
    Key("1-9", "other", "take that code instead; where several may fit: mark it"),
    Key("/", "find", "find any code by its name, id or definition"),
    Key("n", "none", "none fits"),
    Key("s", "skip", "decide later; it comes back after all others"),
    Key("f", "flag", "put aside for discussion; counts as answered"),
    Key("m", "memo", "write a note about this issue"),
    Key("u", "undo", "take back the last answer or memo, again for more"),
    Key("l", "labelled", "the labelled issues the suggestion leans on"),
    Key("e", "evidence", "go to the next marked quote"),
    Key("x", "unfold", "show what is folded, or fold it again"),
    Key("o", "open", "open the issue's page in a browser"),
    Key("?", "help", "show this"),
    Key("q", "quit", "stop; the same command goes on from here"),
)

_DONE = {
    Action.ACCEPT: "accepted",
    Action.CORRECT: "corrected",
    Action.REJECT: "none fits",
    Action.FLAG: "flagged",
}
"""How an issue that counts as reviewed was answered."""

_NO_ANSWER = {
    Status.UNPARSED: "the model's answer could not be read",
    Status.OFF_CODEBOOK: "the model answered with a code that is not in the codebook",
    Status.REFUSED: "the model refused to answer",
    Status.FAILED: "the model could not be asked",
}


def keys(codebook: Codebook) -> tuple[Key, ...]:
    """The letters that do something with this codebook."""
    return tuple(key for key in KEYS if key.key != "n" or codebook.allow_none)


def names(codebook: Codebook, codes: Sequence[str]) -> str:
    """The codes as people read them; an id the codebook does not know is shown as it is."""
    known = (codebook.path(code) if code in codebook.by_id else code for code in codes)
    return plain("; ".join(known)) if codes else "none fits"


def no_answer(item: Item) -> str:
    """Why there is no suggestion; empty when there is one."""
    return _NO_ANSWER.get(item.proposal.status, "")


def unread(item: Item) -> str:
    """What the model was not shown of the issue, or nothing."""
    lines = item.proposal.left_out
    return f"The model was not shown {lines:,} lines of this issue." if lines else ""


@lru_cache(maxsize=4)
def addressed(issue: Issue, codebook: Codebook) -> str:
    """What in the issue's text speaks to a model, or nothing."""
    found = suspicious(issue.text, codebook)
    if not found:
        return ""
    quote = " ".join(plain(issue.text[found[0].start : found[0].end]).split())
    short = quote if len(quote) <= QUOTED else quote[:QUOTED] + "…"
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"This text speaks to a model ({found[0].reason}): “{short}”{more}"


def said(codebook: Codebook, decision: Decision) -> str:
    """One line on the answer or memo just written down."""
    if decision.action in (Action.ACCEPT, Action.CORRECT):
        broad = any(code in codebook.children for code in decision.codes)
        only = " (category only)" if broad else ""
        return f"{_DONE[decision.action]}: {names(codebook, decision.codes)}{only}"
    return {
        Action.MEMO: "memo kept",
        Action.REJECT: "noted: none fits",
        Action.SKIP: "skipped for now",
        Action.FLAG: "flagged for discussion",
    }[decision.action]


def taken_back(decision: Decision) -> str:
    """One line on the answer or memo just undone."""
    if decision.action is Action.MEMO:
        return "memo taken back; u for what was before it"
    return "answer taken back; answer again, or u for the one before"


def where(issue: Issue) -> str:
    """How people refer to the issue: repository and number, or what there is."""
    if issue.repo and issue.number is not None:
        return plain(f"{issue.repo}#{issue.number}")
    return plain(f"{issue.repo} {issue.id}".strip())


def percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def sure(session: ReviewSession, confidence: float) -> str:
    """The confidence in words that do not promise a probability where it is none."""
    if session.calibrated:
        return f"{percent(confidence)} sure (calibrated)"
    if session.run.manifest.model.get("calibrated") is False and not session.taught:
        return f"similarity {percent(confidence)}"
    return f"{percent(confidence)} sure"


def learnt(session: ReviewSession) -> str:
    """Whose judgement the suggestion repeats where it is the rater's own; empty otherwise."""
    return f"learnt from your {session.taught:,} answers" if session.taught else ""


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def pace(progress: Progress) -> str:
    if progress.pace is None or not progress.seconds_left:
        return ""
    return f"{duration(progress.pace)} each, {duration(progress.seconds_left)} left"


def summary(session: ReviewSession) -> str:
    """What stands after the session, where it is, and what to type next."""
    progress, tally = session.progress, session.tally
    counts = ", ".join(f"{tally[action]} {word}" for action, word in _DONE.items())
    later = f"; {progress.postponed} skipped for later" if progress.postponed else ""
    path = session.journal.path
    stored = f"stored in {plain(str(path))}" if path.exists() else "nothing stored"
    return (
        f"{progress.done} of {progress.total} reviewed: {counts}{later}\n"
        f"{stored}\n"
        f"next: coder report {session.run.name}"
    )
