"""The whole sentences of a report: what to take home, and what speaks against the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from coder.ratings.model import MODEL, ExclusionReason
from coder.report.model import Pair, Report, Together
from coder.report.wording import Names, figure, plural, reading, reasons, title
from coder.storage.intra_rater import people, same_person
from coder.text.spelling import some

FEWEST_SHARED = 10
"""With fewer issues in common a pair is named, and no figure of it is shown or taken home."""


def why_too_few(n: int) -> str:
    """Why no figure of ``n`` issues is shown; empty where they are enough."""
    if n >= FEWEST_SHARED:
        return ""
    return f"too few issues in common for a figure ({FEWEST_SHARED} are needed)"


def enough(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs with enough issues in common for a figure."""
    return [pair for pair in pairs if pair.n >= FEWEST_SHARED]


def too_few(pairs: Iterable[Pair]) -> list[str]:
    """One line that names all other pairs, with how many issues they have in common.

    Who has too few by category has no more by subcategory, so that is told once.
    """
    few: dict[str, str] = {}
    for pair in pairs:
        if pair.n < FEWEST_SHARED:
            by = " by subcategory" if pair.level == "code" else ""
            few.setdefault(title(pair), f"{pair.n:,}{by}")
    if not few:
        return []
    named = some([f"{who} ({n})" for who, n in few.items()])
    return [f"Too few issues in common for a figure ({FEWEST_SHARED} are needed): {named}."]


def together(report: Report) -> list[Together]:
    """All raters at once, at each level with enough issues for a figure."""
    return [t for t in report.together if t.agreement.n >= FEWEST_SHARED]


def first_passes(report: Report) -> list[str]:
    """The people with usable labels, by the name of their first pass."""
    raters = report.coverage.raters
    return people((r.rater for r in raters if r.usable), (r.rater for r in raters))


def headline(report: Report) -> Pair | None:
    """The model against the rater with most labels to compare (first by name), by category.

    Of a person who coded again the first pass counts.
    """
    first = first_passes(report)
    return _largest(p for p in _blind(report) if p.left == MODEL and p.right in first)


def between_people(report: Report) -> Pair | None:
    """The two people with most issues in common (first by name), by category.

    Raters whose labels are identical throughout are not held up as two people who agree, nor is
    anybody's second pass.
    """
    same = {(s.left, s.right) for s in report.coverage.same_labels if s.identical}
    first = first_passes(report)
    return _largest(
        p for p in _blind(report)
        if p.left in first and p.right in first and (p.left, p.right) not in same
    )  # fmt: skip


def intra_rater(report: Report) -> Pair | None:
    """The two passes of one person with most issues in common (first by name), by category."""
    return _largest(p for p in _blind(report) if p.intra_rater)


def between_first_passes(report: Report) -> list[Pair]:
    """The blind pairs without those of a second pass with anybody but its own rater."""
    first = first_passes(report)
    return [
        pair for pair in report.pairs
        if pair.kind == "blind"
        and (pair.intra_rater or {pair.left, pair.right} <= {MODEL, *first})
    ]  # fmt: skip


def _blind(report: Report) -> Iterator[Pair]:
    return (p for p in report.pairs if p.kind == "blind" and p.level == "category")


def _largest(pairs: Iterable[Pair]) -> Pair | None:
    return min(enough(pairs), key=lambda p: (-p.n, p.left, p.right), default=None)


def headline_sentence(report: Report) -> str:
    """What to take home in a few sentences, or why there is nothing."""
    pair = headline(report)
    if pair is None:
        return nothing_to_compare(report)
    names = Names(report)
    how = (
        ", each judged by a model that had not seen that issue's own label (out of fold)"
        if report.coverage.learnt_from
        else " both coded independently"
    )
    sentences = [
        f"The model and {pair.right} {_agree(pair, names)} in "
        f"{_percent(pair)} of {plural(pair.n, 'issue')}{how}; {_alpha(pair)}."
    ]
    # Where the model chooses what it answers, its agreement is of the easier part.
    if unsure := pair.excluded.get(ExclusionReason.UNSURE):
        sentences.append(
            f"Not counted: {plural(unsure, 'issue')} of which the model is not sure, so this says "
            "nothing of how it would do on all."
        )
    sentences += learnt_from(report)
    if pair.majority_agreement is not None:
        sentences.append(_baseline(pair, names))
    between = between_people(report)
    if between is not None:
        how = _agree(between, names) if between.sets else "agree with each other"
        sentences.append(
            f"{between.left} and {between.right} {how} in {_percent(between)} of "
            f"{plural(between.n, 'issue')}; {_alpha(between)}."
        )
    again = intra_rater(report)
    if again is not None:
        sentences.append(
            f"{again.left} and {again.right}, one person twice, "
            f"{_agree(again, names) if again.sets else 'agree'} in {_percent(again)} of "
            f"{plural(again.n, 'issue')} (intra-rater); {_alpha(again)}."
        )
    return " ".join(sentences)


def _agree(pair: Pair, names: Names) -> str:
    level = names.level(pair.level)
    if pair.sets:
        return "give equal sets of " + (f"{level[:-1]}ies" if level.endswith("y") else f"{level}s")
    return f"agree on the {level}"


def _percent(pair: Pair) -> str:
    return f"{pair.percent_agreement.value or 0:.0%}"


def _alpha(pair: Pair) -> str:
    alpha = pair.krippendorff_alpha
    if alpha.value is None:
        return f"Krippendorff's alpha is undefined ({alpha.note})"
    return f"Krippendorff's alpha is {figure(alpha)}, {reading(alpha)}"


def learnt_from(report: Report) -> list[str]:
    """How many labels the model learnt from and whose they are; nothing when it learnt from none.

    Whose they are is told of the raters the model is compared with.
    """
    total = report.coverage.learnt_from
    if not total:
        return []
    own = {r.rater: r.shared_with_examples for r in report.coverage.raters if r.blind_labels}
    shared = [f"{count:,} of them {rater}'s own" for rater, count in own.items() if count]
    if own and not shared:
        shared = ["none of them a rater's own here"]
    return [f"The model learnt from {', '.join([plural(total, 'label'), *shared])}."]


def _baseline(pair: Pair, names: Names) -> str:
    assert pair.majority_agreement is not None
    code = names.codes(pair.majority_agreement.codes)
    sentence = (
        f"Always answering “{code}”, {pair.right}'s most frequent code, would agree in "
        f"{pair.majority_agreement.value:.0%}"
    )
    return f"{sentence}: the model is not above that." if below_baseline(pair) else f"{sentence}."


def below_baseline(pair: Pair) -> bool:
    """Whether the model agrees no more often than the reference's most frequent code would."""
    agreed, majority = pair.percent_agreement.value, pair.majority_agreement
    if pair.left != MODEL or agreed is None or majority is None:
        return False
    return agreed <= majority.value


def baseline_notes(report: Report) -> list[str]:
    """One line for each blind pair in which the model is not above the most frequent code."""
    names = Names(report)
    return [
        f"{title(pair)} {_agree(pair, names)} in {_percent(pair)}. {_baseline(pair, names)}"
        for pair in enough(report.pairs)
        if pair.kind == "blind" and below_baseline(pair)
    ]


def agreements(report: Report) -> Iterator[tuple[str, str]]:
    """How far all pairs of first passes agree by category: (what, figures)."""
    names = Names(report)
    pairs = [pair for pair in between_first_passes(report) if pair.level == "category"]
    for pair in enough(pairs):
        yield (
            f"Agreement of {title(pair)} by {names.level(pair.level)}",
            f"n = {pair.n:,}; {figure(pair.percent_agreement)} agree; kappa "
            f"{figure(pair.cohen_kappa)}; alpha {figure(pair.krippendorff_alpha)}; AC1 "
            f"{figure(pair.gwet_ac1)}; left out: {reasons(pair.excluded) or 'nothing'}",
        )
    for line in too_few(pairs):
        yield "Agreement not told", line


def resolved(report: Report) -> str:
    """Where the resolved labels came from, or nothing when nothing was adjudicated."""
    if report.resolved is None:
        return ""
    found = report.resolved
    return (
        f"Resolved: {plural(found.agreed, 'issue')} on which the raters’ blind labels agree and "
        f"{len(found.adjudicated_issue_ids):,} adjudicated by {', '.join(found.by)}; "
        f"{plural(found.unresolved, 'disagreement')} not resolved."
    )


def sample(report: Report) -> str:
    """``a random sample of 20 of 343 (seed 0)``, or nothing when all issues are in the run."""
    run = report.run
    if run.sampled_from is None and (made := run.sampling) is not None:
        how = "screened from " if run.screening else ""
        how += f"a random sample of {made.size:,} of {made.issues:,} (seed {made.seed}"
        if made.by:
            how += f", {made.allocation} by {made.by}"
        if made.by and made.allocation != "proportional":
            how += "; agreement and raw counts speak for the sample, in which strata do not count "
            how += "by their size"
        return f"{how})"
    if run.sampled_from is None:
        return ""
    return (
        f"a random sample of {report.coverage.issues:,} of {run.sampled_from:,} (seed {run.seed})"
    )


def broken(run: str, places: Sequence[str]) -> str:
    """That a run's log was changed, and where."""
    return (
        f"the log of this run was changed after it was written, at {', '.join(places)}: "
        f"coder audit log {run}"
    )


def warnings(report: Report) -> list[str]:
    """What speaks against two raters' labels being two judgements, and texts that speak to a
    model."""
    found = []
    if report.broken:
        found.append(broken(report.run.name, report.broken))
    if not report.single_issues:
        found.append(
            "what the model and the raters said of single issues is left out, for people who still "
            "label blind."
        )
    for same in report.coverage.same_labels:
        who = f"the labels of {same.left} and {same.right}"
        if same_person(same.left, same.right):
            judgements = "that the issues were coded anew"
        else:
            judgements = "that these are two people's judgements"
        if same.identical:
            what = f"are identical on all {plural(same.labels, 'issue')}"
            found.append(f"{who} {what}; make sure {judgements}.")
        if same.sources and same_person(same.left, same.right):
            found.append(f"{who} {_from(same.sources)}; make sure {judgements}.")
    files: dict[tuple[str, ...], dict[str, None]] = {}
    for same in report.coverage.same_labels:
        if same.sources and not same_person(same.left, same.right):
            files.setdefault(same.sources, {}).update(dict.fromkeys((same.left, same.right)))
    for sources, raters in files.items():
        *others, last = raters
        several = "two" if len(raters) == 2 else "different"
        found.append(
            f"the labels of {', '.join(others)} and {last} {_from(sources)}; make sure that these "
            f"are {several} people's judgements."
        )
    if addressed := len(report.coverage.addressed_issue_ids):
        found.append(
            f"text that speaks to a model stands in {plural(addressed, 'issue')}; whether it was "
            f"obeyed says: coder audit injection {report.run.name}"
        )
    return [f"Warning: {line}" for line in found]


def _from(sources: Iterable[str]) -> str:
    return f"come from the same file ({', '.join(sources)})"


def nothing_to_compare(report: Report) -> str:
    """Why no agreement of the model with a rater can be given, and what would change that."""
    labelled = [r for r in report.coverage.raters if r.blind_labels]
    if not labelled:
        return (
            "There are no blind labels in this run, so nothing can be said about agreement. "
            "Add some with: coder label import FILE --rater NAME --run " + report.run.name
        )
    models = [p for p in report.pairs if p.kind == "blind" and p.left == MODEL]
    if any(pair.n for pair in models):
        return " ".join(too_few(models))
    first = models[0]
    return (
        "No issue has both a usable blind label and an independent answer of the model "
        f"({reasons(first.excluded)} for {first.right})."
    )
