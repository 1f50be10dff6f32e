"""A run under several versions of its codebook: answers carried over, and those that are stale.

On disk every answer stays as it was given, under the version it was given in. What it is under the
version of now is worked out here, each time, from the run's migrations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from coder.codebook import load as codebooks
from coder.codebook.changes import Codes, Stale, carrier, compare
from coder.errors import UsageError
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.records import (
    Action,
    Adjudication,
    Codebook,
    CodeChange,
    Decision,
    Label,
    Migration,
    Proposal,
    ScoredCode,
)
from coder.storage.run import Run

Judged = Label | Decision | Adjudication
"""What people said, of which each kind names the codebook it was said under."""

NO_ANSWER = (
    Action.SKIP, Action.FLAG, Action.MEMO, Action.UNDO, Action.SHOW, Action.LEAVE
)  # fmt: skip


class Versions:
    """The versions of one run's codebook, read once."""

    def __init__(self, run: Run) -> None:
        self.codebook = run.codebook
        history = run.history
        self._hashes = [run.manifest.codebook_hash, *(step.to_hash for step in history)]
        self._steps = [carrier(step.changes) for step in history]
        self._carried: dict[tuple[Codes, str, str], Codes | Stale] = {}

    def carry(self, codes: Codes, under: str = "", to: str = "") -> Codes | Stale:
        """What ``codes``, given under the version with the hash ``under``, are in that of now, or
        were in the version ``to``.

        No ``under`` stands for the version the run was made with.
        """
        asked = codes, under, to
        found = self._carried.get(asked)
        if found is None:
            found = self._carried[asked] = self._carry(codes, under, to)
        return found

    def _carry(self, codes: Codes, under: str, to: str) -> Codes | Stale:
        end = self._place(to, self._hashes) if to else len(self._steps)
        begin = None if end is None else self._place(under, self._hashes[: end + 1])
        if begin is None:
            return Stale()
        for step in self._steps[begin:end]:
            carried = step(codes)
            if isinstance(carried, Stale):
                return carried
            codes = carried
        return codes

    def _place(self, wanted: str, hashes: list[str]) -> int | None:
        """A version the run came back to says again what it said then: its last place counts."""
        wanted = wanted or hashes[0]
        places = [at for at, known in enumerate(hashes) if known == wanted]
        return places[-1] if places else None

    def shown(self, proposal: Proposal, under: str = "") -> tuple[Proposal, Stale | None]:
        """``proposal`` with its codes carried over, as far as they can be.

        Where they are stale it proposes nothing; what can stand for them is among its runners-up.
        """
        if not self._steps:
            return proposal, None
        before = tuple(scored.code for scored in proposal.codes)
        carried = self.carry(before, under) if proposal.status.answered else ()
        stale = carried if isinstance(carried, Stale) else None
        codes = () if stale else _distinct(self._each(proposal.codes, under))
        options = [] if not stale else [*self._each(proposal.codes, under), *self._instead(stale)]
        runners_up = _distinct([*options, *self._each(proposal.runners_up, under)])
        kept = {scored.code for scored in codes}
        fields = {
            "codes": codes,
            "runners_up": tuple(scored for scored in runners_up if scored.code not in kept),
        }
        return proposal.model_copy(update=fields), stale

    def _each(self, scored: Iterable[ScoredCode], under: str) -> Iterator[ScoredCode]:
        """Every code that can be carried over by itself, with its figures."""
        for one in scored:
            carried = self.carry((one.code,), under)
            if not isinstance(carried, Stale):
                yield one.model_copy(update={"code": carried[0]})

    def _instead(self, stale: Stale) -> Iterator[ScoredCode]:
        change = stale.change
        if change is not None:
            leaves = {code.id for code in self.codebook.leaves}
            named = change.into or (change.code or "",)
            yield from (ScoredCode(code=code) for code in named if code in leaves)


@lru_cache(maxsize=4)
def _of(run: Run) -> Versions:
    return Versions(run)


def carry(run: Run, record: Judged | Proposal) -> Codes | Stale | None:
    """The codes of ``record`` in the run's codebook of now; ``None`` where it answers nothing."""
    if isinstance(record, Proposal):
        if not record.status.answered:
            return None
        return _of(run).carry(tuple(scored.code for scored in record.codes))
    if isinstance(record, Decision) and record.action in NO_ANSWER:
        return None
    return _of(run).carry(record.codes, record.codebook_hash)


def stale(run: Run, record: Judged | Proposal) -> bool:
    """Whether somebody has to look at the issue again, as the codebook has changed since."""
    return isinstance(carry(run, record), Stale)


# --- going on with another version --------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """What a change of the codebook does to one kind of answers of one person, or of the model.

    ``stale`` counts answers by the change that makes them stale; ``before`` are those that were
    stale already.
    """

    who: str
    what: str
    carried: int
    stale: Counter[CodeChange]
    before: int


def plan(run: Run, path: Path) -> tuple[Migration, list[Effect]]:
    """The migration of ``run`` to the codebook in ``path``, and what it would do. Writes nothing.

    Raises ``UsageError`` where the file holds no other version of the run's codebook.
    """
    now, then = codebooks.load(path), run.codebook
    if now.id != then.id:
        raise UsageError(
            f"{path} is codebook {now.id!r}, and run {run.name!r} is coded with {then.id!r}",
            "a run goes on with another version of its own codebook only",
        )
    if now.hash == then.hash:
        raise UsageError(
            f"run {run.name!r} is at this version already: {then.id} {then.version}",
            "change the codebook, then: coder codebook bump",
        )
    made = Migration(
        from_hash=then.hash,
        to_hash=now.hash,
        to_version=now.version,
        file=f"codebooks/{len(run.history) + 1}.yaml",
        changes=compare(then, now).changes,
    )
    return made, list(_effects(run, made))


def migrate(run: Run, path: Path, planned: Migration) -> Run:
    """Go on with the codebook in ``path``; the run as it is from now on.

    Raises ``UsageError`` where the file is called what the run's own version is called.
    """
    if planned.to_version == run.codebook.version:
        raise UsageError(
            f"{path} is not the version {planned.to_version} that run {run.name!r} has, "
            "and is called the same",
            f"raise its version first: coder codebook bump {path}",
        )
    text = read_text(path)
    book, _ = codebooks.parse(text)
    with run.migrations.writing("coder codebook migrate"):
        moved_on = Run(run.path).history != run.history
        if moved_on or book is None or book.hash != planned.to_hash:
            raise UsageError(
                f"the codebook or run {run.name!r} was changed at this moment",
                "see what it means now: coder codebook migrate --dry-run",
            )
        # The record comes last: a version is one once its file is on disk.
        write_atomically(run.path / planned.file, text)
        run.migrations.append([planned])
    return Run(run.path)


def _effects(run: Run, made: Migration) -> Iterator[Effect]:
    versions, step = Versions(run), carrier(made.changes)

    def effect(who: str, what: str, answers: Iterable[Codes | Stale | None]) -> Effect:
        carried, before, lost = 0, 0, Counter[CodeChange]()
        for codes in answers:
            if codes is None:
                continue
            if isinstance(codes, Stale):
                before += 1
                continue
            after = step(codes)
            if not isinstance(after, Stale):
                carried += 1
            elif after.change is not None:
                lost[after.change] += 1
        return Effect(who, what, carried, lost, before)

    proposals = run.latest_proposals().values()
    yield effect(
        "model",
        "proposals",
        (
            versions.carry(tuple(scored.code for scored in p.codes))
            for p in proposals
            if p.status.answered
        ),
    )
    for rater in run.raters():
        labels = run.labels(rater).values()
        if labels:
            said = (versions.carry(x.codes, x.codebook_hash) for x in labels)
            yield effect(rater, "blind labels", said)
        decisions = [d for d in run.decisions(rater).values() if d.action not in NO_ANSWER]
        if decisions:
            said = (versions.carry(d.codes, d.codebook_hash) for d in decisions)
            yield effect(rater, "decisions", said)
    resolved = {one.issue_id: one for one in run.adjudications}
    standing = [one for one in resolved.values() if not one.withdrawn]
    if standing:
        said = (versions.carry(one.codes, one.codebook_hash) for one in standing)
        yield effect("resolved", "adjudications", said)


def book_at(run: Run, codebook_hash: str) -> Codebook | None:
    """The version with this hash, in which what was said under it can be read."""
    if codebook_hash in ("", run.manifest.codebook_hash):
        return run.first_codebook
    step = next((step for step in run.history if step.to_hash == codebook_hash), None)
    return None if step is None else codebooks.load(run.path / step.file)


def _distinct(scored: Iterable[ScoredCode]) -> tuple[ScoredCode, ...]:
    """Each code once, with the figures of whichever of them was surest."""
    kept: dict[str, ScoredCode] = {}
    for one in scored:
        known = kept.get(one.code)
        if known is None or (one.confidence or 0) > (known.confidence or 0):
            kept[one.code] = one
    return tuple(kept.values())
