"""Cleans a file of issues: what a rule finds is set aside in full, each issue by one rule.

Two passes over the file with none of its texts in memory: the first looks at each issue, the second
writes it where it belongs. The same file, choices and kept ids give the same bytes.
"""

from __future__ import annotations

import codecs
import math
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from coder.cleaning import language
from coder.cleaning.duplicates import NEAR, Repeats, Repetitions
from coder.cleaning.files import ASIDE, FLAGGED, RECORD, Written, read_record, write_record
from coder.cleaning.model import VERSION, Cleaning, Finding, Rule, RuleCount
from coder.cleaning.rules import REPEATED, SHORT, Templates, at_once
from coder.errors import InputError, UsageError
from coder.files.hashing import as_data_file
from coder.records import Issue
from coder.retrieval.near_duplicates import ALIKE, SHINGLE
from coder.sources.importing import sidecar
from coder.sources.issues import each_issue

DROPS = frozenset(Rule) - {Rule.STALE}
"""Rules that set aside unless told otherwise. Issues closed for inactivity are issues still: where
times are compared they count as not resolved, which needs no cleaning."""
Progress = Callable[[float], None]
"""Called with the share of the work that is done."""
_LOOKING = 0.9
"""The first pass's share of it."""


@dataclass(frozen=True)
class Choices:
    """What a cleaning is to do; without ``languages`` they are counted, and none is set aside."""

    drops: frozenset[Rule] = DROPS
    languages: tuple[str, ...] = ()
    near: float = NEAR

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.languages) - language.known_languages()):
            raise UsageError(
                f"no language has the code {', '.join(unknown)}",
                "codes are those of ISO 639: --language en, --language zh",
            )
        if not ALIKE <= self.near <= 1:
            raise UsageError(
                f"near-duplicates overlap by {ALIKE} to 1, not by {self.near}", "for example: 0.8"
            )

    def thresholds(self) -> dict[str, float]:
        """All numbers that decide, for the record."""
        return {
            "near_duplicate_overlap": self.near,
            "near_duplicate_shingle": SHINGLE,
            "language_sure": language.SURE,
            "template_short": SHORT,
            "template_repeated": REPEATED,
        }


def clean(
    source: Path, out: Path, choices: Choices, on_progress: Progress = lambda done: None
) -> Cleaning:
    """Clean ``source`` into ``out``; what is set aside, what is flagged and the record of it all
    stand beside ``out``. What people took back of an earlier cleaning into ``out`` stays so.

    Raises ``InputError`` for what is no file of issues, ``UsageError`` where it would be written
    over, ``StorageError`` when the disk is full.
    """
    _keep_safe(source, out)
    before = read_record(out)
    kept = {f.id for f in before.kept} | set(before.kept_unseen) if before else set[str]()
    read = as_data_file(source, out.parent)
    look = _Look(source, choices, on_progress)
    with Written(out, kept, flagging=True) as written:
        for place, (_, issue) in enumerate(each_issue(source)):
            written.add(issue, *look.findings(place, issue))
            on_progress(_LOOKING + (1 - _LOOKING) * (place + 1) / look.count)
        if as_data_file(source, out.parent) != read:
            raise InputError(f"{source} was changed while it was cleaned", "run the command again")
        output, aside = written.publish()
    made = Cleaning(
        input=read.model_copy(update={"issues": look.count}),
        output=output,
        set_aside=aside,
        rules=_counts(choices, written),
        languages=look.languages(),
        language=choices.languages,
        bot_comments=look.bot_comments,
        kept=tuple(written.kept),
        kept_unseen=tuple(sorted(kept - {f.id for f in written.kept})),
        thresholds=choices.thresholds(),
        versions={package: version(package) for package in ("py3langid", "rensa")},
    )
    write_record(out, made)
    return made


class _Look:
    """The first pass over a file, and what it found. Of an issue its sketch is held, and little
    more."""

    def __init__(self, source: Path, choices: Choices, on_progress: Progress) -> None:
        self.count = self.bot_comments = 0
        self._source, self._choices = source, choices
        self._starts, self._opened = array("q"), array("d")
        self._hits: dict[int, dict[Rule, str]] = {}
        self._languages: dict[int, str] = {}
        templates, repetitions = Templates(), Repetitions()
        size = max(source.stat().st_size, 1)
        for place, (start, issue) in enumerate(each_issue(source)):
            self._note(place, start, issue)
            templates.add(place, issue)
            if self._drop(place) is None:
                bare = _without_comments(issue)
                self._languages[place] = language.language_of(bare)
                repetitions.add(place, bare)
            on_progress(_LOOKING * start / size)
        for place in templates.unfilled():
            self._hits.setdefault(place, {})[Rule.TEMPLATE] = ""
        self._note_other_languages()
        self._repeats = self._repeated(repetitions)

    def findings(self, place: int, issue: Issue) -> tuple[Finding | None, list[Finding]]:
        """What sets the issue at ``place`` aside; where nothing does, what is only flagged."""
        hits = {
            rule: Finding(id=issue.id, rule=rule, line=place + 1, detail=detail)
            for rule, detail in self._hits.get(place, {}).items()
        }
        if place in self._repeats:
            rule, of, alike = self._repeats[place]
            with self._source.open("rb") as file:
                kept = self._at(of, file).id
            hits[rule] = Finding(
                id=issue.id, rule=rule, line=place + 1, detail=f"{alike:.2f}", of=kept
            )
        for rule in Rule:
            if rule in hits and rule in self._choices.drops:
                return hits[rule], []
        return None, [hits[rule] for rule in Rule if rule in hits]

    def languages(self) -> dict[str, int]:
        """The languages of issues that no rule before set aside, the commonest first."""
        counted = Counter(
            code
            for place, code in self._languages.items()
            if self._drop(place) in (None, Rule.LANGUAGE)
        )
        return dict(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))

    def _note(self, place: int, start: int, issue: Issue) -> None:
        self.count += 1
        self._starts.append(start)
        created = issue.created_at
        self._opened.append(created.timestamp() if created else math.inf)
        self.bot_comments += sum(comment.bot for comment in issue.comments)
        if hits := at_once(issue):
            self._hits[place] = hits

    def _drop(self, place: int) -> Rule | None:
        """The first rule that sets the issue aside, of those noted so far."""
        hits = self._hits.get(place, {})
        return next((r for r in Rule if r in hits and r in self._choices.drops), None)

    def _note_other_languages(self) -> None:
        wanted = {*self._choices.languages, language.UNDETERMINED}
        if len(wanted) > 1:
            for place, code in self._languages.items():
                if code not in wanted:
                    self._hits.setdefault(place, {})[Rule.LANGUAGE] = code

    def _repeated(self, repetitions: Repetitions) -> Repeats:
        left = [place for place in range(self.count) if self._drop(place) is None]
        oldest_first = sorted(left, key=lambda place: (self._opened[place], place))
        with self._source.open("rb") as file:

            @lru_cache(maxsize=256)
            def read(place: int) -> Issue:
                return _without_comments(self._at(place, file))

            return repetitions.among(oldest_first, read, self._choices.near)

    def _at(self, place: int, file: BinaryIO) -> Issue:
        file.seek(self._starts[place])
        return Issue.model_validate_json(file.readline().removeprefix(codecs.BOM_UTF8))


def _without_comments(issue: Issue) -> Issue:
    """What its author wrote, as a copy that has computed nothing yet."""
    return Issue(id=issue.id, title=issue.title, body=issue.body)


def _counts(choices: Choices, written: Written) -> tuple[RuleCount, ...]:
    """What each rule did that was looked at."""
    back = Counter(finding.rule for finding in written.kept)
    return tuple(
        RuleCount(
            rule=rule, drops=rule in choices.drops,
            found=written.found[rule] + written.flagged[rule], kept=back[rule],
            version=VERSION[rule],
        )
        for rule in Rule
        if rule is not Rule.LANGUAGE or choices.languages
    )  # fmt: skip


def _keep_safe(source: Path, out: Path) -> None:
    if not source.is_file():
        raise InputError(f"there is no file {source}", "make it with: coder import, or coder fetch")
    made = (out, *(sidecar(out, ending) for ending in (ASIDE, FLAGGED, RECORD)))
    if source.resolve() in {path.resolve() for path in made}:
        raise UsageError(f"{source} would be written over", "write to another file with -o")
