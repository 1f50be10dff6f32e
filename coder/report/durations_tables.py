"""Times by group as tables, for all outputs."""

from __future__ import annotations

from coder.agreement.durations import FEWEST
from coder.agreement.durations_ranks import PairTest, Test
from coder.report.conclusions import probability
from coder.report.durations_model import Durations, Errors, Outcome
from coder.report.durations_words import (
    ENDED,
    SOURCES,
    TITLE,
    days,
    error_notes,
    outcomes,
    p_value,
    several,
    spell,
)
from coder.report.grids import Grid
from coder.report.wording import figure, number, plural

PAIRS = 30
"""So many pairs of groups a table shows, the surest first; all are in the files."""


def grids(found: Durations) -> list[Grid]:
    """Every table there is, for all outputs."""
    made = []
    for outcome in outcomes(found):
        made += [times(found, outcome), tests(found, outcome), pairs(found, outcome)]
    if found.errors is not None and found.errors.figures:
        made.append(errors(found.errors))
    return [grid for grid in made if grid.rows]


def times(found: Durations, outcome: Outcome) -> Grid:
    """Of repositories, which are many, those alone that are tested."""
    ended = ENDED[outcome.of]
    few = [group for group in outcome.groups if not group.tested]
    shown = [group for group in outcome.groups if group.tested or found.by != "repository"]
    notes = [f"† with fewer than {FEWEST} {ended}: in no test"] if few else []
    if len(shown) < len(outcome.groups):
        left = plural(len(few), "further repository")
        notes = [f"{left} with fewer than {FEWEST} {ended}: in no test, and in the CSV file"]
    return Grid(
        f"durations-{outcome.of}",
        f"{TITLE[outcome.of]} by {found.by}",
        (found.by, ended, "median", "quartiles", "censored", "Kaplan-Meier median"),
        tuple(
            (
                group.name + ("" if group.tested else "†"), f"{group.n:,}", spell(group.median),
                f"{days(group.spread.p25)} to {days(group.spread.p75)}" if group.spread else "–",
                f"{group.censored:,}", spell(group.survival.median),
            )
            for group in shown
        ),
        1,
        tuple(notes),
    )  # fmt: skip


def tests(found: Durations, outcome: Outcome) -> Grid:
    return Grid(
        f"durations-{outcome.of}-tests",
        f"{TITLE[outcome.of]}: do {several(found.by)} differ?",
        ("test", "n", "statistic", "df", "p", "effect"),
        tuple(_test(test) for test in outcome.tests if outcome.tests[0].p_value is not None),
        1,
        tuple(f"{test.name}: {test.note}" for test in outcome.tests if test.note),
    )


def _test(test: Test) -> tuple[str, ...]:
    statistic = "–" if test.statistic is None else f"{test.statistic:,.1f}"
    effect = ""
    if test.effect is not None:
        symbol = "delta" if test.name == "Mann-Whitney" else "epsilon²"
        effect = f"{symbol} {figure(test.effect)}"
    return (
        test.name, f"{test.n:,}", statistic, "" if test.freedom is None else f"{test.freedom}",
        p_value(test.p_value), effect,
    )  # fmt: skip


def pairs(found: Durations, outcome: Outcome, most: int = PAIRS) -> Grid:
    names = {group.group: group.name for group in outcome.groups}
    shown = surest(outcome)[:most]
    more = len(outcome.pairs) - len(shown)
    return Grid(
        f"durations-{outcome.of}-pairs",
        f"{TITLE[outcome.of]}: which {several(found.by)} differ? Dunn's test, p by Holm",
        (found.by, "against", "z", "p", "Cliff's delta"),
        tuple(
            (
                names[pair.left], names[pair.right], number(pair.z), probability(pair.p_adjusted),
                figure(pair.delta),
            )
            for pair in shown
        ),
        2,
        (f"{plural(more, 'further pair')} with greater p in the CSV file",) if more else (),
    )  # fmt: skip


def surest(outcome: Outcome) -> list[PairTest]:
    return sorted(outcome.pairs, key=lambda pair: pair.p_value)


def errors(found: Errors) -> Grid:
    """The same figures by each source of codes, beside each other."""
    rows = [("issues", *(f"{one.n:,}" for one in found.figures))]
    rows += [
        (f"median, {name}", *(spell(one.medians[at]) for one in found.figures))
        for at, name in enumerate(found.names)
    ]
    rows.append(("p of no difference", *(p_value(one.p_value) for one in found.figures)))
    if any(one.significant is not None for one in found.figures):
        shares = ("–" if s is None else f"{s:.0%}" for s in (f.significant for f in found.figures))
        rows.append(("draws with p < .05", *shares))
    rows.append(("epsilon²", *(figure(one.epsilon_squared) for one in found.figures)))
    if len(found.groups) == 2:
        deltas = (figure(one.delta) if one.delta else "–" for one in found.figures)
        rows.append(("Cliff's delta", *deltas))
    return Grid(
        "durations-errors",
        f"Days to resolution by whose codes; people: {found.people}",
        ("figure", *(SOURCES[one.source] for one in found.figures)),
        tuple(rows),
        1,
        tuple(error_notes(found)),
    )
