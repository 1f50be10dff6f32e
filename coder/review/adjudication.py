"""Disagreements and their resolution as a state machine without a terminal.

A disagreement is an issue whose raters' usable answers differ. Its resolution is one appended
record, on disk before the next one shows; all else is derived from the run's files, so the same
command goes on where the last one stopped. The model's suggestion is never shown here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from coder.errors import UsageError
from coder.ratings.comparable import Codes, judged, raters
from coder.ratings.model import ExclusionReason
from coder.ratings.resolved import Answer, answers, first_passes, in_dispute, still_stands
from coder.records import Adjudication, Cardinality, Issue
from coder.revision.migration import Versions
from coder.storage.history import moment_after
from coder.storage.names import check_rater
from coder.storage.run import Run

_NO_ANSWER = (ExclusionReason.SKIPPED, ExclusionReason.FLAGGED)
"""A rater who put an issue aside has not answered it; there is nothing to set aside."""


@dataclass(frozen=True)
class Dispute:
    """An issue and what each rater said of it, in the order shown; digits count from 1."""

    issue: Issue
    answers: tuple[Answer, ...]

    @property
    def common(self) -> Codes:
        """The codes that every rater gave."""
        first, *others = self.answers
        return tuple(code for code in first.codes if all(code in a.codes for a in others))

    @property
    def codes(self) -> Codes:
        """Every code that anybody gave."""
        return tuple(dict.fromkeys(code for answer in self.answers for code in answer.codes))


@dataclass(frozen=True)
class SetAside:
    """Answers of one rater that cannot be compared, and why."""

    rater: str
    why: ExclusionReason
    issue_ids: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    done: int
    postponed: int
    total: int


class AdjudicationSession:
    """One person going through the disagreements of a run.

    ``dispute`` is what to show now, ``None`` at the end. ``resolve`` and ``skip`` move on. What is
    not possible raises ``UsageError`` and changes nothing; a full disk raises ``StorageError`` and
    the dispute stays.

    Only blind labels are answers, unless ``assisted``, and nobody's second pass. ``anonymous``
    calls raters by letters, in an order that is drawn for each issue. A skipped issue comes back
    once, after all others. ``only`` is the one issue to show, also when it was resolved before.
    """

    def __init__(
        self, run: Run, by: str, *, assisted: bool = False, anonymous: bool = False, only: str = ""
    ) -> None:
        self.run = run
        self.by = check_rater(by)
        self.codebook = run.codebook
        self.journal = run.adjudications
        self.dispute: Dispute | None = None
        self.selected: Codes = ()
        """The codes marked so far, where the codebook allows several; at first the common ones."""
        self.reason = ""
        """Written ahead of the answer."""
        self._versions = Versions(run)
        self._assisted, self._anonymous = assisted, anonymous
        known = raters(run, {p.id: p for p in run.proposals} if assisted else {})
        self._people = first_passes(known)
        self._given = {
            issue_id: given
            for issue_id in run.issues
            if in_dispute(given := answers(self._people, issue_id, assisted))
        }
        self._standing: dict[str, Adjudication] = {}
        self._skips: dict[str, int] = {}
        self._latest: datetime | None = None
        if not self._given and self._answering < 2:
            raise UsageError(
                f"there is nothing to compare in run {run.name!r}: "
                f"{self._answering} of its raters {'has' if self._answering == 1 else 'have'} "
                f"{self._what}",
                "bring some in with: coder label import"
                + ("" if assisted else "; --assisted also takes decisions made in a review"),
            )
        if only:
            self._given = {i: given for i, given in self._given.items() if i == only}
            if not self._given:
                raise UsageError(
                    f"issue {only!r} is no disagreement in run {run.name!r}",
                    "its raters agree, or fewer than two have a label of it that can be compared",
                )
        for record in self.journal:
            self._take_in(record)
        if only:
            self._show(only)
        else:
            self._advance()

    # --- what to show ---------------------------------------------------------------------------

    @property
    def several(self) -> bool:
        return self.codebook.cardinality is Cardinality.MULTIPLE

    @property
    def progress(self) -> Progress:
        return Progress(
            done=len(self._given.keys() & self._standing.keys()),
            postponed=len(self._skips.keys() - self._standing.keys()),
            total=len(self._given),
        )

    @property
    def resolved_before(self) -> Adjudication | None:
        """The resolution that stands for the issue shown, and that the next one replaces."""
        return self._standing.get(self.dispute.issue.id) if self.dispute else None

    @property
    def last(self) -> Adjudication | None:
        """The resolution that ``undo`` would take back: this person's last one."""
        mine = (r for r in reversed(self._standing.values()) if r.by == self.by)
        return next((record for record in mine if record.issue_id in self._given), None)

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """What raters said that is no answer here, such as labels made with another codebook."""
        found: dict[tuple[str, ExclusionReason], list[str]] = {}
        for rater in self._people:
            sides = (rater.blind, rater.decided) if self._assisted else (rater.blind,)
            for issue_id, why in (pair for side in sides for pair in side.left_out.items()):
                if why not in _NO_ANSWER:
                    found.setdefault((rater.name, why), []).append(issue_id)
        return tuple(SetAside(*key, tuple(dict.fromkeys(ids))) for key, ids in found.items())

    def name(self, answer: Answer) -> str:
        """What to call the rater: by a letter where names are hidden."""
        if not self._anonymous or self.dispute is None:
            return answer.rater
        return f"rater {_letters(self.dispute.answers.index(answer))}"

    # --- answers --------------------------------------------------------------------------------

    def answer(self, number: int) -> Codes:
        """What the rater of this number said. ``UsageError`` when there is no such number."""
        given = self._current().answers
        if not 1 <= number <= len(given):
            raise UsageError(f"there is no number {number} here", "find a code with /")
        return given[number - 1].codes

    def mark(self, code: str) -> None:
        """Put a code into the selection, or take it out."""
        self._current()
        self._require_known(code)
        if code in self.selected:
            self.selected = tuple(other for other in self.selected if other != code)
        else:
            self.selected = (*self.selected, code)

    def checked(self, codes: Iterable[str]) -> Codes:
        """``codes`` in the codebook's order if they can be an answer; empty means none fits."""
        self._current()
        wanted = set(codes)
        for code in sorted(wanted):
            self._require_known(code)
        if not wanted and not self.codebook.allow_none:
            raise UsageError(
                f"codebook {self.codebook.id!r} does not allow 'none fits'", "find a code with /"
            )
        if len(wanted) > 1 and not self.several:
            raise UsageError(
                f"codebook {self.codebook.id!r} allows one code per {self.codebook.unit}",
                "choose one",
            )
        return tuple(code.id for code in self.codebook.codes if code.id in wanted)

    def resolve(self, codes: Iterable[str], reason: str = "") -> Adjudication:
        """Write down ``codes`` as the resolved label, and go on."""
        record = self._write(self._current(), self.checked(codes), reason or self.reason)
        self._advance()
        return record

    def skip(self) -> None:
        """Leave the issue for later; nothing is written."""
        issue_id = self._current().issue.id
        times = self._skips.pop(issue_id, 0) + 1
        self._skips[issue_id] = times  # last in line among the skipped
        self._advance()

    def undo(self) -> Adjudication | None:
        """Take back this person's last resolution and show its issue; ``None`` if none is left.

        The record stays in the file; a new one takes it back.
        """
        last = self.last
        if last is None:
            return None
        record = last.model_copy(
            update={
                "codes": (),
                "reason": "",
                "withdrawn": True,
                "codebook_hash": self.codebook.hash,
                "at": moment_after(self._latest),
            }
        )
        self.journal.append([record])
        self._take_in(record)
        self._skips.pop(last.issue_id, None)
        self._show(last.issue_id)
        return record

    # --- inside ---------------------------------------------------------------------------------

    def _current(self) -> Dispute:
        if self.dispute is None:
            raise UsageError("no disagreement is left", "undo with u, or quit with q")
        return self.dispute

    def _require_known(self, code: str) -> None:
        if code not in self.codebook.by_id:
            raise UsageError(
                f"{code!r} is not a code of codebook {self.codebook.id!r}", "find one with /"
            )

    @property
    def _answering(self) -> int:
        """How many raters have anything that could be compared."""
        return sum(
            bool(r.blind.answers or (self._assisted and r.decided.answers)) for r in self._people
        )

    @property
    def _what(self) -> str:
        return "answers" if self._assisted else "blind labels"

    def _write(self, dispute: Dispute, codes: Codes, reason: str) -> Adjudication:
        record = Adjudication(
            issue_id=dispute.issue.id,
            by=self.by,
            codes=codes,
            reason=reason.strip(),
            judged={answer.rater: answer.codes for answer in dispute.answers},
            blind=all(answer.blind for answer in dispute.answers),
            codebook_hash=self.codebook.hash,
            at=moment_after(self._latest),
        )
        self.journal.append([record])
        self._take_in(record)
        return record

    def _take_in(self, record: Adjudication) -> None:
        """Bring the state up to date with one record, read or just written."""
        self._latest = record.at if self._latest is None else max(self._latest, record.at)
        self._standing.pop(record.issue_id, None)
        given = self._given.get(record.issue_id, ())
        usable = not isinstance(judged(record, record.codes, self._versions), ExclusionReason)
        if (
            not record.withdrawn
            and usable
            and still_stands(record, given, self._versions)
            and (record.blind or self._assisted)
        ):
            self._standing[record.issue_id] = record

    def _advance(self) -> None:
        open_ = [i for i in self._given if i not in self._standing]
        first = next((i for i in open_ if i not in self._skips), None)
        again = (i for i, times in self._skips.items() if times == 1 and i not in self._standing)
        found = first or next(again, None)
        if found is None:
            self.dispute = None
        else:
            self._show(found)

    def _show(self, issue_id: str) -> None:
        given = self._given[issue_id]
        if self._anonymous:
            given = tuple(sorted(given, key=lambda answer: self._draw(issue_id, answer)))
        self.dispute = Dispute(self.run.issues[issue_id], given)
        self.selected = self.dispute.common if self.several else ()
        self.reason = ""

    def _draw(self, issue_id: str, answer: Answer) -> bytes:
        """A place that is the same each time the issue shows, and another for another issue."""
        text = f"{self.run.manifest.seed}\0{issue_id}\0{answer.rater}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _letters(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    more, last = divmod(place, 26)
    return (_letters(more - 1) if more else "") + chr(ord("A") + last)
