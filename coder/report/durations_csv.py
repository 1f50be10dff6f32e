"""Times by group as a tidy table: one figure a row."""

from __future__ import annotations

from collections.abc import Iterator

from coder.records import Estimate
from coder.report import durations_words as words
from coder.report.durations_model import Durations, Outcome

COLUMNS = ("time", "figure", "group", "than", "value", "low", "high", "n", "p", "p_holm", "note")
Row = tuple[str | float | None, ...]


def rows(found: Durations) -> Iterator[Row]:
    """One figure a line."""
    for outcome in words.outcomes(found):
        yield from _outcome(outcome)
    if found.errors is not None:
        for one in found.errors.figures:
            time = f"resolution by {words.SOURCES[one.source]}"
            for group, estimate in zip(found.errors.groups, one.medians, strict=True):
                yield _row(time, "median days", group, estimate)
            yield _row(time, "epsilon squared", "", one.epsilon_squared, p=one.p_value)
            if one.delta is not None:
                yield _row(time, "Cliff's delta", "", one.delta)
            if one.significant is not None:
                share = Estimate(value=one.significant, n=found.errors.draws)
                yield _row(time, "share of draws with p < .05", "", share)


def _outcome(outcome: Outcome) -> Iterator[Row]:
    for group in outcome.groups:
        yield _row(outcome.of, "median days", group.group, group.median)
        if group.spread is not None:
            for name, days in group.spread.model_dump().items():
                value = Estimate(value=days, n=group.n)
                yield _row(outcome.of, f"{name[1:]}th percentile of days", group.group, value)
        censored = Estimate(value=group.censored, n=group.n + group.censored)
        yield _row(outcome.of, "censored", group.group, censored)
        yield _row(
            outcome.of, "Kaplan-Meier median days", group.group, group.survival.median
        )  # fmt: skip
    for test in outcome.tests:
        value = Estimate(value=test.statistic, n=test.n, note=test.note)
        yield _row(outcome.of, test.name, "", value, p=test.p_value)
        if test.effect is not None:
            effect = "Cliff's delta" if test.name == "Mann-Whitney" else "epsilon squared"
            yield _row(outcome.of, effect, "", test.effect)
    for pair in outcome.pairs:
        value = Estimate(value=pair.z)
        yield _row(
            outcome.of, "Dunn z", pair.left, value, pair.right, pair.p_value, pair.p_adjusted
        )
        yield _row(outcome.of, "Cliff's delta", pair.left, pair.delta, pair.right)


def _row(
    time: str,
    figure: str,
    group: str,
    estimate: Estimate,
    than: str = "",
    p: float | None = None,
    holm: float | None = None,
) -> Row:
    return (
        time, figure, group, than, estimate.value, estimate.low, estimate.high,
        estimate.n or None, p, holm, estimate.note,
    )  # fmt: skip
