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
    """Tokens of one prompt by part. ``system`` is the same in every prompt of a run."""

    system: int
    definitions: int
    examples: int
    issue: int

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Preview:
    """What proposing codes for ``pending`` issues takes, by those ``measured``.

    ``on_disk`` of the measured issues have their answer on disk already and are in no figure.
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
    def calls(self) -> int:
        """One for each issue that has no answer yet."""
        seen = len(self.measured) + self.on_disk
        return round(self.pending * len(self.measured) / seen) if seen else 0

    @property
    def sampled(self) -> bool:
        return len(self.measured) + self.on_disk < self.pending

    @property
    def usage(self) -> Usage:
        """Input as measured, output as much as the setting allows, nothing cached."""
        mean = fmean(parts.total for parts in self.measured) if self.measured else 0
        return Usage(
            input_tokens=round(self.calls * mean),
            output_tokens=self.calls * self.max_output_tokens,
        )

    @property
    def cacheable(self) -> Usage:
        """The same when the provider has the prefix cached from the second call on."""
        prefix = self.measured[0].system if self.measured else 0
        cached = max(0, self.calls - 1) * prefix
        return self.usage.model_copy(update={"cached_tokens": cached})

    def cost(self, usage: Usage) -> Decimal | None:
        """In USD; ``None`` when the price is unknown."""
        return None if self.price is None else self.price.of(usage)


def draw(issues: Sequence[Issue], seed: int) -> Sequence[Issue]:
    """The issues to measure."""
    return issues if len(issues) <= SAMPLE else random.Random(seed).sample(list(issues), SAMPLE)
