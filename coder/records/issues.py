"""What is coded: issues with their comments, and labelled examples."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import AwareDatetime, Field, SerializerFunctionWrapHandler, model_serializer

from coder.records.base import Record, content_hash


class _Sparse(Record):
    """A record some of whose fields are written only where they say something, so that files made
    before there were such fields, and files of sources that lack them, keep their bytes."""

    @model_serializer(mode="wrap")
    def _without_what_is_unknown(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        for name in _WHERE_KNOWN & fields.keys():
            if not fields[name]:
                del fields[name]
        return fields


_WHERE_KNOWN = frozenset(
    {"author_role", "state_reason", "reactions", "events", "pull_request", "other_names"}
)


class Comment(_Sparse):
    """One comment under an issue. Bots' comments are kept but are not part of the coded text.

    ``author_role`` is the writer's standing in the project, in GitHub's words (``OWNER``,
    ``MEMBER``, ``CONTRIBUTOR``, ``NONE`` ...); empty where it is not known.
    """

    author: str = ""
    body: str = ""
    created_at: AwareDatetime | None = None
    bot: bool = False
    author_role: str = ""


class Event(Record):
    """An issue was closed or reopened; ``by`` names the commit or the pull request that did it."""

    kind: Literal["closed", "reopened"]
    at: AwareDatetime
    actor: str = ""
    bot: bool = False
    by: str = ""


class Issue(_Sparse):
    """One unit of analysis.

    ``text`` is what people and models code, and what every evidence offset points into: title,
    body and the comments people wrote, joined by blank lines. ``hash`` is over that text alone, so
    a new label or a late close date does not make a coded issue look new.

    ``reactions`` are kinds (``+1``, ``heart`` ...) with how many. ``events`` are in order of time.
    ``other_names`` are what the issue is called elsewhere: a file's own column, an old address.
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
    author_role: str = ""
    state_reason: str = ""
    """Why it was closed, in GitHub's words: ``completed``, ``not_planned``, ``duplicate``."""
    reactions: tuple[tuple[str, int], ...] = ()
    events: tuple[Event, ...] = ()
    pull_request: bool = False
    other_names: tuple[str, ...] = ()

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
