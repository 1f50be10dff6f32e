"""The confidence people are shown: the model's own, calibrated where a run has been calibrated."""

from __future__ import annotations

from collections.abc import Callable

from coder.records import Calibration, ScoredCode
from coder.storage.run import Run

Confidence = Callable[[ScoredCode], float | None]


def calibrations(run: Run) -> dict[str, Calibration]:
    """The last calibration of each source that changes something."""
    latest = {made.source: made for made in run.calibrations}
    return {source: made for source, made in latest.items() if made.method != "identity"}


def calibrated(run: Run) -> Confidence:
    """What to show for a scored code of ``run``, by the calibrations it has now."""
    latest = calibrations(run)

    def confidence(scored: ScoredCode) -> float | None:
        made = latest.get(scored.source)
        if made is None or scored.confidence is None:
            return scored.confidence
        from coder.agreement import calibration

        return float(calibration.apply(made.method, made.parameters, scored.confidence))

    return confidence
