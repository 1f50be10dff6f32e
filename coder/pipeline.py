"""A study as one file: its stages, what each takes and makes, and which are done, due or waiting.

A stage of study.toml is a command of this program, or waits for people. What it takes and makes is
read off its words: the file after ``-o`` is made, and so is the run after ``propose --run``; every
other word that names a file or a run is taken. A stage is due when it was never run, when what it
makes is gone, or when what it takes is no longer what it was. What was changed by hand is kept.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from coder.errors import InputError
from coder.files.resources import STUDY_FILE, require_inside
from coder.ratings.comparable import ANSWERS, raters
from coder.ratings.model import ExclusionReason
from coder.ratings.resolved import resolve
from coder.records import Record, content_hash, now
from coder.storage.intra_rater import people
from coder.storage.journal import Journal
from coder.storage.run import MANIFEST, Run
from coder.study import StageSettings, Study, Waiting
from coder.text.spelling import plural, some

FILE = "stages.jsonl"
"""In the folder of runs: every stage that was run, when, from what and to what."""

_JUDGED = (
    MANIFEST, "proposals.jsonl", "labels/*.jsonl", "decisions/*.jsonl", "adjudications.jsonl",
    "migrations.jsonl",
)  # fmt: skip
_READ = {"label": (MANIFEST,), "assign": (MANIFEST,), "calibrate": _JUDGED}
"""The parts of a run that a verb reads, where it does not read all that was said in it: what a verb
itself adds to a run does not make it due again."""
_OF_FIGURES = ("name", "seed", "report")
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "fetch": (), "import": (), "clean": (), "sample": (),
    "propose": ("codebook", "model", "retrieval", "seed"),
}  # fmt: skip
"""The settings that a verb goes by; all others go by those of figures."""
_ALL = (*_JUDGED, "calibration.jsonl")
_DATA = (".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".parquet", ".gz", ".txt", ".yaml", ".zip")
"""Endings of files that a stage cannot do without, though nothing makes them."""
_BY_A_PERSON = frozenset({"run", "review", "adjudicate", "init", "demo", "doctor", "status"})
_CONSENT = "--send-to"


class StageRecord(Record):
    """A stage that was run: the SHA-256 of what it took and of what it made, by name."""

    stage: str
    command: str
    takes: dict[str, str]
    makes: dict[str, str]
    seconds: float
    at: datetime = Field(default_factory=now)


class StageState(StrEnum):
    DONE = "done"
    DUE = "due"
    WAITING = "waits"
    BLOCKED = "blocked"
    """By an earlier stage that waits."""


@dataclass(frozen=True)
class Stage:
    """``takes`` and ``makes`` are files, and ``runs/NAME`` for runs, below the study's folder."""

    name: str
    words: tuple[str, ...]
    takes: tuple[str, ...]
    makes: tuple[str, ...]
    wait: Waiting | None = None

    @property
    def command(self) -> str:
        return shlex.join(self.words)

    @property
    def verb(self) -> str:
        return self.words[0]


@dataclass(frozen=True)
class StageStatus:
    stage: Stage
    state: StageState
    why: str = ""
    to_type: str = ""
    """What a person types next, where the stage waits for them."""


def stages(study: Study) -> list[Stage]:
    """The stages of study.toml, in its order. ``InputError`` names one that cannot be run."""
    made: set[str] = set()
    found = []
    for name, told in study.settings.stages.items():
        stage = _waiting(name, told.wait) if told.wait else _commanded(study, name, told, made)
        made |= {*stage.makes}
        found.append(stage)
    return found


def _waiting(name: str, wait: Waiting) -> Stage:
    return Stage(name, (), (f"runs/{wait.run}",), (), wait)


def _commanded(study: Study, name: str, told: StageSettings, made: set[str]) -> Stage:
    try:
        words = tuple(shlex.split(told.command.removeprefix("coder ")))
    except ValueError as error:
        raise _wrong(study, name, str(error), "put a quote at both ends of a word") from None
    if not words or words[0] in _BY_A_PERSON:
        raise _wrong(study, name, f"{told.command!r} is not for a stage", "name a verb that ends")
    if _CONSENT in words:
        raise _wrong(
            study, name, f"a file cannot consent with {_CONSENT}", "say yes once in the terminal"
        )
    takes: list[str] = []
    makes: list[str] = []
    for option, value in _values(words[1:]):
        if option in ("-o", "--output"):
            try:
                require_inside(study.root, study.root / value)
            except InputError as error:
                raise _wrong(study, name, error.message, error.hint) from None
            makes.append(value)
        elif option == "--run" and words[0] == "propose":
            makes.append(f"runs/{value}")
        else:
            takes += _named(study, value, made)
    return Stage(name, words, tuple(dict.fromkeys(takes)), tuple(makes))


def _values(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each value among the words of a command, with the option it may belong to."""
    before = ""
    for word in words:
        if word.startswith("--"):
            before, _, value = word.partition("=")
        elif word.startswith("-") and len(word) > 1:
            before, value = word[:2], word[2:]
        else:
            value = word
        if value:
            yield before, value
            before = ""


def _named(study: Study, word: str, made: set[str]) -> Iterator[str]:
    """The file or run that a word of a command names; ``RUN=code`` names the run."""
    run = f"runs/{word.partition('=')[0].rstrip('!')}"
    if word in made or (study.root / word).exists():
        yield word
    elif run in made or (study.root / run / MANIFEST).is_file():
        yield run
    elif word.endswith(_DATA):
        yield word


def _wrong(study: Study, name: str, what: str, hint: str) -> InputError:
    return InputError(f"stage {name!r}: {what}", f"{hint}; correct it in {study.root / STUDY_FILE}")


# --- what is done -----------------------------------------------------------------------------


@dataclass
class Pipeline:
    """The stages of a study, and what is on record of them."""

    study: Study
    stages: list[Stage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stages = self.stages or stages(self.study)
        self.journal = Journal(self.study.runs / FILE, StageRecord)
        self._hashed: dict[tuple[Path, int, int], str] = {}

    def statuses(self) -> list[StageStatus]:
        """How each stage stands, in order; later ones as they will be once earlier ones ran."""
        last = {record.stage: record for record in self.journal}
        found: list[StageStatus] = []
        for stage in self.stages:
            held = [
                s for s in found if s.state is not StageState.DONE and {*stage.takes} & _touched(s)
            ]
            found.append(self._status(stage, last.get(stage.name), held))
        return found

    def _status(
        self, stage: Stage, last: StageRecord | None, held: list[StageStatus]
    ) -> StageStatus:
        stuck = [s for s in held if s.state in (StageState.WAITING, StageState.BLOCKED)]
        if stuck:
            return StageStatus(stage, StageState.BLOCKED, f"after {stuck[0].stage.name}")
        if held:
            state = StageState.BLOCKED if stage.wait else StageState.DUE
            return StageStatus(stage, state, f"after {held[0].stage.name}")
        if stage.wait:
            return self._waits(stage, stage.wait)
        if missing := [name for name in stage.takes if not (self.study.root / name).exists()]:
            return StageStatus(stage, StageState.WAITING, f"there is no {missing[0]}")
        if last is None:
            return StageStatus(stage, StageState.DUE, "never run")
        if last.command != stage.command:
            return StageStatus(stage, StageState.DUE, "its command was changed")
        if gone := [name for name in last.makes if not (self.study.root / name).exists()]:
            return StageStatus(stage, StageState.DUE, f"{gone[0]} is gone")
        takes = self.taken(stage)
        if other := [name for name in takes if takes[name] != last.takes.get(name)]:
            return StageStatus(stage, StageState.DUE, f"{other[0]} is not what it was")
        files = {name: known for name, known in last.makes.items() if name in stage.makes}
        edited = [name for name, known in files.items() if known and self._hash(name) != known]
        return StageStatus(
            stage, StageState.DONE, f"{edited[0]} was changed since, and is kept" if edited else ""
        )

    def _waits(self, stage: Stage, wait: Waiting) -> StageStatus:
        run = Run.find(self.study.runs, wait.run)
        if run is None:
            return StageStatus(stage, StageState.BLOCKED, f"there is no run {wait.run}")
        done = {name: _progress(run, name) for name in sorted(people(run.raters()))}
        short = [
            n for n, (blind, all_) in done.items() if blind < wait.labels or all_ < wait.answers
        ]
        if len(done) - len(short) < wait.raters:
            who = short[0] if short else "YOU"
            command = f"coder review {run.name} --rater {who}"
            return StageStatus(stage, StageState.WAITING, _far(wait, done), command)
        if wait.resolved and (disputed := _unresolved(run)):
            why = f"{plural(disputed, 'disagreement')} to be resolved"
            return StageStatus(
                stage, StageState.WAITING, why, f"coder adjudicate {run.name} --by YOU"
            )
        return StageStatus(stage, StageState.DONE)

    def taken(self, stage: Stage) -> dict[str, str]:
        """The SHA-256 of all that a stage takes, by name."""
        parts = _READ.get(stage.verb, _ALL)
        found = {name: self._hash(name, parts) for name in stage.takes}
        if sections := _SETTINGS.get(stage.verb, () if stage.verb in _READ else _OF_FIGURES):
            told = self.study.settings.model_dump(mode="json", include=set(sections))
            found["study.toml"] = content_hash("settings.v1", told)
        return found

    def record(self, stage: Stage, takes: Mapping[str, str], seconds: float, began: float) -> None:
        """Put on record that ``stage`` was run; ``began`` is the time it began, in nanoseconds."""
        made = dict.fromkeys(stage.makes, "")
        made |= {name: self._hash(name) for name in made if not name.startswith("runs/")}
        made |= {name: self._hash(name) for name in self._reported(stage, began)}
        self.journal.append(
            [
                StageRecord(
                    stage=stage.name,
                    command=stage.command,
                    takes=dict(takes),
                    makes=made,
                    seconds=round(seconds, 1),
                )
            ]
        )

    def _reported(self, stage: Stage, began: float) -> Iterator[str]:
        """The files that were written into the reports of the runs that a stage takes."""
        for name in stage.takes:
            for path in sorted((self.study.root / name).glob("report/**/*")):
                if path.is_file() and path.stat().st_mtime_ns >= began:
                    yield path.relative_to(self.study.root).as_posix()

    def _hash(self, name: str, parts: Iterable[str] = _ALL) -> str:
        path = self.study.root / name
        if path.is_file():
            return self._file_hash(path)
        inside = parts if name.startswith("runs/") else ("**/*",)
        files = sorted({file for part in inside for file in path.glob(part) if file.is_file()})
        lines = [f"{file.relative_to(path).as_posix()} {self._file_hash(file)}" for file in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _file_hash(self, path: Path) -> str:
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._hashed:
            with path.open("rb") as file:
                self._hashed[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashed[key]


def _touched(status: StageStatus) -> set[str]:
    """What changes, or may, while a stage is not done: what it makes; of people, the run itself."""
    stage = status.stage
    adds = stage.wait is not None or stage.verb in _READ
    return {*stage.makes, *(name for name in stage.takes if adds and name.startswith("runs/"))}


def _progress(run: Run, name: str) -> tuple[int, int]:
    """A rater's blind labels, and all their answers, blind or assisted."""
    labels = run.labels(name)
    decided = {i for i, made in run.decisions(name).items() if made.action in ANSWERS}
    return len(labels), len(decided | labels.keys())


def _far(wait: Waiting, done: Mapping[str, tuple[int, int]]) -> str:
    """What is asked for, and how far each rater is."""
    asked = f"{wait.labels:,} blind labels" if wait.labels else f"{wait.answers:,} answers"
    far = [f"{name} {blind if wait.labels else every:,}" for name, (blind, every) in done.items()]
    return f"{plural(wait.raters, 'rater')} with {asked} each; so far {some(far) or 'none'}"


def _unresolved(run: Run) -> int:
    left = resolve(run, raters(run, {})).side.left_out.values()
    return sum(why is ExclusionReason.UNRESOLVED for why in left)
