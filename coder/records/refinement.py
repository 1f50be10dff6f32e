"""Sharpening a codebook: disputes over two codes, drafts of rules for their border, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from coder.records.base import Record, content_hash, now

RuleKind = Literal["include", "exclude"]


class Dispute(Record):
    """Two sides that coded one issue differently.

    ``raters`` are two blind labels, ``model`` is a blind label and the model's answer, and in a
    ``correction`` a person changed what the model had suggested. ``who`` said which of ``codes``.
    """

    issue_id: str
    kind: Literal["raters", "model", "correction"]
    who: tuple[str, str]
    codes: tuple[str, str]


class Confusion(Record):
    """A pair of codes that were taken for each other, every such dispute, and the memos on them."""

    codes: tuple[str, str]
    disputes: tuple[Dispute, ...]
    memos: Mapping[str, tuple[str, ...]]

    @property
    def issues(self) -> tuple[str, ...]:
        """The issues disputed, each once."""
        return tuple(dict.fromkeys(dispute.issue_id for dispute in self.disputes))


class Draft(Record):
    """A rule for the border of two codes: a line that ``code`` includes or excludes.

    ``to`` is the code that an excluded issue gets instead; empty where that is not said. ``issues``
    are those it rests on, ``shown`` all that were read for it. An empty ``text`` is still to be
    written by a person.
    """

    pair: tuple[str, str]
    kind: RuleKind
    code: str
    to: str = ""
    text: str
    issues: tuple[str, ...]
    shown: tuple[str, ...]
    settles: int
    """Disputes over the pair on ``issues``, of ``disputes`` over the pair in all."""
    disputes: int
    by: str = ""
    """The model that drafted it; empty where no model did."""

    @property
    def id(self) -> str:
        """What stays the same when labels are added that it does not rest on."""
        said = [self.kind, self.code, self.to, self.text] if self.text else list(self.issues)
        return content_hash("draft.v1", [list(self.pair), *said])[:20]

    @property
    def line(self) -> str:
        """The rule as a line of the codebook."""
        return f"{self.text} -> {self.to}" if self.to else self.text


class Verdict(Record):
    """What the person ``by`` decided about ``draft``; ``rule`` is as it was accepted or edited."""

    by: str
    draft: str
    action: Literal["accept", "edit", "reject"]
    rule: Draft
    at: datetime = Field(default_factory=now)


class HeldOut(Record):
    """A share of the issues, drawn by chance, that no rule is drafted from."""

    share: float = Field(ge=0, lt=1)
    seed: int
    at: datetime = Field(default_factory=now)

    def holds(self, issue_id: str) -> bool:
        """Whether the issue is held out, by the hash of the seed and its id alone."""
        drawn = content_hash("held-out.v1", [self.seed, issue_id])[:13]
        return bool(int(drawn, 16) / 16**13 < self.share)
