"""From a run to its report: who can be compared with whom, on which issues, and how they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

from coder.agreement import Agreement, agree, agree_many
from coder.agreement.intervals import LEVEL
from coder.errors import RunError
from coder.proposers.budget import Price
from coder.ratings.comparable import (
    Codes,
    Levels,
    Ratings,
    calibrated,
    calibrations,
    model_side,
    raters,
    taught,
)
from coder.ratings.model import ExclusionReason, Kind, Level
from coder.ratings.resolved import UNRESOLVED, resolve
from coder.records import (
    NONE_CODE,
    Decision,
    Mode,
    Proposal,
    Status,
)
from coder.report.acceptance import acceptances, expressed
from coder.report.corrected import said_by_model
from coder.report.coverage import changes, coverage, spending, summary, who_labelled
from coder.report.disagreements import Cases
from coder.report.durations import in_report
from coder.report.findings import Findings
from coder.report.model import (
    Choices,
    Count,
    Majority,
    Nested,
    Pair,
    Prevalence,
    Report,
    Resampling,
    Together,
)
from coder.report.sentences import why_too_few
from coder.report.trace import PROPOSALS, trace
from coder.revision.migration import Versions
from coder.storage.intra_rater import same_person
from coder.storage.run import Run

SHOWN: dict[Kind, Mode] = {"assisted": Mode.ASSISTED, "revised": Mode.BLIND_FIRST}
"""The kinds of answers given after a suggestion was shown, by the mode of their decisions."""


def build_report(
    run: Run,
    *,
    draws: int = 2000,
    seed: int = 0,
    price: Price | None = None,
    study: str = "",
    **choices: float,
) -> Report:
    """The report of a run as it is now. Reads the run, writes nothing.

    ``choices`` are those of :class:`coder.report.model.Choices`; ``study`` is what the study is
    called; ``price`` is that of the run's chat model, ``None`` if it is unknown or there is none.
    The same run and arguments give the same report. Raises ``RunError`` naming a line that cannot
    be read.
    """
    if not run.proposals.path.is_file():
        raise RunError(
            f"run {run.name!r} has no proposals",
            "make them with coder propose; if there were some, restore "
            f"{run.proposals.path} from a backup",
        )
    return _Builder(run, draws, seed, price, Choices(**choices)).report(study)


class _Builder:
    """One run read once, and the figures taken from it."""

    def __init__(
        self, run: Run, draws: int, seed: int, price: Price | None, choices: Choices
    ) -> None:
        self.choices = choices
        self.price = price
        self.run, self.draws, self.seed = run, draws, seed
        self.book = run.codebook
        self.versions = Versions(run)
        self.by_id: dict[str, Proposal] = {}
        by_id = self.by_id
        latest: dict[str, Proposal] = {}
        self.lines: dict[str, tuple[str, int]] = {}
        """Where each proposal and suggestion stands, by its id: its file and line."""
        for line, proposal in run.proposals.numbered():
            by_id[proposal.id] = latest[proposal.issue_id] = proposal
            self.lines[proposal.id] = PROPOSALS, line
        self.proposals = {i: latest[i] for i in run.issues if i in latest}
        self.learnt: set[str] = set()
        for rater in run.raters():
            for line, suggestion in run.suggestion_journal(rater).numbered():
                self.learnt.add(suggestion.id)
                by_id[suggestion.id] = suggestion
                self.lines[suggestion.id] = f"suggestions/{rater}.jsonl", line
        self.raters = raters(run, by_id)
        self.model = model_side(run, self.proposals)
        # A decision is about the proposal that was shown, even when a later one replaced it.
        self.shown = {
            rater.name: self._shown(rater.decisions, by_id)
            for rater in self.raters
            if rater.decisions
        }
        self.resolution = resolve(run, self.raters) if run.adjudicated() else UNRESOLVED
        self.at = Levels(self.book)
        self.levels = self.at.all
        self.groups = {issue.id: issue.repo for issue in run.issues.values() if issue.repo}

    def _shown(self, decisions: Mapping[str, Decision], by_id: Mapping[str, Proposal]) -> Ratings:
        shown = {i: by_id[d.proposal_id] for i, d in decisions.items() if d.proposal_id in by_id}
        side = model_side(self.run, self.proposals | shown)
        # What was learnt from the rater is not what this run's model says.
        learnt = {i: ExclusionReason.LEARNT for i, p in shown.items() if p.id in self.learnt}
        answers = {i: codes for i, codes in side.answers.items() if i not in learnt}
        return replace(side, answers=answers, left_out={**side.left_out, **learnt})

    def report(self, study: str) -> Report:
        pairs = tuple(self._pairs())
        confidence = calibrated(self.run)
        cases = Cases(
            self.run, self.raters, self.proposals, self.resolution, self.versions, confidence
        )
        findings = Findings(
            self.run, self.raters, self.model, self.proposals, self.shown, self.groups,
            confidence, bool(calibrations(self.run)), self.draws, self.seed,
            self.choices,
        )  # fmt: skip
        unsure = {p.id for p in self.by_id.values() if p.status is Status.UNSURE}
        report = Report(
            study=study,
            run=self.run.manifest,
            codebook=summary(self.book),
            resampling=Resampling(
                confidence=LEVEL,
                draws=self.draws,
                seed=self.seed,
                clusters=len(set(self.groups.values())),
            ),
            coverage=coverage(self.run, self.raters, self.model, self.proposals, taught(self.run)),
            calibrations=tuple(calibrations(self.run).values()),
            usage=spending(self.run, self.raters, self.price),
            resolved=self.resolution.summary if self.resolution.adjudicated else None,
            pairs=pairs,
            together=tuple(self._together()),
            acceptance=tuple(
                row
                for rater in self.raters
                for row in acceptances(
                    rater, self.learnt, unsure, self.groups, draws=self.draws, seed=self.seed
                )
            ),
            expressed=tuple(
                row
                for rater in self.raters
                for row in expressed(
                    rater,
                    self.model,
                    self.proposals,
                    self.by_id,
                    self.groups,
                    draws=self.draws,
                    seed=self.seed,
                )
            ),
            codebook_changes=tuple(changes(self.raters)),
            prevalence=tuple(self._prevalence()),
            corrected=findings.corrected(),
            trust=findings.trust(),
            sway=findings.sway(),
            stand_in=findings.stand_in(),
            trends=findings.trends(),
            durations=in_report(self.run, self.draws, self.seed),
            broken=self.run.broken_chains(),
            cases=tuple(cases.of(pairs)),
        )
        traced = trace(self.run, report, self.raters, self.model, self.proposals, self.lines)
        return report.model_copy(update={"trace": traced})

    # --- pairs ----------------------------------------------------------------------------------

    def _pairs(self) -> Iterator[Pair]:
        blind = [r.blind for r in self.raters if r.labels]
        sides: list[tuple[Ratings, Ratings, Kind]] = [(self.model, side, "blind") for side in blind]
        sides += [(left, right, "blind") for left, right in combinations(blind, 2)]
        for kind, mode in SHOWN.items():
            decided = [(r, r.after(mode)) for r in self.raters if _any(r.decisions, mode)]
            sides += [(self.shown[r.name], side, kind) for r, side in decided]
        if self.resolution.adjudicated:
            sides += [(side, self.resolution.side, "resolved") for side in (self.model, *blind)]
        for left, right, kind in sides:
            for level in self.levels:
                yield self._pair(left, right, kind, level)

    def _pair(self, left: Ratings, right: Ratings, kind: Kind, level: Level) -> Pair:
        excluded: Counter[ExclusionReason] = Counter()
        ours: dict[str, Codes] = {}
        theirs: dict[str, Codes] = {}
        one, other = (self.at.answers_at(level, side.answers) for side in (left, right))
        for issue_id in self.run.issues:
            if issue_id in one and issue_id in other:
                ours[issue_id], theirs[issue_id] = one[issue_id], other[issue_id]
            else:
                why = right.why_not(issue_id) or left.why_not(issue_id)
                excluded[why or ExclusionReason.CATEGORY_ONLY] += 1
        found = self._agree(ours, theirs, level, self._paths if level == "code" else None)
        kept = set(found.__class__.model_fields) & set(Pair.model_fields)
        return Pair(
            id=f"{kind}.{level}.{left.name}_vs_{right.name}",
            left=left.name,
            right=right.name,
            kind=kind,
            level=level,
            intra_rater=same_person(left.name, right.name),
            too_few=why_too_few(found.n),
            # Of every code one could choose, used or not, there is a row.
            ac1_categories=None if found.sets else len(found.per_code),
            majority_agreement=_majority(theirs.values()) if kind not in SHOWN else None,
            subcategory_given_category=self._nested(ours, theirs) if level == "code" else None,
            excluded={why: excluded[why] for why in ExclusionReason if excluded[why]},
            **{name: getattr(found, name) for name in kept},
        )

    def _agree(
        self,
        ours: Mapping[str, Codes],
        theirs: Mapping[str, Codes],
        level: Level,
        paths: Mapping[str, Codes] | None = None,
    ) -> Agreement:
        return agree(
            ours, theirs, codes=self.at.codes(level), groups=self._repositories, paths=paths,
            draws=self.draws, seed=self.seed,
        )  # fmt: skip

    def _nested(self, ours: Mapping[str, Codes], theirs: Mapping[str, Codes]) -> Nested:
        one, other = (self.at.answers_at("category", answers) for answers in (ours, theirs))
        same = [i for i in ours if one[i] == other[i] or set(one[i]) == set(other[i])]
        found = self._agree({i: ours[i] for i in same}, {i: theirs[i] for i in same}, "code")
        return Nested(
            n=found.n, percent_agreement=found.percent_agreement, cohen_kappa=found.cohen_kappa
        )

    def _together(self) -> Iterator[Together]:
        sides = [rater.blind for rater in who_labelled(self.raters)]
        if len(sides) < 3:
            return
        for level in self.levels:
            labels = {
                side.name: {
                    issue_id: self.at.at(level, codes)
                    for issue_id, codes in side.answers.items()
                    if level == "category" or not any(c in self.book.children for c in codes)
                }
                for side in sides
            }
            found = agree_many(
                labels,
                codes=self.at.codes(level),
                groups=self._repositories,
                paths=self._paths if level == "code" else None,
                draws=self.draws,
                seed=self.seed,
            )
            yield Together(level=level, agreement=found)

    # --- codes ----------------------------------------------------------------------------------

    @property
    def _paths(self) -> dict[str, Codes]:
        return {c.id: tuple(above.id for above in self.book.lineage(c.id)) for c in self.book.codes}

    @property
    def _repositories(self) -> dict[str, str] | None:
        return self.groups or None

    # --- what surrounds the figures -------------------------------------------------------------

    def _prevalence(self) -> Iterator[Prevalence]:
        model = said_by_model(self.proposals, self.versions)
        people = {r.name: r.blind.answers for r in self.raters if r.blind.answers}
        for level in self.levels:
            ours = self._tally(level, model.values())
            theirs = {name: self._tally(level, a.values()) for name, a in people.items()}
            for code in (*self.at.codes(level), NONE_CODE):
                yield Prevalence(
                    level=level,
                    code=code,
                    model=Count(count=ours[code], of=len(model)),
                    raters={
                        name: Count(count=tally[code], of=len(people[name]))
                        for name, tally in theirs.items()
                    },
                )

    def _tally(self, level: Level, answers: Iterable[Codes]) -> Counter[str]:
        found: Counter[str] = Counter()
        for codes, times in Counter(answers).items():
            for code in self.at.at(level, codes) or (NONE_CODE,):
                found[code] += times
        return found


def _majority(reference: Iterable[Codes]) -> Majority | None:
    answers = Counter(tuple(sorted(codes)) for codes in reference)
    if not answers:
        return None
    codes, count = min(answers.items(), key=lambda entry: (-entry[1], entry[0]))
    return Majority(value=count / answers.total(), codes=codes)


def _any(decisions: Mapping[str, Decision], mode: Mode) -> bool:
    return any(decision.mode is mode for decision in decisions.values())
