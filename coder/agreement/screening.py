"""What a screening misses: recall from a random sample of what was screened out.

Recall is that of a stratified sample (Cochran 1977, Sampling Techniques, ch. 5): hits of each part
times its issues over its labels, kept over all. The intervals are exact for a finite set of issues
(see :func:`.prevalence.exact_count`), with the doubt shared by the parts that leave any: together
they hold with 95% or more (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coder.agreement.prevalence import exact_count
from coder.records import Estimate

DOUBT = 0.05
NOTHING_OUT = "nothing that was screened out has been labelled"
NOTHING_IN = "nothing that was screened in has been labelled"
NO_POSITIVES = "no labelled issue belongs in"


@dataclass(frozen=True)
class Side:
    """Some issues on one side of the screening: of ``issues`` so many ``labelled`` ones were drawn
    at random, and ``hits`` of these belong in."""

    issues: int
    labelled: int
    hits: int

    @property
    def expected(self) -> float:
        """How many of all the issues belong in, as far as the labels tell."""
        return self.issues * self.hits / self.labelled if self.labelled else 0.0

    @property
    def open(self) -> bool:
        """Whether anything is left to guess."""
        return self.labelled < self.issues

    def bounds(self, doubt: float) -> tuple[int, int]:
        """The least and the most of them that belong in."""
        if not self.open:
            return self.hits, self.hits
        return exact_count(self.hits, self.labelled, self.issues, doubt)


Strata = Sequence[Side]
"""A whole side, in parts drawn with a probability of their own each."""


def missed(out: Strata) -> Estimate:
    """How many of the issues screened out belong in."""
    n = sum(part.labelled for part in out)
    if any(part.open and not part.labelled for part in out):
        return Estimate(value=None, n=n, note=NOTHING_OUT)
    low, high = _bounds(out, DOUBT)
    return Estimate(value=sum(part.expected for part in out), low=low, high=high, n=n)


def recall(kept: Strata, out: Strata) -> Estimate:
    """The share of the issues that belong in which the screening keeps."""
    n = sum(part.labelled for part in (*kept, *out))
    if any(part.open and not part.labelled for part in kept):
        return Estimate(value=None, n=n, note=NOTHING_IN)
    if any(part.open and not part.labelled for part in out):
        return Estimate(value=None, n=n, note=NOTHING_OUT)
    right = sum(part.expected for part in kept)
    whole = right + sum(part.expected for part in out)
    if not whole:
        return Estimate(value=None, n=n, note=NO_POSITIVES)
    both = any(part.open for part in kept) and any(part.open for part in out)
    doubt = DOUBT / 2 if both else DOUBT
    low_in, high_in = _bounds(kept, doubt)
    low_out, high_out = _bounds(out, doubt)
    return Estimate(
        value=right / whole,
        low=low_in / (low_in + high_out) if low_in + high_out else 0.0,
        high=high_in / (high_in + low_out) if high_in + low_out else 1.0,
        n=n,
    )


def precision(kept: Strata) -> Estimate:
    """The share of what the screening keeps that belongs in."""
    issues, n = sum(part.issues for part in kept), sum(part.labelled for part in kept)
    if not issues or any(part.open and not part.labelled for part in kept):
        return Estimate(value=None, n=n, note=NOTHING_IN)
    low, high = _bounds(kept, DOUBT)
    value = sum(part.expected for part in kept) / issues
    return Estimate(value=value, low=low / issues, high=high / issues, n=n)


def _bounds(side: Strata, doubt: float) -> tuple[int, int]:
    """The least and the most on a side, the doubt shared by the parts that leave any."""
    each = doubt / max(1, sum(part.open for part in side))
    ends = [part.bounds(each) for part in side]
    return sum(low for low, _ in ends), sum(high for _, high in ends)


def more_labels(kept: Strata, out: Strata, width: float) -> int | None:
    """How many more labels bring the interval of the recall to ``width``: half of them on each side
    as long as it has any left, spread over its parts, if hits go on as they came. ``None`` where
    there is no interval yet."""
    if recall(kept, out).value is None:
        return None
    left_in, left_out = (sum(part.issues - part.labelled for part in side) for side in (kept, out))

    def reach(more: int) -> float:
        inside = min(left_in, max(more // 2, more - left_out))
        found = recall(_with(kept, inside, left_in), _with(out, more - inside, left_out))
        return 1.0 if found.low is None or found.high is None else found.high - found.low

    low, high = -1, left_in + left_out
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reach(middle) <= width else (middle, high)
    return high


def _with(side: Strata, more: int, left: int) -> list[Side]:
    """A side with so many more labels of the ``left`` ones, hits as they came."""
    found = []
    for part in side:
        n = part.labelled + (round(more * (part.issues - part.labelled) / left) if left else 0)
        found.append(Side(part.issues, n, round(part.hits * n / part.labelled) if n else 0))
    return found
