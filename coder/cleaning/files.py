"""The files of a cleaning: the issues that stay, those set aside, the flags, and the record."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from coder.cleaning.model import Cleaning, Finding, Rule, SetAside
from coder.errors import InputError, UsageError
from coder.escaping import json_text
from coder.files.atomic_write import Draft, write_atomically
from coder.files.hashing import sha256_of
from coder.files.reading import LineTooLong, lines, read_text, unreadable
from coder.records import DataFile, Issue
from coder.sources.github import IssueNames
from coder.sources.importing import sidecar
from coder.sources.issues import each_issue

RECORD, ASIDE, FLAGGED = ".cleaning.json", ".set-aside.jsonl", ".flagged.jsonl"
"""How the names of the files end that stand beside the cleaned one."""


class Written:
    """The cleaned file and what was set aside, both in the order of the file they come from, while
    they are written. A finding about one of the ``kept`` ids is noted, and the issue stays."""

    def __init__(self, out: Path, kept: Collection[str], *, flagging: bool = False) -> None:
        self.found: Counter[Rule] = Counter()
        """Issues that a rule sets aside, with those that are kept all the same."""
        self.flagged: Counter[Rule] = Counter()
        self.kept: list[Finding] = []
        self._kept = kept
        self._stack = ExitStack()
        self._issues, self._aside = _Hashed(out), _Hashed(sidecar(out, ASIDE))
        self._flags = _Hashed(sidecar(out, FLAGGED))
        # What is set aside comes first: a kill in between loses no issue, and the record, which
        # comes last, then tells that the files do not belong together.
        self._files = [self._aside, *([self._flags] if flagging else []), self._issues]

    def __enter__(self) -> Written:
        for file in self._files:
            self._stack.enter_context(file.draft)
            file.write("")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, issue: Issue, finding: Finding | None, flags: Iterable[Finding] = ()) -> None:
        """Write an issue where it belongs by what was found of it."""
        for flag in flags:
            self.flagged[flag.rule] += 1
            self._flags.write(flag.to_json() + "\n")
        if finding is not None:
            self.found[finding.rule] += 1
            bare = {name: getattr(finding, name) for name in Finding.model_fields}
            if finding.id not in self._kept:
                self._aside.write(SetAside(**bare, issue=issue).to_json() + "\n")
                return
            self.kept.append(Finding(**bare))
        self._issues.write(issue.to_json() + "\n")

    def publish(self) -> tuple[DataFile, DataFile]:
        """Put the files in their places: that of the issues, and that of what was set aside."""
        for file in self._files:
            file.draft.publish()
        return self._issues.as_data(), self._aside.as_data()


class _Hashed:
    """A draft of lines, with their count and the hash of their bytes."""

    def __init__(self, path: Path) -> None:
        self.draft = Draft(path)
        self._lines = 0
        self._hash = hashlib.sha256()

    def write(self, line: str) -> None:
        data = line.encode("utf-8")
        self.draft.write(data)
        self._hash.update(data)
        self._lines += bool(data)

    def as_data(self) -> DataFile:
        return DataFile(
            file=self.draft.path.name, sha256=self._hash.hexdigest(), issues=self._lines
        )


def read_record(out: Path) -> Cleaning | None:
    """What is written down of the cleaning that made ``out``, ``None`` where nothing is."""
    path = sidecar(out, RECORD)
    if not path.is_file():
        return None
    try:
        return Cleaning.model_validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path} is not the record of a cleaning: {first['msg']}",
            "restore it, or move it away and clean again",
        ) from None


def write_record(out: Path, made: Cleaning) -> None:
    text = json.dumps(made.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_atomically(sidecar(out, RECORD), json_text(text) + "\n")


def set_aside(out: Path) -> Iterator[SetAside]:
    """Each issue that was set aside when ``out`` was made, in the order of the file it was in."""
    path = sidecar(out, ASIDE)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(lines(file), start=1):
                try:
                    yield SetAside.model_validate_json(line.removeprefix(codecs.BOM_UTF8))
                except ValidationError as error:
                    what = error.errors()[0]["msg"]
                    raise InputError(
                        f"{path}:{number} is no issue that was set aside: {what}",
                        "restore the file, or clean again",
                    ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except LineTooLong as error:
        raise InputError(f"{path}:{error.number}: {error}", "restore the file") from None


def take_back(out: Path, keep: Sequence[str], undo: Sequence[str]) -> Cleaning:
    """Move the issues called ``keep`` from what was set aside back to their places in ``out``, and
    those of ``undo``, which were taken back before, out of it again.

    Raises ``InputError`` where the files are not those that were written, ``UsageError`` for a name
    that nothing is called.
    """
    made = read_record(out)
    if made is None:
        raise InputError(
            f"{out} has no record of a cleaning beside it",
            "give the file that coder clean -o has written",
        )
    for path, known in ((out, made.output), (sidecar(out, ASIDE), made.set_aside)):
        if sha256_of(path) != known.sha256:
            raise InputError(
                f"{path} is not as it was written: taking back would mix two versions",
                f"clean again first: coder clean {made.input.file} -o {out}",
            )
    before = {f.id for f in made.kept} | set(made.kept_unseen)
    back = {f.id for f in made.kept}
    if keep:
        missing = IssueNames(found.issue for found in set_aside(out))
        back |= {_called(name, missing, "set aside") for name in keep}
    taken = IssueNames(Issue(id=issue_id) for issue_id in before)
    dropped = {_called(name, taken, "kept by hand") for name in undo}
    with Written(out, back - dropped) as written:
        for issue, finding in _whole(out, made):
            written.add(issue, finding)
        output, aside = written.publish()
    counts = tuple(
        count.model_copy(update={"kept": sum(f.rule is count.rule for f in written.kept)})
        for count in made.rules
    )
    unseen = tuple(i for i in made.kept_unseen if i not in dropped)
    made = made.model_copy(
        update={
            "output": output, "set_aside": aside, "rules": counts, "kept": tuple(written.kept),
            "kept_unseen": unseen,
        }
    )  # fmt: skip
    write_record(out, made)
    return made


def _whole(out: Path, made: Cleaning) -> Iterator[tuple[Issue, Finding | None]]:
    """The file that was cleaned, put together again from its parts, each issue in its place."""
    kept = {finding.id: finding for finding in made.kept}
    aside = set_aside(out)
    following = next(aside, None)
    at = 1
    for _, issue in each_issue(out):
        while following is not None and following.line == at:
            yield following.issue, following
            following = next(aside, None)
            at += 1
        yield issue, kept.get(issue.id)
        at += 1
    if following is not None:
        yield following.issue, following
    for rest in aside:
        yield rest.issue, rest


def _called(name: str, names: IssueNames, what: str) -> str:
    found = sorted(names.find(name))
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name!r} can be any of {', '.join(found[:4])}", "give one of these ids")
    raise UsageError(
        f"no issue that was {what} is called {name!r}",
        "give an id, a URL or owner/repo#number; coder clean CLEANED.jsonl --list lists them",
    )
