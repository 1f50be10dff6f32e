"""The run folder: what a run was made of, what the model said, and what each person decided.

runs/<name>/manifest.json        what it was made of; written once
            codebook.yaml        the codebook as it was
            issues.jsonl         the issues it codes
            examples.jsonl       labelled issues the model may learn from
            reserved.jsonl       labels kept from the model, to compare it with
            calls.jsonl          raw answers of a chat model, before they were parsed
            proposals.jsonl      what the model proposed
            labels/<rater>.jsonl     blind labels
            decisions/<rater>.jsonl  decisions made in a review
            suggestions/<rater>.jsonl  what a rater was shown instead, learnt from their answers
            refits/<rater>.jsonl     the classifiers those came from
            assignments.jsonl    who is to review what
            adjudications.jsonl  disagreements that were resolved
            migrations.jsonl     later versions of the codebook, which are in codebooks/
            audit/<audit>/       what the model said when an audit asked again; no part of the run
            calibration.jsonl    what the model's confidences are worth, by people's labels
            report/              derived; can be made again at any time
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from coder.codebook import load as codebooks
from coder.errors import InputError, RunError
from coder.escaping import json_text
from coder.files.atomic_write import write_atomically
from coder.files.reading import read_text
from coder.records import (
    Action,
    Adjudication,
    Assignment,
    Calibration,
    Call,
    Codebook,
    Decision,
    Example,
    Issue,
    Label,
    Manifest,
    Migration,
    Proposal,
    Record,
    Refit,
    Reserved,
    content_hash,
)
from coder.storage.blinding import Exposure, Look, exposures
from coder.storage.intra_rater import person
from coder.storage.journal import Journal
from coder.storage.names import check_name, check_rater
from coder.text.spelling import file_called, name_of

LOG = logging.getLogger(__name__)
RESERVED = "reserved.jsonl"
MANIFEST = "manifest.json"
FORMAT = 1
"""The latest format of a run that this version can read."""
_CHAINED = frozenset(
    {
        "calls.jsonl", "proposals.jsonl", "calibration.jsonl", "assignments.jsonl",
        "adjudications.jsonl", "migrations.jsonl", "labels", "decisions", "suggestions", "refits",
        "refine",
    }
)  # fmt: skip


def data_hash(issues: Iterable[Issue]) -> str:
    """The hash of a set of issues as they are coded, in order."""
    return content_hash("data.v1", [[issue.id, issue.hash] for issue in issues])


def labels_hash(examples: Iterable[Example]) -> str:
    """The hash of labelled issues and their codes, in order; empty when there are none."""
    dumped = [example.model_dump(mode="json") for example in examples]
    return content_hash("examples.v1", dumped) if dumped else ""


def reserved_hash(reserved: Iterable[Reserved]) -> str:
    """The hash of labels kept from the model, in order; empty when there are none."""
    dumped = [label.model_dump(mode="json") for label in reserved]
    return content_hash("reserved.v1", dumped) if dumped else ""


@dataclass(frozen=True)
class AddedLabels:
    """What became of labels that were to be added; ``changed`` of the added ones replace others,
    and ``not_blind`` names for each refused issue where its suggestion had been seen."""

    added: tuple[Label, ...]
    changed: int
    unchanged: tuple[Label, ...]
    not_blind: Mapping[str, Look]


INPUTS = {
    "codebook_hash": "codebook",
    "data_hash": "set of issues",
    "labels_hash": "set of labels",
    "reserved_hash": "set of reserved labels",
    "seed": "seed",
}
"""The manifest's fields that are known before a proposer is made, and what people call them."""
IDENTITY = INPUTS | {"model": "model"}
"""All that a run must have in common with a command that goes on with it."""


class Run:
    """One run folder. Reading never writes; every write is appended and on disk on return."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls = Journal(path / "calls.jsonl", Call)
        self.proposals = Journal(path / "proposals.jsonl", Proposal)
        self.calibrations = Journal(path / "calibration.jsonl", Calibration)

    @property
    def name(self) -> str:
        return self.path.name

    @classmethod
    def find(cls, runs: Path, name: str) -> Run | None:
        """The run ``name``, or ``None`` when there is none yet.

        Raises ``RunError`` where there is more than a run that was never begun, and less than one
        that can be gone on with: see :meth:`lost_file`.
        """
        run = cls(runs / check_name(name, "run", there={path.name for path in runs.glob("*/")}))
        if run.lost_file == MANIFEST:
            raise run._lost(MANIFEST)
        return run if (run.path / MANIFEST).is_file() else None

    @classmethod
    def open(cls, runs: Path, name: str, *, damaged: bool = False) -> Run:
        """The existing run ``name``. Raises ``RunError`` listing the runs there are, and, unless
        ``damaged`` runs are wanted too, when a file is missing or the run is of a later format."""
        run = cls.find(runs, name)
        if run is not None and not damaged:
            if (lost := run.lost_file) is not None:
                raise run._lost(lost)
            run._require_known_format()
        if run is None:
            known = sorted(p.parent.name for p in runs.glob(f"*/{MANIFEST}"))
            raise RunError(
                f"there is no run called {name!r} in {runs}",
                f"runs here: {', '.join(known)}"
                if known
                else "make one with: coder propose; or change into the folder of your study",
            )
        LOG.info("opened run %s: %d issues", run.path, run.manifest.issues)
        return run

    @classmethod
    def create_or_resume(
        cls,
        runs: Path,
        manifest: Manifest,
        issues: Sequence[Issue],
        codebook_text: str,
        examples: Sequence[Example] = (),
        texts: Mapping[str, str] = MappingProxyType({}),
        reserved: Sequence[Reserved] = (),
    ) -> Run:
        """The run named in ``manifest``: made now, or the one that was made with the same inputs.

        Raises ``RunError`` naming what differs when the run was made with other inputs.
        """
        if known := cls.resume(runs, manifest):
            return known
        run = cls(runs / manifest.name)
        write_atomically(run.path / "codebook.yaml", codebook_text)
        write_atomically(run.path / "issues.jsonl", _jsonl(issues))
        if examples:
            write_atomically(run.path / "examples.jsonl", _jsonl(examples))
        if reserved:
            write_atomically(run.path / RESERVED, _jsonl(reserved))
        for name, text in texts.items():
            write_atomically(run.path / name, text)
        # The manifest comes last: a run exists once all it was made of is on disk.
        summary = json_text(
            json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
        )
        write_atomically(run.path / MANIFEST, summary + "\n")
        return run

    @classmethod
    def resume(
        cls, runs: Path, manifest: Manifest, fields: Mapping[str, str] = IDENTITY
    ) -> Run | None:
        """The run named in ``manifest``, or ``None`` when there is none yet.

        ``RunError`` when one of ``fields`` is not what that run was made with.
        """
        if cls.find(runs, manifest.name) is None:
            return None
        run = cls.open(runs, manifest.name)
        run._require_same(manifest, fields)
        return run

    @property
    def lost_file(self) -> str | None:
        """The first file that the run must have had and has no more; ``None`` when all are there.

        What it was made of is written before the manifest, and people answer proposals alone.
        Calls without proposals are no loss: a run that was killed after its first answers goes on
        from them.
        """
        begun = any((self.path / name).exists() for name in ("proposals.jsonl", "calls.jsonl"))
        judged = any(self.path.glob("labels/*.jsonl")) or any(self.path.glob("decisions/*.jsonl"))
        if not (self.path / MANIFEST).is_file():
            return MANIFEST if begun or judged else None
        needed = ["codebook.yaml", "issues.jsonl"]
        needed += ["examples.jsonl"] if self.manifest.labels_hash else []
        needed += [RESERVED] if self.manifest.reserved_hash else []
        if any(self.path.glob("decisions/*.jsonl")):
            needed.append("proposals.jsonl")
        return next((name for name in needed if not (self.path / name).is_file()), None)

    def broken_chains(self) -> tuple[str, ...]:
        """``file:line`` of the first line of each journal that is not what it was when the next
        one was written."""
        found = []
        for path in sorted(self.path.glob("*.jsonl")) + sorted(self.path.glob("*/*.jsonl")):
            file = path.relative_to(self.path)
            if file.parts[0] in _CHAINED:
                line = Journal(path, Record).broken_line()
                found += [] if line is None else [f"{file.as_posix()}:{line}"]
        return tuple(found)

    def _lost(self, file: str) -> RunError:
        return RunError(
            f"run {self.name!r} has lost its {file}",
            f"restore {self.path / file} from a backup or version control, "
            "or choose another name for a new run",
        )

    def _require_known_format(self) -> None:
        made = self.manifest
        if made.format > FORMAT:
            version = made.versions.get("issue-coder")
            by = f"coder {version}" if version else "a later version"
            raise RunError(
                f"run {self.name!r} is of format {made.format}; this version reads up to {FORMAT}",
                f"it was made by {by}; use that or a later one: pip install --upgrade issue-coder",
            )

    def _require_same(self, wanted: Manifest, fields: Mapping[str, str]) -> None:
        have = self.manifest
        for field, what in fields.items():
            then, today = getattr(have, field), getattr(wanted, field)
            if then == today:
                continue
            if field == "codebook_hash":
                then = f"{have.codebook_id} {have.codebook_version}, {then[:8]}"
                today = f"{wanted.codebook_id} {wanted.codebook_version}, {today[:8]}"
            raise RunError(
                f"run {self.name!r} was made with another {what}{_difference(then, today)}",
                "give the options it was made with, or choose another name with --run; "
                "the run is left as it is",
            )

    @cached_property
    def manifest(self) -> Manifest:
        path = self.path / MANIFEST
        try:
            fields = json.loads(read_text(path))
            if isinstance(fields, dict) and isinstance(given := fields.get("format"), int):
                # A later format may have fields that this version does not know.
                known = Manifest.model_fields if given > FORMAT else fields
                fields = {key: value for key, value in fields.items() if key in known}
            return Manifest.model_validate(fields)
        except (InputError, ValueError, RecursionError) as error:
            raise RunError(
                f"{path} cannot be read: {str(error).splitlines()[0]}",
                "restore it from a backup or version control",
            ) from None

    @cached_property
    def first_codebook(self) -> Codebook:
        """The codebook the run was made with, which is the one its model knows."""
        return codebooks.load(self.path / "codebook.yaml")

    @cached_property
    def history(self) -> tuple[Migration, ...]:
        """Every change to another version of the codebook, the first one first."""
        return tuple(self.migrations)

    @cached_property
    def codebook(self) -> Codebook:
        """The version people work with now."""
        if not self.history:
            return self.first_codebook
        return codebooks.load(self.path / self.history[-1].file)

    @cached_property
    def issues(self) -> Mapping[str, Issue]:
        """Every issue of the run by id, in order."""
        records = Journal(self.path / "issues.jsonl", Issue)
        return {issue.id: issue for issue in records}

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        return tuple(Journal(self.path / "examples.jsonl", Example))

    @cached_property
    def reserved(self) -> tuple[Reserved, ...]:
        """The labels that were kept from the model."""
        return tuple(Journal(self.path / RESERVED, Reserved))

    def latest_proposals(self) -> dict[str, Proposal]:
        """The last proposal of each issue, in the run's order; issues without one are absent."""
        latest = {proposal.issue_id: proposal for proposal in self.proposals}
        return {issue: latest[issue] for issue in self.issues if issue in latest}

    # --- raters ---------------------------------------------------------------------------------

    def raters(self) -> list[str]:
        """Everyone with labels or decisions in this run, sorted."""
        files = [*self.path.glob("labels/*.jsonl"), *self.path.glob("decisions/*.jsonl")]
        return sorted({name_of(file) for file in files})

    def _rater_file(self, folder: str, rater: str) -> Path:
        return file_called(self.path / folder, check_rater(rater, self.raters()))

    def label_journal(self, rater: str) -> Journal[Label]:
        return Journal(self._rater_file("labels", rater), Label)

    def decision_journal(self, rater: str) -> Journal[Decision]:
        return Journal(self._rater_file("decisions", rater), Decision)

    def suggestion_journal(self, rater: str) -> Journal[Proposal]:
        return Journal(self._rater_file("suggestions", rater), Proposal)

    def refit_journal(self, rater: str) -> Journal[Refit]:
        return Journal(self._rater_file("refits", rater), Refit)

    @property
    def assignments(self) -> Journal[Assignment]:
        return Journal(self.path / "assignments.jsonl", Assignment)

    @property
    def adjudications(self) -> Journal[Adjudication]:
        return Journal(self.path / "adjudications.jsonl", Adjudication)

    @property
    def migrations(self) -> Journal[Migration]:
        return Journal(self.path / "migrations.jsonl", Migration)

    def add_labels(self, rater: str, labels: Iterable[Label]) -> AddedLabels:
        """Append a rater's blind labels, and say what became of each.

        A label that already stands is not written again, unless it now tells how its issue was
        drawn. A label on an issue whose suggestion this person has already seen, in whichever run,
        is not blind, whatever its file says: it is refused. Unless they had given the same codes in
        another run before they saw it: then the label is as old as that one.
        """
        journal = self.label_journal(rater)
        # Held from the first look on: a review that writes meanwhile may show a suggestion.
        with journal.writing("coder label import"):
            standing_labels = self.labels(rater)
            exposure = self.exposures(rater).get(person(rater), Exposure())
            added: list[Label] = []
            unchanged: list[Label] = []
            redrawn: list[Label] = []
            not_blind: dict[str, Look] = {}
            changed = 0
            for label in labels:
                before = standing_labels.get(label.issue_id)
                look, since = exposure.looks.get(label.issue_id), exposure.blind_since(label)
                if before and (before.codes, before.memo) == (label.codes, label.memo):
                    if label.queue and _drawn(label) != _drawn(before):
                        redrawn.append(
                            before.model_copy(update={"queue": label.queue, "chance": label.chance})
                        )
                    unchanged.append(label)
                elif look and since is None:
                    not_blind[label.issue_id] = look
                else:
                    changed += before is not None
                    added.append(label.model_copy(update={"at": since}) if look else label)
            journal.append([*added, *redrawn])
        return AddedLabels(tuple(added), changed, tuple(unchanged), not_blind)

    def exposures(self, rater: str = "") -> dict[str, Exposure]:
        """What each person saw of this run's issues, in any run of the study; of one, if named."""
        return exposures(self.path, lambda: self.issues, rater)

    def labels(self, rater: str) -> dict[str, Label]:
        """The rater's last blind label of each issue, withdrawn ones taken back."""
        latest = {label.issue_id: label for label in self.label_journal(rater)}
        return {issue: label for issue, label in latest.items() if not label.withdrawn}

    def adjudicated(self) -> dict[str, Adjudication]:
        """The last resolution of each issue, withdrawn ones taken back."""
        latest = {record.issue_id: record for record in self.adjudications}
        return {issue: record for issue, record in latest.items() if not record.withdrawn}

    def decisions(self, rater: str) -> dict[str, Decision]:
        """The rater's standing decision on each issue, undone ones taken back."""
        return standing(self.decision_journal(rater))

    @contextlib.contextmanager
    def proposing(self) -> Iterator[None]:
        with self.proposals.writing("coder propose"):
            yield


def _drawn(label: Label) -> tuple[str, float]:
    return label.queue, label.chance


def standing(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that stands for each issue: the last one that no later record took back.

    Memos are notes beside a decision and never replace one, and to be shown a suggestion decides
    nothing. Nor does a skip replace one: who puts off an issue that came again has not taken back
    what they said before.
    """
    stacks: dict[str, list[Decision]] = {}
    for decision in decisions:
        stack = stacks.setdefault(decision.issue_id, [])
        if decision.action is Action.UNDO:
            stacks[decision.issue_id] = [d for d in stack if d.id != decision.undoes]
        elif decision.action.answers:
            stack.append(decision)
    return {
        issue: next((d for d in reversed(stack) if d.action is not Action.SKIP), stack[-1])
        for issue, stack in stacks.items()
        if stack
    }


def _jsonl(records: Iterable[Record]) -> str:
    return "".join(record.to_json() + "\n" for record in records)


def _difference(then: object, today: object) -> str:
    if isinstance(then, Mapping) and isinstance(today, Mapping):
        for key in sorted({*then, *today}):
            if then.get(key) != today.get(key):
                return f" ({key}: {then.get(key)!r} then, {today.get(key)!r} now)"
    return f" ({_short(then)} then, {_short(today)} now)"


def _short(value: object) -> str:
    text = str(value) or "none"
    return text[:8] if re.fullmatch("[0-9a-f]{64}", text) else text
