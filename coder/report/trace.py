"""Which input lines each figure of a report comes from, and finding a figure by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coder.errors import UsageError
from coder.ratings.comparable import Rater, Ratings
from coder.ratings.model import MODEL, ExclusionReason, Level
from coder.records import NONE_CODE, Estimate, Mode, Proposal
from coder.report.conclusions import probability
from coder.report.model import Acceptance, Expressed, Pair, Report, Trace, TracedFigure, TracedFile
from coder.storage.intra_rater import people
from coder.storage.run import Run

PROPOSALS = "proposals.jsonl"
ADJUDICATIONS = "adjudications.jsonl"

_ALIASES = {
    "kappa": "cohen_kappa",
    "alpha": "krippendorff_alpha",
    "ac1": "gwet_ac1",
    "agreement": "percent_agreement",
    "jaccard": "mean_jaccard",
}
_OF_PAIR = (
    "cohen_kappa", "krippendorff_alpha", "gwet_ac1", "percent_agreement", "macro_f1",
    "mean_jaccard", "tree_alpha",
)  # fmt: skip
_OF_CODE = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Figure:
    """One figure of a report: its full name, what it is, and which lines it comes from.

    Of these only those with ``code`` count, where that is given.
    """

    name: str
    source: str
    value: str
    code: str = ""


def trace(
    run: Run,
    report: Report,
    raters: Sequence[Rater],
    model: Ratings,
    proposals: Mapping[str, Proposal],
    lines: Mapping[str, tuple[str, int]],
) -> Trace:
    """The lines behind each part of ``report``. ``lines`` are the file and line of proposals and
    suggestions, by their id."""
    journals = [(PROPOSALS, run.proposals.tip())]
    for rater in raters:
        name = rater.name
        journals.append((f"labels/{name}.jsonl", run.label_journal(name).tip()))
        journals.append((f"decisions/{name}.jsonl", run.decision_journal(name).tip()))
        journals.append((f"suggestions/{name}.jsonl", run.suggestion_journal(name).tip()))
    journals.append((ADJUDICATIONS, run.adjudications.tip()))
    resolutions = {r.issue_id: line for line, r in run.adjudications.numbered()}
    return Trace(
        files=tuple(
            TracedFile(file=file, lines=count, hash=tip) for file, (count, tip) in journals if count
        ),
        figures=tuple(_Tracer(report, raters, model, proposals, lines, resolutions).figures()),
    )


class _Tracer:
    def __init__(
        self,
        report: Report,
        raters: Sequence[Rater],
        model: Ratings,
        proposals: Mapping[str, Proposal],
        lines: Mapping[str, tuple[str, int]],
        resolutions: Mapping[str, int],
    ) -> None:
        self.report, self.model, self.proposals = report, model, proposals
        self.people = {rater.name: rater for rater in raters}
        self.resolutions = resolutions
        self.latest = {i: lines[proposal.id][1] for i, proposal in proposals.items()}
        self.about = {
            rater.name: {
                i: lines[d.proposal_id]
                for i, d in rater.decisions.items()
                if d.proposal_id in lines
            }
            for rater in raters
        }

    def figures(self) -> Iterator[TracedFigure]:
        for pair in self.report.pairs:
            yield self._pair(pair)
        answered = {
            i
            for i, proposal in self.proposals.items()
            if proposal.status.answered
            and self.model.left_out.get(i)
            not in (ExclusionReason.OFF_CODEBOOK, ExclusionReason.STALE)
        }
        yield _figure("prevalence.model", self._model(answered))
        labelled = [rater for rater in self.people.values() if rater.blind.answers]
        for rater in labelled:
            yield _figure(f"prevalence.{rater.name}", self._labels(rater.name, rater.blind.answers))
        for together in self.report.together:
            shared = self._together(together.level, labelled)
            found = [self._labels(rater.name, answers) for rater, answers in shared]
            yield _figure(f"together.{together.level}", *found)
        for a in self.report.acceptance:
            decisions = self.people[a.rater].decisions
            ids = tuple(i for i, d in decisions.items() if d.mode is a.mode)
            ids = tuple(i for i in ids if self._learnt(a.rater, i) is a.learnt)
            yield _figure(_acceptance(a), *self._decisions(a.rater, ids))
        for e in self.report.expressed:
            if e.kind == "blind":
                labels = self._labels(e.rater, e.issue_ids)
                yield _figure(_expressed(e), self._model(e.issue_ids), labels)
            else:
                yield _figure(_expressed(e), *self._decisions(e.rater, e.issue_ids))
        for c in self.report.corrected:
            labels = self._labels(c.rater, c.issue_ids)
            yield _figure(f"corrected.{c.level}", self._model(answered), labels)
        if trust := self.report.trust:
            labels = self._labels(trust.rater, trust.issue_ids)
            yield _figure("trust", self._model(trust.issue_ids), labels)
        for s in self.report.sway:
            yield _figure(
                f"sway.{s.rater}.{s.level}",
                self._model(s.alone_issue_ids),
                self._labels(s.rater, (*s.alone_issue_ids, *s.blind_first_issue_ids)),
                *self._decisions(s.rater, (*s.assisted_issue_ids, *s.blind_first_issue_ids)),
            )
        for t in self.report.stand_in:
            found = [self._labels(name, t.issue_ids) for name in t.raters]
            yield _figure(f"stand_in.{t.level}", self._model(t.issue_ids), *found)
        for trend in self.report.trends:
            name = f"trend.{trend.rater}.{trend.kind}.{trend.level}"
            if trend.kind == "blind":
                labels = self._labels(trend.rater, trend.issue_ids)
                yield _figure(name, self._model(trend.issue_ids), labels)
            else:
                yield _figure(name, *self._decisions(trend.rater, trend.issue_ids))

        if self.report.durations is not None:
            yield _figure(
                "durations",
                self._model(self.proposals),
                *(self._labels(name, rater.blind.answers) for name, rater in self.people.items()),
                *(
                    part
                    for name, rater in self.people.items()
                    for part in self._decisions(name, tuple(rater.decided.answers))
                ),
                (ADJUDICATIONS, list(self.resolutions.values())),
            )

    def _pair(self, pair: Pair) -> TracedFigure:
        ids = pair.issue_ids
        if pair.kind in ("assisted", "revised"):
            return _figure(pair.id, *self._decisions(pair.right, ids))
        left = self._model(ids) if pair.left == MODEL else self._labels(pair.left, ids)
        if pair.kind == "resolved":
            return _figure(pair.id, left, *self._resolved(ids))
        return _figure(pair.id, left, self._labels(pair.right, ids))

    def _resolved(self, ids: Sequence[str]) -> list[tuple[str, list[int]]]:
        """The labels that resolved ones rest on, and what was adjudicated among them."""
        summary = self.report.resolved
        adjudicated = set(summary.adjudicated_issue_ids if summary else ())
        lines = [self.resolutions[i] for i in ids if i in adjudicated]
        return [*(self._labels(name, ids) for name in people(self.people)), (ADJUDICATIONS, lines)]

    def _learnt(self, rater: str, issue_id: str) -> bool:
        return self.about[rater].get(issue_id, (PROPOSALS, 0))[0] != PROPOSALS

    def _together(self, level: Level, raters: Sequence[Rater]) -> list[tuple[Rater, list[str]]]:
        """Each rater's answers to the issues that two raters or more answered at a level."""
        above = {code.parent for code in self.report.codebook.codes} if level == "code" else set()
        told = [
            (r, [i for i, codes in r.blind.answers.items() if above.isdisjoint(codes)])
            for r in raters
        ]
        times = Counter(i for _, ids in told for i in ids)
        return [(rater, [i for i in ids if times[i] > 1]) for rater, ids in told]

    def _model(self, ids: Iterable[str]) -> tuple[str, list[int]]:
        return PROPOSALS, [self.latest[i] for i in ids if i in self.latest]

    def _labels(self, rater: str, ids: Iterable[str]) -> tuple[str, list[int]]:
        known = self.people[rater].label_lines
        return f"labels/{rater}.jsonl", [known[i] for i in ids if i in known]

    def _decisions(self, rater: str, ids: Sequence[str]) -> list[tuple[str, list[int]]]:
        """The decisions, and the proposals that were shown for them."""
        known, about = self.people[rater].decision_lines, self.about[rater]
        seen = [i for i in ids if i in about and self.people[rater].decisions[i].seen]
        return [
            *((file, [line]) for file, line in (about[i] for i in seen)),
            (f"decisions/{rater}.jsonl", [known[i] for i in ids if i in known]),
        ]


def _expressed(e: Expressed) -> str:
    return f"expressed.{e.rater}.{e.kind}.{e.expression}"


def _acceptance(a: Acceptance) -> str:
    return f"acceptance.{a.rater}.{a.mode}{'.learnt' if a.learnt else ''}"


def _figure(name: str, *parts: tuple[str, list[int]]) -> TracedFigure:
    found: dict[str, list[int]] = {}
    for file, lines in parts:
        found.setdefault(file, []).extend(lines)
    spelled = {file: ranges(lines) for file, lines in found.items() if lines}
    return TracedFigure(name=name, lines=spelled)


def ranges(lines: Iterable[int]) -> str:
    """``1-160,165``; see :func:`numbers`."""
    there = np.unique(np.fromiter(lines, dtype=np.int64))
    if not len(there):
        return ""
    gaps = np.flatnonzero(np.diff(there) > 1)
    starts, ends = there[np.append(0, gaps + 1)], there[np.append(gaps, -1)]
    return ",".join(
        f"{first}-{last}" if last > first else f"{first}"
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def numbers(spelled: str) -> set[int]:
    """The lines that :func:`ranges` has spelled."""
    found: set[int] = set()
    for part in spelled.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


# --- by name ------------------------------------------------------------------------------------


def find(report: Report, asked: str) -> Figure:
    """The figure called ``asked``; ``UsageError`` naming the figures there are.

    ``kappa.model_vs_ann`` is by category; ``kappa.code.model_vs_ann`` by subcategory.
    """
    known = {figure.name: figure for figure in _figures(report)}
    head, _, rest = asked.partition(".")
    name = ".".join(filter(None, (_ALIASES.get(head, head), rest)))
    for spelled in _spellings(name):
        if spelled in known:
            return known[spelled]
    pairs = dict.fromkeys(_plain(pair) for pair in report.pairs)
    listed = (*_OF_PAIR, *_OF_CODE, "prevalence", "corrected")
    others = [n for n in known if n.split(".")[0] not in listed]
    raise UsageError(
        f"the report has no figure called {asked!r}",
        f"of each of {', '.join(pairs) or 'no pair'}: kappa, alpha, ac1, agreement, macro_f1 "
        f"(kappa.{next(iter(pairs), 'model_vs_RATER')}), and by code f1, precision, recall "
        f"(f1.CODE.{next(iter(pairs), 'PAIR')}); prevalence.CODE, prevalence.CODE.RATER, "
        f"corrected.CODE{''.join(f', {name}' for name in others)}",
    )


def _spellings(name: str) -> Iterator[str]:
    """The full name, and those a shorter one may stand for: blind before assisted, category before
    code."""
    yield name
    head, _, rest = name.partition(".")
    for kind in ("blind", "resolved", "assisted", "revised"):
        yield f"{head}.{kind}.{rest}"
        for level in ("category", "code"):
            yield f"{head}.{kind}.{level}.{rest.removeprefix(f'{kind}.')}"
            yield f"{name}.{kind}.{level}"
            yield f"{name}.{level}"
    for mode in Mode:
        yield f"{name}.{mode}"


def _plain(pair: Pair) -> str:
    """A pair as the shortest name that means it by category."""
    name = f"{pair.left}_vs_{pair.right}"
    return name if pair.kind == "blind" else f"{pair.kind}.{name}"


def _figures(report: Report) -> Iterator[Figure]:
    for pair in report.pairs:
        for name in _OF_PAIR:
            estimate = getattr(pair, name)
            if estimate is not None:
                yield Figure(f"{name}.{pair.id}", pair.id, _value(estimate))
        for code in pair.per_code:
            for name in _OF_CODE:
                full = f"{name}.{pair.kind}.{pair.level}.{code.code}.{pair.left}_vs_{pair.right}"
                yield Figure(full, pair.id, _value(getattr(code, name)), code.code)
    for count in report.prevalence:
        yield Figure(
            f"prevalence.{count.code}", "prevalence.model",
            f"{count.model.count:,} of {count.model.of:,}", count.code,
        )  # fmt: skip
        for rater, own in count.raters.items():
            yield Figure(
                f"prevalence.{count.code}.{rater}", f"prevalence.{rater}",
                f"{own.count:,} of {own.of:,}", count.code,
            )  # fmt: skip
    for c in report.corrected:
        for share in c.shares:
            if share.code != NONE_CODE or c.level == "category":
                source = f"corrected.{c.level}"
                yield Figure(f"corrected.{share.code}", source, _value(share.corrected))
    for together in report.together:
        source = f"together.{together.level}"
        yield Figure(source, source, f"alpha {_value(together.agreement.krippendorff_alpha)}")
    for a in report.acceptance:
        yield Figure(_acceptance(a), _acceptance(a), _value(a.acceptance))
    for e in report.expressed:
        yield Figure(_expressed(e), _expressed(e), _value(e.share))
    if trust := report.trust:
        yield Figure("trust", "trust", f"calibration error {_value(trust.stated.ece)}")
    for s in report.sway:
        source = f"sway.{s.rater}.{s.level}"
        yield Figure(source, source, _value(s.anchoring.difference))
    for t in report.stand_in:
        source = f"stand_in.{t.level}"
        yield Figure(source, source, f"winning rate {_number(t.test.winning_rate)}")
    for trend in report.trends:
        source = f"trend.{trend.rater}.{trend.kind}.{trend.level}"
        yield Figure(source, source, f"{len(trend.blocks)} blocks")
    if report.durations is not None:
        first = report.durations.resolution.tests[0]
        p_value = "undefined" if first.p_value is None else probability(first.p_value)
        yield Figure("durations", "durations", f"{first.name} p {p_value}")


def _value(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined ({estimate.note})"
    return f"{estimate.value:.3f} (n = {estimate.n:,})"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
