"""Every data type of the project, canonical JSON, and content hashes.

All types are frozen pydantic models: a record is written once and never edited. What a person
decides later is a new record, so nothing is ever overwritten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from coder.addresses import host_of, server_identity
from coder.escaping import json_text

NONE_CODE = "none"
"""How "no code fits" is written in label files and tables; never the id of a real code."""


MOST_TOKENS = 100_000_000
"""Of one call; what a server counts beyond it is a mistake of the server's."""


class Record(BaseModel):
    """Base of every record: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """The record as a line of a file, without the newline."""
        return json_line(self.model_dump(mode="json"))


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_line(value: Any) -> str:
    """Canonical JSON as it is written to files: any text in it is UTF-8, and none moves a cursor or
    ends a line. The same value as ``canonical_json``, which is what hashes are over."""
    return json_text(canonical_json(value))


def content_hash(tag: str, value: Any) -> str:
    """SHA-256 (hex) of canonical JSON, prefixed with ``tag`` so different kinds never collide."""
    payload = f"{tag}\0{canonical_json(value)}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(payload).hexdigest()


def now() -> datetime:
    """The current time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


# --- what is coded ------------------------------------------------------------------------------


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


# --- the codebook -------------------------------------------------------------------------------


class Code(Record):
    """One code: a category when ``parent`` is empty, otherwise a subcategory of ``parent``."""

    id: str
    name: str
    definition: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    parent: str | None = None
    source: str = ""
    replaces: tuple[str, ...] = ()
    """Ids of earlier versions that this code takes the place of."""


class Cardinality(StrEnum):
    SINGLE = "single"
    MULTIPLE = "multiple"


class Codebook(Record):
    """An ordered set of codes. Build one with :func:`coder.codebook.load`, which validates it."""

    id: str
    name: str
    version: str = "1"
    unit: str = "issue"
    cardinality: Cardinality = Cardinality.SINGLE
    allow_none: bool = True
    instructions: str = ""
    """What holds for every code: which of several to choose, what decides in doubt."""
    source: str = ""
    codes: tuple[Code, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Code]:
        return {code.id: code for code in self.codes}

    @cached_property
    def spoken(self) -> tuple[str, ...]:
        """What codes are called in a text: every id and name."""
        return tuple(name for code in self.codes for name in (code.id, code.name))

    @cached_property
    def children(self) -> Mapping[str | None, tuple[Code, ...]]:
        """Codes by parent id, in codebook order; the categories are under ``None``."""
        found: dict[str | None, list[Code]] = {}
        for code in self.codes:
            found.setdefault(code.parent, []).append(code)
        return {parent: tuple(codes) for parent, codes in found.items()}

    @cached_property
    def leaves(self) -> tuple[Code, ...]:
        """The codes a model may propose: those without subcategories."""
        return tuple(code for code in self.codes if code.id not in self.children)

    @cached_property
    def hash(self) -> str:
        fields = self.model_dump(mode="json")
        for code in fields["codes"]:
            if not code["replaces"]:
                # Left out, so that codebooks from before there was such a field keep their hash.
                del code["replaces"]
        return content_hash("codebook.v1", fields)

    def changed(self, **fields: Any) -> Codebook:
        """A copy with other fields. Not by ``model_copy``, which keeps what is cached above."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return Codebook(**(kept | fields))

    def lineage(self, code_id: str) -> tuple[Code, ...]:
        """The code's ancestors from its category down to itself. ``KeyError`` when unknown."""
        chain = [self.by_id[code_id]]
        while chain[0].parent is not None:
            chain.insert(0, self.by_id[chain[0].parent])
        return tuple(chain)

    def category(self, code_id: str) -> str:
        """The id of the top-level category a code belongs to; ``NONE_CODE`` is its own."""
        return code_id if code_id == NONE_CODE else self.lineage(code_id)[0].id

    def path(self, code_id: str) -> str:
        """``Category > Subcategory`` by name, as shown to people."""
        if code_id == NONE_CODE:
            return "no code fits"
        return " > ".join(code.name for code in self.lineage(code_id))


# --- what a model says --------------------------------------------------------------------------


Source = Literal["agreement", "likelihood", "stated", "model"]
"""Where a confidence comes from."""


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


# --- what people say ----------------------------------------------------------------------------


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


# --- a run --------------------------------------------------------------------------------------


class Permission(Record):
    """Somebody on this machine allowed the study in a folder something."""

    study: str
    """The folder's absolute path."""
    subject: str
    """What was allowed, in the words in which it was asked for."""
    at: datetime = Field(default_factory=now)


class Consent(Record):
    """Somebody agreed that the issue texts of this study go to a server."""

    host: str
    provider: str
    redacted: bool = False
    endpoint: str = ""
    """The whole address, and a proxy that could read the texts; empty in older records."""
    at: datetime = Field(default_factory=now)

    def is_for(self, address: str) -> bool:
        """Whether it is for the server at ``address``, as far as the record tells."""
        if not self.endpoint:
            return self.host == host_of(address)
        return self.endpoint.partition(" ")[0] == address


class Manifest(Record):
    """What a run was made of; written once, before the first proposal.

    ``format`` grows when a version of coder that knows only the one before would misread the run.
    """

    format: int = 1
    name: str
    created_at: datetime = Field(default_factory=now)
    codebook_id: str
    codebook_version: str
    codebook_hash: str
    data_hash: str
    issues: int
    sampled_from: int | None = None
    """How many issues there were before a uniform random sample was drawn with ``seed``."""
    labels_hash: str = ""
    reserved_hash: str = ""
    model: dict[str, Any]
    """What tells the proposer, with its prompt and retrieval, from every other."""
    measured: dict[str, Any] = {}
    """What was found out about the proposer while making it; says nothing about its identity."""
    seed: int = 0
    versions: dict[str, str] = {}
    git: dict[str, Any] = {}

    @field_validator("model")
    @classmethod
    def _by_identity(cls, model: dict[str, Any]) -> dict[str, Any]:
        # Older runs name the port.
        if isinstance(address := model.get("base_url"), str):
            return {**model, "base_url": server_identity(address)}
        return model


class Calibration(Record):
    """What a run's confidences of one source are worth, by one rater's blind labels.

    ``method`` and ``parameters`` are those of :class:`coder.agreement.calibration.Fit`, as are the
    Brier scores and the note. ``labels_hash`` is over the labels of the ``proposals`` compared.
    """

    source: Source
    rater: str
    labels_hash: str
    proposals: int
    method: Literal["identity", "platt", "isotonic"]
    parameters: dict[str, tuple[float, ...]] = {}
    brier_before: float | None = None
    brier_after: float | None = None
    note: str = ""
    at: datetime = Field(default_factory=now)


class Assignment(Record):
    """The issues one rater is to review, drawn at random; the last one of a rater is theirs.

    ``share`` is the probability with which any issue of the run was drawn for this rater.
    """

    rater: str
    issue_ids: tuple[str, ...]
    share: float = Field(gt=0, le=1)
    seed: int = 0
    at: datetime = Field(default_factory=now)


class CodeChange(Record):
    """One difference between two versions of a codebook.

    ``code`` is the old id, ``None`` for a code that was added; ``into`` are the new ids. Judgements
    that used the code are carried over where ``into`` says which one is meant, else they are stale.
    """

    kind: Literal["added", "removed", "renamed", "merged", "split", "moved", "redefined"]
    code: str | None
    into: tuple[str, ...] = ()
    note: str = ""


class Migration(Record):
    """A run goes on with another version of its codebook; ``file`` holds it, inside the run."""

    from_hash: str
    to_hash: str
    to_version: str
    file: str = Field(pattern=r"^codebooks/[0-9]+\.yaml$")
    changes: tuple[CodeChange, ...]
    at: datetime = Field(default_factory=now)


class Refit(Record):
    """The embedded classifier fitted anew to what one rater has answered so far.

    ``labels_hash`` is over those answers; suggestions made with it name it as their ``model``.
    ``labels`` and ``decisions`` are how many lines of the rater's files had been read, so that the
    answers can be found again.
    """

    version: int = Field(ge=1)
    rater: str
    answers: int
    labels: int = 0
    decisions: int = 0
    labels_hash: str
    codebook_hash: str
    model: str
    seconds: float = 0.0
    """Until it had made its first proposal."""
    at: datetime = Field(default_factory=now)


class Estimate(Record):
    """A statistic with its interval; ``value`` is ``None`` with the reason in ``note`` when it is
    undefined, never 0 or 1 instead."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""
