"""Who closed and reopened issues, and by which commit or pull request, many issues a request.

The REST API lists closings among all that ever happened in a repository, ends that list at 40,000,
and does not tell of pull requests. GraphQL does; it wants a token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coder.fetch.api import Api
from coder.fetch.pages import Page
from coder.fetch.rows import Row

AT_ONCE = 100
"""GitHub takes no more ids in a query."""
MOST = 100
"""Of one issue: its last ones."""
_ITEMS = f"""timelineItems(itemTypes: [CLOSED_EVENT, REOPENED_EVENT], last: {MOST}) {{
  pageInfo {{ hasPreviousPage }}
  nodes {{
    __typename
    ... on ClosedEvent {{
      createdAt actor {{ login __typename }}
      closer {{
        ... on Commit {{ oid }}
        ... on PullRequest {{ number repository {{ nameWithOwner }} }}
      }}
    }}
    ... on ReopenedEvent {{ createdAt actor {{ login __typename }} }}
  }}
}}"""
QUERY = f"""query($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Issue {{ id items: {_ITEMS} }}
    ... on PullRequest {{ id pulls: {_ITEMS} }}
  }}
}}"""
_KINDS = {"ClosedEvent": "closed", "ReopenedEvent": "reopened"}


def closings(api: Api, issues: Sequence[Row], cycle: int) -> Iterator[Sequence[Page]]:
    """A page for each of ``issues``, as many together as one request tells of. One that has gone
    meanwhile has none, and is asked for again the next time."""
    for start in range(0, len(issues), AT_ONCE):
        by_id = {row["node_id"]: row for row in issues[start : start + AT_ONCE]}
        data = api.graphql(QUERY, {"ids": [*by_id]})
        nodes = (node for node in data.get("nodes") or () if node and node.get("id") in by_id)
        yield [_page(node, by_id[node["id"]], cycle) for node in nodes]


def _page(node: Mapping[str, Any], issue: Row, cycle: int) -> Page:
    items = node.get("items") or node.get("pulls") or {}
    number = issue["number"]
    found = [item for item in items.get("nodes") or () if item and item["__typename"] in _KINDS]
    cut = (items.get("pageInfo") or {}).get("hasPreviousPage")
    return Page(
        kind="events", cycle=cycle, asked="graphql", of=number, as_of=issue["updated_at"],
        rows=tuple(_row(item, number, place) for place, item in enumerate(found)),
        note=f"#{number} was closed and reopened more than {MOST} times" if cut else "",
    )  # fmt: skip


def _row(item: Mapping[str, Any], number: int, place: int) -> Row:
    closer, actor = item.get("closer") or {}, item.get("actor") or {}
    login, kind = actor.get("login") or "", actor.get("__typename")
    if kind == "Bot" and not login.endswith("[bot]"):
        login += "[bot]"  # as it is called everywhere else
    pull = (
        f"{closer['repository']['nameWithOwner']}#{closer['number']}" if "number" in closer else ""
    )
    return {
        "id": f"{number}.{place:03}",
        "number": number,
        "event": _KINDS[item["__typename"]],
        "created_at": item["createdAt"],
        "by": closer.get("oid") or pull,
        "user": {"login": login, "type": kind},
    }
