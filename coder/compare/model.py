"""Comparisons of runs as data: exactly what ``compare.json`` and ``multiverse.json`` hold."""

from __future__ import annotations

from typing import Literal

from coder.agreement import Change, McNemar
from coder.agreement.durations import Kruskal
from coder.ratings.model import ExclusionReason, Level
from coder.records import Estimate, Record
from coder.report.model import CodebookSummary, Resampling, Spending

Codes = tuple[str, ...]


class Member(Record):
    """One of the runs. ``shared`` of its ``issues`` are in every run with the same text, and it
    answered ``answered`` of those; ``left_out`` says why the others cannot be compared.

    ``codebook_hash`` differs between runs whose codebooks have the same codes in other words.
    """

    name: str
    model: str
    issues: int
    shared: int
    answered: int
    left_out: dict[ExclusionReason, int]
    learnt_from: int
    codebook_hash: str
    usage: Spending | None


class CodeCount(Record):
    """How often the two models gave a code to the issues both answered."""

    code: str
    left: int
    right: int


class Models(Record):
    """How far two runs' models say the same, at one level. No measure of which one is right."""

    level: Level
    n: int
    percent_agreement: Estimate
    cohen_kappa: Estimate
    krippendorff_alpha: Estimate
    codes: tuple[CodeCount, ...]


class CodeF1(Record):
    """F1 of one code against a rater's labels; ``labels`` is how many of these hold it."""

    code: str
    labels: int
    f1: Change


class Against(Record):
    """Both models against one rater's blind labels, on the ``n`` issues that all three answered.

    ``from_runs`` are the runs that hold labels of this rater. ``differing`` labels are not the same
    in both and ``swayed`` ones were given after the rater had been shown a suggestion for the
    issue in another run; neither is used. ``learnt`` counts, by run, the labels its model learnt
    from that are this rater's own. ``right`` is the share of answers equal to the label.
    ``too_few`` says why only ``compare.json`` holds figures of a handful of labels.
    """

    rater: str
    level: Level
    n: int
    too_few: str = ""
    from_runs: tuple[str, ...]
    differing: int
    swayed: int
    learnt: dict[str, int]
    right: Change
    mcnemar: McNemar
    kappa: Change
    per_code: tuple[CodeF1, ...]


class Flip(Record):
    """An issue that two models code differently, with every usable label it has."""

    issue_id: str
    repo: str
    url: str
    title: str
    left: Codes
    right: Codes
    labels: dict[str, Codes]


class RunPair(Record):
    """Two runs on the ``shared`` issues both have with the same text.

    ``only_left`` and ``only_right`` issues are in one of them, ``changed`` ones have another text.
    """

    left: str
    right: str
    shared: int
    only_left: int
    only_right: int
    changed: int
    models: tuple[Models, ...]
    against: tuple[Against, ...]
    flips: tuple[Flip, ...]


class Comparison(Record):
    """What ``compare.json`` holds. ``format`` changes when a reader would break."""

    format: Literal[1] = 1
    codebook: CodebookSummary
    resampling: Resampling
    runs: tuple[Member, ...]
    pairs: tuple[RunPair, ...]


# --- the multiverse -----------------------------------------------------------------------------


class Setting(Record):
    """A setting that is not the same in all runs: its value, as text, by run."""

    name: str
    values: dict[str, str]


class CategoryCount(Record):
    """The issues of a category by one run's model, and the share corrected by labels."""

    code: str
    count: int
    corrected: Estimate | None


class Universe(Record):
    """What one run says of the shared issues; ``answered`` of them have an answer. Leaked ones
    count, unlike in :class:`Member`: this is what the model says, not how well."""

    run: str
    answered: int
    counts: tuple[CategoryCount, ...]
    none: int
    time: Kruskal


class Conclusion(Record):
    """One thing that a study would have concluded, by run; ``None`` where a run does not tell.

    ``majority`` is what most runs say, ``None`` without a single most frequent value; ``against``
    of the ``told`` runs say something else. Of the ``pairs`` of runs ``apart`` disagree.
    ``by_setting`` has the same two numbers for pairs that differ in that one setting alone.
    """

    name: Literal["largest", "order", "time", "corrected"]
    values: dict[str, str | None]
    majority: str | None
    told: int
    against: int
    pairs: int
    apart: int
    by_setting: dict[str, tuple[int, int]]


class Multiverse(Record):
    """What ``multiverse.json`` holds. Counts are corrected by the labels of ``rater``, if any."""

    format: Literal[1] = 1
    codebook: CodebookSummary
    runs: tuple[Member, ...]
    shared: int
    rater: str
    labels: int
    settings: tuple[Setting, ...]
    universes: tuple[Universe, ...]
    conclusions: tuple[Conclusion, ...]
