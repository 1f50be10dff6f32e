"""What the embedded proposer reads of an issue: its title, what people say in it, its structure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from coder.records import Issue
from coder.text.structure import Kind, Part, Segment, below_title, plain_heading, segments

_WORD = re.compile(
    r"[a-z_][a-z0-9_]+|\d+(?:\.\d+)*|[?!]"
    # Scripts written without spaces: each character is a word, and 2-grams make up for it.
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+"
)
_TAG = re.compile(r"[\[(【]\s{0,5}([^\[\]()【】:]{2,25})[\])】:]|([a-z][a-z /-]{1,24}):")
_VERSION = re.compile(r"\b\d{1,4}\.\d{1,4}(?:\.\d{1,6})?\b")


@dataclass(frozen=True)
class View:
    """An issue as the classifiers read it.

    ``body`` is what people say below the title (``quotable``), one segment a line; ``spans``
    are where each segment stands in it. ``title_at`` is where the title stands in
    ``issue.text``. An issue that holds nothing but code or logs is read as it is.
    """

    issue: Issue
    title: str
    title_at: tuple[int, int]
    body: str
    quotable: tuple[Segment, ...]
    spans: tuple[tuple[int, int], ...]
    structure: tuple[str, ...]

    @property
    def blank(self) -> bool:
        return not self.title.strip() and not self.body.strip()


def view(issue: Issue) -> View:
    found = segments(issue)
    quotable = below_title(issue)
    pieces = [issue.text[s.start : s.end] for s in quotable]
    spans, at = [], 0
    for piece in pieces:
        spans.append((at, at + len(piece)))
        at += len(piece) + 1
    return View(
        issue=issue,
        title=issue.title,
        title_at=next(((s.start, s.end) for s in found if s.part is Part.TITLE), (0, 0)),
        body="\n".join(pieces),
        quotable=tuple(quotable),
        spans=tuple(spans),
        structure=_structure(issue, found),
    )


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def grams(text: str) -> list[str]:
    """Words and pairs of adjacent words."""
    single = words(text)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _structure(issue: Issue, found: Sequence[Segment]) -> tuple[str, ...]:
    """Features of form rather than content, as words: what is there, how much, which headings."""
    title = issue.title.strip().casefold()
    features = []
    for kind, count in Counter(s.kind for s in found).items():
        features += [f"has {kind}", f"count {kind} {min(count, 8).bit_length()}"]
    for s in found:
        if s.kind in (Kind.HEADING, Kind.TEMPLATE) and s.end - s.start < 200:
            features.append(f"heading {plain_heading(issue.text[s.start : s.end])}")
    tag = _TAG.match(title)
    if tag:
        features.append(f"tag {(tag[1] or tag[2]).strip()}")
    features += [f"first {word}" for word in words(title[:100])[:1]]
    if "?" in title or "？" in title:
        features.append("title asks")
    asked = issue.body.count("?") + issue.body.count("？")
    features.append(f"asks {min(asked, 7).bit_length()}")
    features.append(f"length {len(issue.body).bit_length()}")
    features.append(f"title length {len(issue.title).bit_length()}")
    if _VERSION.search(issue.body):
        features.append("version")
    return tuple(features)
