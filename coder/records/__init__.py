"""Every data type of the project, canonical JSON, and content hashes.

All types are frozen pydantic models: a record is written once and never edited. What a person
decides later is a new record, so nothing is ever overwritten.
"""

from coder.records.base import Estimate, Record, canonical_json, content_hash, json_line, now
from coder.records.codebook import NONE_CODE, Cardinality, Code, Codebook
from coder.records.issues import Comment, Event, Example, Issue, Reserved
from coder.records.proposals import (
    MOST_TOKENS,
    Call,
    Evidence,
    Expression,
    Hit,
    NearCode,
    Neighbour,
    Proposal,
    ScoredCode,
    Source,
    Status,
    Usage,
)
from coder.records.ratings import Action, Adjudication, Change, Decision, Label, Mode
from coder.records.runs import (
    Assignment,
    Calibration,
    CodeChange,
    Consent,
    Manifest,
    Migration,
    Permission,
    Refit,
    Sampling,
    Screening,
)
from coder.records.steps import DataFile

__all__ = [
    "MOST_TOKENS", "NONE_CODE", "Action", "Adjudication", "Assignment", "Calibration", "Call",
    "Cardinality", "Change", "Code", "CodeChange", "Codebook", "Comment", "Consent", "DataFile",
    "Decision", "Estimate", "Event", "Evidence", "Example", "Expression", "Hit", "Issue", "Label",
    "Manifest", "Migration", "Mode", "NearCode", "Neighbour", "Permission", "Proposal", "Record",
    "Refit", "Reserved", "Sampling", "ScoredCode", "Screening", "Source", "Status", "Usage",
    "canonical_json", "content_hash", "json_line", "now",
]  # fmt: skip
