"""Ratings as data: the levels answers are compared at, and why an issue is in no comparison."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from coder.records import Record

MODEL = "model"
"""The model's name as a side of a pair."""
RESOLVED = "resolved"
"""The name of the resolved labels as a side of a pair."""

Level = Literal["category", "code"]
Kind = Literal["blind", "assisted", "revised", "resolved"]
"""What answers are: ``blind`` ones were given before anything was shown, ``assisted`` ones with the
suggestion on the screen from the start, ``revised`` ones are what became of a blind label once the
suggestion was shown (also when it was kept). Only the first are independent of the model."""


class ExclusionReason(StrEnum):
    """Why an issue is not in a comparison. Each is counted once, under the first that applies."""

    NO_LABEL = "no_label"
    SEEN = "seen"
    """The rater, or an earlier pass of theirs, had seen a suggestion for it in some run."""
    NO_DECISION = "no_decision"
    SKIPPED = "skipped"
    FLAGGED = "flagged"
    STALE = "stale"
    UNKNOWN_CODE = "unknown_code"
    SEVERAL_CODES = "several_codes"
    NOT_PROPOSED = "not_proposed"
    UNSURE = "unsure"
    UNPARSED = "unparsed"
    OFF_CODEBOOK = "off_codebook"
    REFUSED = "refused"
    FAILED = "failed"
    LEAKED = "leaked"
    CATEGORY_ONLY = "category_only"
    ONE_LABEL = "one_label"
    UNRESOLVED = "unresolved"
    LEARNT = "learnt"
    OTHER_MODE = "other_mode"


class Resolved(Record):
    """Where the resolved labels came from: issues on which all raters agree, and those adjudicated,
    ``by`` whom; ``unresolved`` disagreements have none."""

    agreed: int
    adjudicated_issue_ids: tuple[str, ...]
    unresolved: int
    by: tuple[str, ...]
