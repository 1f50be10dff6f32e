"""The names of an issue: its id, owner/repo#number, its URL, and in one repository its number."""

from __future__ import annotations

import re
from collections.abc import Iterable

from coder.records import Issue
from coder.sources.github import issue_from_url
from coder.text.spelling import visible

_REFERENCE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)#(?P<number>\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"#?(?P<number>\d{1,18})(?:\.0)?", re.ASCII)


def place_in_id(issue_id: str) -> tuple[str, int] | None:
    """Repository and number of an id of the form ``owner/repo#number``, else ``None``."""
    found = _REFERENCE.fullmatch(issue_id)
    return (found["repo"], int(found["number"])) if found else None


def is_number(name: str) -> bool:
    """Whether an issue is called by its number alone."""
    return _NUMBER.fullmatch(name) is not None


class IssueNames:
    """Finds the issue that a label, or anything else from outside, speaks of."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.ids: set[str] = set()
        self._named: dict[str, set[str]] = {}
        self._numbered: dict[int, set[str]] = {}
        repos: set[str] = set()
        for issue in issues:
            self.ids.add(issue.id)
            repo, number = issue.repo, issue.number
            if not (repo and number is not None):
                repo, number = place_in_id(issue.id) or (repo, number)
            repos.add(repo.casefold())
            names = [issue.id, issue.url and _url(issue.url)]
            if number is not None:
                names.append(f"{repo}#{number}")
                self._numbered.setdefault(number, set()).add(issue.id)
            for name in filter(None, names):
                self._named.setdefault(visible(name).casefold(), set()).add(issue.id)
        self.one_repository = len(repos) == 1

    def find(self, given: str) -> set[str]:
        """The ids of the issues that ``given`` can mean: none, one, or several where it is
        ambiguous. A bare number means one only where all issues are of one repository."""
        given = visible(given)
        if given in self.ids:
            return {given}
        place = issue_from_url(given)
        name = f"{place[0]}#{place[1]}" if place else _url(given)
        found = self._named.get(name.casefold(), set())
        number = _NUMBER.fullmatch(given)
        if not found and number and self.one_repository:
            found = self._numbered.get(int(number["number"]), set())
        return found


def _url(text: str) -> str:
    """A URL without what does not tell pages apart."""
    if "://" not in text:
        return text
    return re.sub(r"^https?://(?:www\.)?", "", re.split(r"[?#]", text)[0].rstrip("/"))
