"""How times by group are put into words, so that every output says the same."""

from __future__ import annotations

from collections.abc import Iterator

from coder.agreement.durations import FEWEST
from coder.agreement.durations_errors import SIGNIFICANT, Figures
from coder.agreement.durations_ranks import Test
from coder.ratings.delivered import FINAL
from coder.ratings.model import MODEL, RESOLVED
from coder.records import Estimate
from coder.report.conclusions import probability
from coder.report.durations_charts import BANDS, boxed, curved
from coder.report.durations_model import Durations, Errors, Outcome
from coder.report.wording import number, plural
from coder.text.spelling import some

TITLE = {"resolution": "Days to resolution", "response": "Days to the first answer"}
ENDED = {"resolution": "closed", "response": "answered"}
SOURCES = {
    "people": "people", "model": "model", "design": "corrected", "resampled": "resampled",
}  # fmt: skip

BOX = "Box: the middle half, line: 90%, with the median and its 95% interval."
BY_DESIGN = (
    "Corrected: issues that people coded count for those they did not, by the "
    "probability with which they were drawn; the model's codes help. Right whatever its errors are."
)
RESAMPLED = (
    "Resampled: codes that people might have given, drawn from how often they gave which to "
    "what the model said of issues that took about as long; in brackets are 95% of the draws, so "
    "how far the errors alone move a figure."
)


def days(value: float | None) -> str:
    """Days to three figures or so: ``0.04``, ``3.2``, ``1,204``."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def spell(estimate: Estimate) -> str:
    """``3.2 [1.0, 12.4]`` days; an end that is not known is a dash."""
    if estimate.low is None and estimate.high is None:
        return days(estimate.value)
    return f"{days(estimate.value)} [{days(estimate.low)}, {days(estimate.high)}]"


def equals(value: float | None) -> str:
    said = p_value(value)
    return said if said[0] == "<" else f"= {said}"


def several(by: str) -> str:
    return {"category": "categories", "code": "codes", "repository": "repositories"}[by]


def outcomes(found: Durations) -> list[Outcome]:
    return [found.resolution, *([found.response] if found.response else [])]


def p_value(value: float | None) -> str:
    return "–" if value is None else probability(value)


def about(found: Durations) -> list[str]:
    """What the times are of, what was left out, and what was decided on the way."""
    return [line for line in (_whose(found), *_left_out(found), _dates(found)) if line]


def measured(found: Durations) -> list[str]:
    """What a paper says of how times were taken and compared."""
    return [
        f"From opened to closed (of issues opened again the {found.close} closing), and to the "
        "first comment by a person other than the author. Open issues and those a bot closed for "
        "inactivity are censored. Medians with intervals between order statistics; Mann-Whitney or "
        "Kruskal-Wallis with Dunn's test (Holm), Cliff's delta and epsilon²; Kaplan-Meier and "
        "log-rank; ranks and log-rank within repositories, too.",
        *about(found),
        *(error_notes(found.errors) if found.errors and found.errors.figures else ()),
    ]


def _whose(found: Durations) -> str:
    if found.by == "repository":
        return ""
    who = {
        FINAL: "the final codes", RESOLVED: "the resolved labels", MODEL: "the model's codes",
    }.get(found.labels, f"{found.labels}'s blind labels")  # fmt: skip
    said = f"By {who}" + (f" of run {found.coding}" if found.coding != found.run else "")
    behind = ", ".join(f"{source} {count:,}" for source, count in found.sources.items())
    return f"{said}{f': {behind}' if behind else ''}."


def _left_out(found: Durations) -> Iterator[str]:
    counts = found.resolution.counts
    undated = "without usable dates"
    if found.snapshot_from == "given":
        undated += ", or opened after the data end"
    without = {
        "without a code": found.uncoded, "to which no code fits": found.none,
        "with several codes, which belong to no one group": found.several,
        "coded by category only": found.category_only, undated: counts.undated,
    }  # fmt: skip
    if found.by == "repository":
        without = {"without a repository": found.uncoded, undated: counts.undated}
    out = "; ".join(f"{count:,} {what}" for what, count in without.items() if count)
    yield f"{plural(found.issues, 'issue')}; left out: {out or 'none'}."
    censored = {
        "still open": counts.waiting, "closed by a bot for inactivity": counts.stale,
    }  # fmt: skip
    if told := ", ".join(f"{count:,} {what}" for what, count in censored.items() if count):
        yield f"Censored, so not resolved but in Kaplan-Meier and log-rank: {told}."


def _dates(found: Durations) -> str:
    origin = {
        "given": "as given", "fetched": "when they were fetched",
        "latest date": "the latest date in the data",
    }[found.snapshot_from]  # fmt: skip
    said = f"The data end {found.snapshot:%Y-%m-%d} ({origin})."
    reopened = found.resolution.counts.reopened
    if reopened:
        again = plural(reopened, "issue")
        said += f" Of {again} that were opened again the {found.close} closing counts."
    return said


def conclusions(found: Durations) -> list[str]:
    """What each kind of time says, and whether the model's errors change that."""
    said = [conclusion(found, outcome) for outcome in outcomes(found)]
    return said if found.by == "repository" else [*said, error_conclusion(found.errors)]


def censored(outcome: Outcome) -> str:
    """``n = 306 closed, 37 censored``."""
    ended = sum(group.n for group in outcome.groups)
    return (
        f"n = {ended:,} {ENDED[outcome.of]}, {sum(g.censored for g in outcome.groups):,} censored"
    )


def curves_shown(outcome: Outcome) -> str:
    """Which groups have a curve, and what its band is."""
    shown, known = curved(outcome), boxed(outcome)
    said = "Kaplan-Meier curves, censored issues included"
    if len(shown) <= BANDS:
        said += ", with 95% bands"
    if len(shown) < len(known):
        said += f"; the {len(shown)} largest of {len(known)} groups"
    return f"{said}."


def conclusion(found: Durations, outcome: Outcome) -> str:
    """Whether groups differ, and whether one slow project makes the result."""
    first, *rest = outcome.tests
    if first.p_value is None:
        return f"{TITLE[outcome.of]}: {first.note}."
    differs = first.p_value < SIGNIFICANT
    groups = [group for group in outcome.groups if group.tested]
    slow = max(groups, key=lambda group: group.median.value or 0)
    quick = min(groups, key=lambda group: group.median.value or 0)
    said = (
        f"{TITLE[outcome.of]} {'differ' if differs else 'do not surely differ'} between "
        f"{several(found.by)} ({first.name} p {equals(first.p_value)}"
        f"{_effect(first)}); the longest median is that of {slow.name} "
        f"({days(slow.median.value)}), the shortest that of {quick.name} "
        f"({days(quick.median.value)})."
    )
    other = [test for test in rest if test.p_value is not None]
    against = [t for t in other if t.p_value is not None and (t.p_value < SIGNIFICANT) != differs]
    if against:
        names = some([f"{test.name.lower()}, p {equals(test.p_value)}" for test in against])
        said += f" Not so by {names}."
    elif other:
        within = any("within" in test.name or test.name == "van Elteren" for test in other)
        said += " The same with open issues counted" + (" and within repositories." * within or ".")
    return said


def _effect(test: Test) -> str:
    if test.effect is None or test.effect.value is None:
        return ""
    symbol = "Cliff's delta" if test.name == "Mann-Whitney" else "epsilon²"
    return f", {symbol} {number(test.effect.value)}"


def error_notes(found: Errors) -> list[str]:
    sources = {one.source for one in found.figures}
    said = [BY_DESIGN] if "design" in sources else []
    if said and found.weighted:
        said.append(
            "The issues were drawn with unequal probabilities: by design each counts for as many "
            "as it stands for, in all other figures for one."
        )
    if found.sampling == "unknown":
        said.append(
            "The log does not say how the coded issues were chosen: this holds if they are a "
            "random sample."
        )
    said += [
        f"{SOURCES[one.source].capitalize()}: {one.note}." for one in found.figures if one.note
    ]
    return said + ([RESAMPLED] if "resampled" in sources else [])


def error_conclusion(found: Errors | None) -> str:
    """Whether what the model's codes say of times stands once its errors are reckoned with."""
    if found is None:
        return (
            "What the model's errors do to this cannot be told: nobody has coded closed issues "
            "blindly."
        )
    if not found.figures:
        return f"What the model's errors do to this cannot be told: {found.note}."
    by = {one.source: one for one in found.figures}
    truth = by.get("design", by["people"])
    model = by["model"]
    whose = "people's codes" if truth.source == "people" else "the corrected codes"
    if model.p_value is None or truth.p_value is None:
        return f"What the model's errors do to this cannot be told: {model.note or truth.note}."
    says = (
        f"By the model's codes p {equals(model.p_value)}, by {whose} p {equals(truth.p_value)} "
        f"(n = {truth.n:,})"
    )
    share = by["resampled"].significant if "resampled" in by else None
    if share is not None:
        says += f", in {share:.0%} of resampled codes p < .05"
    differs = model.p_value < SIGNIFICANT, truth.p_value < SIGNIFICANT
    return f"{says}. {_verdict(*differs, _other_order(found, model, truth), share)}"


def _verdict(model: bool, truth: bool, order: str, share: float | None) -> str:
    if model and not truth:
        return "The conclusion does not stand: what the model's codes show is not confirmed."
    if truth and not model:
        return "The conclusion does not stand: the model's errors hide a difference."
    if model and order:
        return order
    if share is not None and (share if truth else 1 - share) < 0.95:
        return "The conclusion stands, but other codes that people might have given could flip it."
    return "The conclusion stands."


def _other_order(found: Errors, model: Figures, truth: Figures) -> str:
    """What is to be said where other groups take longest and shortest by the model's codes."""
    known = [
        (name, theirs, real)
        for name, theirs, real in zip(found.names, model.medians, truth.medians, strict=True)
        if theirs.value is not None and theirs.n >= FEWEST and real.value is not None
    ]
    if len(known) < 2:
        return ""
    said = sorted(known, key=lambda group: group[1].value or 0)
    real = sorted(known, key=lambda group: group[2].value or 0)
    if (said[0], said[-1]) == (real[0], real[-1]):
        return ""
    # Of two groups that differ the order is known; of more, where their intervals lie apart.
    swapped = ((real[-1][2], said[-1][2]), (said[0][2], real[0][2]))
    if len(found.groups) == 2 or any((one.low or 0) > (other.high or 0) for one, other in swapped):
        return (
            f"The conclusion does not stand: there is a difference, but {real[-1][0]} took longest "
            f"and {real[0][0]} shortest, not {said[-1][0]} and {said[0][0]}."
        )
    return "The conclusion stands that they differ; which takes longest or shortest is not sure."
