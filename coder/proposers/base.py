"""What every proposer is: something that turns issues into proposals, one by one, in a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from coder.proposers.preview import Preview
from coder.records import Call, Issue, Proposal

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
