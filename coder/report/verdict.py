"""What may be taken from the model, code by code, and what the data set is worth as delivered.

A code may be automated where a certificate holds for the issues that truly have it. Where none can
hold, the question is whether the model's suggestion still helps a person: if it proposes the code
for half of the issues that have it, with half of those proposals right, they review; else they
begin by hand. Where labels are too few for a certificate, that is said, with how many are missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from statistics import median

import numpy as np

from coder.agreement.intervals import wilson
from coder.ratings.comparable import Rater
from coder.ratings.delivered import RunAnswers, least_sure
from coder.records import Estimate, Record
from coder.report.coverage import most_labels
from coder.report.model import CodeCertificate, Pair, Report

HELPS = 0.5
"""From this recall and precision on a suggestion is worth reading."""
FEWEST_TIMES = 5
"""With fewer timed answers nothing is said of hours."""
STEPS = 20
"""Points of the curve, from nobody reads to everybody reads."""
_LONGEST_ANSWER = 1800.0
"""Seconds; who took longer was away."""


class Verdict(StrEnum):
    AUTOMATE = "automate"
    REVIEW = "review"
    BY_HAND = "by hand"
    TOO_LITTLE = "too little evidence"


class CodeVerdict(Record):
    """The verdict on one code, and what it rests on.

    ``threshold`` is the confidence from which on it may be automated. ``positives`` labels hold the
    code, ``missing`` is how many more would be needed for a certificate at this share of errors.
    ``model`` is the F1 of the model against the labels, ``ceiling`` that of two people against each
    other (positive specific agreement: Spitzer & Fleiss 1974, Br. J. Psychiatry 125:341-347).
    """

    code: str
    verdict: Verdict
    threshold: float | None
    positives: int
    missing: int | None
    precision: Estimate
    recall: Estimate
    model: Estimate
    ceiling: Estimate


class Delivery(Record):
    """The data set if people read the ``read`` issues the model is least sure of, of all.

    ``agreement`` is with a blind label: that of two people for what people read, the model's on
    labelled issues for the rest, weighed by how many there are. ``hours`` is what reading takes.
    """

    read: int
    threshold: float
    agreement: Estimate
    hours: float | None


class Verdicts(Record):
    """``seconds`` is the median of ``timed`` answers, ``None`` where they are too few.

    ``people`` is how far two people agree; without a second one what people read counts as right.
    ``notes`` say what the figures rest on.
    """

    run: str
    rater: str
    issues: int
    codes: tuple[CodeVerdict, ...]
    people: Estimate
    seconds: float | None
    timed: int
    curve: tuple[Delivery, ...]
    notes: tuple[str, ...]


def verdicts(found: RunAnswers, report: Report) -> Verdicts:
    """The verdicts on a run, from its report's certificates and pairs, and its raters' times."""
    rater = most_labels(found.raters)
    name = rater.name if rater else ""
    model = _pair(report, "model", name)
    people = _people(report)
    notes: list[str] = []
    if not name:
        notes.append("nobody has labelled blindly, so nothing is known of the model")
    if people is None:
        notes.append(
            "no two people labelled the same issues blindly: what people read is taken for right, "
            "and there is no ceiling"
        )
    if report.trust is not None and report.trust.sampling == "unknown":
        notes.append(
            "the log does not say how the labelled issues were drawn: they are taken for random"
        )
    seconds, timed = _seconds(found.raters)
    if seconds is None:
        notes.append(f"{timed} answers are timed, too few to tell hours")
    certificates = report.trust.certificates if report.trust else ()
    return Verdicts(
        run=found.run.name,
        rater=name,
        issues=len(found.run.issues),
        codes=tuple(_codes(found, certificates, model, people)),
        people=people.percent_agreement if people else Estimate(value=None, note="one rater alone"),
        seconds=seconds,
        timed=timed,
        curve=tuple(_curve(found, rater, people, seconds)),
        notes=tuple(notes),
    )


def _pair(report: Report, left: str, right: str) -> Pair | None:
    """The blind pair of two sides at the finest level."""
    found = [
        pair
        for pair in report.pairs
        if pair.kind == "blind" and pair.left == left and pair.right == right
    ]
    return found[-1] if found else None


def _people(report: Report) -> Pair | None:
    """The two people with most issues in common, at the finest level."""
    level = "code" if any(pair.level == "code" for pair in report.pairs) else "category"
    pairs = [
        pair
        for pair in report.pairs
        if pair.kind == "blind" and pair.left != "model" and not pair.intra_rater
        and pair.level == level and pair.n
    ]  # fmt: skip
    return max(pairs, key=lambda pair: pair.n, default=None)


def _codes(
    found: RunAnswers,
    certificates: Sequence[CodeCertificate],
    model: Pair | None,
    people: Pair | None,
) -> Iterator[CodeVerdict]:
    made = {one.code: one for one in certificates if one.code}
    of_model = {one.code: one for one in model.per_code} if model else {}
    of_people = {one.code: one for one in people.per_code} if people else {}
    nothing = Estimate(value=None, note="nothing to compare")
    for code in (one.id for one in found.run.codebook.leaves):
        told, certified = of_model.get(code), made.get(code)
        precision, recall, f1 = (
            (told.precision, told.recall, told.f1) if told else (nothing, nothing, nothing)
        )
        verdict, missing = _verdict(certified, precision, recall)
        yield CodeVerdict(
            code=code,
            verdict=verdict,
            threshold=certified.certificate.threshold if certified else None,
            positives=certified.labels if certified else 0,
            missing=missing,
            precision=precision,
            recall=recall,
            model=f1,
            ceiling=of_people[code].f1 if code in of_people else nothing,
        )


def _verdict(
    made: CodeCertificate | None, precision: Estimate, recall: Estimate
) -> tuple[Verdict, int | None]:
    if made is None:
        return Verdict.TOO_LITTLE, None
    if made.certificate.threshold is not None:
        return Verdict.AUTOMATE, None
    needed = made.certificate.needed
    if needed is not None:
        return Verdict.TOO_LITTLE, max(1, needed - made.certificate.n)
    helps = (precision.value or 0) >= HELPS and (recall.value or 0) >= HELPS
    return (Verdict.REVIEW if helps else Verdict.BY_HAND), None


def _seconds(raters: Sequence[Rater]) -> tuple[float | None, int]:
    """The median time of an answer, and of how many."""
    told = [label.seconds for rater in raters for label in rater.labels.values()]
    told += [decision.seconds for rater in raters for decision in rater.decisions.values()]
    taken = [seconds for seconds in told if 0 < seconds <= _LONGEST_ANSWER]
    return (median(taken) if len(taken) >= FEWEST_TIMES else None), len(taken)


def _curve(
    found: RunAnswers, rater: Rater | None, people: Pair | None, seconds: float | None
) -> Iterator[Delivery]:
    """The delivered agreement for more and more issues read, those of least confidence first."""
    answers = found.model.answers
    sure = np.array(
        [least_sure(found.proposals[i]) if i in answers else -2.0 for i in found.run.issues]
    )
    labels = rater.blind.answers if rater else {}
    judged = [i for i in answers if i in labels]
    if not judged:
        return
    at = np.array([least_sure(found.proposals[i]) for i in judged])
    right = np.array([set(labels[i]) == set(answers[i]) for i in judged])
    human = people.percent_agreement.value if people else 1.0
    for step in range(STEPS + 1):
        cut = _cut(sure, step / STEPS)
        read = int((sure < cut).sum())
        rest = at >= cut
        share = (len(sure) - read) / len(sure)
        model = wilson(int(right[rest].sum()), int(rest.sum())) if rest.any() else None
        if share and model is None:
            continue
        yield Delivery(
            read=read,
            threshold=cut if math.isfinite(cut) else 1.0,
            agreement=_mixed(human, model, share),
            hours=None if seconds is None else read * seconds / 3600,
        )


def _cut(sure: np.ndarray, share: float) -> float:
    """The confidence below which about ``share`` of the issues lie; those of one are not parted."""
    if share >= 1:
        return math.inf
    return float(np.quantile(sure, share, method="lower"))


def _mixed(human: float | None, model: Estimate | None, share: float) -> Estimate:
    """Agreement where people read all but ``share``; the interval is that of the model's part."""
    if human is None:
        return Estimate(value=None, note="two people's agreement is not known")
    whole = (1 - share) * human
    if model is None or model.value is None:
        return Estimate(value=whole, low=whole, high=whole)
    low, high = model.low or 0.0, 1.0 if model.high is None else model.high
    return Estimate(
        value=whole + share * model.value,
        low=whole + share * low,
        high=whole + share * high,
        n=model.n,
    )
