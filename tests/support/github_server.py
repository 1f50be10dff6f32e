"""A server that speaks as much of GitHub's API as is asked of it, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from coder.records import Issue

Row = dict[str, Any]

TOKEN = "ghp_of-the-tests"


@dataclass
class Fault:
    """What is answered instead, once, to the first request whose path has ``path`` in it."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    times: int = 1


@dataclass
class Repo:
    issues: list[Row] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def moment(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + second))


def user(login: str, kind: str = "User") -> Row:
    return {"login": login, "id": 1, "type": kind, "avatar_url": "https://example.org/x"}


def reset_in(seconds: float) -> str:
    return str(int(time.time() + seconds))


def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one of GitHub's own command line."""
    monkeypatch.delenv("GITHUB_TOKEN")
    none = subprocess.CompletedProcess([], 1, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: none)


def fetched(path: str = "issues.jsonl") -> list[Issue]:
    return [Issue.model_validate_json(line) for line in Path(path).read_text().splitlines()]


class GitHubServer:
    """``repos`` by name; ``renamed`` leads from old names to them; ``gone`` issues answer 410."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.gone: set[tuple[str, int]] = set()
        self.moved: dict[tuple[str, int], int] = {}
        """Issues that are found under another number."""
        self.faults: list[Fault] = []
        self.deepest_page = 10_000
        self.graphql = True
        self.log: list[tuple[str, dict[str, str], int]] = []
        """Path with query, headers in lower case, and the status that was answered."""
        self.kill_after: int | None = None
        self._lock = threading.Lock()

    def add(self, repo: str, number: int, **fields: Any) -> Row:
        """An issue, and with it the events that its closing makes."""
        found = self.repos.setdefault(repo, Repo())
        row = {
            "number": number, "id": 900_000 + number, "node_id": f"I_{repo}#{number}",
            "title": f"Issue {number}", "body": f"The body of {number}.", "user": user("ann"),
            "html_url": f"https://github.com/{repo}/issues/{number}", "state": "open",
            "state_reason": None, "author_association": "NONE", "labels": [], "comments": 0,
            "created_at": moment(number), "updated_at": moment(number), "closed_at": None,
            "reactions": {"url": "x", "total_count": 0, "+1": 0},
            **fields,
        }  # fmt: skip
        found.issues = [one for one in found.issues if one["number"] != number] + [row]
        return row

    def many(self, repo: str, count: int) -> None:
        """Issues, of which every third has a comment and is closed."""
        for number in range(1, count + 1):
            self.add(repo, number)
        for number in range(1, count + 1, 3):
            self.comment(repo, number, 1000 + number)
            self.close(repo, number, 2000 + number)

    def comment(self, repo: str, number: int, second: int, **fields: Any) -> None:
        found = self.repos[repo]
        found.comments.append(
            {
                "id": 5_000 + len(found.comments), "body": f"A comment at {second}.",
                "issue_url": f"http://x/repos/{repo}/issues/{number}", "user": user("bea"),
                "created_at": moment(second), "updated_at": moment(second),
                "author_association": "MEMBER", **fields,
            }
        )  # fmt: skip
        self._touch(repo, number, second, comments=1)

    def close(self, repo: str, number: int, second: int, by: str = "cai", **fields: Any) -> None:
        self._event(repo, number, second, "closed", by, **fields)
        closed = {"closed_at": moment(second), "state": "closed", "state_reason": "completed"}
        self._touch(repo, number, second, **closed)

    def reopen(self, repo: str, number: int, second: int) -> None:
        self._event(repo, number, second, "reopened", "ann")
        self._touch(repo, number, second, closed_at=None, state="open", state_reason="reopened")

    def _event(self, repo: str, number: int, second: int, kind: str, by: str, **more: Any) -> None:
        events = self.repos[repo].events
        for name in (kind, "labeled"):
            events.append(
                {"id": 7_000 + len(events), "event": name, "actor": user(by), "commit_id": None,
                 "created_at": moment(second), "issue": {"number": number}, **more}
            )  # fmt: skip

    def _touch(self, repo: str, number: int, second: int, comments: int = 0, **fields: Any) -> None:
        row = next(one for one in self.repos[repo].issues if one["number"] == number)
        row |= {"updated_at": moment(second), "comments": row["comments"] + comments, **fields}

    def add_issue(self, issue: Row) -> None:
        """An issue as a file of issues holds it, with its comments and its closing."""
        repo, number = issue["repo"], issue["number"]
        self.add(
            repo, number, title=issue["title"], body=issue["body"], user=user(issue["author"]),
            html_url=issue["url"], labels=[{"name": label} for label in issue["labels"]],
            created_at=issue["created_at"], updated_at=issue["created_at"],
        )  # fmt: skip
        for at, comment in enumerate(issue["comments"]):
            self.comment(
                repo, number, at, body=comment["body"], user=user(comment["author"]),
                created_at=comment["created_at"] or issue["created_at"],
            )  # fmt: skip
        if issue["closed_at"]:
            self.close(repo, number, 0)
            self._touch(repo, number, 0, closed_at=issue["closed_at"])
            for event in self.repos[repo].events[-2:]:
                event["created_at"] = issue["closed_at"]

    # --- answers --------------------------------------------------------------------------------

    def answer(
        self, target: str, headers: dict[str, str], sent: Any = None
    ) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self._lock:
            for fault in self.faults:
                if fault.path in target and fault.times:
                    fault.times -= 1
                    return fault.status, fault.headers, fault.body or {"message": "no"}
        words = parts.path.strip("/").split("/")
        if words == ["graphql"]:
            nodes = [self._node(one) for one in sent["variables"]["ids"]]
            return (200, {}, {"data": {"nodes": nodes}}) if self.graphql else (404, {}, {})
        if words[:2] == ["search", "issues"]:
            return self._page(target, query, self._searched(query["q"]), search=True)
        if words[0] != "repos" or len(words) < 3:
            return 404, {}, {"message": "Not Found"}
        name, rest = "/".join(words[1:3]), words[3:]
        if name in self.renamed:
            new = target.replace(name, self.renamed[name], 1)
            return 301, {"location": f"{self.url}{new}"}, {"message": "Moved Permanently"}
        repo = self.repos.get(name)
        if repo is None:
            return 404, {}, {"message": "Not Found"}
        if not rest:
            return 200, {}, {"full_name": name, "id": 1}
        if len(rest) > 1 and rest[1].isdigit():
            return self._of_one(target, query, name, repo, int(rest[1]), rest[2:])
        return self._listed(target, query, repo, rest)

    def _node(self, node_id: str) -> Row | None:
        """Closings and reopenings as GraphQL tells of them."""
        found = {
            row["node_id"]: (name, row["number"])
            for name, repo in self.repos.items()
            for row in repo.issues
        }
        if node_id not in found or found[node_id] in self.gone:
            return None
        name, number = found[node_id]
        items = []
        for one in self.repos[name].events:
            kind = {"closed": "ClosedEvent", "reopened": "ReopenedEvent"}.get(one["event"])
            if kind and one["issue"]["number"] == number:
                login, commit, pull = one["actor"]["login"], one["commit_id"], one.get("pull")
                by = {"oid": commit} if commit else pull and {
                    "number": pull, "repository": {"nameWithOwner": name}
                }  # fmt: skip
                items.append(
                    {"__typename": kind, "createdAt": one["created_at"], "closer": by,
                     "actor": {"login": login, "__typename": one["actor"]["type"]}}
                )  # fmt: skip
        here = {"pageInfo": {"hasPreviousPage": len(items) > 100}, "nodes": items[-100:]}
        return {"id": node_id, "items": here}

    def _of_one(
        self, target: str, query: Row, name: str, repo: Repo, number: int, rest: list[str]
    ) -> tuple[int, dict[str, str], Any]:
        if (name, number) in self.gone:
            return 410, {}, {"message": "This issue was deleted"}
        number = self.moved.get((name, number), number)
        row = next((one for one in repo.issues if one["number"] == number), None)
        if row is None:
            return 404, {}, {"message": "Not Found"}
        if rest == ["comments"]:
            end = f"/{number}"
            mine = [one for one in repo.comments if one["issue_url"].endswith(end)]
            return self._page(target, query, mine)
        if rest == ["events"]:
            # As GitHub gives them there: without the issue.
            mine = [one for one in repo.events if one["issue"]["number"] == number]
            return self._page(target, query, [{**one, "issue": None} for one in mine])
        return 200, {}, row

    def _listed(
        self, target: str, query: Row, repo: Repo, rest: list[str]
    ) -> tuple[int, dict[str, str], Any]:
        if rest == ["issues", "events"]:
            if int(query.get("page", 1)) > self.deepest_page:
                return 422, {}, {"message": "pagination is limited for this resource"}
            return self._page(target, query, sorted(repo.events, key=lambda e: -e["id"]))
        rows = repo.comments if rest == ["issues", "comments"] else repo.issues
        assert query.get("sort") == "updated" and query.get("direction") == "asc"
        rows = sorted(rows, key=lambda row: row["updated_at"])
        if since := query.get("since"):
            rows = [row for row in rows if row["updated_at"] >= since]
        for label in filter(None, query.get("labels", "").split(",")):
            rows = [r for r in rows if label in (one["name"] for one in r["labels"])]
        return self._page(target, query, rows)

    def _searched(self, words: str) -> list[Row]:
        repo = next(w.removeprefix("repo:") for w in words.split() if w.startswith("repo:"))
        wanted = [w for w in words.split() if ":" not in w]
        rows = self.repos[repo].issues if repo in self.repos else []
        return [row for row in rows if all(w in row["title"] for w in wanted)]

    def _page(
        self, target: str, query: Row, rows: list[Row], search: bool = False
    ) -> tuple[int, dict[str, str], Any]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        reach = rows[:1000] if search else rows
        here = reach[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(reach):
            path = urlsplit(target).path
            after = f"{self.url}{path}?{urlencode({**query, 'page': page + 1})}"
            headers["link"] = f'<{after}>; rel="next", <{self.url}/last>; rel="last"'
        return 200, headers, {"total_count": len(rows), "items": here} if search else here

    # --- the server -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[GitHubServer]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: else each answer waits for an ACK

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                self.answer(json.loads(data))

            def do_GET(self) -> None:
                self.answer(None)

            def answer(self, sent: Any) -> None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                if outer.kill_after is not None and len(outer.log) >= outer.kill_after:
                    self.close_connection = True
                    return
                status, more, body = outer.answer(self.path, headers, sent)
                data = json.dumps(body).encode()
                etag = f'W/"{hashlib.sha256(data).hexdigest()[:16]}"'
                if status == 200 and headers.get("if-none-match") == etag:
                    status, data = 304, b""
                outer.log.append((self.path, headers, status))
                self.send_response_only(status)
                usual = {
                    "etag": etag, "date": self.date_time_string(), "x-ratelimit-remaining": "41",
                }  # fmt: skip
                for key, value in {**usual, **more}.items():
                    self.send_header(key, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
