"""What a model says: calls, proposals with scored codes, evidence and neighbours."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from coder.records.base import Record, now

MOST_TOKENS = 100_000_000
"""Of one call; what a server counts beyond it is a mistake of the server's."""


Source = Literal["agreement", "likelihood", "stated", "model"]
"""Where a confidence comes from."""


Expression = Literal["", "explicit", "interpretive"]
"""Whether a text states what a code stands for, or the code is read between the lines; empty where
nobody was asked."""


class ScoredCode(Record):
    """A code with how sure the model is of it; all figures in [0, 1], ``None`` when not known.

    ``confidence`` is the one people see and queues sort by. What it was made of is kept beside it:
    it is the agreement of samples where there were several, else the likelihood where the server
    tells it, else what the model stated, lowered by the share of its quotes that are not in the
    text.
    """

    code: str
    confidence: float | None = Field(default=None, ge=0, le=1)
    stated: float | None = Field(default=None, ge=0, le=1)
    """What the model wrote."""
    likelihood: float | None = Field(default=None, ge=0, le=1)
    """The probability of the code's name, by the server's log-probabilities."""
    agreement: float | None = Field(default=None, ge=0, le=1)
    """The share of samples that gave this code."""

    @property
    def source(self) -> Source:
        """What ``confidence`` was made of; ``model`` is a classifier's own."""
        if self.agreement is not None:
            return "agreement"
        if self.likelihood is not None:
            return "likelihood"
        return "model" if self.stated is None else "stated"


class Evidence(Record):
    """A quote. ``start``/``end`` are code points into ``Issue.text``, end exclusive.

    ``verified`` is false, and the offsets are ``None``, when the quote is not in the text.
    """

    quote: str
    start: int | None = None
    end: int | None = None
    verified: bool = False


class Hit(Record):
    """Something that was looked up for an issue, and why it was thought near.

    ``score`` is what it was ranked by: for the embedded classifier a cosine; for a chat model the
    fused rank, 1 being first in every search. ``dense`` (cosine of sentence vectors) and
    ``lexical`` (TF-IDF cosine) are the similarities in the searches that found it, for a chat model
    alone.
    """

    score: float
    dense: float | None = None
    lexical: float | None = None


class Neighbour(Hit):
    """A labelled issue that was shown to the model, or explains its answer."""

    issue_id: str
    codes: tuple[str, ...]


class NearCode(Hit):
    """A code whose rules were shown to the model because its definition is near to the issue."""

    code: str


class Usage(Record):
    """Tokens as the server counted them; ``cached_tokens`` is the part of the input it reused."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    @property
    def believable(self) -> bool:
        """Whether a request can have used as much."""
        return max(self.input_tokens, self.output_tokens) <= MOST_TOKENS


class Call(Record):
    """One request to a chat model and its raw answer, saved before anything parses it."""

    id: str
    issue_id: str
    model: str
    prompt: str
    prompt_hash: str
    request: dict[str, Any]
    raw_response: str | None = None
    finish_reason: str = ""
    usage: Usage | None = None
    cached: bool = False
    """It was not asked: an earlier answer of the study to the same request was taken."""
    attempts: int = Field(default=1, ge=0)
    """Requests it took: all but the last came back without an answer."""
    estimated: Usage | None = None
    """The worst case of those requests whose use the server did not tell; beside ``usage``."""
    prompt_cut: bool = False
    """The server reports so few tokens that it cannot have read all of the prompt."""
    seconds: float = 0.0
    error: str = ""
    at: datetime = Field(default_factory=now)


class Status(StrEnum):
    OK = "ok"
    ABSTAINED = "abstained"
    """The model answered that no code fits; an answer, not a failure."""
    UNSURE = "unsure"
    """The model ranks the codes (``runners_up``) and stands by none, not even by "no code fits"."""
    UNPARSED = "unparsed"
    OFF_CODEBOOK = "off_codebook"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def answered(self) -> bool:
        return self in (Status.OK, Status.ABSTAINED)


class Proposal(Record):
    """What the model proposes for one issue, or the honest statement that it did not.

    ``codes`` is empty unless ``status`` is ok. ``excluded`` lists labelled issues that were kept
    away from the model because they are this issue or a near-duplicate of it; ``retrieved`` is all
    it did see. Together they prove the absence of leakage from the log alone. ``definitions`` are
    the codes whose rules a chat model was shown, where it was not shown those of all codes.
    """

    id: str
    issue_id: str
    issue_hash: str
    status: Status
    codes: tuple[ScoredCode, ...] = ()
    runners_up: tuple[ScoredCode, ...] = ()
    rationale: str = ""
    expression: Expression = ""
    """As the model says; of several answers about an issue, interpretive if one of them is."""
    evidence: tuple[Evidence, ...] = ()
    retrieved: tuple[Neighbour, ...] = ()
    definitions: tuple[NearCode, ...] = ()
    excluded: tuple[str, ...] = ()
    left_out: int = Field(default=0, ge=0)
    """Lines of a long issue that the model was not shown."""
    call_ids: tuple[str, ...] = ()
    model: str = ""
    error: str = ""
    seconds: float = 0.0
    at: datetime = Field(default_factory=now)
