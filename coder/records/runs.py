"""A run: its manifest, and what was done to it (consents, calibrations, migrations)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from coder.addresses import host_of, server_identity
from coder.records.base import Record, now
from coder.records.proposals import Source
from coder.records.steps import DataFile


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


class Screening(Record):
    """The issues of a run that the codes of another screened in: of ``issues`` those whose final
    code in ``run`` is ``code`` or below it (``negated``: is not).

    ``taken``, ``left`` and ``undecided`` count issues by who stands behind the code; see
    :class:`coder.ratings.delivered.FinalSource`. ``certified`` is the confidence from which on the
    model's word was certified, ``None`` where it is not.
    """

    run: str
    code: str
    negated: bool = False
    codebook_hash: str
    issues: int
    taken: dict[str, int]
    left: dict[str, int]
    undecided: dict[str, int]
    certified: float | None = None


class Sampling(Record):
    """How a file of issues was drawn at random from a larger one, its frame.

    ``strata`` gives the name of each stratum with how many issues it has and how many were drawn;
    an issue's inclusion probability is the one over the other. ``members`` gives the stratum of
    each issue drawn, where there are several. ``where`` is the ``RUN=CODE`` whose issues are the
    frame. ``frame_hash`` and ``data_hash`` are over the issues of the frame, and of the sample in
    its order.
    """

    frame: str
    frame_hash: str
    data_hash: str
    issues: int
    size: int
    by: str = ""
    """What the strata are: repo, month, code; empty for a simple random sample."""
    allocation: Literal["proportional", "equal", "neyman"] = "proportional"
    seed: int = 0
    strata: dict[str, tuple[int, int]]
    spread: dict[str, float] = Field(default_factory=dict)
    """The standard deviation in each stratum that ``neyman`` places were given by."""
    members: dict[str, str] = Field(default_factory=dict)
    where: str = ""
    reason: str = ""
    """What the size was chosen for."""
    frame_file: DataFile | None = None
    sample_file: DataFile | None = None
    """Both as seen from the folder of the sample; not known of older ones."""

    @model_validator(mode="after")
    def _drawn_from_what_there_is(self) -> Self:
        if not self.strata or any(not 0 <= n <= of or not of for of, n in self.strata.values()):
            raise ValueError("more was drawn than there is")
        if not self.strata.keys() >= {*self.members.values()}:
            raise ValueError("issues of strata there are not")
        return self

    def stratum(self, issue_id: str) -> str:
        """The stratum of an issue of the sample: of the only one, if there is one."""
        return self.members.get(issue_id) or next(iter(self.strata))

    def chance(self, issue_id: str) -> float:
        """The inclusion probability of an issue of the sample."""
        of, drawn = self.strata[self.stratum(issue_id)]
        return drawn / of


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
    issues_file: DataFile | None = None
    """The file the issues were read from; not known of older runs."""
    sampled_from: int | None = None
    """How many issues there were before a uniform random sample was drawn with ``seed``."""
    screening: Screening | None = None
    sampling: Sampling | None = None
    labels_hash: str = ""
    reserved_hash: str = ""
    model: dict[str, Any]
    """What tells the proposer, with its prompt and retrieval, from every other."""
    measured: dict[str, Any] = Field(default_factory=dict)
    """What was found out about the proposer while making it; says nothing about its identity."""
    seed: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)

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
    parameters: dict[str, tuple[float, ...]] = Field(default_factory=dict)
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
