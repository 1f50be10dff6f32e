"""What a screening misses: recall from a random sample of what was screened out.

The intervals are exact for a finite set of issues (see :func:`.prevalence.exact_count`), with half
of the doubt on each side of the screening: together they hold with 95% or more (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass

from coder.agreement.prevalence import exact_count
from coder.records import Estimate

DOUBT = 0.05
_WIDEST_SEARCH = 40
NOTHING_OUT = "nothing that was screened out has been labelled"
NOTHING_IN = "nothing that was screened in has been labelled"
NO_POSITIVES = "no labelled issue belongs in"


@dataclass(frozen=True)
class Side:
    """One side of the screening: of ``issues`` so many ``labelled`` ones were drawn at random, and
    ``hits`` of these belong in."""

    issues: int
    labelled: int
    hits: int

    @property
    def expected(self) -> float:
        """How many of all the issues belong in, as far as the labels tell."""
        return self.issues * self.hits / self.labelled if self.labelled else 0.0

    def bounds(self, doubt: float) -> tuple[int, int]:
        """The least and the most of them that belong in."""
        if self.issues == 0:
            return 0, 0
        return exact_count(self.hits, self.labelled, self.issues, doubt)


def missed(out: Side) -> Estimate:
    """How many of the issues screened out belong in."""
    if out.issues and not out.labelled:
        return Estimate(value=None, note=NOTHING_OUT)
    low, high = out.bounds(DOUBT)
    return Estimate(value=out.expected, low=low, high=high, n=out.labelled)


def recall(kept: Side, out: Side) -> Estimate:
    """The share of the issues that belong in which the screening keeps."""
    n = kept.labelled + out.labelled
    if kept.issues and not kept.labelled:
        return Estimate(value=None, n=n, note=NOTHING_IN)
    if out.issues and not out.labelled:
        return Estimate(value=None, n=n, note=NOTHING_OUT)
    whole = kept.expected + out.expected
    if not whole:
        return Estimate(value=None, n=n, note=NO_POSITIVES)
    low_in, high_in = kept.bounds(DOUBT / 2)
    low_out, high_out = out.bounds(DOUBT / 2)
    return Estimate(
        value=kept.expected / whole,
        low=low_in / (low_in + high_out) if low_in + high_out else 0.0,
        high=high_in / (high_in + low_out) if high_in + low_out else 1.0,
        n=n,
    )


def labels_needed(kept: Side, out: Side, width: float) -> int | None:
    """How many labels on what was screened out bring the interval of the recall to ``width``, if
    hits go on as they came and no more is labelled of what was kept; ``None`` where even labels on
    all of it would not."""
    if not (kept.labelled and out.labelled):
        return None

    def reach(labelled: int) -> float:
        hits = round(out.hits / out.labelled * labelled)
        found = recall(kept, Side(out.issues, labelled, hits))
        return 1.0 if found.low is None or found.high is None else found.high - found.low

    if reach(out.issues) > width:
        return None
    low, high = 0, out.issues
    for _ in range(_WIDEST_SEARCH):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        low, high = (low, middle) if reach(middle) <= width else (middle, high)
    return max(high, out.labelled)
