"""What a screening keeps and misses, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from coder.records import Estimate
from coder.report.screening import WIDTH, ScreeningReport
from coder.text.spelling import plural


def lines(found: ScreeningReport) -> list[str]:
    """What the screening did and misses, in sentences."""
    made = found.screening
    side, rest = (f"not {made.code}", "are") if made.negated else (made.code, "are not")
    kept, left = sum(made.taken.values()), sum(made.left.values())
    said = [
        f"Run {made.run}: of {plural(made.issues, 'issue')} {kept:,} are {side}, {left:,} {rest}, "
        f"{sum(made.undecided.values()):,} have no final code.",
        f"In by: {_listed(made.taken)}. Out by: {_listed(made.left)}."
        + (f" Without one: {_listed(made.undecided)}." if made.undecided else ""),
    ]
    if made.certified is None and (made.taken.get("model") or made.left.get("model")):
        said.append("The model's word is taken there though no certificate holds.")
    if found.rater:
        said.append(
            f"Against {found.rater}'s blind labels ({found.labelled_in:,} of {found.model_in:,} "
            f"that the model puts in, {found.labelled_out:,} of {found.model_out:,} that it puts "
            f"out): recall {_figure(found.recall)}, precision {_figure(found.precision)}, missed "
            f"by the model {_figure(found.missed)}"
            + (f", of which these labels bring back {found.found:,}." if found.found else ".")
        )
    said += [f"Note: {note}." for note in found.notes]
    if found.more:
        said.append(
            f"{plural(found.more, 'more blind label')}, half of them on each side while there are "
            f"any, would bring the interval of the recall to about {WIDTH:g}."
        )
    return said


def how_to_learn(found: ScreeningReport) -> list[str]:
    """What to do where nothing is known of the misses."""
    if found.labelled_out:
        return []
    return [
        f"To learn what is missed: coder review {found.screening.run} --rater YOU --blind --order "
        "by-code, or coder sample --where for labelling elsewhere."
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {source}" for source, n in counts.items()) or "nobody"


def _figure(found: Estimate) -> str:
    if found.value is None:
        return f"not known ({found.note})"

    def short(value: float) -> str:
        return f"{value:.2f}" if value <= 1 else f"{value:,.0f}"

    ends = (
        ""
        if found.low is None or found.high is None
        else (f" [{short(found.low)}, {short(found.high)}]")
    )
    return f"{short(found.value)}{ends}"
