"""How comparisons are put into words, so that the terminal and the files say the same."""

from __future__ import annotations

from coder.compare.model import Against, Comparison, Conclusion, Multiverse, RunPair
from coder.records import Estimate
from coder.report import wording
from coder.report.sentences import FEWEST_SHARED, why_too_few
from coder.report.wording import number, plural
from coder.text.spelling import some

SIGNIFICANT = 0.05
CAUTION = (
    "The interval of a difference and McNemar's test are for one comparison that was planned; "
    "among many, some come out by chance. McNemar's test takes issues as independent, the "
    "intervals resample whole repositories."
)
MULTIVERSE = (
    "These are the runs that were given, not all that could have been made. A conclusion that "
    "holds in all of them may still be wrong in all of them; one that flips hangs on a choice that "
    "has to be reported."
)
QUESTION = {
    "largest": "Largest category",
    "order": "Order of all categories",
    "time": "Days to resolution differ between categories",
    "corrected": "Largest category, counts corrected by labels",
}


class Names(wording.Names):
    """The codes of a comparison, as people read them."""

    def value(self, conclusion: Conclusion, value: str | None) -> str:
        """What a run concludes; codes by their names."""
        if value is None:
            return "–"
        if conclusion.name == "time":
            return value
        steps = value.split(" > ")
        return " > ".join(" = ".join(map(self.name, step.split(" = "))) for step in steps)


def letters(count: int) -> list[str]:
    """A, B, C, ...: short names for runs in tables."""
    return [chr(ord("A") + i) if i < 26 else f"R{i + 1}" for i in range(count)]


def _equals(value: float | None) -> str:
    written = p_value(value)
    return written if written[0] == "<" else f"= {written}"


def p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def same_issues(pair: RunPair) -> str:
    """On which issues two runs are compared."""
    said = f"{pair.left} and {pair.right} have {plural(pair.shared, 'issue')} in common"
    apart = [
        f"{count:,} {what}"
        for count, what in (
            (pair.only_left, f"in {pair.left} alone"),
            (pair.only_right, f"in {pair.right} alone"),
            (pair.changed, "with another text"),
        )
        if count
    ]
    return f"{said}; left out: {', '.join(apart)}." if apart else f"{said}, and no others."


def enough(pair: RunPair) -> list[Against]:
    """The raters, by level, with enough labels on issues both models answered for a figure."""
    return [found for found in pair.against if not why_too_few(found.n)]


def too_few(pair: RunPair, names: Names) -> list[str]:
    """One line that names all other raters, with how many such labels they have."""
    few: dict[str, str] = {}
    for found in pair.against:
        if why_too_few(found.n):
            by = "" if found.level == "category" else f" by {names.level(found.level)}"
            few.setdefault(found.rater, f"{found.n:,}{by}")
    if not few:
        return []
    named = some([f"{rater} ({n})" for rater, n in few.items()])
    return [
        "Too few blind labels on issues both models answered for a figure "
        f"({FEWEST_SHARED} are needed): {named}."
    ]


def apart(pair: RunPair, names: Names) -> str:
    """How far the two models say the same."""
    said = [
        f"{1 - m.percent_agreement.value:.0%} by {names.level(m.level)} (kappa "
        f"{number(m.cohen_kappa.value)})"
        for m in pair.models
        if m.percent_agreement.value is not None
    ]
    if not said:
        return "No issue was answered by both models."
    n = pair.models[0].n
    if why := why_too_few(n):
        return f"Both models answered {plural(n, 'issue')}: {why}."
    return f"Of {plural(n, 'issue')} both models answered, they code otherwise: {', '.join(said)}."


def verdict(pair: RunPair, found: Against, names: Names) -> str:
    """Which of two models agrees better with a rater with enough labels, if that can be told."""
    who = f"{found.rater}'s {plural(found.n, 'blind label')} by {names.level(found.level)}"
    test = found.mcnemar
    said = f"By {who}, there is no issue on which only one of them is right"
    if test.only_left or test.only_right:
        said = (
            f"By {who}, {pair.left} alone is right on {test.only_left:,}, {pair.right} alone on "
            f"{test.only_right:,} (exact p {_equals(test.p_value)})"
        )
    if found.kappa.difference.value is None:
        return f"{said}."
    better = _better(pair, found.kappa.difference)
    if better is not None:
        return f"{said}; {better} has the higher kappa."
    said += "; the kappas cannot be told apart"
    if test.p_value is not None and test.p_value < SIGNIFICANT:
        said += ", so being right more often may come from giving the frequent codes"
    return f"{said}."


def notes(pair: RunPair) -> list[str]:
    """What speaks against the labels of a pair, each once."""
    lines = []
    for found in pair.against:
        if found.level != "category":
            continue
        if found.differing:
            lines.append(
                f"{found.rater}: {plural(found.differing, 'issue')} labelled differently in the "
                "two runs, left out."
            )
        if found.swayed:
            lines.append(
                f"{found.rater}: {plural(found.swayed, 'label')} given after a suggestion for the "
                "issue had been shown in another run, left out."
            )
    for run in (pair.left, pair.right):
        taught = [
            f"{found.rater} {found.learnt[run]:,}"
            for found in pair.against
            if found.level == "category" and found.learnt[run]
        ]
        if taught:
            lines.append(
                f"The model of run {run} was taught with labels that are raters' own "
                f"({', '.join(taught)}): no issue was judged with its own label, but the model "
                "knows how these raters code."
            )
    return lines


def codebooks(comparison: Comparison | Multiverse) -> list[str]:
    if len({run.codebook_hash for run in comparison.runs}) < 2:
        return []
    return ["The runs' codebooks have the same codes, but not the same wording."]


def flips(conclusion: Conclusion) -> str:
    """How often a conclusion flips."""
    if conclusion.told < 2:
        return "told by fewer than two runs"
    if not conclusion.apart:
        silent = len(conclusion.values) - conclusion.told
        return f"the same in {conclusion.told} runs" + (
            f"; {silent} cannot tell" if silent else ", which are all"
        )
    pairs = f"{conclusion.apart} of {conclusion.pairs} pairs of runs disagree"
    if conclusion.majority is None:
        return f"no majority; {pairs}"
    return f"{conclusion.against} of {conclusion.told} runs against the majority; {pairs}"


def _better(pair: RunPair, difference: Estimate) -> str | None:
    if difference.low is None or difference.high is None or difference.value is None:
        return None
    if difference.low > 0:
        return pair.left
    return pair.right if difference.high < 0 else None
