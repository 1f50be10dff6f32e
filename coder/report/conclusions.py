"""What each finding beyond agreement means, in plain sentences that every output shares."""

from __future__ import annotations

from collections.abc import Iterator

from coder.agreement import Certificate, Reliability
from coder.agreement.calibration import Point
from coder.ratings.model import MODEL
from coder.records import Cardinality, Estimate
from coder.report.model import (
    AltTestResult,
    CodeShare,
    ConfidenceQuality,
    Corrected,
    RaterAnchoring,
    Report,
    Trend,
)
from coder.report.sentences import FEWEST_SHARED
from coder.report.wording import Names, figure, number, plural, reasons
from coder.text.spelling import some

SAMPLED = {
    "random": "The labelled issues are a random sample of the run.",
    "known": (
        "The labelled issues were drawn with known, unequal probabilities, and are weighted by "
        "them; taken alone they would mislead."
    ),
    "all": "Every issue is labelled, so these are that rater's own counts.",
}
"""How the labelled issues were chosen; of ``unknown`` the finding's own note tells."""

NO_LABELS = "There are no blind labels, so the model's counts cannot be corrected."
NO_TRUST = "No proposed code has both a confidence and a blind label to compare it with."
NO_SWAY = (
    "Not known: nobody coded issues of a review without the suggestion (coder review --holdout or "
    "--blind-share)."
)
ALT_TEST = (
    "The alternative annotator test (arXiv 2501.10970) sets each rater aside in turn and asks who "
    "is nearer to the other raters: that rater, or the model?"
)
NO_STAND_IN = "Not tested: the test needs blind labels of at least three people on the same issues."
NO_TREND = "Not shown: nobody gave 40 answers in a review yet."

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""The shares of proposals for which a workload table tells what accepting them would mean."""


def percent(estimate: Estimate) -> str:
    """``22.3% [15.1%, 29.0%]``; a dash when it is undefined."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1%}"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def probability(value: float) -> str:
    """``.012``, or ``<.001``."""
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


# --- how many issues are really in each code ----------------------------------------------------


def corrected(report: Report, found: Corrected) -> list[str]:
    """By whose labels the counts are corrected, how those came about, and what it changes."""
    names = Names(report)
    total = report.coverage.issues
    said = [
        f"By {plural(found.n, 'blind label')} of {found.rater}: how many of all "
        f"{plural(total, 'issue')} are in each {names.level(found.level)} as that rater sees it."
    ]
    said.append(f"Careful: {found.note}." if found.note else SAMPLED[found.sampling])
    if found.frame:
        said.append(
            f"The run is a sample of {plural(found.frame, 'issue')}: the last column of the table "
            "weighs issues by how they were drawn and is about all of these."
        )
    if found.sampling == "all":
        return said
    if 2 * found.n >= total:
        said.append(
            "With so many issues labelled few counts are left open, and these are whole: intervals "
            "of rare codes hold more often than in 95% of studies, so they are wider than need be."
        )
    if silent := total - report.coverage.answered:
        said.append(f"{plural(silent, 'issue')} without an answer of the model count as no code.")
    used = shown(found)
    off = [share for share in used if _off(share)]
    if off:
        worst = max(off, key=lambda share: abs(share.model - (share.corrected.value or 0)))
        said.append(
            f"In {len(off)} of {plural(len(used), names.level(found.level))} the model's own count "
            f"lies outside the corrected interval: most in “{names.name(worst.code)}”, "
            f"{worst.model:.1%} by the model, {percent(worst.corrected)} corrected."
        )
    elif any(share.corrected.value is not None for share in used):
        said.append("No count of the model lies outside its corrected interval.")
    return said


def shown(found: Corrected) -> list[CodeShare]:
    """The codes somebody used."""
    return [s for s in found.shares if s.model or s.labels.value or s.corrected.value]


def _off(share: CodeShare) -> bool:
    low, high = share.corrected.low, share.corrected.high
    return low is not None and high is not None and not low <= share.model <= high


# --- what the confidence is worth ---------------------------------------------------------------


def confidence(report: Report) -> list[str]:
    """How far the confidence is from the truth, before and after calibration; whose labels."""
    found = report.trust
    if found is None:
        return [NO_TRUST]
    if why := few_compared(found):
        return [why]
    names = Names(report)
    right = "right" if names.flat else f"right by {names.level('code')}"
    told = _reliability(found.stated)
    if found.calibrated is None:
        said = f"The model's confidence, not calibrated, and how often it was {right} lie {told}."
    else:
        said = (
            f"The model's own confidence and how often it was {right} lie {told}. Calibrated: "
            f"{_reliability(found.calibrated)}; for the labels it was calibrated by that is a "
            "little too good."
        )
    return [said, f"Compared: {_compared(report, found)}."]


def few_compared(found: ConfidenceQuality) -> str:
    """That a handful of issues says nothing of the confidence; empty where there are enough."""
    issues = len(found.issue_ids)
    if issues >= FEWEST_SHARED:
        return ""
    return (
        f"Not told: {plural(issues, 'issue')} with {found.rater}'s blind labels and a confidence "
        f"of the model are too few ({FEWEST_SHARED} are needed)."
    )


def _reliability(found: Reliability) -> str:
    return (
        f"{figure(found.ece)} apart on average (expected calibration error; {found.ece.note}); "
        f"the Brier score is {figure(found.brier)}"
    )


def _compared(report: Report, found: ConfidenceQuality) -> str:
    issues = len(found.issue_ids)
    said = (
        f"{plural(found.n, 'proposed code')} of {plural(issues, 'issue')} with {found.rater}'s "
        "blind labels"
    )
    against = [
        pair for pair in report.pairs
        if pair.kind == "blind" and (pair.left, pair.right) == (MODEL, found.rater)
    ]  # fmt: skip
    if not against:
        return said
    finest = against[-1]
    left_out = reasons(finest.excluded)
    if silent := finest.n - issues:
        answers = f"{silent:,} answered that no code fits or without a confidence"
        left_out = f"{left_out}, {answers}" if left_out else answers
    return f"{said}; left out: {left_out}" if left_out else said


def certificate(report: Report) -> str:
    """From which confidence on proposals may be accepted unseen, or why from none."""
    found = report.trust
    whole = found.certificates[0].certificate if found else None
    if found is None or whole is None:
        return ""
    bound = f"at most {whole.epsilon:.0%} errors"
    if whole.threshold is None:
        said = f"{whole.note[:1].upper()}{whole.note[1:]} (sought: {bound}; n = {_worth(whole)})."
    else:
        said = (
            f"At a stated confidence of {number(whole.threshold)} and above: {bound}, n = "
            f"{_worth(whole)} ({plural(whole.errors, 'error')} among them), "
            f"{whole.share or 0:.0%} of the proposals. This holds for issues like the labelled "
            "ones and over all codes: a rare code may be missed whole."
        )
    return f"{said} {_promise(found)}"


def _worth(made: Certificate) -> str:
    if made.effective >= made.n - 0.5:
        return f"{made.n:,}"
    return f"{made.n:,}, worth {made.effective:,.0f} drawn evenly"


def _promise(found: ConfidenceQuality) -> str:
    """What all certificates rest on: their one confidence, their labels, and what is left out."""
    whole = found.certificates[0].certificate
    said = (
        f"All certificates together hold with confidence {1 - whole.delta:.0%} "
        f"({whole.tests:,} tests share it)."
    )
    if found.sampling == "uneven":
        said += " Labels are weighted by their probability of being drawn."
    elif found.sampling == "unknown":
        said += " The log does not say how the labels were drawn: they are taken for random."
    if found.clustered:
        said += " Labels of one repository count as one draw."
    left = [
        f"{plural(n, 'label')} {why}"
        for n, why in (
            (found.left_out.taught, "on issues among the model's examples"),
            (found.left_out.not_drawn, "on issues not drawn by chance"),
        )
        if n
    ]
    return f"{said} Left out: {', '.join(left)}." if left else said


def certified_codes(report: Report) -> str:
    """For issues of which single codes a certificate holds, and of which it does not."""
    if report.trust is None:
        return ""
    names = Names(report)
    alone = [c for c in report.trust.certificates if c.code]
    if not alone:
        return ""
    held = [c for c in alone if c.certificate.threshold is not None]
    missed = [
        names.path(c.code)
        for c in alone
        if c.certificate.threshold is None and c.certificate.n and c.certificate.needed is None
    ]
    said = "No single code can be certified."
    if held:
        listed = "; ".join(
            f"{names.path(c.code)} from {number(c.certificate.threshold)} on" for c in held
        )
        said = (
            f"Of the issues truly in a code that are accepted, at most "
            f"{held[0].certificate.epsilon:.0%} get another code: {listed}."
        )
        if rest := len(alone) - len(held):
            said += f" {plural(rest, 'code')} cannot be certified."
    if missed:
        said += (
            f" Missed too often for a certificate, as far as the labels tell: {some(missed, '; ')}."
        )
    return said


def workload(found: ConfidenceQuality) -> list[Point]:
    """The points of a workload curve nearest to some round shares."""
    if not found.workload:
        return []
    nearest = (min(found.workload, key=lambda p: abs(p.share - share)) for share in SHARES)
    return sorted(set(nearest), key=lambda p: p.share)


def half(found: ConfidenceQuality) -> str:
    """What accepting the surest half unseen would mean."""
    points = workload(found)
    if not points or few_compared(found):
        return ""
    point = min(points, key=lambda p: abs(p.share - 0.5))
    return (
        f"Accepting the surest {point.share:.0%} unseen (a confidence of "
        f"{number(point.threshold)} and above) would be wrong in {percent(point.error)} of them."
    )


# --- sway ---------------------------------------------------------------------------------------


def sway(report: Report, found: RaterAnchoring) -> list[str]:
    """Whether a rater agrees with the model more often when its suggestion is on the screen."""
    names = Names(report)
    level = names.level(found.level)
    arms = found.anchoring
    few = min(arms.assisted.n, arms.alone.n)
    why = arms.difference.note if arms.difference.value is None else ""
    if not why and few < FEWEST_SHARED:
        why = (
            f"{plural(arms.assisted.n, 'issue')} with the suggestion on the screen and "
            f"{arms.alone.n:,} without it are too few ({FEWEST_SHARED} of each are needed)"
        )
    if why:
        said = [f"Whether suggestions sway {found.rater} by {level} cannot be told: {why}."]
    else:
        said = [
            f"{found.rater} gave the model's {names.answer(found.level)} in "
            f"{percent(arms.assisted)} of "
            f"{plural(arms.assisted.n, 'issue')} with the suggestion on the screen and in "
            f"{percent(arms.alone)} of {arms.alone.n:,} without it: a difference of "
            f"{figure(arms.difference)}, {_swayed(arms.difference)}."
        ]
    if found.blind_first:
        revised = "none was revised"
        if found.revised:
            verb = "was" if found.revised == 1 else "were"
            revised = f"{found.revised:,} {verb} revised, {found.toward:,} to the model's answer"
        said.append(
            f"Of {plural(found.blind_first, 'label')} given blind first and then shown the "
            f"suggestion, {revised}."
        )
    return said


def _swayed(difference: Estimate) -> str:
    if difference.low is None or difference.high is None:
        return "without an interval"
    if difference.low > 0:
        return "so suggestions pull towards the model"
    if difference.high < 0:
        return "so suggestions push away from the model"
    return "which may be chance: its interval includes 0"


# --- standing in --------------------------------------------------------------------------------


_COSTS = {0.2: "expert", 0.15: "skilled", 0.1: "crowd"}
"""What the test's authors propose for the price of a rater's answer, by who the raters are."""


def price(epsilon: float) -> str:
    """``ε = .20 for expert raters``: the price, and whom the test's authors propose it for."""
    who = _COSTS.get(round(epsilon, 6))
    return f"ε = {number(epsilon)}" + (f" for {who} raters" if who else ", chosen for this study")


def _meaning(epsilon: float) -> str:
    """What the price means for the verdict, and what the others would be."""
    others = ", ".join(
        f"{number(cost)} for {who} raters"
        for cost, who in _COSTS.items()
        if cost != round(epsilon, 6)
    )
    return (
        "ε is what a person's answer costs more: the model wins against a rater if it is behind in "
        f"surely less than {epsilon:.0%} of issues (the test's authors propose {others})."
    )


def stand_in(report: Report, found: AltTestResult) -> list[str]:
    """The verdict of the alternative annotator test, or that there is too little for one."""
    test, level = found.test, Names(report).level(found.level)
    if test.passed is None:
        said = [f"By {level}: too little to tell; {test.note}."]
    else:
        won = sum(human.rejected for human in test.humans)
        verdict = "may" if test.passed else "may not"
        said = [
            f"By {level} the model {verdict} stand in for one of the raters: it wins against "
            f"{won} of {len(test.humans)} (winning rate {number(test.winning_rate)}, .50 is "
            f"needed, at {price(test.epsilon)}); on average it is at least as near to the others "
            f"as a rater is in {test.advantage or 0:.0%} of issues."
        ]
    if test.humans:
        said.append(_meaning(test.epsilon))
    if report.codebook.cardinality is Cardinality.MULTIPLE:
        said.append("How near two sets of codes are is their Jaccard similarity.")
    said.append(f"Tested on {plural(test.items, 'issue')} with labels of two raters or more.")
    if test.unanswered:
        said.append(f"{test.unanswered:,} more have no independent answer of the model.")
    if test.left_out:
        few = ", ".join(f"{rater} ({n:,})" for rater, n in test.left_out.items())
        said.append(f"Left out with fewer than 30 such issues: {few}.")
    return said


# --- over time ----------------------------------------------------------------------------------


def trend(report: Report, found: Trend) -> str:
    """The first and the last block of a rater's answers."""
    first, last = found.blocks[0].agrees, found.blocks[-1].agrees
    how = {"revised": "answers after a blind label"}.get(found.kind, f"{found.kind} answers")
    return (
        f"{found.rater}'s {how} were the model's {Names(report).answer(found.level)} in "
        f"{percent(first)} of the first {first.n:,} and in {percent(last)} of the last {last.n:,}."
    )


def in_short(report: Report) -> Iterator[tuple[str, str]]:
    """The conclusions by category for a reader in a hurry: what each is about, and what it says.

    What cannot be told is left out.
    """
    for found in report.stand_in:
        if found.level == "category":
            said = stand_in(report, found)
            # The verdict and what its price means; without people tested there is neither.
            yield "Standing in for a rater", " ".join(said[: 2 if found.test.humans else 1])
    for counted in report.corrected:
        if counted.level == "category" and counted.sampling != "all":
            yield "Corrected counts", " ".join(corrected(report, counted))
    if report.trust is not None and not few_compared(report.trust):
        parts = (
            confidence(report)[0], certificate(report), certified_codes(report), half(report.trust),
        )  # fmt: skip
        yield "Confidence", " ".join(filter(None, parts))
    for swayed in report.sway:
        if swayed.level == "category":
            yield "Sway", " ".join(sway(report, swayed))
