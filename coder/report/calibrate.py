"""Fits a run's confidences to the blind labels of one rater."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coder.agreement import calibration
from coder.errors import UsageError
from coder.ratings.comparable import Codes, Rater, model_side, raters
from coder.records import Calibration, Proposal, Source, content_hash
from coder.revision.migration import Versions
from coder.storage.intra_rater import people
from coder.storage.run import Run


@dataclass(frozen=True)
class Pair:
    """A proposed code, how sure the model was, and whether the rater's ``codes`` hold it."""

    issue_id: str
    confidence: float
    right: bool
    codes: Codes


def calibrate(run: Run, rater: str | None = None) -> list[Calibration]:
    """A calibration for each source of confidences in ``run``. Writes nothing.

    By default the rater with most labels that can be compared, the first by name on a tie, and
    nobody's second pass. Compared
    is what the report compares: no leaked proposal, no label of a category alone. Raises
    ``UsageError`` when there is nobody to compare with.
    """
    latest = run.latest_proposals()
    chosen = _choose(run, rater, latest)
    model, blind, versions = model_side(run, latest), chosen.blind, Versions(run)
    pairs: dict[Source, list[Pair]] = {}
    for issue_id in model.answers:
        codes = blind.answers.get(issue_id)
        if codes is None or any(code in run.codebook.children for code in codes):
            continue
        for scored in versions.shown(latest[issue_id])[0].codes:
            if scored.confidence is not None:
                pairs.setdefault(scored.source, []).append(
                    Pair(issue_id, scored.confidence, scored.code in codes, codes)
                )
    return [_fitted(run, chosen.name, source, found) for source, found in sorted(pairs.items())]


def _choose(run: Run, rater: str | None, latest: Mapping[str, Proposal]) -> Rater:
    known = raters(run, {p.id: p for p in latest.values()})
    labelled = {person.name: person for person in known if person.blind.answers}
    names = people(labelled, (person.name for person in known)) if rater is None else [rater]
    found = [labelled[name] for name in names if name in labelled]
    if not found:
        who = "nobody" if rater is None else repr(rater)
        verb = "has" if rater is None else "does not have any"
        again = f"; a second pass counts when it is named: --rater {next(iter(labelled), '')}"
        raise UsageError(
            f"{who} {verb} blind labels that can be compared in run {run.name!r}",
            "bring them in with: coder label import" + (again if labelled else ""),
        )
    return max(found, key=lambda person: len(person.blind.answers))


def _fitted(run: Run, rater: str, source: Source, pairs: list[Pair]) -> Calibration:
    repositories = [run.issues[pair.issue_id].repo or pair.issue_id for pair in pairs]
    made = calibration.fit(
        [pair.confidence for pair in pairs],
        [pair.right for pair in pairs],
        repositories,
        run.manifest.seed,
    )
    labels = {pair.issue_id: sorted(pair.codes) for pair in pairs}
    return Calibration(
        source=source,
        rater=rater,
        labels_hash=content_hash("labels.v1", sorted(labels.items())),
        proposals=made.n,
        method=made.method,
        parameters=dict(made.parameters),
        brier_before=made.brier_before,
        brier_after=made.brier_after,
        note=made.note,
    )
