"""Where a file of issues is from: the records of the steps that made it, followed by their hashes.

Each step writes a record beside what it makes: the hash of the file it read, and of the one that it
made. Where both agree two steps are neighbours; where they do not, that is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from coder.cleaning.files import RECORD as CLEANED
from coder.cleaning.model import MEANING, Cleaning
from coder.errors import InputError
from coder.files.reading import read_text
from coder.records import DataFile, Sampling
from coder.report.flow_model import Count, Step
from coder.sources.importing import RECORD as IMPORTED
from coder.sources.importing import ImportRecord, sidecar
from coder.text.spelling import plural, some

SAMPLED, FETCHED = ".sampling.json", ".snapshot.json"


@dataclass(frozen=True)
class Made:
    """What a record says: the files that were read, the one that was made, and the step."""

    inputs: tuple[DataFile, ...]
    output: DataFile
    step: Step
    """What was read, and what of it was left out."""
    result: str
    """What was made, in words."""
    fetched_at: datetime | None = None
    """The day the data end, of what was fetched."""


def trace(
    file: DataFile, folder: Path, gaps: list[str], shown: Callable[[Path], str]
) -> list[Made]:
    """The records of the steps that made ``file``, as the record in ``folder`` names it, the first
    one first; ``shown`` spells a path. Ends where nothing is written down of a file.

    What cannot be followed goes to ``gaps``.
    """
    found: list[Made] = []
    seen: set[Path] = set()
    while (path := (folder / file.file).resolve()) not in seen:
        seen.add(path)
        made = _made(path, file.sha256, gaps, shown)
        if made is None:
            break
        found.insert(0, made)
        if len(made.inputs) != 1:
            known = [one.file for one in made.inputs if _has_record(path.parent / one.file)]
            if known:
                gaps.append(
                    f"{shown(path)} was made of {len(made.inputs):,} files; what is written down "
                    f"of {some(known)} is not in the flow"
                )
            break
        file, folder = made.inputs[0], path.parent
    return found


def _has_record(path: Path) -> bool:
    return any(sidecar(path, ending).is_file() for ending in _READERS)


def _made(path: Path, sha256: str, gaps: list[str], shown: Callable[[Path], str]) -> Made | None:
    """What the record beside ``path`` says of the file with that hash."""
    others = []
    for ending, read in _READERS.items():
        record = sidecar(path, ending)
        if not record.is_file():
            continue
        try:
            made = read(json.loads(read_text(record)), shown(record))
        except (ValidationError, ValueError, KeyError, TypeError, InputError, RecursionError):
            gaps.append(f"{shown(record)} cannot be read as a record")
            continue
        if made.output.sha256 == sha256:
            return made
        others.append(record)
    for record in others:
        gaps.append(
            f"{shown(record)} is of another {path.name} than the one that was used: it was made "
            "again or changed since"
        )
    return None


def _cleaned(fields: Mapping[str, Any], source: str) -> Made:
    found = Cleaning.model_validate(fields)
    left = [Count(what=MEANING[rule.rule], n=rule.set_aside) for rule in found.rules]
    step = Step(
        what="issues before cleaning", n=found.input.issues or 0, source=source,
        left_out=_some(left),
    )  # fmt: skip
    return Made((found.input,), found.output, step, "issues after cleaning")


def _imported(fields: Mapping[str, Any], source: str) -> Made:
    found = ImportRecord.model_validate(fields)
    left = [Count(what="the same row again", n=found.duplicates)]
    left += [Count(what=reason, n=n) for reason, n in found.reasons.items()]
    step = Step(what="rows read", n=found.read, source=source, left_out=_some(left))
    return Made(found.inputs, found.output, step, "issues imported")


def _sampled(fields: Mapping[str, Any], source: str) -> Made:
    found = Sampling.model_validate(fields)
    if found.frame_file is None or found.sample_file is None:
        raise ValueError("it does not tell the files")
    left = [Count(what="not drawn into the sample", n=found.issues - found.size)]
    step = Step(what="issues to draw from", n=found.issues, source=source, left_out=_some(left))
    by = f" by {found.by}" if found.by else ""
    return Made((found.frame_file,), found.sample_file, step, f"issues drawn{by}")


def _fetched(fields: Mapping[str, Any], source: str) -> Made:
    output, repositories = DataFile.model_validate(fields["output"]), fields["repositories"]
    left = [
        Count(what=what, n=sum(int(one[name]) for one in repositories))
        for name, what in (("pull_requests", "pull request"), ("filtered", "not as asked for"))
    ]
    n = (output.issues or 0) + sum(count.n for count in left)
    places = plural(len(repositories), "repository")
    at = datetime.fromisoformat(fields["finished_at"]).astimezone(UTC)
    what = f"issues and pull requests fetched from {places}, {at:%Y-%m-%d}"
    step = Step(what=what, n=n, source=source, left_out=_some(left))
    return Made((), output, step, "issues fetched", at)


def _some(counts: list[Count]) -> tuple[Count, ...]:
    return tuple(count for count in counts if count.n)


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Made]] = {
    CLEANED: _cleaned, SAMPLED: _sampled, IMPORTED: _imported, FETCHED: _fetched,
}  # fmt: skip
