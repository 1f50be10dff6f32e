"""What both front ends of ``coder adjudicate`` say."""

from __future__ import annotations

from coder.cli.review_words import KEYS, PICK, Key, names
from coder.cli.terminal import plain, plain_line
from coder.ratings.resolved import Answer
from coder.records import Adjudication
from coder.report.wording import WHY, plural
from coder.review.adjudication import AdjudicationSession, Dispute
from coder.review.keymap import spelled

_OF = {key.action: key for key in KEYS}
"""The keys of the review."""
NAMED = 5
"""How many issues of each kind that is set aside are named; all are counted."""

NOTHING_LEFT = "no disagreement is left"
TAKEN_BACK = "answer taken back; answer again, or u for the one before"

ACTION_KEYS = {
    "find": "/",
    "accept": "enter",
    "none": "n",
    "reason": "m",
    "skip": "s",
    "undo": "u",
    "unfold": "x",
    "open": "o",
    "help": "?",
    "quit": "q",
}
"""The key of each action; a study can change those of the review alone."""
LETTERS = {PICK: "1-9", **{action: spelled(key) for action, key in ACTION_KEYS.items()}}
"""The same as people read them."""

_KEYS = (
    Key(PICK, "theirs", "take that rater's answer"),
    Key("find", "find", f"{_OF['find'].long}; where several may fit: mark it"),
    Key("accept", "marked", "take the codes marked"),
    _OF["none"],
    Key("reason", "reason", "write the reason first; otherwise it is asked for with the answer"),
    Key("skip", "skip", "leave it for later; it comes back after all others"),
    Key("undo", "undo", "take back your last answer, again for more"),
    *(_OF[action] for action in ("unfold", "open", "help", "quit")),
)


def keys(session: AdjudicationSession) -> tuple[Key, ...]:
    """The keys that do something with this codebook."""
    hidden = set()
    if not session.codebook.allow_none:
        hidden.add("none")
    if not session.several:
        hidden.add("accept")
    return tuple(key for key in _KEYS if key.action not in hidden)


def who(session: AdjudicationSession, dispute: Dispute, answer: Answer) -> str:
    """``1 ann`` or ``1 rater A``, and that somebody had seen the suggestion."""
    number = dispute.answers.index(answer) + 1
    seen = "" if answer.blind else ", suggestion seen"
    return plain(f"{number} {session.name(answer)}{seen}")


def resolution_line(session: AdjudicationSession, record: Adjudication) -> str:
    """One line on what was just written down."""
    return f"resolved: {names(session.codebook, record.codes)}"


def before(session: AdjudicationSession) -> str:
    """Who has resolved the issue shown, how and why, when it is resolved anew; or nothing."""
    record = session.resolved_before
    if record is None:
        return ""
    reason = f": {record.reason}" if record.reason else ""
    return plain_line(f"{names(session.codebook, record.codes)}, by {record.by}{reason}")


def set_aside(session: AdjudicationSession) -> list[str]:
    """One line for each rater and reason for which answers are set aside."""
    lines = []
    for aside in session.set_aside:
        ids = ", ".join(aside.issue_ids[:NAMED])
        more = f" and {len(aside.issue_ids) - NAMED} more" if len(aside.issue_ids) > NAMED else ""
        count = plural(len(aside.issue_ids), "answer")
        lines.append(plain(f"set aside: {count} by {aside.rater} {WHY[aside.why]} ({ids}{more})"))
    return lines


def summary(session: AdjudicationSession) -> str:
    """What stands after the session, where it is, and what to type next."""
    progress = session.progress
    if not progress.total:
        return "the raters agree on every issue that two of them have answered"
    later = f"; {progress.postponed} skipped for later" if progress.postponed else ""
    path = session.journal.path
    stored = f"stored in {plain(str(path))}" if path.exists() else "nothing stored"
    return (
        f"{progress.done} of {plural(progress.total, 'disagreement')} resolved{later}\n"
        f"{stored}\n"
        f"next: coder report {session.run.name}"
    )
