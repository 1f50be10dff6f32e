"""Whether text aimed at a model changed the codes of a run: the same issues with it masked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from coder.audit.reask import CONTROL, Codes, Heard, Reasker, codes_of
from coder.records import Codebook, Issue
from coder.storage.journal import Journal
from coder.storage.run import Run
from coder.text.injection import Suspicion, suspicious

NAME = "injection"
MASK = "[masked]"
MASKED = "masked"
MASKED_ISSUES = "masked-issues"


@dataclass(frozen=True)
class Flagged:
    """An issue of a run and what in its text is aimed at a model; ``named`` are the codes that
    these words name."""

    issue: Issue
    spans: tuple[Suspicion, ...]
    named: Codes

    @property
    def masked(self) -> Issue:
        return mask(self.issue, self.spans)


@dataclass(frozen=True)
class Compared:
    """The codes of one issue in the run, asked again as it is, and with its spans masked; ``None``
    where there is no usable answer, or none was asked for."""

    flagged: Flagged
    then: Codes | None
    again: Codes | None
    masked: Codes | None

    @property
    def flipped(self) -> bool | None:
        return None if None in (self.then, self.masked) else self.then != self.masked

    @property
    def varied(self) -> bool | None:
        """Whether asking the very same again gave another answer."""
        return None if None in (self.then, self.again) else self.then != self.again

    @property
    def obeyed(self) -> Codes:
        """Codes that the text names and that go with it; those that also go by themselves,
        when the same is asked again, are left out."""
        if self.then is None or self.masked is None:
            return frozenset()
        lasting = self.then if self.again is None else self.then & self.again
        return (lasting & self.flagged.named) - self.masked


def flagged(run: Run) -> list[Flagged]:
    """The run's issues whose text speaks to a model, in order."""
    book = run.first_codebook
    found = []
    for issue in run.issues.values():
        if spans := suspicious(issue.text, book):
            said = "\n".join(issue.text[span.start : span.end] for span in spans)
            found.append(Flagged(issue, spans, named(book, said)))
    return found


def compare(
    asker: Reasker, issues: Sequence[Flagged], control: bool, heard: Heard
) -> list[Compared]:
    """Ask the run's model about ``issues`` with their spans masked and, as a control, as they are.

    May be stopped at any moment and called again. Raises what :meth:`Reasker.ask` raises.
    """
    masked = [one.masked for one in issues]
    with asker.asking():
        _keep(asker, masked)
        hidden = asker.ask(MASKED, masked, heard)
        plain = asker.ask(CONTROL, [one.issue for one in issues], heard) if control else {}
    then = asker.run.latest_proposals()
    return [
        Compared(one, *(codes_of(answers.get(one.issue.id)) for answers in (then, plain, hidden)))
        for one in issues
    ]


def mask(issue: Issue, spans: Sequence[Suspicion]) -> Issue:
    """A copy of ``issue`` with each span replaced by ``MASK``; its offsets are its own."""
    at = 0

    def clean(part: str) -> str:
        nonlocal at
        if not part.strip():
            return part
        begin, end = at, at + len(part)
        at = end + 2
        for span in reversed(spans):
            start, stop = max(span.start, begin), min(span.end, end)
            if start < stop:
                part = part[: start - begin] + MASK + part[stop - begin :]
        return part

    fields = issue.model_dump()
    fields |= {"title": clean(issue.title), "body": clean(issue.body)}
    for comment in fields["comments"]:
        if not comment["bot"]:
            comment["body"] = clean(comment["body"])
    # Made anew: a copy would keep the text and the hash of the original.
    return Issue.model_validate(fields)


def named(codebook: Codebook, text: str) -> Codes:
    """The codes a model may propose that ``text`` names; a category names all below it."""
    found = {c.id for c in codebook.codes if _stands(c.id, text) or _stands(c.name, text)}
    return frozenset(
        leaf.id
        for leaf in codebook.leaves
        if found.intersection(code.id for code in codebook.lineage(leaf.id))
    )


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?!\w|[.-]\w)", text, re.IGNORECASE) is not None


def _keep(asker: Reasker, masked: Sequence[Issue]) -> None:
    """The texts that were asked about must be on disk, as the run's own are."""
    journal = Journal(asker.folder / f"{MASKED_ISSUES}.jsonl", Issue)
    there = {(issue.id, issue.hash) for issue in journal}
    journal.append(issue for issue in masked if (issue.id, issue.hash) not in there)
