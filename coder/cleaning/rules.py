"""What a single issue shows: whether it is none, says nothing, or was closed for inactivity."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict

from coder.agreement.durations import closed_for_inactivity
from coder.cleaning.model import Rule
from coder.records import Issue
from coder.sources.github import is_bot
from coder.text.structure import Kind, Part, segments

SHORT = 200
"""Characters; where more is left of a body without its template, somebody filled it in."""
REPEATED = 3
"""A line is a template's own, too, in which so many short bodies of one repository agree."""
_WORD = re.compile(r"\w")
_PULL = re.compile(r"https?://[^\s/]+/[^\s/]+/[^\s/]+/pull/\d")
_TEMPLATE = (Kind.TEMPLATE, Kind.HEADING)


def at_once(issue: Issue) -> dict[Rule, str]:
    """The rules that apply by what the issue alone shows, each with its detail."""
    found: dict[Rule, str] = {}
    if issue.pull_request or _PULL.match(issue.url):
        found[Rule.PULL_REQUEST] = ""
    if is_bot(issue.author):
        found[Rule.BOT] = issue.author
    if not _WORD.search(issue.body) and not _answered(issue):
        found[Rule.EMPTY] = ""
    if closed_for_inactivity(issue):
        found[Rule.STALE] = ""
    return found


class Templates:
    """Tells the bodies in which nobody wrote anything, from what many bodies have in common.

    Headings, HTML comments and the usual phrases of templates are known; of what is left in short
    bodies, lines that come back in the same repository are the template's, too: the preset answer
    of a list, a box to be ticked, a prompt in any language.
    """

    def __init__(self) -> None:
        self._left: dict[int, tuple[str, frozenset[bytes]]] = {}
        self._lines: defaultdict[str, Counter[bytes]] = defaultdict(Counter)

    def add(self, place: int, issue: Issue) -> None:
        """Take note of the issue that stands at ``place``, where it is worth it."""
        bare = Issue(id=issue.id, title=issue.title, body=issue.body)
        body = [s for s in segments(bare) if s.part is Part.BODY]
        lines = [
            line.strip()
            for s in body
            if s.kind not in _TEMPLATE
            for line in bare.text[s.start : s.end].split("\n")
            if _WORD.search(line)
        ]
        if sum(map(len, lines)) > SHORT or not _WORD.search(issue.body):
            return
        digests = frozenset(_digest(line) for line in lines)
        self._lines[issue.repo].update(digests)
        # Where there is no sign of a template, a short body is what somebody wrote.
        if not _answered(issue) and any(s.kind in (*_TEMPLATE, Kind.CHECKBOX) for s in body):
            self._left[place] = (issue.repo, digests)

    def unfilled(self) -> set[int]:
        """The places of issues whose body holds nothing that is not the template's."""
        return {
            place
            for place, (repo, digests) in self._left.items()
            if all(self._lines[repo][digest] >= REPEATED for digest in digests)
        }


def _answered(issue: Issue) -> bool:
    return any(_WORD.search(c.body) for c in issue.comments if not c.bot)


def _digest(line: str) -> bytes:
    return hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=8).digest()
