"""The replication package: runs with all that their figures come from, in one archive.

The same runs and options give the same bytes. Runs in which the same people saw the suggestions of
the same issues come along: without them a label that is not blind would look as if it were.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from coder.errors import UsageError
from coder.escaping import no_formula
from coder.exports.package_lines import changed, rewrite, without_names
from coder.exports.package_words import citation, licences, readme
from coder.files.atomic_write import Draft
from coder.files.resources import STUDY_FILE
from coder.pipeline import FILE as STAGES
from coder.proposers.budget import Price, find_price
from coder.records import Record
from coder.report import Report, build_report, write_report
from coder.report.model import Choices
from coder.storage.intra_rater import person
from coder.storage.run import Run
from coder.study import Study
from coder.text.redaction import holds_key

RECORD, SUMS, IDS = "package.json", "checksums.sha256", "issues.csv"
_COPIED = (
    "*.json", "*.jsonl", "*.yaml", "*.jinja", "*/*.jsonl", "codebooks/*.yaml", "audit/*/*.json*",
)  # fmt: skip
"""Of a run. What a report holds is made anew; locks and caches stay."""
_HOLDS_TEXT = ("calls.jsonl", "audit")
"""What was sent to a model quotes the issues."""
_OF_THE_STUDY = (
    STUDY_FILE, "prices.toml", "CITATION.cff", "codebook/*.yaml", "prompts/*.jinja",
    # What tells the flow of issues; the files that these are about stay behind.
    "*.snapshot.json", "*.import.json", "*.cleaning.json", "*.sampling.json",
)  # fmt: skip
_MEMOS = frozenset({"labels", "decisions", "adjudications.jsonl"})
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


class PackageRecord(Record):
    """What a package was made of and how; all that its reports depend on beside the runs."""

    format: int = 1
    coder: str
    study: str
    runs: tuple[str, ...]
    text: bool
    pseudonyms: bool
    seed: int
    draws: int
    choices: Choices
    prices: dict[str, Price | None]


@dataclass(frozen=True)
class Packaged:
    """``added`` runs came along unasked; ``keys`` are files in which something looks like a key,
    ``names`` those in which a rater's own name still stands, each with how many lines."""

    path: Path
    record: PackageRecord
    added: tuple[str, ...]
    files: int
    keys: Mapping[str, int]
    names: Mapping[str, int]


def package(
    study: Study, names: Sequence[str], out: Path, *, text: bool = True, pseudonyms: bool = False
) -> Packaged:
    """Write the replication package of the runs ``names`` to ``out``.

    Without ``text`` the issues keep all but their words, and what quotes them is left out. With
    ``pseudonyms`` raters go by numbers. Raises ``RunError`` for a run there is not, and
    ``UsageError`` where a secret of this machine would leave with it.
    """
    runs = _with_those_that_tell_on_them(study, names)
    record = PackageRecord(
        coder=version("issue-coder"),
        study=study.name,
        runs=tuple(run.name for run in runs),
        text=text,
        pseudonyms=pseudonyms,
        seed=study.settings.seed,
        draws=study.settings.report.draws,
        choices=Choices(**study.settings.report.model_dump(exclude={"draws"})),
        prices={run.name: _price(study, run) for run in runs},
    )
    aliases = _aliases(runs) if pseudonyms else {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for run in runs:
            _copy_run(run, root, record, aliases)
        _copy_study(study, root, aliases)
        # Once all is there: what was seen in one run tells what is blind in another, and the
        # records when the data end.
        reports = {name: _report(root, name, record) for name in record.runs}
        _write(root / RECORD, record.model_dump_json(indent=2) + "\n")
        _write(root / "README.md", readme(record, reports))
        _write(root / "LICENCES.md", licences(record))
        if not (root / "CITATION.cff").exists():
            _write(root / "CITATION.cff", citation(record))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        _require_no_secret(study, root, files)
        found = Packaged(
            path=out,
            record=record,
            added=tuple(name for name in record.runs if name not in names),
            files=len(files) + 1,
            keys=_lines_with(root, [p for p in files if _is_written(root, p)], holds_key),
            names=_lines_with(root, files, _naming(aliases)) if aliases else {},
        )
        _write(root / SUMS, "".join(f"{_sha256(p)}  {_name(root, p)}\n" for p in files))
        _zip(root, [*files, root / SUMS], out)
    return found


def _with_those_that_tell_on_them(study: Study, names: Sequence[str]) -> list[Run]:
    """The runs, then those they were screened by, and others in which people saw a suggestion for
    one of their issues."""
    wanted = dict.fromkeys(names)
    found: dict[str, Run] = {}
    while left := [name for name in wanted if name not in found]:
        run = found[left[0]] = Run.open(study.runs, left[0])
        if run.manifest.screening is not None:
            wanted[run.manifest.screening.run] = None
        for exposure in run.exposures().values():
            wanted |= dict.fromkeys(sorted({look.run for look in exposure.looks.values()}))
    return list(found.values())


def _price(study: Study, run: Run) -> Price | None:
    model = run.manifest.model
    return find_price(study.root, str(model.get("name", "")), str(model.get("base_url", "")))


def _aliases(runs: Iterable[Run]) -> dict[str, str]:
    """A number for each person, and with it for each of their passes."""
    raters = sorted({name for run in runs for name in run.raters()})
    raters += sorted({a.rater for run in runs for a in run.assignments} - {*raters})
    raters += sorted({a.by for run in runs for a in run.adjudications} - {*raters})
    numbers = {who: n for n, who in enumerate(sorted({person(name) for name in raters}), start=1)}
    return {name: f"rater-{numbers[person(name)]}{name[len(person(name)) :]}" for name in raters}


def _copy_run(run: Run, root: Path, record: PackageRecord, aliases: Mapping[str, str]) -> None:
    there = root / "runs" / run.name
    change = changed(aliases, text=record.text)
    for path in sorted({path for pattern in _COPIED for path in run.path.glob(pattern)}):
        name = path.relative_to(run.path)
        if name.parts[0] == "report" or (not record.text and name.parts[0] in _HOLDS_TEXT):
            continue
        target = there / name.with_name(aliases.get(name.stem, name.stem) + name.suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jsonl" and change is not None:
            rewrite(path, target, change)
        else:
            shutil.copyfile(path, target)
    _write(there / IDS, _ids(run))


def _report(root: Path, name: str, record: PackageRecord) -> Report:
    run = Run.open(root / "runs", name)
    report = report_of(run, record)
    write_report(report, run.path / "report")
    return report


def report_of(run: Run, record: PackageRecord) -> Report:
    """The report of a packaged run: a function of the package alone."""
    return build_report(
        run,
        draws=record.draws,
        seed=record.seed,
        price=record.prices.get(run.name),
        study=record.study,
        **record.choices.model_dump(),
    )


def _ids(run: Run) -> str:
    """The issues by name, with the hash that tells their text."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["id", "repo", "number", "url", "text_hash"])
    for issue in run.issues.values():
        number = "" if issue.number is None else issue.number
        cells = (issue.id, issue.repo, number, issue.url, issue.hash)
        rows.writerow([no_formula(str(cell)) for cell in cells])
    return table.getvalue()


def _copy_study(study: Study, root: Path, aliases: Mapping[str, str]) -> None:
    """The study's own files: settings, prices, how to cite it, codebooks, crosswalks, prompts."""
    for pattern in _OF_THE_STUDY:
        for path in sorted(study.root.glob(pattern)):
            target = root / path.relative_to(study.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    told = root / STUDY_FILE
    if aliases and told.is_file():
        told.write_text(without_names(told.read_text("utf-8"), aliases), "utf-8")
    stages = study.runs / STAGES
    if stages.is_file():
        rewrite(stages, root / "runs" / STAGES, lambda fields: _unnamed(fields, aliases))


def _unnamed(stage: dict[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    return {**stage, "command": without_names(stage["command"], aliases)}


def _require_no_secret(study: Study, root: Path, files: Iterable[Path]) -> None:
    """``UsageError`` where the value of a key of the environment or of .env stands in a file."""
    secrets = study.secrets()
    for path in files:
        text = path.read_bytes()
        for name, value in secrets.items():
            if value.encode() in text:
                raise UsageError(
                    f"{_name(root, path)} holds the value of {name}, which is secret",
                    "take it out of the study's files, then package again",
                )


def _naming(aliases: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a line has the name of a rater as a word."""
    words = "|".join(re.escape(name) for name in aliases)
    found = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return lambda line: found.search(line) is not None


def _lines_with(root: Path, files: Iterable[Path], holds: Callable[[str], bool]) -> dict[str, int]:
    """How many lines of each file hold something; files without any are left out. A line that
    stands in several, as an issue of two runs, is looked at once."""
    found: dict[str, int] = {}
    known: dict[bytes, bool] = {}
    for path in files:
        count = 0
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                own = hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=16).digest()
                if own not in known:
                    known[own] = holds(line)
                count += known[own]
        if count:
            found[_name(root, path)] = count
    return found


def _is_written(root: Path, path: Path) -> bool:
    """Whether people wrote what a file holds: issues and memos. All else quotes these."""
    place = path.relative_to(root).parts
    return path.name == "issues.jsonl" or (
        place[0] == "runs" and (path.parent.name in _MEMOS or path.name in _MEMOS)
    )


def _zip(root: Path, files: Iterable[Path], out: Path) -> None:
    """``files`` as an archive that is the same for the same files, whenever it is made."""
    with Draft(out) as draft, tempfile.TemporaryFile() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                entry = zipfile.ZipInfo(_name(root, path), _LONG_AGO)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with path.open("rb") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
        made.seek(0)
        for block in iter(lambda: made.read(1 << 20), b""):
            draft.write(block)
        draft.publish()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
