"""What is coded: issues with their comments, and labelled examples."""

from __future__ import annotations

from functools import cached_property

from pydantic import AwareDatetime, Field

from coder.records.base import Record, content_hash


class Comment(Record):
    """One comment under an issue. Bots' comments are kept but are not part of the coded text."""

    author: str = ""
    body: str = ""
    created_at: AwareDatetime | None = None
    bot: bool = False


class Issue(Record):
    """One unit of analysis.

    ``text`` is what people and models code, and what every evidence offset points into: title,
    body and the comments people wrote, joined by blank lines. ``hash`` is over that text alone, so
    a new label or a late close date does not make a coded issue look new.
    """

    id: str = Field(min_length=1)
    repo: str = ""
    number: int | None = None
    url: str = ""
    title: str = ""
    body: str = ""
    comments: tuple[Comment, ...] = ()
    labels: tuple[str, ...] = ()
    author: str = ""
    created_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None

    @cached_property
    def text(self) -> str:
        return self.read()

    def read(self) -> str:
        """``text``, and does not keep it: for one look at each of very many issues."""
        parts = [self.title, self.body]
        parts += [c.body for c in self.comments if not c.bot]
        return "\n\n".join(p for p in parts if p.strip())

    @cached_property
    def hash(self) -> str:
        return content_hash("issue.v1", self.text)


class Example(Record):
    """A labelled issue a model may learn from; empty ``codes`` means that no code fits."""

    issue: Issue
    codes: tuple[str, ...]
    memo: str = ""


class Reserved(Record):
    """A human label kept from the model, to be compared with what it proposes. Spelled as a line of
    a label file: ``NONE_CODE`` alone means that no code fits."""

    id: str
    code: tuple[str, ...]
    memo: str = ""
