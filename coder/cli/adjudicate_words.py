"""What both front ends of ``coder adjudicate`` say."""

from __future__ import annotations

from dataclasses import dataclass

from coder.cli.review_words import names
from coder.cli.terminal import plain, plain_line
from coder.ratings.resolved import Answer
from coder.records import Adjudication
from coder.report.wording import WHY, plural
from coder.review.adjudication import AdjudicationSession, Dispute

NAMED = 5
"""How many issues of each kind that is set aside are named; all are counted."""


@dataclass(frozen=True)
class Key:
    """One key; ``short`` is for the key bar, ``long`` for the help."""

    key: str
    short: str
    long: str


_KEYS = (
    Key("1-9", "theirs", "take that rater's answer"),
    Key("/", "find", "find any code by its name, id or definition; where several may fit: mark it"),
    Key("Enter", "marked", "take the codes marked"),
    Key("n", "none", "none fits"),
    Key("m", "reason", "write the reason first; otherwise it is asked for with the answer"),
    Key("s", "skip", "leave it for later; it comes back after all others"),
    Key("u", "undo", "take back your last answer, again for more"),
    Key("x", "unfold", "show what is folded, or fold it again"),
    Key("o", "open", "open the issue's page in a browser"),
    Key("?", "help", "show this"),
    Key("q", "quit", "stop; the same command goes on from here"),
)


def keys(session: AdjudicationSession) -> tuple[Key, ...]:
    """The letters that do something with this codebook."""
    hidden = set()
    if not session.codebook.allow_none:
        hidden.add("n")
    if not session.several:
        hidden.add("Enter")
    return tuple(key for key in _KEYS if key.key not in hidden)


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
