"""Whether a run's files are whole: every line, the chain of lines, and what one says of another."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from coder.codebook import load as codebooks
from coder.errors import CoderError, RunError
from coder.records import (
    Adjudication,
    Assignment,
    Call,
    Decision,
    Example,
    Issue,
    Label,
    Migration,
    Proposal,
    Record,
    Refit,
    Reserved,
    content_hash,
    now,
)
from coder.review.learning import Answers, Teaching
from coder.revision.refine import hold_outs, verdicts
from coder.storage.blinding import Exposure
from coder.storage.intra_rater import person
from coder.storage.journal import Journal
from coder.storage.run import RESERVED, Run, data_hash, labels_hash, reserved_hash
from coder.text.spelling import file_called, name_of, plural

_CLOCKS_APART = timedelta(minutes=5)
"""What two machines that take turns may differ by."""

R = TypeVar("R", bound=Record)
OfCall = Callable[[Call], Iterator[str]]
OfProposal = Callable[[Proposal], Iterator[str]]

_MESSAGE = re.compile(r"system(\.[\w.-]+)?\.txt")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a file of the run, by its path inside it; line 0 is the file as a whole."""

    file: str
    line: int
    message: str

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Checked:
    """One file. ``hash`` stands for all of it (a journal's is that of its last line): noted
    elsewhere, it proves that nothing was cut off or rewritten since. ``note`` says what is worth
    knowing and not wrong."""

    file: str
    lines: int
    hash: str
    problems: tuple[Problem, ...]
    note: str = ""


def check_log(run: Run) -> list[Checked]:
    """Every file of the run, checked. Raises ``RunError`` when there is no readable manifest."""
    return [*_inputs(run), *_Journals(run).files(), *_torn(run)]


def require_whole(run: Run) -> None:
    """Raise ``RunError`` naming the first problem of a run whose files are not whole."""
    problems = [problem for checked in check_log(run) for problem in checked.problems]
    if problems:
        first = problems[0]
        raise RunError(
            f"the log of run {run.name!r} is broken: {first.where}: {first.message}",
            "restore the file from a backup or version control; coder audit log "
            f"{run.name} names every problem",
        )


# --- what the run was made of -------------------------------------------------------------------


def _inputs(run: Run) -> Iterator[Checked]:
    made, folder = run.manifest, run.path

    kept: tuple[tuple[str, type[Record], Callable[[Any], str], str], ...] = (
        ("issues.jsonl", Issue, data_hash, made.data_hash),
        ("examples.jsonl", Example, labels_hash, made.labels_hash),
        (RESERVED, Reserved, reserved_hash, made.reserved_hash),
    )

    def message(file: str) -> str:
        return content_hash("message.v1", (folder / file).read_bytes().decode("utf-8"))

    yield _same(run, "codebook.yaml", lambda: run.first_codebook.hash, made.codebook_hash)
    for file, kind, find_hash, wanted in kept:
        if kind is Issue or wanted or (folder / file).exists():
            yield _same(run, file, partial(find_hash, Journal(folder / file, kind)), wanted)
    for file, wanted in made.model.get("systems", {}).items():
        if _MESSAGE.fullmatch(file):
            yield _same(run, file, partial(message, file), wanted)
        else:
            yield Checked(file, 0, "", (Problem(file, 0, "is no name of a file of a run"),))


def _same(
    run: Run, file: str, find_hash: Callable[[], str], wanted: str, by: str = "the manifest"
) -> Checked:
    """``file`` against the hash in the manifest, or wherever else the run says what it is."""
    path = run.path / file
    found = ""
    try:
        found = find_hash()
        wrong = "" if found == wanted else f"is not what {by} says the run was made with"
    except (CoderError, OSError, UnicodeDecodeError) as error:
        wrong = str(error)
    if not path.exists():
        wrong = "is missing"
    return Checked(file, _measure(path)[0], found, (Problem(file, 0, wrong),) if wrong else ())


# --- what was said and decided ------------------------------------------------------------------


class _Journals:
    """The checks of what was said and decided; most need what another file holds."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._issues: dict[str, str] | None = None
        with contextlib.suppress(RunError):  # already named; nothing can be held against them
            self._issues = {issue.id: issue.hash for issue in run.issues.values()}
        self._texts = {issue_id: {text} for issue_id, text in (self._issues or {}).items()}
        examples = _whole(Journal(run.path / "examples.jsonl", Example))
        self._learnt = {example.issue.id for example in examples}
        self._proposed: dict[str, str] = {}
        """The issue of each proposal, by the proposal's name."""

    def files(self) -> Iterator[Checked]:
        run = self._run
        call, proposal = self._answers(self._texts, self._proposed, self._learnt)
        if run.calls.path.exists() or run.manifest.model.get("kind") == "llm":
            yield _journal(run, run.calls, call)
        yield _journal(run, run.proposals, proposal)
        if run.calibrations.path.exists():
            yield _journal(run, run.calibrations, lambda _: iter(()))
        for verb in ("suggest", "refine"):
            asked = Journal(run.path / verb / "calls.jsonl", Call)
            if asked.path.exists():
                yield _journal(run, asked, self._about)
        if (drawn := hold_outs(run)).path.exists():
            yield _journal(run, drawn, lambda _: iter(()))
        if (decided := verdicts(run)).path.exists():
            yield _journal(run, decided, lambda _: iter(()))
        if run.migrations.path.exists():
            yield from _versions(run)
        if run.assignments.path.exists():
            yield _journal(run, run.assignments, self._assignment)
        yield from self._of_raters()
        if run.adjudications.path.exists():
            yield _journal(run, run.adjudications, self._about)
        for folder in sorted(run.path.glob("audit/*")):
            yield from self._asked_again(folder)

    def _of_raters(self) -> Iterator[Checked]:
        run, seen = self._run, _exposures(self._run)
        for path in sorted(run.path.glob("labels/*.jsonl")):
            rater = name_of(path)
            checked = _journal(run, Journal(path, Label), _by(rater, self._labeller(rater)))
            elsewhere = _seen_elsewhere(run, rater, seen)
            yield replace(checked, note="; ".join(filter(None, (checked.note, elsewhere))))
        suggested: dict[str, dict[str, str]] = {}
        fits: dict[str, dict[str, Answers]] = {}
        for path in sorted(run.path.glob("refits/*.jsonl")):
            rater = name_of(path)
            refit = self._refitter(rater, fits.setdefault(rater, {}))
            yield _journal(run, Journal(path, Refit), _by(rater, refit))
        for path in sorted(run.path.glob("suggestions/*.jsonl")):
            own = suggested.setdefault(name_of(path), dict(self._proposed))
            check = self._suggester(fits.get(name_of(path), {}), own)
            yield _journal(run, Journal(path, Proposal), check)
        for path in sorted(run.path.glob("decisions/*.jsonl")):
            rater = name_of(path)
            decision = self._decider(suggested.get(rater, self._proposed))
            yield _journal(run, Journal(path, Decision), _by(rater, decision))

    def _asked_again(self, folder: Path) -> Iterator[Checked]:
        """The files of an audit that asked the model again, perhaps with texts masked."""
        run = self._run
        masked = Journal(folder / "masked-issues.jsonl", Issue)
        if masked.path.exists():
            yield _journal(run, masked, lambda record: self._unknown(record.id))
        texts = {issue_id: set(found) for issue_id, found in self._texts.items()}
        for issue in _whole(masked):
            texts.setdefault(issue.id, set()).add(issue.hash)
        call, proposal = self._answers(texts, {}, self._learnt)
        calls = Journal(folder / "calls.jsonl", Call)
        if calls.path.exists():
            yield _journal(run, calls, call)
        for path in sorted({*folder.glob("*.jsonl")} - {masked.path, calls.path}):
            yield _journal(run, Journal(path, Proposal), proposal)

    def _unknown(self, issue_id: str) -> Iterator[str]:
        if self._issues is not None and issue_id not in self._issues:
            yield f"is about {issue_id!r}, which is not an issue of the run"

    def _about(self, record: Call | Label | Adjudication) -> Iterator[str]:
        return self._unknown(record.issue_id)

    def _assignment(self, record: Assignment) -> Iterator[str]:
        for issue_id in record.issue_ids:
            yield from self._unknown(issue_id)

    def _answers(
        self,
        texts: Mapping[str, set[str]],
        proposed: dict[str, str],
        learnt: Collection[str],
        called_learnt: str = "the run's examples",
    ) -> tuple[OfCall, OfProposal]:
        """The checks of some calls and of the proposals that rest on them; ``texts`` are hashes of
        what the issues said, ``proposed`` collects the proposals, ``learnt`` are the labelled
        issues they may name."""
        called: dict[str, str] = {}
        model = self._run.manifest.model

        def call(record: Call) -> Iterator[str]:
            called[record.id] = record.issue_id
            yield from self._about(record)
            if record.prompt_hash != model.get("prompt_hash", record.prompt_hash):
                yield "was asked with another prompt than the manifest says"

        def proposal(record: Proposal) -> Iterator[str]:
            proposed[record.id] = record.issue_id
            yield from self._unknown(record.issue_id)
            if record.issue_hash not in texts.get(record.issue_id, {record.issue_hash}):
                yield f"is about another text of {record.issue_id!r} than issues.jsonl holds"
            for call_id in record.call_ids:
                # Issues of one text ask the same, and what is answered once is not asked again.
                same = record.issue_hash in texts.get(called.get(call_id, ""), ())
                yield from () if same else _refers("call", call_id, record.issue_id, called)
            for shown in (*(near.issue_id for near in record.retrieved), *record.excluded):
                if shown not in learnt:
                    yield f"names {shown!r}, which is not among {called_learnt}"

        return call, proposal

    def _labeller(self, rater: str) -> Callable[[Label], Iterator[str]]:
        looks: dict[str, datetime] = {}
        folder = self._run.path
        for decision in _whole(Journal(file_called(folder / "decisions", rater), Decision)):
            if decision.seen:
                first = looks.get(decision.issue_id, decision.at)
                looks[decision.issue_id] = min(first, decision.at)
        labels = _whole(Journal(file_called(folder / "labels", rater), Label))
        last = {record.issue_id: record for record in labels}

        def label(record: Label) -> Iterator[str]:
            yield from self._about(record)
            look = looks.get(record.issue_id, record.at)
            stands = not record.withdrawn and record == last.get(record.issue_id)
            if stands and record.at > look:
                yield f"is not blind: {rater!r} had seen the suggestion for {record.issue_id!r}"

        return label

    def _refitter(self, rater: str, made: dict[str, Answers]) -> Callable[[Refit], Iterator[str]]:
        """``made`` collects what each fit learnt from, by the fit's name."""
        teaching: Teaching | None = None
        with contextlib.suppress(CoderError):  # named with those files
            teaching = Teaching(self._run, rater)

        def refit(record: Refit) -> Iterator[str]:
            if record.version != len(made) + 1 and not (teaching and teaching.joined):
                yield f"is version {record.version}, where {len(made) + 1} would follow"
            said = teaching.of(record) if teaching else {}
            made[record.model] = said or {}
            if said is None:
                yield "does not follow from the answers that the rater had given by then"

        return refit

    def _suggester(self, made: Mapping[str, Answers], proposed: dict[str, str]) -> OfProposal:
        def suggestion(record: Proposal) -> Iterator[str]:
            if record.model not in made:
                proposed[record.id] = record.issue_id
                yield f"is by {record.model!r}, which is not among the rater's refits"
                return
            known = self._learnt | made[record.model].keys()
            _, check = self._answers(self._texts, proposed, known, "what it learnt from")
            yield from check(record)

        return suggestion

    def _decider(self, proposed: dict[str, str]) -> Callable[[Decision], Iterator[str]]:
        before: dict[str, str] = {}

        def decision(record: Decision) -> Iterator[str]:
            yield from self._unknown(record.issue_id)
            yield from _refers("proposal", record.proposal_id, record.issue_id, proposed)
            if record.undoes:
                yield from _refers("decision", record.undoes, record.issue_id, before)
            before[record.id] = record.issue_id

        return decision


def _exposures(run: Run) -> dict[str, Exposure]:
    """What everybody saw in the study; nothing where that cannot be read: it is named already."""
    try:
        return run.exposures()
    except RunError:
        return {}


def _seen_elsewhere(run: Run, rater: str, seen: dict[str, Exposure]) -> str:
    """A word on labels given after their suggestion was seen in another run, or as another pass."""
    theirs = seen.get(person(rater), Exposure())
    labels = _whole(Journal(file_called(run.path / "labels", rater), Label))
    last = {label.issue_id: label for label in labels}
    looks = [theirs.not_blind(label) for label in last.values() if not label.withdrawn]
    where = Counter(
        f"in run {look.run} as {look.rater}"
        for look in looks
        if look and (look.run, look.rater) != (run.name, rater)
    )
    return "; ".join(
        f"{plural(count, 'label')} not counted as blind: the suggestion had been seen {place}"
        for place, count in sorted(where.items())
    )


def _versions(run: Run) -> Iterator[Checked]:
    """The versions the codebook went through, each file against the hash its migration names."""
    wanted: dict[str, str] = {}
    before = run.manifest.codebook_hash

    def migration(record: Migration) -> Iterator[str]:
        nonlocal before
        if record.from_hash != before:
            yield "does not go on from the version before it"
        before = record.to_hash
        expected = f"codebooks/{len(wanted) + 1}.yaml"
        if record.file != expected:
            yield f"names {record.file!r} as its codebook, not {expected!r}"
        wanted[expected] = record.to_hash

    yield _journal(run, run.migrations, migration)
    for file, made in wanted.items():
        yield _same(run, file, partial(_codebook_hash, run.path / file), made, "migrations.jsonl")


def _codebook_hash(path: Path) -> str:
    return codebooks.load(path).hash


J = TypeVar("J", Label, Decision, Refit)


def _by(rater: str, check: Callable[[J], Iterator[str]]) -> Callable[[J], Iterator[str]]:
    """``check``, and that the record is by the person whose file it is in."""

    def checked(record: J) -> Iterator[str]:
        yield from check(record)
        if record.rater != rater:
            yield f"is by {record.rater!r}, whose file this is not"

    return checked


def _refers(kind: str, to: str, issue_id: str, known: dict[str, str]) -> Iterator[str]:
    if to not in known:
        yield f"names {kind} {to!r}, which is not in the log"
    elif known[to] != issue_id:
        yield f"names {kind} {to!r}, which is about {known[to]!r}, not {issue_id!r}"


def _journal(run: Run, journal: Journal[R], check: Callable[[R], Iterator[str]]) -> Checked:
    """The chain of a journal, whether its lines can be read, and ``check`` of each record."""
    file = journal.path.relative_to(run.path).as_posix()
    found: list[Problem] = []
    latest: datetime | None = None
    broken = journal.broken_line()
    if broken is not None:
        why = (
            "does not follow from the line before it: that line was changed, or lines between "
            "them were removed or added"
            if broken > 1
            else "is not the line this file began with: it was changed, or lines before it removed"
        )
        found.append(Problem(file, broken, why))
    try:
        for number, record in journal.numbered():
            found += [Problem(file, number, wrong) for wrong in check(record)]
            at = getattr(record, "at", None)
            latest = at if latest is None or (at is not None and at > latest) else latest
    except RunError as error:
        found.append(_unreadable(file, error))
    lines, last = _measure(journal.path)
    cut = journal.path.exists() and not _ends_whole(journal.path)
    notes = ["its last line was cut off; the next write sets it aside"] if cut else []
    if latest is not None and latest > now() + _CLOCKS_APART:
        notes.append(f"dated ahead of this clock, up to {latest:%Y-%m-%d %H:%M} UTC")
    found.sort(key=lambda problem: problem.line)
    return Checked(file, lines, last, tuple(found), "; ".join(notes))


def _unreadable(file: str, error: RunError) -> Problem:
    """A journal's own complaint, which begins with the path and the line."""
    where, _, what = error.message.partition(": ")
    return Problem(file, int(where.rpartition(":")[2]), what)


def _whole(journal: Journal[R]) -> list[R]:
    """The records of a file, none when it cannot be read."""
    try:
        return list(journal)
    except RunError:
        return []


# --- files --------------------------------------------------------------------------------------


def _torn(run: Run) -> Iterator[Checked]:
    aside = {
        "*.torn": "cut off by a crash and set aside; not part of the log",
        "*.jsonl.from-*": "of another copy; not part of the log",
    }
    for pattern, note in aside.items():
        for path in sorted(run.path.rglob(pattern)):
            lines, last = _measure(path)
            yield Checked(path.relative_to(run.path).as_posix(), lines, last, (), note)


def _measure(path: Path) -> tuple[int, str]:
    """How many whole lines a file has, and the SHA-256 of the last of them."""
    lines, last = 0, b""
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    lines, last = lines + 1, line[:-1]
    return lines, hashlib.sha256(last).hexdigest() if lines else ""


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not size:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"
