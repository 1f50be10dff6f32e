"""Checks a replication package: every sum, every chain, every hash, and each report made again."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from coder.errors import CoderError, InputError
from coder.exports.package import RECORD, SUMS, PackageRecord, report_of
from coder.files.archives import unpack
from coder.records import Issue
from coder.report import write_report
from coder.storage.run import Run, data_hash, labels_hash, reserved_hash
from coder.text.spelling import plural, some

_SUM = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: ``wrong`` names what does not hold, ``note`` says what was
    seen, or why it could not be looked at."""

    what: str
    wrong: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Verification:
    record: PackageRecord
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        return not any(check.wrong for check in self.checks)


def verify(archive: Path, issues: Sequence[Issue] = ()) -> Verification:
    """Check the package ``archive``; ``issues`` are texts to be held against its hashes.

    ``InputError`` for what is no package.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = unpack(archive, root)
        record = _record(archive, root)
        checks = [_sums(root, names), _software(record)]
        for name in record.runs:
            try:
                checks += _run(root, record, name, issues)
            except CoderError as error:
                checks.append(Check(f"run {name}", (error.message,)))
    return Verification(record, tuple(checks))


def _record(archive: Path, root: Path) -> PackageRecord:
    hint = "a package is made by: coder package RUN -o FILE.zip"
    try:
        record = PackageRecord.model_validate_json((root / RECORD).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{archive} is no replication package: no {RECORD}", hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{archive}: {RECORD}: {where}: {first['msg']}", hint) from None
    return record


def _sums(root: Path, names: Sequence[str]) -> Check:
    told: dict[str, str] = {}
    path = root / SUMS
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        if found := _SUM.fullmatch(line):
            told[found[2]] = found[1]
    there = {*names} - {SUMS}
    wrong = [f"{name} is missing" for name in sorted({*told} - there)]
    wrong += [f"{name} is in no list" for name in sorted(there - {*told})]
    wrong += [
        f"{name} was changed"
        for name in sorted(there & {*told})
        if _sha256(root / name) != told[name]
    ]
    return Check("checksums", tuple(wrong), plural(len(told), "file"))


def _software(record: PackageRecord) -> Check:
    here = version("issue-coder")
    other = "" if here == record.coder else f"; this is coder {here}, whose reports may differ"
    return Check("software", (), f"made with coder {record.coder}{other}")


def _run(root: Path, record: PackageRecord, name: str, issues: Sequence[Issue]) -> Iterator[Check]:
    run = Run.open(root / "runs", name)
    yield Check(f"run {name}: journals", run.broken_chains(), "each line names the one before it")
    yield Check(f"run {name}: hashes", tuple(_hashes(run, record)), _hashed(record))
    yield _texts(run, name, issues)
    yield _report(run, record)


def _hashes(run: Run, record: PackageRecord) -> Iterator[str]:
    made = run.manifest
    if run.first_codebook.hash != made.codebook_hash:
        yield "codebook.yaml is not the codebook of the manifest"
    if reserved_hash(run.reserved) != made.reserved_hash:
        yield "reserved.jsonl is not what the manifest names"
    if record.text:
        if data_hash(run.issues.values()) != made.data_hash:
            yield "issues.jsonl is not the set of issues of the manifest"
        if labels_hash(run.examples) != made.labels_hash:
            yield "examples.jsonl is not the set of labels of the manifest"
    for number, proposal in run.proposals.numbered():
        issue = run.issues.get(proposal.issue_id)
        if issue is None:
            yield f"proposals.jsonl:{number}: there is no issue {proposal.issue_id}"
        elif record.text and issue.hash != proposal.issue_hash:
            yield f"proposals.jsonl:{number}: the text of {proposal.issue_id} is not what was coded"


def _hashed(record: PackageRecord) -> str:
    return (
        "codebook, issues, examples, reserved labels and each proposal's issue"
        if record.text
        else "codebook and reserved labels; the texts are left out, so theirs are not checked"
    )


def _texts(run: Run, name: str, issues: Sequence[Issue]) -> Check:
    """Texts from elsewhere against the hashes of those that were coded."""
    what = f"run {name}: texts brought along"
    if not issues:
        return Check(what, (), "none")
    coded = {p.issue_id: p.issue_hash for p in run.proposals}
    given = {issue.id: issue.hash for issue in issues}
    other = [i for i, known in coded.items() if i in given and given[i] != known]
    wrong = (f"{plural(len(other), 'issue')} changed since: {some(other)}",) if other else ()
    found = sum(i in given for i in coded)
    return Check(what, wrong, f"{found:,} of {len(coded):,} issues found")


def _report(run: Run, record: PackageRecord) -> Check:
    """The report made again, against the one in the package, byte for byte."""
    there = run.path / "report"
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder)
        report = report_of(run, record)
        files = [path.relative_to(again) for path in write_report(report, again)]
        wrong = [
            f"{path.as_posix()} is not what coder makes of the run"
            for path in files
            if not (there / path).is_file()
            or (there / path).read_bytes() != (again / path).read_bytes()
        ]
    return Check(
        f"run {run.name}: report", tuple(wrong), f"{plural(len(files), 'file')} made again"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
