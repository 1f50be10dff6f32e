"""The report as data: exactly what ``report.json`` holds, and all that any output may show."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from coder.agreement import (
    AltTest,
    Anchoring,
    Certificate,
    CodeAgreement,
    Confusion,
    Disagreement,
    ManyAgreement,
    Reliability,
)
from coder.agreement.calibration import Point
from coder.ratings.model import ExclusionReason, Kind, Level, Resolved
from coder.records import (
    Action,
    Calibration,
    Cardinality,
    Change,
    Estimate,
    Evidence,
    Expression,
    Manifest,
    Mode,
    Record,
    ScoredCode,
)
from coder.report.durations_model import Durations


class Choices(Record):
    """What a study chooses for its report: ``alt_test_epsilon`` is what a rater's answer costs more
    than the model's.

    Certificates allow errors of at most ``certificate_epsilon``, all of them together with
    confidence 1 - ``certificate_delta``; ``certificate_clustered`` takes the labels of a repository
    for one draw.
    """

    alt_test_epsilon: float = 0.2
    certificate_epsilon: float = 0.1
    certificate_delta: float = 0.05
    certificate_clustered: bool = False


class CodeName(Record):
    """A code as people read it: its own name, its path from the category down, its definition."""

    id: str
    name: str
    path: str
    parent: str | None
    definition: str


class CodebookSummary(Record):
    id: str
    name: str
    version: str
    hash: str
    cardinality: Cardinality
    codes: tuple[CodeName, ...]


class RaterCoverage(Record):
    """What one rater left in the run. ``usable`` blind labels and those set aside add up.

    ``decisions`` are the answers that stand after a suggestion was shown, ``by_mode`` those of each
    way of being shown it; what was only ``flagged``, or ``skipped`` for later, is not in them.
    ``shared_with_examples`` counts the labels the model learnt from that are identical to this
    rater's own label on the same issue.
    """

    rater: str
    blind_labels: int
    usable: int
    set_aside: dict[ExclusionReason, int]
    not_in_run: int
    decisions: int
    by_mode: dict[Mode, int]
    flagged: int
    skipped: int
    shared_with_examples: int

    @property
    def answered(self) -> bool:
        """Whether there is anything to tell: who only opened the review has answered nothing."""
        return bool(
            self.blind_labels or self.set_aside or self.not_in_run or self.decisions or self.flagged
        )


class SameLabels(Record):
    """Two raters whose labels may not be two judgements.

    ``identical``: both gave the same codes to the same ``labels`` issues, and to no others.
    ``sources`` are the files that labels of both came from.
    """

    left: str
    right: str
    identical: bool
    labels: int
    sources: tuple[str, ...]


class Coverage(Record):
    """How much of the run any figure can speak about.

    ``by_status`` counts every issue once: by the status of its last proposal, or as
    ``not_proposed``. ``leaked`` issues have an answer whose model may have learnt from their own
    label; they are in no pair with the model. ``learnt_from`` is how many labelled issues the model
    could learn from. ``addressed`` issues hold text that speaks to a model.
    """

    issues: int
    repositories: int
    proposed: int
    answered: int
    by_status: dict[str, int]
    leaked: int
    leaked_issue_ids: tuple[str, ...]
    addressed_issue_ids: tuple[str, ...]
    learnt_from: int
    raters: tuple[RaterCoverage, ...]
    same_labels: tuple[SameLabels, ...]


class Nested(Record):
    """Agreement on the code among the ``n`` issues whose category both sides agree on."""

    n: int
    percent_agreement: Estimate
    cohen_kappa: Estimate


class Majority(Record):
    """The share of a pair's issues that always giving ``codes`` would agree on: the codes the
    reference (right) gave most often, the first by id on a tie; none is "no code fits"."""

    value: float
    codes: tuple[str, ...]


class Pair(Record):
    """Two sides compared at one level. ``n`` and everything in ``excluded`` add up to the run.

    In precision and recall the right side is the reference; in the confusion matrix the left side
    is in rows. Only blind pairs are agreement. An assisted or revised pair shows what acceptance
    looks like when it is counted as if it were; a resolved one has resolved labels on its right.
    ``majority_agreement`` is ``None`` for assisted and revised pairs and for one without issues.
    ``intra_rater`` pairs are one person twice, see :mod:`coder.storage.intra_rater`. ``too_few``
    says why no other output shows the figures of a pair with a handful of issues.
    ``ac1_categories`` is the q of AC1, how many codes it takes as possible; ``None`` for ``sets``.
    """

    id: str
    left: str
    right: str
    kind: Kind
    level: Level
    intra_rater: bool = False
    n: int
    too_few: str = ""
    percent_agreement: Estimate
    majority_agreement: Majority | None
    cohen_kappa: Estimate
    krippendorff_alpha: Estimate
    gwet_ac1: Estimate
    ac1_categories: int | None = None
    macro_f1: Estimate
    sets: bool
    mean_jaccard: Estimate | None
    tree_alpha: Estimate | None
    subcategory_given_category: Nested | None
    per_code: tuple[CodeAgreement, ...]
    confusion: Confusion | None
    disagreements: tuple[Disagreement, ...]
    excluded: dict[ExclusionReason, int]
    issue_ids: tuple[str, ...]


class Together(Record):
    """All people's blind labels at once, of their first pass, when there are three or more."""

    level: Level
    agreement: ManyAgreement


class Acceptance(Record):
    """What one rater did with the proposals shown: acceptance, which is not agreement.

    ``acceptance`` is accept over accept, correct and reject; skips and flags are no answer.
    Decisions after a blind label (``mode``) are counted apart from those without one, those about
    suggestions ``learnt`` from the rater's own answers apart from those about the run's proposals.
    """

    rater: str
    mode: Mode = Mode.ASSISTED
    learnt: bool = False
    decisions: int
    accept: int
    correct: int
    reject: int
    skip: int
    flag: int
    memos: int
    set_aside: dict[ExclusionReason, int]
    acceptance: Estimate


class Expressed(Record):
    """How often one rater said what the model did, of codes it found ``explicit`` in the text or
    ``interpretive``: with their own blind label, or by accepting what they were shown."""

    rater: str
    kind: Literal["blind", "assisted"]
    expression: Expression
    share: Estimate
    issue_ids: tuple[str, ...]


class ProposedChange(Record):
    """What a rater would change in the codebook, noted while coding an issue."""

    rater: str
    issue_id: str
    change: Change
    codes: tuple[str, ...]
    memo: str


class Count(Record):
    """``count`` of the ``of`` issues somebody answered hold the code."""

    count: int
    of: int


class Prevalence(Record):
    """Raw counts of one code, uncorrected for anybody's errors."""

    level: Level
    code: str
    model: Count
    raters: dict[str, Count]


class CodeShare(Record):
    """The share of all issues with one code: what the model says, what the labels alone say, and
    the model's count corrected by the labels; ``frame`` is the last carried to the issues that the
    run's are a random sample of."""

    code: str
    model: float
    labels: Estimate
    corrected: Estimate
    frame: Estimate | None = None


class Corrected(Record):
    """How many issues are really in each code, by ``n`` blind labels of one rater.

    ``sampling`` says how the labelled issues were chosen: at ``random``, with ``known`` unequal
    probabilities, ``all`` of them, or ``unknown``, which is taken for random and said so. With
    known probabilities the labels alone say nothing that holds, and are undefined. ``frame`` counts
    the issues that the run's were drawn from, 0 where that is not known.
    """

    level: Level
    rater: str
    sampling: Literal["random", "known", "all", "unknown"]
    n: int
    shares: tuple[CodeShare, ...]
    frame: int = 0
    note: str = ""
    issue_ids: tuple[str, ...]


class CodeCertificate(Record):
    """A certificate on ``labels`` issues; the empty code is all proposed codes together.

    That of a code is about the issues whose *label* holds it: its errors are those that would be
    accepted with other codes, so missed, and what is not in its share is read by a person.
    """

    code: str
    labels: int
    certificate: Certificate


class CertificateLabels(Record):
    """How many labels certificates leave out: on issues that are among the model's examples, and
    on issues that were not drawn by chance."""

    taught: int
    not_drawn: int


class ConfidenceQuality(Record):
    """What the model's confidence is worth, by one rater's blind labels on ``n`` proposed codes.

    ``calibrated`` is ``None`` where the run has no calibration. The workload is by the confidence
    people are shown, the certificates by the one the model stated, which nothing was fitted to; all
    of them share one ``delta``. ``sampling`` is how their labels were drawn.
    """

    rater: str
    n: int
    stated: Reliability
    calibrated: Reliability | None
    workload: tuple[Point, ...]
    sampling: Literal["even", "uneven", "unknown"]
    clustered: bool
    left_out: CertificateLabels
    certificates: tuple[CodeCertificate, ...]
    issue_ids: tuple[str, ...]


class RaterAnchoring(Record):
    """Whether suggestions swayed a rater, at one level.

    ``anchoring`` holds the agreement with the model on issues answered with the suggestion against
    those coded without it. Of the ``blind_first`` labels, ``revised`` were changed once the
    suggestion was shown, ``toward`` of these to the model's answer. The ids are those of the
    issues behind each: ``assisted`` and ``alone`` have none in common.
    """

    rater: str
    level: Level
    anchoring: Anchoring
    blind_first: int
    revised: int
    toward: int
    assisted_issue_ids: tuple[str, ...]
    alone_issue_ids: tuple[str, ...]
    blind_first_issue_ids: tuple[str, ...]


class AltTestResult(Record):
    """Whether the model may stand in for one of the raters, at one level."""

    level: Level
    raters: tuple[str, ...]
    test: AltTest
    issue_ids: tuple[str, ...]


class Block(Record):
    """Some answers that follow each other, and the share of them that are the model's."""

    since: datetime
    until: datetime
    agrees: Estimate


class Trend(Record):
    """How often a rater's answers were the model's, over the time of the review.

    ``kind`` tells answers given blind from those given with the suggestion on the screen, and from
    blind ones that were kept or revised once it was shown.
    """

    rater: str
    kind: Kind
    level: Level
    blocks: tuple[Block, ...]
    issue_ids: tuple[str, ...]


class Judgement(Record):
    """What one rater said about an issue; ``codes`` is ``None`` when it was no answer. A note or a
    skip from before anything was shown is ``blind`` as a label is."""

    rater: str
    kind: Kind
    action: Action | None = None
    codes: tuple[str, ...] | None
    memo: str = ""


class Case(Record):
    """One issue of which at least two sides differ, with all that was said about it."""

    issue_id: str
    repo: str
    url: str
    title: str
    excerpt: str
    status: str
    codes: tuple[ScoredCode, ...]
    rationale: str
    expression: Expression = ""
    evidence: tuple[Evidence, ...]
    judgements: tuple[Judgement, ...]


class Spending(Record):
    """What the calls to a chat model used, in USD where the price is known.

    ``cached_tokens`` are part of ``input_tokens``; ``estimated_calls`` gave no count and are in the
    figures at their worst case; of ``cut_prompts`` the server read a part only. ``accepted_codes``
    counts each code of each issue once that a rater accepted; what one cost is ``None`` without
    any.
    """

    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    estimated_calls: int
    cut_prompts: int = 0
    cost: float | None
    prices_as_of: date | None
    accepted_codes: int
    tokens_per_accepted_code: float | None
    cost_per_accepted_code: float | None


class Resampling(Record):
    """How every interval was made."""

    confidence: float
    draws: int
    seed: int
    clusters: int


class TracedFile(Record):
    """A file figures came from. ``hash`` is that of its last line, which stands for all before it:
    ``coder audit log`` shows the same as long as nothing was changed or added."""

    file: str
    lines: int
    hash: str


class TracedFigure(Record):
    """The lines some figures were computed from, by file: ``1-160,165``."""

    name: str
    lines: dict[str, str]


class Trace(Record):
    """Where each figure comes from. A pair's name is its ``id``; the others are
    ``prevalence.<model or rater>``, ``together.<level>``, ``acceptance.<rater>.<mode>``,
    ``expressed.<rater>.<blind or assisted>.<expression>``,
    ``corrected.<level>``, ``trust``, ``sway.<rater>.<level>``, ``stand_in.<level>`` and
    ``trend.<rater>.<kind>.<level>``. ``durations`` are of all final codes."""

    files: tuple[TracedFile, ...] = ()
    figures: tuple[TracedFigure, ...] = ()


class Report(Record):
    """Everything the report says. ``format`` changes when a reader of the JSON would break."""

    format: Literal[1] = 1
    study: str = ""
    """What its study is called; empty where there is none."""
    run: Manifest
    codebook: CodebookSummary
    resampling: Resampling
    coverage: Coverage
    calibrations: tuple[Calibration, ...] = ()
    """Those in force: the confidences in ``cases`` are calibrated by them."""
    usage: Spending | None = None
    resolved: Resolved | None = None
    """``None`` when nothing was adjudicated; then there are no pairs with resolved labels."""
    pairs: tuple[Pair, ...]
    together: tuple[Together, ...]
    acceptance: tuple[Acceptance, ...]
    expressed: tuple[Expressed, ...] = ()
    codebook_changes: tuple[ProposedChange, ...] = ()
    prevalence: tuple[Prevalence, ...]
    corrected: tuple[Corrected, ...] = ()
    trust: ConfidenceQuality | None = None
    sway: tuple[RaterAnchoring, ...] = ()
    stand_in: tuple[AltTestResult, ...] = ()
    trends: tuple[Trend, ...] = ()
    durations: Durations | None = None
    """By category of the final codes; ``None`` where issues have no dates or no codes."""
    trace: Trace = Trace()
    broken: tuple[str, ...] = ()
    """Lines of the run, as ``file:line``, at which its log was changed after it was written."""
    single_issues: bool = True
    """Whether it holds what was said of single issues; not where it is for people who still label
    blind: see :mod:`coder.report.blind_view`."""
    cases: tuple[Case, ...]
