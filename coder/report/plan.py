"""How many more labels a run needs until its figures are as exact as one likes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from coder.agreement import Plan, agree, for_estimate, for_prevalence
from coder.agreement.certificates import labels_needed
from coder.ratings.comparable import Codes, Levels, Rater, Ratings, model_side, raters
from coder.ratings.model import Level
from coder.records import NONE_CODE, Estimate, Record
from coder.report.corrected import corrected, said_by_model
from coder.report.coverage import most_labels
from coder.report.model import Choices
from coder.revision.migration import Versions
from coder.storage.run import Run


class PlannedFigure(Record):
    """One figure as it is now, and by way of sampling what brings it to the width wanted, the
    cheapest way first. ``code`` is empty for kappa."""

    figure: Literal["kappa", "prevalence"]
    level: Level
    code: str
    now: Estimate
    plans: tuple[Plan, ...]


class PlannedCertificate(Record):
    """What a certificate for the issues of one code takes: ``labels`` on such issues there are,
    ``needed`` without an error among them, and about so many ``drawn`` at random to meet them."""

    code: str
    labels: int
    needed: int
    drawn: int


class Planned(Record):
    """What ``labels`` of ``rater`` say about a run of ``issues``; ``rater`` is empty without any.

    ``told`` is how many of the labels tell a code of each level: not those of a category alone.
    ``uneven`` labels were not drawn with one probability: plans take them for a random sample.
    """

    run: str
    rater: str
    labels: int
    told: dict[Level, int]
    issues: int
    width: float
    uneven: bool
    figures: tuple[PlannedFigure, ...]
    certificates: tuple[PlannedCertificate, ...]


def plan(run: Run, width: float, *, draws: int = 2000, seed: int = 0, **choices: float) -> Planned:
    """Kappa of the model with the rater who has most labels in their first pass, and the share of
    each code; and what certificates take, with ``choices`` as :class:`coder.report.model.Choices`.

    An issue whose label the model may have learnt from counts as not labelled. Writes nothing.
    """
    latest = run.latest_proposals()
    known = raters(run, {p.id: p for p in run.proposals})
    model = model_side(run, latest)
    said = said_by_model(latest, Versions(run))
    best = most_labels(known)
    found = _Planner(run, model, said, best, width, draws, seed) if best else None
    return Planned(
        run=run.name,
        rater=best.name if best else "",
        labels=len(found.labels) if found else 0,
        told=found.told if found else {},
        issues=len(run.issues),
        width=width,
        uneven=found.uneven if found else False,
        figures=tuple(found.figures()) if found else (),
        certificates=tuple(found.certificates(Choices(**choices))) if found else (),
    )


class _Planner:
    def __init__(
        self, run: Run, model: Ratings, said: Mapping[str, Codes], rater: Rater, width: float,
        draws: int, seed: int,
    ) -> None:  # fmt: skip
        self.run, self.model, self.said, self.width = run, model, said, width
        self.draws, self.seed, self.rater = draws, seed, rater.name
        self.levels = Levels(run.codebook)
        self.labels = {i: c for i, c in rater.blind.answers.items() if i not in model.leaked}
        self.told: dict[Level, int] = {
            level: len(self.levels.answers_at(level, self.labels)) for level in self.levels.all
        }
        records = sorted(rater.log, key=lambda record: record.at)
        self.now = {
            level: corrected(
                level, self.levels, list(run.issues), said, self.labels, rater.name, records,
                frozenset(),
            )
            for level in self.levels.all
        }  # fmt: skip
        self.uneven = any(found and found.sampling == "known" for found in self.now.values())

    def figures(self) -> Iterator[PlannedFigure]:
        for level in self.levels.all:
            yield self._kappa(level)
        for level in self.levels.all:
            yield from self._prevalences(level)

    def certificates(self, choices: Choices) -> Iterator[PlannedCertificate]:
        """For each code that a label holds, the rarest last."""
        usable = self.levels.answers_at("code", self.labels)
        held = Counter(code for codes in usable.values() for code in codes if code != NONE_CODE)
        needed = labels_needed(
            0.0, choices.certificate_epsilon, choices.certificate_delta, len(held) + 1
        )
        for code, labels in held.most_common():
            if needed is not None:
                drawn = math.ceil(needed * len(usable) / labels)
                yield PlannedCertificate(code=code, labels=labels, needed=needed, drawn=drawn)

    def _kappa(self, level: Level) -> PlannedFigure:
        model = self.levels.answers_at(level, self.model.answers)
        labels = self.levels.answers_at(level, self.labels)
        groups = {i: issue.repo for i, issue in self.run.issues.items() if issue.repo} or None
        now = agree(
            {i: model[i] for i in labels if i in model},
            {i: labels[i] for i in labels if i in model},
            codes=self.levels.codes(level), groups=groups, draws=self.draws, seed=self.seed,
        ).cohen_kappa  # fmt: skip
        made = for_estimate("kappa", now, self.width, len(model))
        return PlannedFigure(figure="kappa", level=level, code="", now=now, plans=(made,))

    def _prevalences(self, level: Level) -> Iterator[PlannedFigure]:
        usable = self.levels.answers_at(level, self.labels)
        ids = [i for i in self.run.issues if i in usable]
        human = self.levels.member(level, (usable[i] for i in ids))
        model = self.levels.member(level, (self.said.get(i) for i in ids))
        everywhere = self.levels.member(level, (self.said.get(i) for i in self.run.issues)).mean(0)
        found = self.now[level]
        for at, code in enumerate((*self.levels.codes(level), NONE_CODE)):
            if not human[:, at].any() and not everywhere[at]:
                continue
            yield PlannedFigure(
                figure="prevalence",
                level=level,
                code=code,
                now=found.shares[at].corrected if found else Estimate(value=None),
                plans=for_prevalence(
                    human[:, at], model[:, at], self.width, len(self.run.issues),
                    float(everywhere[at]),
                ),
            )  # fmt: skip


def cheapest(figures: Sequence[PlannedFigure]) -> str:
    """The way of sampling that brings the shares among ``figures`` to the width with the fewest
    labels; empty where none does."""
    ways = by_sampling([figure for figure in figures if figure.figure == "prevalence"])
    return min(ways, key=lambda way: ways[way], default="")


def by_sampling(figures: Sequence[PlannedFigure]) -> dict[str, int]:
    """For each way of sampling how many labels bring every one of ``figures`` to the width; ways
    that some figure does not tell are left out."""
    needed: dict[str, list[int | None]] = {}
    for figure in figures:
        for one in figure.plans:
            needed.setdefault(one.sampling, []).append(one.needed)
    return {
        way: max(n for n in counts if n is not None)
        for way, counts in needed.items()
        if None not in counts
    }
