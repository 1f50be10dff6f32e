"""Resolution time: how long issues stayed open, and whether that differs between codes.

An issue that is still open has no resolution time, only a lower bound: it is counted apart and is
in no test here. So is one that a bot closed because nobody wrote: nothing was resolved then. Who
closed an issue is not known; what a bot wrote and the labels tell of it, where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from coder.records import Issue, Record

FEWEST = 5
"""Codes with fewer closed issues are left out: chi-squared does not hold for them."""
DAY = 86_400.0

_LABEL = re.compile(
    r"(?!.*\block(?:ed)?\b)(?:.*[/:_\s-])?(?:stale|rotten|inactive|inactivity|no-(?:issue-)?activity)",
    re.I,
)
"""The labels that bots put on issues nobody writes to, alone or after a prefix; not those on issues
that were closed long before and are locked then."""
_SAID = re.compile(
    r"inactiv|\bstale\b|\brotten\b|(?:no|any|without|lack of)\s+(?:recent\s+|further\s+|new\s+)?"
    r"(?:activity|response|repl(?:y|ies))",
    re.I,
)
"""What bots write when they close such an issue, or say that they will."""


class Group(Record):
    """The closed issues of one code: how many, and the days they took (median, quartiles)."""

    code: str
    n: int
    low: float
    median: float
    high: float


class Kruskal(Record):
    """Kruskal & Wallis 1952, J. Am. Stat. Assoc. 47:583-621, on days from opened to closed.

    ``epsilon_squared`` is the share of the ranks' variance that codes account for, H / (n - 1).
    Undefined figures are ``None`` with the reason in ``note``. ``open`` issues are censored, and so
    are ``stale`` ones, see :func:`closed_for_inactivity`; ``undated`` have no usable dates,
    ``several`` have more than one code, and issues of ``rare`` codes are too few; none of them is
    among the ``n`` that were tested.
    """

    n: int
    groups: tuple[Group, ...]
    h: float | None
    p_value: float | None
    epsilon_squared: float | None
    open: int
    stale: int
    undated: int
    several: int
    rare: int
    note: str = ""


def days(issue: Issue) -> float | None:
    """From opened to closed; ``None`` for an open issue and for one without usable dates."""
    if issue.created_at is None or issue.closed_at is None or issue.closed_at < issue.created_at:
        return None
    return (issue.closed_at - issue.created_at).total_seconds() / DAY


def closed_for_inactivity(issue: Issue) -> bool:
    """Whether a bot closed the issue for want of an answer, by what it wrote or by a label.

    A bot's word counts when no person wrote between it and the closing; a label when no person
    wrote after the bot put it there, as far as that is known. Neither does where a person is known
    to have closed the issue.
    """
    if issue.closed_at is None:
        return False
    closers = [event for event in issue.events if event.at == issue.closed_at and event.actor]
    if closers and not any(event.bot for event in closers):
        return False
    before = [c for c in issue.comments if c.created_at is None or c.created_at <= issue.closed_at]
    # Bots close an issue first and say so a moment later.
    after = [c for c in issue.comments if c not in before][:1]
    told = [at for at, c in enumerate(before) if c.bot and _SAID.search(c.body)]
    if told:
        return all(c.bot for c in before[told[-1] :])
    if after and after[0].bot and _SAID.search(after[0].body):
        return True
    return any(_LABEL.fullmatch(label.strip()) for label in issue.labels)


def kruskal(
    issues: Iterable[Issue], answers: Mapping[str, tuple[str, ...]], order: Iterable[str]
) -> Kruskal:
    """Whether days to resolution differ between the codes of ``order``.

    ``answers`` gives the codes of each issue, none for "no code fits"; issues without an answer and
    those no code fits are not looked at.
    """
    from scipy.stats import kruskal as test

    found: dict[str, list[float]] = {code: [] for code in order}
    still_open = stale = undated = several = 0
    for issue in issues:
        codes = answers.get(issue.id, ())
        if not codes:
            continue
        if len(codes) > 1:
            several += 1
            continue
        took = days(issue)
        if took is not None and closed_for_inactivity(issue):
            stale += 1
        elif took is not None:
            found[codes[0]].append(took)
        elif issue.created_at is not None and issue.closed_at is None:
            still_open += 1
        else:
            undated += 1
    enough = {code: took for code, took in found.items() if len(took) >= FEWEST}
    n = sum(map(len, enough.values()))
    h = p_value = effect = None
    note = ""
    if not any(found.values()):
        note = "no issue has dates of opening and closing"
    elif len(enough) < 2:
        note = f"fewer than two codes have {FEWEST} closed issues"
    elif len({took for group in enough.values() for took in group}) == 1:
        note = "all issues took the same time"
    else:
        result = test(*enough.values())
        # Groups that are all alike can have a statistic just below 0, and then no p.
        h = max(float(result.statistic), 0.0)
        p_value = float(result.pvalue) if h else 1.0
        effect = h / (n - 1)
    return Kruskal(
        n=n,
        groups=tuple(_group(code, took) for code, took in enough.items()),
        h=h,
        p_value=p_value,
        epsilon_squared=effect,
        open=still_open,
        stale=stale,
        undated=undated,
        several=several,
        rare=sum(map(len, found.values())) - n,
        note=note,
    )


def _group(code: str, took: list[float]) -> Group:
    low, median, high = (float(q) for q in np.quantile(took, [0.25, 0.5, 0.75]))
    return Group(code=code, n=len(took), low=low, median=median, high=high)
