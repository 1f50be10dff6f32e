"""The sentences a proposal rests on: those whose removal makes its codes least likely."""

from __future__ import annotations

from collections.abc import Callable

from coder.proposers.embedded.features import Extractor, Features, Read
from coder.proposers.embedded.lexical import TITLE
from coder.proposers.embedded.prototypes import Scores
from coder.proposers.embedded.views import View, words
from coder.records import Evidence
from coder.text.evidence import span

MOST = 3
CANDIDATES = 40
"""Only the title and so many sentences are tried: the time must not grow with the longest issue."""
LEAST_WORDS = 3
LEAST_DROP = 0.002
"""Smaller changes of the probability are not worth a person's attention."""
LEAST_SHARE = 0.2
"""A sentence must matter at least so much compared with the one that matters most."""


def find_evidence(
    read: Read,
    extractor: Extractor,
    columns: list[int],
    probabilities: Callable[[Features], Scores],
) -> tuple[Evidence, ...]:
    """At most ``MOST`` quotes from what people say in the issue, the weightiest first.

    ``columns`` are the proposed codes; their probabilities are added up. Code, logs, headings and
    template parts are never quoted.
    """
    view = read.view
    text = view.issue.text
    candidates: list[int] = [TITLE] if words(view.title) else []
    for number, s in enumerate(view.quotable):
        if s.kind.is_quotable and len(words(text[s.start : s.end][:200])) >= LEAST_WORDS:
            candidates.append(number)
        if len(candidates) == CANDIDATES:
            break
    if not candidates or not columns:
        return ()
    whole = probabilities(read.features)[0, columns].sum()
    reduced = probabilities(extractor.without(read, candidates))[:, columns].sum(axis=1)
    drops = whole - reduced
    order = sorted(range(len(candidates)), key=lambda i: (-round(drops[i], 6), i))
    least = max(LEAST_DROP, LEAST_SHARE * float(drops[order[0]]))
    found = []
    for i in order[:MOST]:
        if drops[i] >= least:
            start, end = _place(view, candidates[i])
            found.append(span(text, start, end))
    return tuple(found)


def _place(view: View, number: int) -> tuple[int, int]:
    if number == TITLE:
        return view.title_at
    return view.quotable[number].start, view.quotable[number].end
