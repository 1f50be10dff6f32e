"""What may be concluded beyond agreement: counts, confidence, sway, standing in, trends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from coder.agreement import alt_test
from coder.ratings.comparable import Codes, Confidence, Levels, Rater, Ratings, taught
from coder.ratings.model import ExclusionReason, Level
from coder.records import Proposal
from coder.report.anchoring import sway, trends
from coder.report.confidence_quality import Drawn, trust
from coder.report.corrected import corrected, frame_of, probabilities, said_by_model
from coder.report.coverage import most_labels, who_labelled
from coder.report.model import (
    AltTestResult,
    Choices,
    ConfidenceQuality,
    Corrected,
    RaterAnchoring,
    Trend,
)
from coder.revision.migration import Versions
from coder.storage.run import Run


@dataclass(frozen=True)
class Findings:
    """One run's raters against its model.

    ``model`` is the model's side with its latest ``proposals``; ``shown`` holds, by rater, the
    model's side as that rater's decisions were shown it. ``groups`` gives each issue's repository.
    """

    run: Run
    raters: Sequence[Rater]
    model: Ratings
    proposals: Mapping[str, Proposal]
    shown: Mapping[str, Ratings]
    groups: Mapping[str, str]
    confidence: Confidence
    calibrated: bool
    draws: int
    seed: int
    choices: Choices

    @cached_property
    def _levels(self) -> Levels:
        return Levels(self.run.codebook)

    @cached_property
    def _versions(self) -> Versions:
        return Versions(self.run)

    @cached_property
    def _reference(self) -> Rater | None:
        return most_labels(self.raters)

    @cached_property
    def _people(self) -> dict[str, Rater]:
        return {rater.name: rater for rater in who_labelled(self.raters)}

    def corrected(self) -> tuple[Corrected, ...]:
        rater = self._reference
        if rater is None:
            return ()
        records = sorted(rater.log, key=lambda record: record.at)
        said = said_by_model(self.proposals, self._versions)
        frame = frame_of(self.run)
        found = (
            corrected(
                level, self._levels, list(self.run.issues), said, rater.blind.answers,
                rater.name, records, self.model.leaked, frame,
            )
            for level in self._levels.all
        )  # fmt: skip
        return tuple(one for one in found if one is not None)

    def trust(self) -> ConfidenceQuality | None:
        rater = self._reference
        if rater is None:
            return None
        carried = {i: self._versions.shown(self.proposals[i])[0] for i in self.model.answers}
        return trust(
            self.run.codebook, carried, self.model.answers, rater.blind.answers, rater.name,
            self.confidence, self.calibrated, self.groups, self._drawn(rater), self.choices,
        )  # fmt: skip

    def _drawn(self, rater: Rater) -> Drawn:
        """How the labelled issues of a rater were drawn, and which of them a certificate must not
        use, or counts as read by a person."""
        issues = list(self.run.issues)
        labelled = np.array([i in rater.blind.answers for i in issues])
        known = probabilities(issues, labelled, sorted(rater.log, key=lambda record: record.at))
        return Drawn(
            chance=None if known is None else dict(zip(issues, known.tolist(), strict=True)),
            unanswered={
                i
                for i, why in self.model.left_out.items()
                if why is not ExclusionReason.LEAKED and i in self.proposals
            },
            taught={example.issue.id for example in taught(self.run)},
        )

    def sway(self) -> tuple[RaterAnchoring, ...]:
        found = (
            sway(rater, level, self._levels, self.model.answers, self._seen_by(rater),
                 self.groups, draws=self.draws, seed=self.seed)
            for rater in self.raters
            for level in self._levels.all
        )  # fmt: skip
        return tuple(one for one in found if one is not None)

    def stand_in(self) -> tuple[AltTestResult, ...]:
        if len(self._people) < 2:
            return ()
        return tuple(self._stand_in(level) for level in self._levels.all)

    def _stand_in(self, level: Level) -> AltTestResult:
        levels = self._levels
        humans = {n: levels.answers_at(level, r.blind.answers) for n, r in self._people.items()}
        model = levels.answers_at(level, self.model.answers)
        test = alt_test(model, humans, epsilon=self.choices.alt_test_epsilon)
        judged = set(chain.from_iterable(humans.values())) & model.keys()
        return AltTestResult(
            level=level,
            raters=tuple(humans),
            test=test,
            issue_ids=tuple(i for i in self.run.issues if i in judged),
        )

    def trends(self) -> tuple[Trend, ...]:
        return tuple(
            trend
            for rater in self.raters
            for level in self._levels.all
            for trend in trends(
                rater, level, self._levels, self.model.answers, self._seen_by(rater)
            )
        )

    def _seen_by(self, rater: Rater) -> Mapping[str, Codes]:
        side = self.shown.get(rater.name)
        return side.answers if side is not None else {}
