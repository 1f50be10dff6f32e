"""What is particular to GitHub: who is a bot, what is a pull request, and the names of an issue.

An issue is called by its id, owner/repo#number, its URL, and in one repository its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from coder.records import Issue
from coder.text.spelling import visible

BOTS = frozenset(
    {
        "allcontributors", "appveyorbot", "changeset-bot", "claassistant", "cla-assistant",
        "cla-bot", "codecov", "codecov-commenter", "codecov-io", "coderabbitai", "codspeed-hq",
        "copilot", "coveralls", "cypress-bot", "deepsource-io", "dependabot",
        "dependabot-preview", "dosubot", "eslintbot", "facebook-github-bot", "gatsbybot",
        "github-actions", "gitguardian", "google-cla", "googlebot", "greenkeeper",
        "greenkeeperio-bot", "hashibot", "houndci-bot", "huggingfacedocbuilderdev", "imgbot",
        "issues-translate-bot", "k8s-ci-robot", "k8s-github-robot", "lgtm-com", "linear",
        "mergify", "microsoft-github-policy-service", "msftbot", "netlify", "no-response",
        "probot", "pytorch-bot", "pytorchbot", "pytorchmergebot", "pyup-bot", "renovate",
        "renovate-bot", "rust-highfive", "rustbot", "semantic-release-bot", "sentry-io",
        "snyk-bot", "sonarcloud", "sonarqubecloud", "stale", "tensorflow-bot",
        "tensorflowbutler", "vercel", "webpack-bot", "whitesource-bolt",
        "whitesource-bolt-for-github",
    }
)  # fmt: skip
"""Well-known bots, lower case, by the login they have where an export drops the ``[bot]``.

Names that are also everyday words (lock, pull, welcome) are left out: with ``[bot]`` they are
recognised anyway, and without it they may be a person.
"""

_ISSUE_URL = re.compile(
    r"https?://(?:api\.|www\.)?github\.com/(?:repos/)?([^/\s]+/[^/\s]+)/issues/(\d{1,18})"
)
_PULL_URL = re.compile(r"https?://(?:api\.|www\.)?github\.com/(?:repos/)?[^/\s]+/[^/\s]+/pulls?/\d")
_URL_COLUMNS = ("html_url", "url", "issue_url", "htmlUrl")
_REPO_URL = re.compile(r"https?://(?:api\.|www\.)?github\.com/(?:repos/)?([^/\s]+/[^/\s?#]+)")
_NODE_ID = re.compile(r"(?:I|PR|D)_[\w-]+|MD[A-Z]\w{10,}=*")
_API_COLUMNS = frozenset({"node_id", "repository_url", "comments_url", "user.login", "databaseid"})
_SMALLEST_DATABASE_ID = 100_000
"""GitHub has counted its issues beyond this since before 2010; nobody numbers a sample so."""
_TRUE = ("true", "1", "yes")


def is_bot(login: str, *described_by: Mapping[str, Any]) -> bool:
    """Whether the writer of a comment is a program.

    True when GitHub says so in one of ``described_by`` (``type``, ``user_type`` or ``__typename``
    is ``Bot``; ``is_bot``), when the login ends in ``[bot]`` or starts with ``app/``, or when it is
    one of :data:`BOTS`.
    """
    for fields in described_by:
        if any(fields.get(key) == "Bot" for key in ("type", "user_type", "__typename")):
            return True
        if fields.get("is_bot") is True:
            return True
    name = login.lower()
    return name.endswith("[bot]") or name.startswith("app/") or name in BOTS


def is_pull_request(row: Mapping[str, Any]) -> bool:
    """Whether any sign tells a row for a pull request, which GitHub lists among the issues."""
    if isinstance(row.get("pull_request"), dict) or row.get("__typename") == "PullRequest":
        return True
    if any(name.startswith("pull_request.") and value for name, value in row.items()):
        return True
    if any(_PULL_URL.match(str(row.get(name, ""))) for name in _URL_COLUMNS):
        return True
    flags = (row.get(key) for key in ("pull_request", "is_pull_request", "isPullRequest"))
    return any(flag is True or str(flag).lower() in _TRUE for flag in flags)


def is_database_id(given: str, row: Mapping[str, Any], has_number: bool) -> bool:
    """Whether a row's ``id`` is the one GitHub's API gives, which nobody who labels issues writes
    down: a node id, or a number in a row as the API makes them or beside an issue's number."""
    if _NODE_ID.fullmatch(given):
        return True
    if not given.isascii() or not given.isdigit():
        return False
    of_api = not _API_COLUMNS.isdisjoint(name.lower() for name in row)
    of_api = of_api or str(row.get("url", "")).startswith("https://api.github.com/")
    return of_api or (has_number and int(given) >= _SMALLEST_DATABASE_ID)


def issue_from_url(url: str) -> tuple[str, int] | None:
    """``owner/repo`` and the number an issue's URL names (web or API), or ``None``."""
    found = _ISSUE_URL.match(url)
    return (found[1], int(found[2])) if found else None


def repo_from_url(text: str) -> str:
    """``owner/repo`` when ``text`` is a repository's URL, else ``text`` as it is."""
    found = _REPO_URL.match(text)
    return found[1] if found else text


_GITLAB_URL = re.compile(
    r"https?://[^/\s]+/(?P<repo>[^\s?#]+?)/-/(?:issues|work_items)/(?P<number>\d{1,18})"
)


def issue_at_gitlab(url: str) -> tuple[str, int] | None:
    """The project, with its groups, and the number that an issue's URL at a GitLab names."""
    found = _GITLAB_URL.match(url)
    return (found["repo"], int(found["number"])) if found else None


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
            for name in filter(None, [*names, *issue.other_names]):
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
