"""How the report writes figures, names and reasons, so that every output says the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Protocol

from coder.proposers.budget import Spent, in_words, money
from coder.ratings.model import ExclusionReason, Level
from coder.records import NONE_CODE, Cardinality, Change, Estimate, Mode, Usage
from coder.report.model import (
    Acceptance,
    CodebookSummary,
    Pair,
    RaterCoverage,
    Report,
    Spending,
    Together,
)
from coder.text.spelling import plural as plural

TENTATIVE, RELIABLE = 0.667, 0.8
"""Where the readings of alpha begin (guidelines for SE studies, arXiv 2508.15503)."""

FEW = 30
"""With fewer issues an alpha is no more than a hint, whatever its interval says."""

READING = {
    "too low": "too low to draw conclusions from (below .667)",
    "tentative": "enough for tentative conclusions only (.667 to .8)",
    "reliable": "reliable (.8 and above)",
}
"""What each band of the guideline means, by the word it is called."""

READING_GUIDE = (
    "Krippendorff's alpha below .667: too low to draw conclusions from; .667 to .8: tentative "
    "conclusions only; .8 and above: reliable (arXiv 2508.15503)."
)

BASELINE = (
    "the agreement that always answering the reference's (the second one's) most frequent code "
    "would reach."
)

WHY = {
    ExclusionReason.NO_LABEL: "without a blind label",
    ExclusionReason.SEEN: "labelled after the suggestion was seen",
    ExclusionReason.NO_DECISION: "without a decision",
    ExclusionReason.SKIPPED: "skipped by the rater",
    ExclusionReason.FLAGGED: "flagged by the rater",
    ExclusionReason.STALE: "made stale by a change of the codebook",
    ExclusionReason.UNKNOWN_CODE: "with a code not in the codebook",
    ExclusionReason.SEVERAL_CODES: "with several codes where one is allowed",
    ExclusionReason.NOT_PROPOSED: "without a proposal",
    ExclusionReason.UNSURE: "of which the model is not sure",
    ExclusionReason.UNPARSED: "with an unreadable model answer",
    ExclusionReason.OFF_CODEBOOK: "with a model answer off the codebook",
    ExclusionReason.REFUSED: "refused by the model",
    ExclusionReason.FAILED: "failed at the model",
    ExclusionReason.LEAKED: "leaked to the model",
    ExclusionReason.CATEGORY_ONLY: "coded by category only",
    ExclusionReason.ONE_LABEL: "labelled by one rater only",
    ExclusionReason.UNRESOLVED: "with a disagreement not resolved",
    ExclusionReason.LEARNT: "answered after a suggestion learnt from the rater",
    ExclusionReason.OTHER_MODE: "answered in another mode of review",
}

STATUS = {
    "ok": "with a code",
    "abstained": "no code fits",
    "unsure": "not sure",
    "unparsed": "unparsed",
    "off_codebook": "off the codebook",
    "refused": "refused",
    "failed": "failed",
    "not_proposed": "not proposed yet",
}

UNCORRECTED = (
    "Raw counts, not corrected for anybody's errors: the model's count is not an estimate of how "
    "many issues are really in a code."
)

ACCEPTANCE = (
    "What raters did after seeing a proposal. This is acceptance, not agreement: a suggestion "
    "pulls people towards itself, so it never enters the headline. Decisions after a label "
    "that was given blind first are counted apart."
)

CHANGES = {
    Change.NEW: "a new code",
    Change.SPLIT: "to split a code",
    Change.MERGE: "to merge codes",
    Change.RULE: "a clearer rule",
}
LEARNT = (
    "Rows marked 'learnt' are about suggestions of a model fitted to the rater's own earlier "
    "answers, which takes their side and changes as they go on: they say nothing about the model "
    "of this run."
)


MODES = {
    Mode.ASSISTED: "assisted",
    Mode.BLIND_FIRST: "after a blind label",
    Mode.HOLDOUT: "with nothing shown",
}
"""What decisions of each mode are."""


def decisions(rater: RaterCoverage) -> str:
    """``5 assisted decisions, 4 decisions after a blind label, 1 skipped``."""
    said = [
        plural(count, "assisted decision")
        if mode is Mode.ASSISTED
        else f"{plural(count, 'decision')} {MODES[mode]}"
        for mode, count in rater.by_mode.items()
    ]
    aside = {"flagged": rater.flagged, "skipped": rater.skipped}
    return ", ".join([*said, *(f"{count:,} {how}" for how, count in aside.items() if count)])


EXPRESSED = (
    "For each code the model said whether the text states it or it is read between the lines. Of "
    "blind labels the share that is the model's code, of assisted decisions the share that "
    "accepted it: the first is agreement, the second is not."
)


def accepter(row: Acceptance) -> str:
    """Whose acceptance a row tells, after what, and of which suggestions."""
    about = [MODES[row.mode]] if row.mode is not Mode.ASSISTED else []
    about += ["learnt"] if row.learnt else []
    return f"{row.rater} ({', '.join(about)})" if about else row.rater


def acceptance_notes(report: Report) -> tuple[str, ...]:
    """What a reader must know about the rows of acceptance."""
    return (ACCEPTANCE, *([LEARNT] if any(row.learnt for row in report.acceptance) else []))


def changes(report: Report) -> str:
    """How many changes of the codebook raters proposed, of which kinds; empty without any."""
    kinds = Counter(asked.change for asked in report.codebook_changes)
    counts = "; ".join(f"{kinds[kind]:,} {words}" for kind, words in CHANGES.items() if kinds[kind])
    return f"Codebook changes proposed while coding: {counts}." if counts else ""


ASSISTED_DISAGREEMENTS = "Assisted answers that differ from the proposal (not agreement)"
REVISED_DISAGREEMENTS = (
    "Answers after a blind label, the proposal seen, that differ from it (not agreement)"
)
RESOLVED_DISAGREEMENTS = "Answers that differ from the resolved label"
DISAGREEMENTS: Mapping[str, str] = {
    "blind": "Disagreements",
    "assisted": ASSISTED_DISAGREEMENTS,
    "revised": REVISED_DISAGREEMENTS,
    "resolved": RESOLVED_DISAGREEMENTS,
}
"""What the disagreements of each kind of pair are called."""

NOT_INDEPENDENT = (
    "A resolved label is no independent judgement: who adjudicates has seen the raters' labels, "
    "and a rater is compared with labels that are partly their own. It counts as no rater."
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


def band(value: float) -> str:
    if value >= RELIABLE:
        return "reliable"
    return "tentative" if value >= TENTATIVE else "too low"


def reading(estimate: Estimate) -> str:
    """What the guideline says of an alpha, and whether its interval agrees with that."""
    if estimate.value is None:
        return "undefined"
    word = band(estimate.value)
    sentence = READING[word]
    if word != "too low" and estimate.n < FEW:
        # Where all of them are alike, the interval is a point and warns of nothing.
        sentence += f", but {plural(estimate.n, 'issue')} cannot carry that"
    if estimate.low is None or estimate.high is None:
        return f"{sentence} (no interval)"
    others = [w for w in dict.fromkeys((band(estimate.low), band(estimate.high))) if w != word]
    if not others:
        return sentence
    return f"{sentence}; the interval reaches into " + " and ".join(f"'{w}'" for w in others)


def reasons(counts: Mapping[ExclusionReason, int]) -> str:
    """``3 without a blind label, 2 failed at the model``."""
    return ", ".join(f"{n:,} {WHY[why]}" for why, n in counts.items())


def describe_model(model: Mapping[str, object]) -> str:
    """The model's name, and that a classifier is not a language model."""
    name = str(model.get("name") or model.get("model") or model.get("kind") or "unnamed model")
    if model.get("kind") == "classifier":
        return f"{name} (a classifier, not a language model)"
    return name


class _Coded(Protocol):
    @property
    def codebook(self) -> CodebookSummary: ...


class Names:
    """Codes of a report, or of a comparison, as people read them."""

    def __init__(self, report: _Coded) -> None:
        self.book = report.codebook

    @cached_property
    def _codes(self) -> dict[str, tuple[str, str]]:
        return {code.id: (code.name, code.path) for code in self.book.codes}

    @cached_property
    def flat(self) -> bool:
        """Whether no code has subcategories; then codes are not called categories."""
        return all(code.parent is None for code in self.book.codes)

    def level(self, level: Level) -> str:
        if self.flat:
            return "code"
        return "category" if level == "category" else "subcategory"

    def answer(self, level: Level) -> str:
        """What one answer is at a level: a code, or a set of them where there may be several."""
        word = self.level(level)
        if self.book.cardinality is not Cardinality.MULTIPLE:
            return word
        return f"set of {word[:-1]}ies" if word.endswith("y") else f"set of {word}s"

    def name(self, code: str) -> str:
        return "No code fits" if code == NONE_CODE else self._codes.get(code, (code,))[0]

    def path(self, code: str) -> str:
        return "No code fits" if code == NONE_CODE else self._codes.get(code, ("", code))[1]

    def codes(self, codes: tuple[str, ...] | None) -> str:
        """An answer: paths joined by semicolons; ``None`` is no answer."""
        if codes is None:
            return "–"
        return "; ".join(self.path(code) for code in codes or (NONE_CODE,))

    def baseline(self, pair: Pair) -> str:
        """``.45 (Usage)``, or the dash of a pair without issues."""
        if pair.majority_agreement is None:
            return "–"
        codes = pair.majority_agreement.codes
        shown = "; ".join(self.name(code) for code in codes or (NONE_CODE,))
        return f"{number(pair.majority_agreement.value)} ({shown})"


def spent(usage: Spending) -> str:
    """What the model's calls used, in one line."""
    tokens = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
    )
    total = Spent(usage.calls, tokens, usage.estimated_calls, usage.cut_prompts)
    said = in_words(total, usage.cost, usage.prices_as_of)
    if usage.tokens_per_accepted_code is not None:
        said += (
            f"; for each of the {plural(usage.accepted_codes, 'accepted code')} "
            f"{usage.tokens_per_accepted_code:,.0f} tokens, {money(usage.cost_per_accepted_code)}"
        )
    return said


def adjudicated(report: Report, pair: Pair) -> int:
    """How many of a pair's issues have an adjudicated label, not one that raters agree on."""
    known = report.resolved.adjudicated_issue_ids if report.resolved else ()
    return len({*pair.issue_ids} & {*known})


def title(pair: Pair) -> str:
    """Whose pair it is, and whether that is one person twice."""
    return f"{pair.left} and {pair.right}" + (" (intra-rater)" if pair.intra_rater else "")


ANSWERS: Mapping[str, str] = {
    "blind": "blind",
    "assisted": "assisted",
    "revised": "after a blind label",
}
"""What answers of each kind are called in a sentence or a figure."""


def kind(pair: Pair) -> str:
    return "intra-rater" if pair.intra_rater else pair.kind


def confidence(report: Report) -> str:
    """What the model's confidence is called: it says when nothing has calibrated it."""
    if report.calibrations:
        return "Model’s confidence (calibrated)"
    uncalibrated = report.run.model.get("calibrated") is False
    return "Model’s confidence (uncalibrated)" if uncalibrated else "Model’s confidence"


def coefficient_notes(report: Report, pairs: Iterable[Pair]) -> list[str]:
    """What coefficients take for granted: how many codes are possible, and what equal means."""
    kinds = {pair.sets for pair in pairs}
    found = [_possible(report)] if kinds != {True} else []
    if True in kinds:
        found.append(
            "Issues may have several codes: raters agree where their sets are equal, alpha and "
            "mean Jaccard are of the sets at the level named, and AC1 is given for each code, "
            "which an issue has or has not (q = 2)."
        )
    return found


def _possible(report: Report) -> str:
    codes = report.codebook.codes
    categories = sum(code.parent is None for code in codes)
    above = {code.parent for code in codes}
    leaves = sum(code.id not in above for code in codes)
    nested = f", {leaves} by subcategory" if categories < len(codes) else ""
    of = "categories" if nested else "codes"
    return (
        f"AC1 takes every code of the codebook as possible, used or not (q = {categories} {of}"
        f"{nested}), and “no code fits” as one more where it occurs."
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
        f"In brackets: {how.confidence:.0%} bootstrap intervals (expanded percentile), {over}, "
        f"{how.draws:,} draws, seed {how.seed}."
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


def order(report: Report) -> str:
    """In which order disagreements are listed, and what that order is worth."""
    said = "The model’s most confident answers come first."
    if not report.calibrations and report.run.model.get("calibrated") is False:
        said += " Its confidence is uncalibrated: an order, not a probability."
    return said


def coefficients(pair: Pair) -> list[tuple[str, Estimate]]:
    """The figures of a pair that the agreement tables show, and the symbols they have in notes."""
    found = [
        ("agree", pair.percent_agreement),
        ("κ", pair.cohen_kappa),
        ("α", pair.krippendorff_alpha),
        ("AC1", pair.gwet_ac1),
    ]
    return found if pair.tree_alpha is None else [*found, ("tree α", pair.tree_alpha)]


def notes(report: Report, pairs: Iterable[Pair]) -> list[str]:
    """What must be known about the coefficients of ``pairs``: each note once, and whom it is of."""
    names = Names(report)
    return footnotes(
        (f"{title(pair)} by {names.level(pair.level)}", label, estimate)
        for pair in pairs
        for label, estimate in coefficients(pair)
    )


def code_notes(report: Report, pair: Pair) -> list[str]:
    """Like :func:`notes`, for the figures of each code of a pair."""
    names = Names(report)
    return footnotes(
        (names.name(c.code), label, estimate)
        for c in pair.per_code
        if c.support_left or c.support_right
        for label, estimate in (
            (("F1", c.f1), ("κ", c.cohen_kappa), ("AC1", c.gwet_ac1))
            if pair.sets
            else (("", c.f1),)
        )
    )


def together_notes(report: Report, shown: Iterable[Together]) -> list[str]:
    """Like :func:`notes`, for the figures over all raters together that are ``shown``."""
    names = Names(report)
    return footnotes(
        (f"by {names.level(t.level)}", label, estimate)
        for t in shown
        for label, estimate in (
            ("agree", t.agreement.percent_agreement),
            ("κ", t.agreement.fleiss_kappa),
            ("α", t.agreement.krippendorff_alpha),
            ("AC1", t.agreement.gwet_ac1),
        )
    )


def footnotes(figures: Iterable[tuple[str, str, Estimate]]) -> list[str]:
    """Every note of ``figures`` (whom it is of, which figure, the figure) once, with whom.

    A note that all of them carry stands alone, one of all figures of a kind names the kind.
    """
    found: dict[str, dict[str, list[str]]] = {}
    every: dict[str, int] = {}
    for who, label, estimate in figures:
        every[label] = every.get(label, 0) + 1
        for note in filter(None, estimate.note.split("; ")):
            found.setdefault(note, {}).setdefault(who, []).append(label)
    lines = []
    counts: dict[str, list[str]] = {}
    for note, whom in found.items():
        of = [w + (f" ({', '.join(la)})" if any(la) else "") for w, la in whom.items()]
        kinds = Counter(label for labels in whom.values() for label in labels)
        if kinds == every:
            lines.append(f"{note}.")
        elif len(whom) > 1 and all(count == every[label] for label, count in kinds.items()):
            lines.append(f"{', '.join(kinds)}: {note}.")
        elif made := _UNDEFINED.fullmatch(note):
            counts.setdefault(made["of"], []).append(f"{made['n']} for {' and '.join(of)}")
        else:
            lines.append(f"{'; '.join(of)}: {note}.")
    lines += [
        f"Of {of} draws left out because they are undefined: {', '.join(each)}."
        for of, each in counts.items()
    ]
    return lines


_UNDEFINED = re.compile(r"(?P<n>\d+) of (?P<of>\d+) draws undefined, left out")
"""A note that is another for each figure: these are told in one line."""
