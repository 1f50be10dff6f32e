"""Computes the flow of issues to a run from what files hold: records, manifests, answers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from coder.errors import RunError
from coder.ratings.delivered import Delivered, FinalSource, RunAnswers, delivered
from coder.ratings.screened import holds
from coder.records import NONE_CODE
from coder.report.certified import certified_threshold
from coder.report.flow_files import trace
from coder.report.flow_model import Count, Flow, Step
from coder.report.model import Choices
from coder.report.wording import WHY
from coder.storage.run import Run

SOURCES = {
    FinalSource.RESOLVED: "resolved by people",
    FinalSource.BLIND: "by one blind label",
    FinalSource.ASSISTED: "by people with the suggestion",
    FinalSource.CERTIFIED: "by the model, certified",
    FinalSource.MODEL: "by the model alone",
}
"""Who stands behind final codes, in words."""


def build_flows(runs: Path, names: Sequence[str], choices: Choices) -> list[Flow]:
    """The flow to each run, but to those that are steps of another one's.

    Of two runs without a word on it, of which one's issues are all among the other's, the larger
    one is taken for the screening of the smaller.
    """
    opened = [Run.open(runs, name) for name in dict.fromkeys(names)]
    builders = [_Builder(run, opened, choices) for run in opened]
    above = {builder.parent.name for builder in builders if builder.parent is not None}
    return [builder.flow() for builder in builders if builder.run.name not in above]


class _Builder:
    """Builds the flow to one run; ``parent`` is the run its issues were screened in."""

    def __init__(
        self, run: Run, others: Sequence[Run], choices: Choices, below: tuple[str, ...] = ()
    ) -> None:
        self.run, self.choices = run, choices
        self._below = (*below, run.name)
        self.gaps: list[str] = []
        self._result = "issues"
        """What the file holds that the run's issues were read from."""
        self.parent = self._parent(others)
        self._above = (
            None if self.parent is None else _Builder(self.parent, others, choices, self._below)
        )

    def flow(self) -> Flow:
        steps = [*self.before(), *self._coded()]
        if self._above is not None:
            self.gaps[:0] = self._above.gaps
        for one, following in pairwise(steps):
            left = sum(count.n for count in one.left_out)
            if one.n - left != following.n:
                self.gaps.append(
                    f"{one.n:,} {one.what} less {left:,} left out are not {following.n:,} "
                    f"{following.what}"
                )
        return Flow(run=self.run.name, steps=tuple(steps), gaps=tuple(dict.fromkeys(self.gaps)))

    def before(self) -> list[Step]:
        """All steps up to the issues of this run, without these."""
        if self._above is not None:
            steps = [*self._above.before(), self._screening(self._above)]
        else:
            steps = self._of_files()
        drawn_from = self.run.manifest.sampled_from
        if drawn_from is not None:
            left = drawn_from - self.run.manifest.issues
            steps.append(
                Step(
                    what="issues screened in" if self._above else self._result,
                    n=drawn_from, source=self._shown(self.run.path),
                    left_out=(Count(what="not drawn into the sample", n=left),),
                )
            )  # fmt: skip
        return steps

    def _of_files(self) -> list[Step]:
        """The steps that records of files tell, each named by what the one before has made."""
        file = self.run.manifest.issues_file
        if file is None:
            self.gaps.append(
                f"run {self.run.name} does not say which file its issues are from: it was made "
                "before runs did"
            )
            return []
        found = trace(file, self.run.path, self.gaps, self._shown)
        self._result = found[-1].result if found else f"issues of {Path(file.file).name}"
        names = [found[0].step.what, *(made.result for made in found[:-1])] if found else []
        return [
            made.step.model_copy(update={"what": name})
            for name, made in zip(names, found, strict=True)
        ]

    def _screening(self, above: _Builder) -> Step:
        """The issues of the screening run, and by their code those that did not go on."""
        screening, drawn = self.run.manifest.screening, self.run.manifest.sampled_from is not None
        left: Counter[str] = Counter()
        for issue_id, one in above.final.items():
            if issue_id in self.run.issues:
                continue
            taken = (
                screening is not None
                and one.codes is not None
                and (holds(above.run.codebook, one.codes, screening.code) != screening.negated)
            )
            if not taken:
                left[above.word(issue_id)] += 1
            elif not drawn:
                left["screened in since, or not among the issues given"] += 1
        return Step(
            what=f"issues screened in run {above.run.name}",
            n=len(above.final),
            source=self._shown(above.run.path),
            left_out=_counts(left),
        )

    def _coded(self) -> list[Step]:
        """The issues of the run, and those of them that have final codes."""
        coded = [one.source for one in self.final.values() if one.codes is not None]
        left = Counter(self.word(i) for i, one in self.final.items() if one.codes is None)
        screening, drawn = self.run.manifest.screening, self.run.manifest.sampled_from is not None
        taken: Mapping[str, int] = screening.taken if screening is not None and not drawn else {}
        what = f"issues in run {self.run.name}"
        return [
            Step(
                what=f"{what}, screened in" if self._above and not drawn else what,
                n=len(self.final), source=self._shown(self.run.path), of=_sources(taken),
                left_out=_counts(left),
            ),
            Step(what="issues coded", n=len(coded), of=_sources(Counter(coded))),
        ]  # fmt: skip

    def word(self, issue_id: str) -> str:
        """What was decided of an issue, or why nothing was."""
        one, book = self.final[issue_id], self.run.codebook
        if one.codes is None:
            if one.source is FinalSource.DISPUTED:
                return "with a disagreement not resolved"
            why = self.answers.model.why_not(issue_id)
            return WHY[why] if why else "without a code"
        names = [book.path(c) if c in book.by_id else c for c in one.codes if c != NONE_CODE]
        return "; ".join(names) or "no code fits"

    @cached_property
    def answers(self) -> RunAnswers:
        return RunAnswers(self.run)

    @cached_property
    def final(self) -> dict[str, Delivered]:
        """What stands of each issue."""
        certified = certified_threshold(self.answers, self.choices)
        return delivered(self.answers, certified=certified)

    def _parent(self, others: Sequence[Run]) -> Run | None:
        if screening := self.run.manifest.screening:
            if screening.run in self._below:
                self.gaps.append(
                    f"run {self.run.name} is said to be screened by run {screening.run}, which "
                    "comes after it"
                )
                return None
            try:
                return Run.open(self.run.path.parent, screening.run)
            except RunError as error:
                self.gaps.append(f"of the screening for run {self.run.name}: {error.message}")
                return None
        own = {i: issue.hash for i, issue in self.run.issues.items()}
        larger = [
            other
            for other in others
            if len(other.issues) > len(own)
            and all(i in other.issues and other.issues[i].hash == own[i] for i in own)
        ]
        found = min(larger, key=lambda run: len(run.issues), default=None)
        if found is not None:
            self.gaps.append(
                f"run {self.run.name} does not say how its issues were chosen; they are all among "
                f"those of run {found.name}"
            )
        return found

    def _shown(self, path: Path) -> str:
        """A path as one sees it from the study."""
        study = self.run.path.parents[1].resolve()
        return Path(os.path.relpath(path.resolve(), study)).as_posix()


def _counts(found: Counter[str]) -> tuple[Count, ...]:
    return tuple(Count(what=what, n=n) for what, n in found.most_common())


def _sources(counted: Mapping[str, int]) -> tuple[Count, ...]:
    return tuple(Count(what=SOURCES[s], n=counted[s]) for s in SOURCES if counted.get(s))
