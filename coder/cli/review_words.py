"""What both front ends of the review say: the letters, the sentences, the closing summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coder.cli.terminal import plain, plain_line
from coder.codebook.changes import Stale
from coder.records import (
    NONE_CODE,
    Action,
    Change,
    Codebook,
    Decision,
    Expression,
    Issue,
    Label,
    Mode,
    Status,
)
from coder.review.keymap import letters
from coder.review.state import Item
from coder.review.view import Progress, ReviewView
from coder.storage.history import Step
from coder.text.injection import suspicious

HOW_EXPRESSED: Mapping[Expression, str] = {
    "explicit": "stated, says the model",
    "interpretive": "read between the lines, says the model",
}
"""How a code stands in the text, by what the model answered."""
QUOTED = 80
"""Characters of suspicious text that are shown."""


@dataclass(frozen=True)
class Key:
    """What one key of the review does; ``short`` is for the key bar, ``long`` for the help."""

    action: str
    short: str
    long: str


PICK = "pick"
"""The digits, which no study gives to anything else."""

KEYS = (
    Key("accept", "accept", "accept the suggestion (or the codes marked), go on"),
    Key("take", "take", "after your own code: take the suggestion instead"),
    Key(PICK, "other", "take that code instead; where several may fit: mark it"),
    Key("find", "find", "find any code by its name, id or definition"),
    Key("none", "none", "none fits"),
    Key("skip", "skip", "decide later; it comes back after all others"),
    Key("flag", "flag", "put aside for discussion; counts as answered"),
    Key("memo", "memo", "write a note about this issue"),
    Key("change", "codebook", "propose a change of the codebook: a new code, a clearer rule"),
    Key("undo", "undo", "take back the last answer or memo, again for more"),
    Key("labelled", "labelled", "the labelled issues the suggestion leans on"),
    Key("evidence", "evidence", "go to the next marked quote"),
    Key("unfold", "unfold", "show what is folded, or fold it again"),
    Key("open", "open", "open the issue's page in a browser"),
    Key("help", "help", "show this"),
    Key("quit", "quit", "stop; the same command goes on from here"),
)

CHANGES: Mapping[Change, str] = {
    Change.NEW: "a code that is missing",
    Change.SPLIT: "split a code in two",
    Change.MERGE: "merge codes",
    Change.RULE: "a clearer definition or rule",
}

ALONE = "Code this one yourself; no suggestion is shown."
NOT_YET = "nothing of the model is shown before your own code"
DIFFER = "You and the suggestion differ."
NOTHING_TO_UNDO = "there is nothing to undo"
AGREE = "The suggestion is the same."

_DONE = {
    Action.ACCEPT: "accepted",
    Action.CORRECT: "corrected",
    Action.REJECT: "none fits",
    Action.FLAG: "flagged",
}
"""How an issue that counts as reviewed was answered."""

_NO_ANSWER = {
    Status.UNSURE: "no code stands out; the nearest ones are ranked",
    Status.UNPARSED: "the model's answer could not be read",
    Status.OFF_CODEBOOK: "the model answered with a code that is not in the codebook",
    Status.REFUSED: "the model refused to answer",
    Status.FAILED: "the model could not be asked",
}


def keys(codebook: Codebook) -> tuple[Key, ...]:
    """The keys that do something with this codebook."""
    return tuple(key for key in KEYS if key.action != "none" or codebook.allow_none)


def spelling(view: ReviewView, lines: bool = False) -> dict[str, str]:
    """Each action's key as people read it; ``lines``: where a line of text is what is typed."""
    found = {action: view.key(action) for action in view.keys}
    if lines:
        found = {"accept": "Enter", **letters(view.keys)}
    return {PICK: "1-9", **found}


def names(codebook: Codebook, codes: Sequence[str]) -> str:
    """The codes as people read them; an id the codebook does not know is shown as it is."""
    known = (codebook.path(code) if code in codebook.by_id else code for code in codes)
    return plain("; ".join(known)) if codes else "none fits"


def no_answer(item: Item) -> str:
    """Why there is no suggestion; empty when there is one."""
    if item.stale is not None:
        return f"the codebook has changed since: {became(item.stale)}"
    return _NO_ANSWER.get(item.proposal.status, "") if item.proposal else ""


def became(stale: Stale) -> str:
    """What happened to an answer's code, in words."""
    change = stale.change
    if change is None:
        return "the answer was given with another codebook"
    if change.code == NONE_CODE:
        what = "'none fits' has to be thought over"
    else:
        into = f" into {', '.join(change.into)}" if change.into else ""
        what = f"{change.code} was {change.kind}{into}"
    return plain(f"{what} ({change.note})" if change.note else what)


def unread(item: Item) -> str:
    """What the model was not shown of the issue, or nothing."""
    lines = item.proposal.left_out if item.proposal else 0
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


def decision_line(codebook: Codebook, decision: Decision) -> str:
    """One line on the answer or memo just written down."""
    if decision.action in (Action.ACCEPT, Action.CORRECT, Action.REJECT):
        how = _DONE[decision.action]
        if decision.mode is Mode.BLIND_FIRST and decision.before == decision.codes:
            how = "agreed" if decision.action is Action.ACCEPT else "kept yours"
        elif decision.action is Action.REJECT:
            return "noted: none fits"
        return f"{how}: {_codes(codebook, decision.codes)}"
    return {
        Action.MEMO: "change of the codebook proposed" if decision.change else "memo kept",
        Action.SKIP: "skipped for now",
        Action.FLAG: "flagged for discussion",
    }[decision.action]


def answered_before(view: ReviewView) -> str:
    """What the rater answered when the issue came before, or nothing."""
    before = view.answered_before
    if before is None or before.action is Action.SKIP:
        return ""
    if before.action is Action.FLAG:
        return "flagged for discussion"
    return _codes(view.codebook, before.codes)


def label_line(codebook: Codebook, label: Label) -> str:
    """One line on the label just written down."""
    return f"labelled: {_codes(codebook, label.codes)}"


def _codes(codebook: Codebook, codes: Sequence[str]) -> str:
    broad = any(code in codebook.children for code in codes)
    return names(codebook, codes) + (" (category only)" if broad else "")


def memo_of(codebook: Codebook, decision: Decision) -> tuple[str, str]:
    """What kind of memo it is, and its text."""
    if decision.change is None:
        return "memo", plain(decision.memo)
    about = f" ({names(codebook, decision.codes)})" if decision.codes else ""
    return "codebook", f"{CHANGES[decision.change]}{about}: {plain(decision.memo)}"


def compared(item: Item) -> str:
    """How the rater's own code and the suggestion compare; empty where nothing is to compare."""
    if item.own is None or not item.acceptable:
        return ""
    return AGREE if set(item.own) == set(item.suggested) else DIFFER


def taken_back(view: ReviewView, step: Step) -> str:
    """One line on what was just undone."""
    again = view.key("undo")
    if step.kind == "memo":
        return f"memo taken back; {again} for what was before it"
    return f"answer taken back; answer again, or {again} for the one before"


def where(issue: Issue) -> str:
    """How people refer to the issue: repository and number, or what there is."""
    if issue.repo and issue.number is not None:
        return plain_line(f"{issue.repo}#{issue.number}")
    return plain_line(f"{issue.repo} {issue.id}".strip())


def percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def sure(view: ReviewView, confidence: float) -> str:
    """The confidence in words that do not promise a probability where it is none."""
    if view.calibrated:
        return f"{percent(confidence)} sure (calibrated)"
    if view.run.manifest.model.get("calibrated") is False and not view.taught:
        return f"similarity {percent(confidence)}"
    return f"{percent(confidence)} sure"


def learnt(view: ReviewView) -> str:
    """Whose judgement the suggestion repeats where it is the rater's own; empty otherwise."""
    return f"learnt from your {view.taught:,} answers" if view.taught else ""


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


def following(view: ReviewView) -> str:
    """What to type next: with issues left, also how to go on with them."""
    report = f"coder report {view.run.name}"
    if view.progress.done >= view.progress.total:
        return report
    return f"coder review {view.run.name} --rater {view.rater}   or   {report}"


def not_blind(view: ReviewView) -> list[str]:
    """One line for each other run, or pass, whose looks keep issues from being coded blind here."""
    return [
        plain(
            f"not blind: {count:,} of these issues, whose suggestion {view.rater} "
            f"saw in run {run} as {rater}"
        )
        for (run, rater), count in sorted(view.seen_elsewhere.items())
    ]


def summary(view: ReviewView) -> str:
    """What stands after the session, where it is, and what to type next."""
    progress, tally = view.progress, view.tally
    counts = ", ".join(f"{tally[action]} {word}" for action, word in _DONE.items())
    alone = f", {view.unaided} coded without a suggestion" if view.unaided else ""
    later = f"; {progress.postponed} skipped for later" if progress.postponed else ""
    stored = " and ".join(
        plain(str(path)) for path in (view.label_file, view.decision_file) if path.exists()
    )
    return (
        f"{progress.done} of {progress.total} reviewed: {counts}{alone}{later}\n"
        f"{'stored in ' + stored if stored else 'nothing stored'}\n"
        f"next: {following(view)}"
    )
