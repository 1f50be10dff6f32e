"""How the report writes figures, names and reasons, so that every output says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from coder.proposers.prices import money
from coder.proposers.spending import Spent, in_words
from coder.records import NONE_CODE, Estimate, Usage
from coder.report.model import MODEL, Pair, Report, Spending, Why

TENTATIVE, RELIABLE = 0.667, 0.8
"""Where the readings of alpha begin (guidelines for SE studies, arXiv 2508.15503)."""

READING_GUIDE = (
    "Krippendorff's alpha below .667: discard; .667 to .8: tentative conclusions only; "
    ".8 and above: reliable (arXiv 2508.15503)."
)

WHY = {
    Why.NO_LABEL: "no blind label",
    Why.NO_DECISION: "no decision",
    Why.SKIPPED: "skipped by the rater",
    Why.FLAGGED: "flagged by the rater",
    Why.STALE: "label made with another codebook",
    Why.UNKNOWN_CODE: "label with a code not in the codebook",
    Why.SEVERAL_CODES: "several codes where one is allowed",
    Why.NOT_PROPOSED: "without a proposal",
    Why.UNPARSED: "model answer unparsed",
    Why.OFF_CODEBOOK: "model answer off the codebook",
    Why.REFUSED: "model refused",
    Why.FAILED: "model failed",
    Why.LEAKED: "leaked to the model",
    Why.CATEGORY_ONLY: "coded by category only",
}

STATUS = {
    "ok": "with a code",
    "abstained": "no code fits",
    "unparsed": "unparsed",
    "off_codebook": "off the codebook",
    "refused": "refused",
    "failed": "failed",
    "not_proposed": "not proposed yet",
}

LEVEL = {"category": "category", "code": "subcategory"}

UNCORRECTED = (
    "Raw counts, not corrected for anybody's errors: the model's count is not an estimate of how "
    "many issues are really in a code."
)

ACCEPTANCE = (
    "What raters did after seeing a proposal. This is acceptance, not agreement: a suggestion "
    "pulls people towards itself, so it never enters the headline."
)


def number(value: float | None) -> str:
    """A statistic to two places without the leading zero: ``.63``, ``-.05``, ``1.00``, ``–``."""
    if value is None:
        return "–"
    text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"
    return ".00" if text == "-.00" else text


def interval(estimate: Estimate) -> str:
    """``[.55, .70]``, or nothing when there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def figure(estimate: Estimate) -> str:
    """``.63 [.55, .70]``; the dash of an undefined one has its reason in ``note``."""
    return f"{number(estimate.value)} {interval(estimate)}".strip()


def share(count: int, of: int) -> str:
    """``12 (24%)``."""
    return f"{count:,} ({count / of:.0%})" if of else f"{count:,}"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def band(value: float) -> str:
    if value >= RELIABLE:
        return "reliable"
    return "tentative" if value >= TENTATIVE else "discard"


def reading(estimate: Estimate) -> str:
    """What the guideline says of an alpha, and whether its interval agrees with that."""
    if estimate.value is None:
        return "undefined"
    word = band(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{word} (no interval)"
    low, high = band(estimate.low), band(estimate.high)
    return word if low == high else f"{word} (interval: {low} to {high})"


def reasons(counts: Mapping[Why, int]) -> str:
    """``3 no blind label, 2 model failed``."""
    return ", ".join(f"{n:,} {WHY[why]}" for why, n in counts.items())


def describe_model(model: Mapping[str, object]) -> str:
    """The model's name, and that a classifier is not a language model."""
    name = str(model.get("name") or model.get("model") or model.get("kind") or "unnamed model")
    if model.get("kind") == "classifier":
        return f"{name} (a classifier, not a language model)"
    return name


class Names:
    """Codes and sides of one report, as people read them."""

    def __init__(self, report: Report) -> None:
        self.report = report

    @cached_property
    def _codes(self) -> dict[str, tuple[str, str]]:
        return {code.id: (code.name, code.path) for code in self.report.codebook.codes}

    def name(self, code: str) -> str:
        return "No code fits" if code == NONE_CODE else self._codes.get(code, (code,))[0]

    def path(self, code: str) -> str:
        return "No code fits" if code == NONE_CODE else self._codes.get(code, ("", code))[1]

    def codes(self, codes: tuple[str, ...] | None) -> str:
        """An answer: paths joined by semicolons; ``None`` is no answer."""
        if codes is None:
            return "–"
        return "; ".join(self.path(code) for code in codes or (NONE_CODE,))


def spent(usage: Spending) -> str:
    """What the model's calls used, in one line."""
    tokens = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
    )
    total = Spent(usage.calls, tokens, usage.estimated_calls)
    said = in_words(total, usage.cost, usage.prices_as_of)
    if usage.tokens_per_accepted_code is not None:
        said += (
            f"; for each of the {plural(usage.accepted_codes, 'accepted code')} "
            f"{usage.tokens_per_accepted_code:,.0f} tokens, {money(usage.cost_per_accepted_code)}"
        )
    return said


def title(pair: Pair) -> str:
    return f"{pair.left} and {pair.right}"


def headline(report: Report) -> Pair | None:
    """The model against the rater with most blind labels to compare, at category level."""
    pairs = [
        p for p in report.pairs if p.kind == "blind" and p.left == MODEL and p.level == "category"
    ]
    return max((p for p in pairs if p.n), key=lambda p: p.n, default=None)


def headline_sentence(report: Report) -> str:
    """The one sentence to take home, or why there is none."""
    pair = headline(report)
    if pair is None:
        return nothing_to_compare(report)
    alpha = pair.krippendorff_alpha
    agreed = pair.percent_agreement.value
    assert agreed is not None
    sentence = (
        f"The model and {pair.right} agree on the {LEVEL[pair.level]} in "
        f"{agreed:.0%} of {plural(pair.n, 'issue')} both coded independently"
    )
    if alpha.value is None:
        return f"{sentence}; alpha is undefined: {alpha.note}."
    return f"{sentence}: Krippendorff's alpha {figure(alpha)}, read as {reading(alpha)}."


def nothing_to_compare(report: Report) -> str:
    """Why no agreement of the model with a rater can be given, and what would change that."""
    labelled = [r for r in report.coverage.raters if r.blind_labels]
    if not labelled:
        return (
            "There are no blind labels in this run, so nothing can be said about agreement. "
            "Add some with: coder label import FILE --rater NAME --run " + report.run.name
        )
    first = next(p for p in report.pairs if p.kind == "blind" and p.left == MODEL)
    return (
        "No issue has both a usable blind label and an independent answer of the model "
        f"({reasons(first.excluded)} for {first.right})."
    )


def interval_note(report: Report) -> str:
    """How the intervals were made."""
    how = report.resampling
    over = (
        f"resampling {how.clusters:,} repositories"
        if how.clusters > 1
        else "resampling issues (there is one repository, or none is named)"
    )
    return (
        f"In brackets: {how.confidence:.0%} bootstrap intervals, {over}, {how.draws:,} draws, "
        f"seed {how.seed}."
    )


def confusions(pair: Pair) -> list[tuple[str, str, int]]:
    """Left's code, right's code and how often they met, most frequent first, where they differ."""
    if pair.confusion is None:
        return []
    codes = pair.confusion.codes
    found = [
        (codes[i], codes[j], count)
        for i, row in enumerate(pair.confusion.matrix)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return sorted(found, key=lambda entry: -entry[2])


def notes(pairs: Iterable[Pair]) -> list[str]:
    """What must be known about the coefficients of ``pairs``: each note once, and whom it is of."""
    found: dict[str, dict[str, list[str]]] = {}
    for pair in pairs:
        who = f"{title(pair)} by {LEVEL[pair.level]}"
        for label, estimate in (
            ("κ", pair.cohen_kappa),
            ("α", pair.krippendorff_alpha),
            ("AC1", pair.gwet_ac1),
        ):
            if estimate.note:
                found.setdefault(estimate.note, {}).setdefault(who, []).append(label)
    return [
        "; ".join(f"{who} ({', '.join(labels)})" for who, labels in whom.items()) + f": {note}."
        for note, whom in found.items()
    ]
