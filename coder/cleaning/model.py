"""The rules of a cleaning, and what is written down of one."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from coder.records import DataFile, Issue, Record


class Rule(StrEnum):
    """Why an issue is set aside. The first that applies counts, in this order: what is no issue to
    be coded is not the one of several alike that is kept."""

    PULL_REQUEST = "pull-request"
    BOT = "bot"
    EMPTY = "empty"
    TEMPLATE = "template"
    STALE = "stale"
    LANGUAGE = "language"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"


MEANING = {
    Rule.PULL_REQUEST: "pull request",
    Rule.BOT: "written by a bot",
    Rule.EMPTY: "nothing but a title",
    Rule.TEMPLATE: "template never filled in",
    Rule.STALE: "closed by a bot for inactivity",
    Rule.LANGUAGE: "in another language",
    Rule.DUPLICATE: "same text as an older one",
    Rule.NEAR_DUPLICATE: "nearly the text of an older one",
}
"""Each rule in words, of the issues that it finds."""
VERSION = dict.fromkeys(Rule, 1)
"""Grows when a rule finds other issues than it did."""


class Finding(Record):
    """A rule applies to an issue. ``detail`` is the login, the language or how alike; ``of`` is the
    older issue that is kept in its place."""

    id: str
    rule: Rule
    line: int
    """Where the issue stands in the file that was cleaned; counts from 1."""
    detail: str = ""
    of: str = ""


class SetAside(Finding):
    """A line of what was set aside: the finding, and the issue in full."""

    issue: Issue


class RuleCount(Record):
    """What a rule did. ``found`` issues, all of them set aside but the ``kept`` ones, which a
    person took back; where ``drops`` is false, they were counted and none was set aside."""

    rule: Rule
    drops: bool
    found: int
    kept: int = 0
    version: int = 1

    @property
    def set_aside(self) -> int:
        return self.found - self.kept if self.drops else 0


class Cleaning(Record):
    """What one cleaning did: ``input.issues == output.issues + all that is set aside``."""

    format: int = 1
    input: DataFile
    output: DataFile
    set_aside: DataFile
    rules: tuple[RuleCount, ...]
    languages: dict[str, int]
    """Issues in each language, of those that no rule before set aside; ``und``: undetermined."""
    language: tuple[str, ...] = ()
    """Those that were asked for; others were set aside. Empty: none was."""
    bot_comments: int = 0
    """Comments by bots: they stay in the file, and are no part of the coded text."""
    kept: tuple[Finding, ...] = ()
    """What people took back, and what it had been set aside for."""
    kept_unseen: tuple[str, ...] = ()
    """What people took back and no rule sets aside now, or what is not in the file any more."""
    thresholds: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
