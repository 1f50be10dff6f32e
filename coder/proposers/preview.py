"""What asking a chat model will take, told before a single request is sent."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from statistics import fmean

from coder.proposers.prices import Price
from coder.records import Issue, Usage

SAMPLE = 200
"""Of so many issues the prompts are made; of more, a random sample."""


@dataclass(frozen=True)
class Parts:
    """Tokens by part, of one prompt or of all that are asked about an issue.

    ``system`` is the same for every issue of a run.
    """

    system: int
    definitions: int
    examples: int
    issue: int
    prompts: int = 1
    masked: int = 0
    """Places in the issue and its examples where something was masked."""

    @property
    def total(self) -> int:
        return self.system + self.definitions + self.examples + self.issue


def total_parts(parts: Sequence[Parts]) -> Parts:
    """The sum of ``parts``."""
    sums = (sum(getattr(part, field.name) for part in parts) for field in fields(Parts))
    return Parts(*sums)


@dataclass(frozen=True)
class Preview:
    """What proposing codes for ``pending`` issues takes, by those ``measured``.

    ``on_disk`` of the issues looked at have all their answers on disk already, of this run or kept
    from another, and are in no figure; no answer of ``max_output_tokens`` is longer.
    """

    model: str
    pending: int
    on_disk: int
    measured: tuple[Parts, ...]
    max_output_tokens: int
    counted_by: str
    exact: bool
    price: Price | None

    @property
    def asked(self) -> int:
        """Issues about which something is still to be asked."""
        seen = len(self.measured) + self.on_disk
        return round(self.pending * len(self.measured) / seen) if seen else 0

    @property
    def calls(self) -> int:
        """One for each question about those issues."""
        return round(self.asked * self._mean("prompts"))

    @property
    def sampled(self) -> bool:
        return len(self.measured) + self.on_disk < self.pending

    @property
    def usage(self) -> Usage:
        """Input as measured, answers as long as they may be, nothing cached."""
        return Usage(
            input_tokens=round(self.asked * self._mean("total")),
            output_tokens=self.calls * self.max_output_tokens,
        )

    @property
    def cacheable(self) -> Usage:
        """The same when the provider has the prefix cached from the second call on."""
        cached = round(max(0, self.asked - 1) * self._mean("system"))
        return self.usage.model_copy(update={"cached_tokens": cached})

    def _mean(self, what: str) -> float:
        return fmean(getattr(parts, what) for parts in self.measured) if self.measured else 0.0

    def cost(self, usage: Usage) -> Decimal | None:
        """In USD; ``None`` when the price is unknown."""
        return None if self.price is None else self.price.of(usage)


def draw(issues: Sequence[Issue], seed: int) -> Sequence[Issue]:
    """The issues to measure."""
    return issues if len(issues) <= SAMPLE else random.Random(seed).sample(list(issues), SAMPLE)
