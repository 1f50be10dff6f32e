"""From which confidence on a run's model may be taken at its word, as its report certifies it."""

from __future__ import annotations

from coder.ratings.comparable import calibrated, calibrations
from coder.ratings.delivered import RunAnswers
from coder.report.findings import Findings
from coder.report.model import Choices, CodeCertificate


def certificates(found: RunAnswers, choices: Choices) -> tuple[CodeCertificate, ...]:
    """Those the report of the run shows: over all proposed codes, then for single codes."""
    run = found.run
    groups = {issue.id: issue.repo for issue in run.issues.values() if issue.repo}
    findings = Findings(
        run, found.raters, found.model, found.proposals, {}, groups,
        calibrated(run), bool(calibrations(run)), 0, 0, choices,
    )  # fmt: skip
    trust = findings.trust()
    return trust.certificates if trust else ()


def certified_threshold(found: RunAnswers, choices: Choices) -> float | None:
    """The confidence from which on all proposed codes together are certified; ``None`` if none."""
    whole = next((made for made in certificates(found, choices) if not made.code), None)
    return whole.certificate.threshold if whole else None
