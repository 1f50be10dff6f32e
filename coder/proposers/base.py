"""What every proposer is: something that turns issues into proposals, one by one, in a stream; and
what asking will take, told before a single request is sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from statistics import fmean
from typing import Any, Protocol

from coder.proposers.budget import Price
from coder.records import Call, Issue, Proposal, Usage

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


SaveCalls = Callable[[Sequence[Call]], None]
"""Puts calls on disk, at once. A proposer hands over every call before it parses the answer."""


class Proposer(Protocol):
    """Proposes codes. Writes nothing itself: the driver in :mod:`coder.proposers.run_loop` does."""

    def describe(self) -> dict[str, Any]:
        """What the run manifest must hold to tell this proposer from every other one.

        Deterministic for the same inputs; holds no secret. ``kind`` is ``classifier`` or ``llm``.
        """
        ...

    def measured(self) -> dict[str, Any]:
        """What making it has shown of its quality, for the manifest; may differ in the last digit
        between machines, so it does not count when a run is resumed."""
        return {}

    def texts(self) -> Mapping[str, str]:
        """What calls name only by its hash, to be kept in the run: file name -> text."""
        return {}

    def remark(self) -> str:
        """What was out of the ordinary while proposing, for people; empty if nothing was."""
        return ""

    def warning(self) -> str:
        """What people should know while proposing goes on, as soon as it is known; else empty."""
        return ""

    def held_up_by(self) -> str:
        """What proposing waits for most of the time, if that is on this machine; else empty."""
        return ""

    def is_final(self, proposal: Proposal) -> bool:
        """Whether a failed proposal would fail in the same way if it were asked for again now."""
        return False

    def recall(self, calls: Iterable[Call]) -> None:
        """Answers this run already has, to be used instead of asking (and paying) again."""

    def preview(self, issues: Sequence[Issue]) -> Preview | None:
        """What proposing codes for ``issues`` will take; ``None`` if nothing. Contacts nobody."""
        return None

    def propose(self, issues: Iterable[Issue], save_calls: SaveCalls) -> Iterator[Proposal]:
        """One proposal for each issue, in any order, each as soon as it is known."""
        ...

    def in_groups(
        self, issues: Iterable[Issue], save_calls: SaveCalls
    ) -> Iterator[Sequence[Proposal]]:
        """The same, with those together that are known at the same time, to be saved in one go."""
        for proposal in self.propose(issues, save_calls):
            yield [proposal]
