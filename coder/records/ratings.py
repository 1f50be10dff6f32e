"""What people say: blind labels, assisted decisions, adjudications."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from coder.records.base import Record, now


class Mode(StrEnum):
    """When a rater is shown the suggestion for an issue."""

    ASSISTED = "assisted"
    """From the start."""
    BLIND_FIRST = "blind-first"
    """Once their own code is on disk; they may then keep or change it."""
    HOLDOUT = "holdout"
    """Never."""


class Label(Record):
    """A rater's own code, given without having seen the model's: the only independent judgement.

    Empty ``codes`` means the rater found that no code fits. ``withdrawn`` takes back the rater's
    label of the issue; such a record has no codes. ``mode`` is ``None`` for a label that was not
    given in a review; for ``queue``, ``chance`` and ``weight`` see :class:`Decision`.
    """

    kind: Literal["label"] = "label"
    issue_id: str
    rater: str
    codes: tuple[str, ...]
    memo: str = ""
    blind: Literal[True] = True
    withdrawn: bool = False
    mode: Mode | None = None
    seconds: float = 0.0
    queue: str = ""
    chance: float = Field(default=1.0, gt=0, le=1)
    weight: float = Field(default=1.0, gt=0)
    codebook_hash: str = ""
    source: str = ""
    at: datetime = Field(default_factory=now)

    @property
    def reveals(self) -> bool:
        """Whether the suggestion comes at once after it, so that it has been seen from then on."""
        return self.mode is Mode.BLIND_FIRST


class Action(StrEnum):
    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"
    """Assisted answer "no code fits"."""
    SKIP = "skip"
    FLAG = "flag"
    MEMO = "memo"
    UNDO = "undo"
    SHOW = "show"
    """The suggestion is about to be on the screen; on disk before it is drawn."""
    LEAVE = "leave"
    """The rater went away from a suggestion; written by versions that did not write ``show``."""

    @property
    def answers(self) -> bool:
        """Whether it says how an issue stands."""
        return self in (Action.ACCEPT, Action.CORRECT, Action.REJECT, Action.SKIP, Action.FLAG)


class Change(StrEnum):
    """What a memo asks of the codebook."""

    NEW = "new"
    """A code it does not have."""
    SPLIT = "split"
    MERGE = "merge"
    RULE = "rule"
    """A clearer definition, or what to include or exclude."""


class Decision(Record):
    """What a rater did with an issue in a review. Never counted as agreement.

    ``undoes`` names the decision an ``undo`` takes back: an undo is a new record, nothing is
    erased. ``chance`` is the probability with which the queue had put this issue before the rater
    by then, ``weight`` how much likelier it was drawn at each step than an issue of weight 1.
    """

    kind: Literal["decision"] = "decision"
    id: str
    issue_id: str
    proposal_id: str
    rater: str
    action: Action
    codes: tuple[str, ...] = ()
    memo: str = ""
    undoes: str = ""
    mode: Mode = Mode.ASSISTED
    seen: bool = True
    """Whether the suggestion was shown by then; what is recorded before that may still be blind."""
    shown: tuple[str, ...] | None = None
    """The codes that were suggested; ``None`` when none were shown."""
    before: tuple[str, ...] | None = None
    """What the rater had answered before; ``None`` when they had not."""
    change: Change | None = None
    """What a memo asks of the codebook, about ``codes``."""
    seconds: float = 0.0
    queue: str = ""
    chance: float = Field(default=1.0, gt=0, le=1)
    weight: float = Field(default=1.0, gt=0)
    prompt: str = ""
    """Name and hash of the prompt the suggestion was asked with; empty where no prompt was."""
    codebook_hash: str = ""
    at: datetime = Field(default_factory=now)


class Adjudication(Record):
    """A disagreement resolved: the code that was agreed on, and why.

    ``judged`` is what each rater had said. ``blind`` tells whether all of that were blind labels;
    what was resolved among assisted decisions is no independent judgement. ``withdrawn`` takes back
    the resolution of the issue.
    """

    issue_id: str
    by: str
    codes: tuple[str, ...]
    reason: str = ""
    judged: dict[str, tuple[str, ...]]
    blind: bool
    withdrawn: bool = False
    codebook_hash: str = ""
    at: datetime = Field(default_factory=now)
